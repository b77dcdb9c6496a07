# shellcheck shell=bash
# Shared by the scripts of this folder; sourced, never run.

# die MESSAGE [STATUS]: one line on stderr, named after the script.
die() {
  echo "$(basename "$0" .sh): $1" >&2
  exit "${2:-2}"
}

# stage NAME COMMAND...: runs the command, prints its name before and its elapsed seconds after.
# Stops the script with one line where it fails.
stage() {
  local name=$1 begin=$SECONDS
  shift
  echo "== $name"
  "$@" || die "$name failed (see above)" 1
  STAGE_TIMES+=("$name $((SECONDS - begin)) s")
  echo "== $name: $((SECONDS - begin)) s"
}

# print_stage_times: every stage's elapsed time on one line.
print_stage_times() {
  local line
  line=$(printf '%s, ' "${STAGE_TIMES[@]}")
  echo "${line%, }, total $SECONDS s"
}

# require_value OPTION COUNT: dies where an option that takes a value has none.
require_value() {
  (($2 >= 2)) || die "$1 needs a value (see --help)"
}

# from_caller PATH: a path given on the command line, as seen from the checkout the scripts change to.
from_caller() {
  if [[ $1 == /* || $OLDPWD == "$PWD" ]]; then echo "$1"; else echo "$OLDPWD/$1"; fi
}

# fashion_mnist_directory: where Debian's dataset-fashion-mnist put its four files.
fashion_mnist_directory() {
  local file
  file=$(dpkg -L dataset-fashion-mnist 2>/dev/null | grep '/train-images-idx3-ubyte.gz$') || return 1
  dirname "$file"
}

STAGE_TIMES=()
