#!/usr/bin/env bash
# Finds and installs the Debian packages that building, testing and the first run need.
# Needs bash and coreutils only. See usage() below.
set -euo pipefail

# group | package | what for | minimum version elsewhere
readonly TABLE='
build   | g++                   | C++20 compiler                               | GCC 12 or Clang 15
build   | cmake                 | build configuration                          | CMake 3.25
build   | ninja-build           | build tool                                   | Ninja 1.10
build   | libdnnl-dev           | CPU convolutions                             | oneDNN 2.6
build   | ocl-icd-opencl-dev    | asked for by the CMake package of oneDNN      | OpenCL headers, where oneDNN was built with them
build   | libeigen3-dev         | matrix products and factorisations           | Eigen 3.4
build   | libhdf5-dev           | checkpoints, images and scores               | HDF5 1.10 (serial, C library)
build   | libcli11-dev          | command line                                 | CLI11 2.1
build   | libtomlplusplus-dev   | configuration files                          | toml++ 3.3
build   | libfmt-dev            | text formatting                              | fmt 9
build   | nlohmann-json3-dev    | JSON output                                  | nlohmann-json 3.11
build   | libpng-dev            | image grids                                  | libpng 1.6
build   | zlib1g-dev            | gzip-compressed data files                   | zlib 1.2
build   | libarchive-dev        | data archives (.tar.gz)                      | libarchive 3.6
build   | libjs-chart.js        | charts of the HTML report                    | Chart.js 3.9
test    | libgtest-dev          | unit tests                                   | GoogleTest 1.12
test    | libgmock-dev          | unit tests (matchers)                        | GoogleMock 1.12
test    | libbenchmark-dev      | benchmarks of single operations              | Google Benchmark 1.7
test    | python3               | test counts, command-line tests              | Python 3.9
data    | dataset-fashion-mnist | the images that the first run learns from    | Fashion-MNIST, four idx.gz files
develop | clang-format          | source format                                | clang-format 14
develop | shellcheck            | script checks                                | ShellCheck 0.9
develop | ccache                | repeated builds                              | ccache 4
golden  | python3-torch         | reference numbers, converting Inception      | PyTorch 1.13
golden  | python3-h5py          | reading and writing HDF5 files from Python   | h5py 3.7
browser | chromium              | looking at the HTML report in a browser      | Chromium 100
images  | python3-numpy         | unpacking images                             | NumPy 1.24
images  | python3-pil           | unpacking images                             | Pillow 9.4
'
readonly DEFAULT_GROUPS="build test data"

usage() {
  cat <<'TEXT'
usage: scripts/dependencies.sh check|install|list [GROUP ...]

  check     print what is missing; exit 0 when nothing is, 1 otherwise
  install   install what is missing (as root); without root print the one line
            to ask an administrator for and exit 2
  list      print the table: package, what it is for, minimum version
  GROUP     build, test, data, develop, golden, browser, images (default: build test data)
TEXT
}

die() {
  echo "dependencies: $1" >&2
  exit 2
}

# rows GROUP...: the table's rows of these groups, fields separated by '|', blanks trimmed.
rows() {
  local group package purpose version wanted=" $* "
  while IFS='|' read -r group package purpose version; do
    group=${group//[[:space:]]/}
    [[ -n $group && $wanted == *" $group "* ]] || continue
    package=${package//[[:space:]]/}
    purpose=$(trim "$purpose")
    version=$(trim "$version")
    echo "$package|$purpose|$version"
  done <<<"$TABLE"
}

trim() {
  local text=$1
  text=${text#"${text%%[![:space:]]*}"}
  echo "${text%"${text##*[![:space:]]}"}"
}

is_debian() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null
}

is_installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

missing_packages() {
  local package purpose version
  while IFS='|' read -r package purpose version; do
    is_installed "$package" || echo "$package"
  done < <(rows "$@")
}

list_rows() {
  local package purpose version
  while IFS='|' read -r package purpose version; do
    printf '%-22s %-46s %s\n' "$package" "$purpose" "$version"
  done < <(rows "$@")
}

require_debian() {
  is_debian && return
  {
    echo "dependencies: this system has no apt-get; install these by its own means, then rerun with --skip-dependencies:"
    local package purpose version
    while IFS='|' read -r package purpose version; do
      printf '  %-36s for %s\n' "$version" "$purpose"
    done < <(rows "$@")
  } >&2
  exit 2
}

check() {
  local missing=() package purpose version
  while IFS='|' read -r package purpose version; do
    is_installed "$package" && continue
    missing+=("$package")
    printf 'missing: %-22s %s\n' "$package" "$purpose"
  done < <(rows "$@")
  ((${#missing[@]} == 0)) || return 1
  echo "dependencies: all present ($*)"
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "$@"
}

# Installs with the package lists at hand; fetches fresh lists only where those do not suffice.
install_packages() {
  local log attempt
  log=$(mktemp)
  for attempt in 1 2 3; do
    if apt_install "$@" >"$log" 2>&1; then
      rm -f "$log"
      return
    fi
    echo "dependencies: refreshing the package lists (attempt $attempt of 3)" >&2
    apt-get -qq -o Acquire::Retries=3 update >>"$log" 2>&1 || sleep $((attempt * 3))
  done
  if apt_install "$@" >"$log" 2>&1; then
    rm -f "$log"
    return
  fi
  tail -n 5 "$log" >&2
  echo "dependencies: apt-get could not install: $* (whole log: $log)" >&2
  exit 1
}

install() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]} == 0)); then
    echo "dependencies: all present, nothing to install"
    return
  fi
  if ((EUID != 0)); then
    echo "dependencies: ${#missing[@]} packages are missing and this is not root; ask an administrator to run:" >&2
    echo "apt-get update && apt-get install -y --no-install-recommends ${missing[*]}"
    exit 2
  fi
  echo "dependencies: installing ${missing[*]}"
  install_packages "${missing[@]}"
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]} == 0)) || { echo "dependencies: still missing after apt-get: ${missing[*]}" >&2; exit 1; }
}

main() {
  local command=${1:---help}
  (($# == 0)) || shift
  local groups=("$@") group
  ((${#groups[@]})) || read -ra groups <<<"$DEFAULT_GROUPS"
  for group in "${groups[@]}"; do
    [[ " build test data develop golden browser images " == *" $group "* ]] ||
      die "no group '$group'; the groups are build, test, data, develop, golden, browser, images"
  done
  case $command in
    -h | --help) usage ;;
    list) list_rows "${groups[@]}" ;;
    check) require_debian "${groups[@]}" && check "${groups[@]}" ;;
    install) require_debian "${groups[@]}" && install "${groups[@]}" ;;
    *) die "no command '$command'; use check, install or list" ;;
  esac
}

main "$@"
