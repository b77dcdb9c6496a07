#!/usr/bin/env bash
# Builds everything, runs every test and prints the counts. See usage() below.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/common.sh
source scripts/common.sh

usage() {
  cat <<'TEXT'
usage: scripts/test.sh [--preset NAME] [--label NAME] [--jobs N] [--junit FILE] [--skip-dependencies]

Installs what is missing, builds everything, runs the tests, prints which were
skipped and why, and closes with: N passed, N failed, N skipped

  --preset NAME         a preset of CMakePresets.json (default: cpu)
  --label NAME          only tests with this label (default: all)
  --jobs N              tests at a time (default: one per core)
  --junit FILE          where ctest's own report goes (default: build/<preset>/tests.xml)
  --skip-dependencies   check and install nothing

MEBM_DATA names the directory with the data sets (cifar-10-batches-bin/,
cifar-100-binary/, fashion-mnist/). Where it is unset build/data is used, with
Debian's Fashion-MNIST linked in; tests whose files are absent are skipped.
TEXT
}

prepare_data() {
  if [[ -n ${MEBM_DATA:-} ]]; then
    MEBM_DATA=$(realpath -m "$(from_caller "$MEBM_DATA")")
    export MEBM_DATA
    [[ -d $MEBM_DATA ]] || die "MEBM_DATA=$MEBM_DATA is not a directory"
    echo "data: MEBM_DATA=$MEBM_DATA"
    return
  fi
  export MEBM_DATA=$PWD/build/data
  mkdir -p "$MEBM_DATA"
  local fashion
  if fashion=$(fashion_mnist_directory); then ln -sfn "$fashion" "$MEBM_DATA/fashion-mnist"; fi
  echo "data: MEBM_DATA was unset, using $MEBM_DATA ($(ls -m "$MEBM_DATA"))"
}

configure_and_build() {
  cmake --preset "$preset" -DMEBM_BUILD_TESTS=ON --log-level=WARNING &&
    cmake --build "build/$preset"
}

# ctest's exit status is left to the counts: they are read from its report.
run_tests() {
  local arguments=(--test-dir "build/$preset" --output-on-failure --no-tests=error --output-junit "$junit" -j "$jobs")
  [[ -z $label ]] || arguments+=(--label-regex "^$label\$")
  # Threads that wait give way to the tests beside them.
  OMP_WAIT_POLICY=passive ctest "${arguments[@]}" || true
  [[ -s $junit ]] || die "ctest wrote no report" 1
}

preset=cpu label='' jobs=$(nproc) junit='' skip_dependencies=0
while (($#)); do
  case $1 in
    --preset) require_value "$1" $#; preset=$2; shift 2 ;;
    --label) require_value "$1" $#; label=$2; shift 2 ;;
    --jobs) require_value "$1" $#; jobs=$2; shift 2 ;;
    --junit) require_value "$1" $#; junit=$(from_caller "$2"); shift 2 ;;
    --skip-dependencies) skip_dependencies=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "no option '$1' (see --help)" ;;
  esac
done
junit=$(realpath -m "${junit:-build/$preset/tests.xml}")

((skip_dependencies)) || stage dependencies scripts/dependencies.sh install build test data
prepare_data
stage build configure_and_build
rm -f "$junit"
stage tests run_tests
print_stage_times
python3 scripts/count_tests.py "$junit"
