#!/usr/bin/env bash
# From a fresh checkout to images that an energy-based model learned to draw. See usage() below.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

readonly RECIPE=fashion-mnist-mebm-k5-small
readonly BUILD=build/cpu
readonly ENGINE=$BUILD/tools/mebm_engine
readonly CHAINS=2000

usage() {
  cat <<TEXT
usage: scripts/quickstart.sh [--out DIR] [--iterations N] [--data DIR] [--skip-dependencies]

Installs what is missing, builds the engine, trains the recipe $RECIPE
on Fashion-MNIST, measures how far its chains (the replay buffer, and $CHAINS new ones of the
training's length) are from the data, beside the starts they come from (FD-ref), writes the
run's report and names the picture it leaves:
p0 | chains | data side by side.

  --out DIR             run directory (default: the next free runs/quickstart-<n>)
  --iterations N        stop after N iterations in all (default: the recipe's)
  --data DIR            the four Fashion-MNIST files (default: Debian's dataset-fashion-mnist)
  --skip-dependencies   check and install nothing
TEXT
}

next_free_run() {
  local n=1
  while [[ -e runs/quickstart-$n ]]; do n=$((n + 1)); done
  echo "runs/quickstart-$n"
}

configure_and_build() {
  # The tests are left out: they need GoogleTest and several minutes more.
  cmake --preset cpu -DMEBM_BUILD_TESTS=OFF --log-level=WARNING &&
    cmake --build "$BUILD" --target mebm_engine
}

# The grid of the latest iteration; its name carries the iteration, zero-padded or not.
latest_picture() {
  find "$1/samples" -name "*.png" 2>/dev/null | sort --version-sort | tail -n 1 || true
}

# The newest checkpoint of run $1.
latest_checkpoint() {
  find "$1/checkpoints" -name "iteration-*.h5" 2>/dev/null | sort --version-sort | tail -n 1 || true
}

# measure RUN DATA CHECKPOINT: FD-ref of the starts and of chains, as JSON beside the run's other files.
measure() {
  local arguments=(evaluate --checkpoint "$3" --data "$2" --metrics fd-ref --count "$CHAINS" --json)
  "$ENGINE" "${arguments[@]}" --samples fresh --steps 0 >"$1/p0.json" &&
    "$ENGINE" "${arguments[@]}" --samples fresh,buffer >"$1/evaluation.json"
}

# fd_ref FILE N: the N-th figure in a file of measure.
fd_ref() {
  sed -n 's/^ *"fd_ref": \([-+0-9.e]*\).*/\1/p' "$1" | sed -n "$2p"
}

out='' iterations='' data='' skip_dependencies=0
while (($#)); do
  case $1 in
    --out) require_value "$1" $#; out=$(from_caller "$2"); shift 2 ;;
    --iterations) require_value "$1" $#; iterations=$2; shift 2 ;;
    --data) require_value "$1" $#; data=$(from_caller "$2"); shift 2 ;;
    --skip-dependencies) skip_dependencies=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "no option '$1' (see --help)" ;;
  esac
done
[[ -z $iterations || $iterations =~ ^[1-9][0-9]*$ ]] || die "--iterations takes a positive whole number, not '$iterations'"
[[ -z $out || ! -e $out || -z $(ls -A "$out" 2>/dev/null) ]] || die "$out exists and is not empty; choose another --out"
[[ -z $data || -d $data ]] || die "--data $data is not a directory"

groups=(build)
[[ -n $data ]] || groups+=(data)
((skip_dependencies)) || stage dependencies scripts/dependencies.sh install "${groups[@]}"
[[ -n $data ]] || data=$(fashion_mnist_directory) ||
  die "dataset-fashion-mnist is not installed; install it or name the four files' directory with --data"
stage build configure_and_build

[[ -n $out ]] || out=$(next_free_run)
arguments=(train --recipe "$RECIPE" --data "$data" --out "$out")
[[ -z $iterations ]] || arguments+=(--max-iterations "$iterations")
stage training "$ENGINE" "${arguments[@]}"

picture=$(latest_picture "$out")
[[ -n $picture ]] || die "training finished but left no picture under $out/samples" 1
checkpoint=$(latest_checkpoint "$out")
[[ -n $checkpoint ]] || die "training finished but left no checkpoint under $out/checkpoints" 1
stage evaluation measure "$out" "$data" "$checkpoint"
stage report "$ENGINE" report "$out"
print_stage_times
printf 'FD-ref: p0 %.2f, chains (buffer) %.2f, new chains %.2f\n' \
  "$(fd_ref "$out/p0.json" 1)" "$(fd_ref "$out/evaluation.json" 2)" "$(fd_ref "$out/evaluation.json" 1)"
echo "p0 | chains | data: $picture"
