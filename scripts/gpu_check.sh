#!/usr/bin/env bash
# Checks an unpacked archive on a machine with an NVIDIA GPU, without a network. See usage() below.
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
readonly root engine=$root/bin/mebm_engine tests=$root/bin/cuda_libraries_test

# step | what | limit in seconds | limit with --quick (-: not run)
readonly STEPS='
card          | the card, its driver, versions                                       | 15 | 15
selftest      | mebm_engine selftest: every operation against the CPU                | 85 | 60
libraries     | cuda_libraries_test: cuDNN, cuBLAS, the plan store                   | 50 | 40
memcheck      | compute-sanitizer memcheck on selftest --quick                       | 40 | 30
racecheck     | compute-sanitizer racecheck on it, our kernels only                  | 40 | 30
initcheck     | compute-sanitizer initcheck on it, our kernels only                  | 40 | 30
synccheck     | compute-sanitizer synccheck on it, our kernels only                  | 40 | 30
data          | 100 random images in the layout of CIFAR-10, where --data is absent | 20 | 20
init          | mebm_engine fit-init                                                 | 30 | 30
train_first   | a training run                                                       | 40 | 25
train_second  | the same once more                                                   | 40 | 25
bit_equality  | checkpoints of both, byte for byte                                   | 10 | 10
bench_step    | mebm_engine bench step                                               | 25 | -
bench_kernels | mebm_engine bench kernels                                            | 25 | -
'
readonly GRACE=1       # seconds between the polite end of a step over its limit and the hard one
readonly QUESTIONS=25  # five questions before and between the steps, each at most 5 s

usage() {
  cat <<TEXT
usage: scripts/gpu_check.sh [--out DIR] [--data DIR] [--device DEVICE] [--quick]

Runs from the unpacked archive, on a machine with an NVIDIA GPU; needs no network and changes no
setting of the card. Leaves DIR/summary.txt (step | passed, failed, skipped or not available |
seconds | note), DIR/<step>.log and JSON where a step prints some. Closes with one line:
N passed, N failed, N skipped (what is not available counts as skipped). Exit status: 0; 1 where
a step failed; 2 for wrong usage or no GPU.

  --out DIR        where the results go: new or empty (default: gpu_check-<n>, the next free)
  --data DIR       Fashion-MNIST's four files to train on (default: random images)
  --device DEVICE  cuda or cuda:<index> (default: cuda); cpu tries the script without a GPU: what
                   needs one is skipped
  --quick          a small network, fewer iterations, no benchmarks

Each step ends at its limit (seconds; with --quick):
TEXT
  local name what full quick sum=$QUESTIONS quick_sum=$QUESTIONS
  while IFS='|' read -r name what full quick; do
    [[ -n ${name// /} ]] || continue
    printf '  %s%s%4d  %4s\n' "$name" "$what" "${full// /}" "${quick// /}"
    sum=$((sum + full + GRACE))
    quick=${quick//[- ]/}
    quick_sum=$((quick_sum + (${quick:-0} ? ${quick:-0} + GRACE : 0)))
  done <<<"$STEPS"
  echo "All together at most $sum s; with --quick $quick_sum s."
}

die() {
  echo "gpu_check: $1" >&2
  exit 2
}

# limit_of STEP: its limit; nothing where this run leaves it out.
limit_of() {
  local name what full quick
  while IFS='|' read -r name what full quick; do
    [[ ${name// /} == "$1" ]] || continue
    ((is_quick)) && full=$quick
    full=${full//[- ]/}
    echo "$full"
  done <<<"$STEPS"
}

# record STEP RESULT SECONDS [NOTE]
record() {
  printf '%-13s | %-13s | %4d | %s\n' "$1" "$2" "$3" "${4:-}" | tee -a "$out/summary.txt"
  results[$1]=$2
}

# run STEP COMMAND...: runs it within its limit, output to its log; sets status and elapsed. Says nothing.
run() {
  local name=$1 begin=$SECONDS limit
  shift
  limit=$(limit_of "$name")
  timeout -k "$GRACE" "$limit" "$@" >"$out/$name.log" 2>&1
  status=$?
  elapsed=$((SECONDS - begin))
  ((status != 124 && status != 137)) || problem="did not end within $limit s"
}

# last_line STEP: the last line of its log that says something.
last_line() {
  grep -v '^[[:space:]=]*$' "$out/$1.log" | tail -n 1 | cut -c 1-200
}

# step NAME COMMAND...: passed with status 0.
step() {
  local name=$1 problem=''
  if [[ -z $(limit_of "$name") ]]; then
    record "$name" skipped 0 "left out by --quick"
    return
  fi
  run "$@"
  if ((status == 0)); then
    record "$name" passed "$elapsed" "$(last_line "$name")"
  else
    record "$name" failed "$elapsed" "${problem:-exit status $status: $(last_line "$name")}"
  fi
}

# has_command WORD...: whether this engine knows the command.
has_command() {
  timeout -k 1 4 "$engine" "$@" --help >/dev/null 2>&1
}

# The card is asked, never set.
card_report() {
  "$1" --version
  ldd "${1%/bin/*}/libexec/mebm_engine" | grep -E 'libcu|libc\.so|libstdc'
  uname -sr
  lscpu 2>/dev/null | grep -E '^(Model name|CPU\(s\))'
  nvidia-smi | sed -n 1,20p
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,memory.used,clocks.sm,clocks.max.sm,power.limit,temperature.gpu,ecc.mode.current,mig.mode.current --format=csv
}

check_card() {
  if [[ $device == cpu ]]; then
    record card skipped 0 "--device cpu"
    return
  fi
  export -f card_report
  # shellcheck disable=SC2016  # expanded by the inner shell
  step card bash -c 'card_report "$1"' card "$engine"
}

check_selftest() {
  local arguments=(selftest --device "$device")
  ((is_quick)) && arguments+=(--quick)
  if [[ $device == cpu ]]; then
    record selftest skipped 0 "--device cpu"
  elif ((!has_selftest)); then
    record selftest "not available" 0 "this engine has no command selftest"
  else
    step selftest "$engine" "${arguments[@]}"
  fi
}

# GoogleTest's cases that skip themselves pass; a run in which all did has shown nothing.
check_libraries() {
  local problem='' skipped passed
  if [[ ! -x $tests ]]; then
    record libraries "not available" 0 "bin/cuda_libraries_test is not in this archive"
    return
  fi
  run libraries "$tests" --gtest_brief=0
  skipped=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$out/libraries.log")
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$out/libraries.log")
  if ((status != 0)); then
    record libraries failed "$elapsed" "${problem:-exit status $status: $(last_line libraries)}"
  elif [[ $device != cpu ]] && ((${passed:-0} == 0 || ${skipped:-0} > 0)); then
    record libraries failed "$elapsed" "${passed:-0} cases passed, ${skipped:-0} skipped themselves"
  else
    record libraries passed "$elapsed" "${passed:-0} cases passed, ${skipped:-0} skipped themselves"
  fi
}

# sanitizer TOOL: what counts is its summary. None: the tool refuses this device or driver and says nothing of us.
sanitizer() {
  local tool=$1 problem='' command="compute-sanitizer --tool $1 --check-exit-code no" summary
  [[ $tool == memcheck ]] || command+=" --kernel-name kernel_substring=mebm"
  if [[ $device == cpu ]]; then
    record "$tool" skipped 0 "--device cpu"
    return
  elif [[ -z $sanitizer_folder ]]; then
    record "$tool" "not available" 0 "compute-sanitizer is neither on PATH nor in /usr/local/cuda"
    return
  elif ((!has_selftest)); then
    record "$tool" "not available" 0 "this engine has no command selftest to run it on"
    return
  fi
  # The variable keeps the engine from starting itself anew with it.
  run "$tool" env PATH="$sanitizer_folder:$PATH" GOMP_SPINCOUNT=20000 MEBM_LAUNCH="$command" \
    "$engine" selftest --quick --device "$device"
  summary=$(grep -E '(ERROR|RACECHECK) SUMMARY: ' "$out/$tool.log" | tail -n 1 | sed 's/^=* *//')
  if [[ -n $problem ]]; then
    record "$tool" failed "$elapsed" "$problem"
  elif grep -qiE '^=+ .*(terminated before first instrumented|not supported|unsupported|internal sanitizer error)' "$out/$tool.log" ||
    [[ -z $summary ]]; then
    record "$tool" "not available" "$elapsed" "no verdict: $(grep '^=' "$out/$tool.log" | grep -v SUMMARY | tail -n 1 | sed 's/^=* *//')"
  elif [[ $summary =~ SUMMARY:\ 0\  ]]; then
    record "$tool" passed "$elapsed" "$summary"
  else
    record "$tool" failed "$elapsed" "$summary"
  fi
}

# Six files of 10000 records, a label and 3072 bytes each; every record occurs 100 times in a file.
synthetic_images() {
  local folder=$1/cifar-10-batches-bin i name
  mkdir -p "$folder" || return
  for ((i = 0; i < 100; ++i)); do
    printf '%b' "\\x0$((i % 10))"
    head -c 3072 /dev/urandom
  done >"$1/records" || return
  for name in data_batch_{1..5} test_batch; do
    for i in {1..100}; do cat "$1/records"; done >"$folder/$name.bin" || return
  done
  echo "100 random images"
}

check_data() {
  if [[ -n $data ]]; then
    record data skipped 0 "--data $data"
    return
  fi
  data=$scratch/data
  export -f synthetic_images
  # shellcheck disable=SC2016  # expanded by the inner shell
  step data bash -c 'synthetic_images "$1"' data "$data"
}

# train STEP FOLDER
train() {
  step "$1" "$engine" train "${training[@]}" --data "$data" --initial-distribution "$scratch/init.h5" --device "$device" \
    --out "$scratch/$2"
  cp "$scratch/$2/metrics.jsonl" "$out/$1.jsonl" 2>/dev/null
  cp "$scratch/$2/plans.json" "$out/$1.plans.json" 2>/dev/null
}

# differing_bytes A B: how many differ, the digest of the file and its date apart.
differing_bytes() {
  local digest_from=25 digest_to=56 date
  date=$(LC_ALL=C grep -abom1 -E '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z' "$1" | head -n 1 | cut -d: -f1)
  [[ $(stat -c %s "$1") == $(stat -c %s "$2") && -n $date ]] || { echo "the files' sizes differ"; return 1; }
  cmp -l "$1" "$2" | awk -v a=$digest_from -v b=$digest_to -v d="$date" \
    '!(($1 >= a && $1 <= b) || ($1 > d && $1 <= d + 20)) { ++n; if (n == 1) first = $1 }
     END { if (n) print n " bytes differ, the first at " first; else print "equal but for digest and date"; exit n > 0 }'
}

check_bit_equality() {
  local first second
  first=$(find "$scratch/first/checkpoints" -name '*.h5' 2>/dev/null | sort | tail -n 1)
  second=$(find "$scratch/second/checkpoints" -name '*.h5' 2>/dev/null | sort | tail -n 1)
  if [[ -z $first || ${first##*/} != "${second##*/}" || ${first##*/} == iteration-0000000.h5 ]]; then
    record bit_equality skipped 0 "no two checkpoints of the same iteration"
    return
  fi
  export -f differing_bytes
  # shellcheck disable=SC2016  # expanded by the inner shell
  step bit_equality bash -c 'verdict=$(differing_bytes "$1" "$2") && { echo "$verdict"; exit; }
    diff <("$3" inspect --json "$1") <("$3" inspect --json "$2"); echo "$verdict"; exit 1' \
    bit_equality "$first" "$second" "$engine"
}

# bench STEP WORD: its JSON is kept.
bench() {
  if ! has_command bench "$2"; then
    record "$1" "not available" 0 "this engine has no command bench $2"
  elif [[ $device == cpu ]]; then
    record "$1" skipped 0 "--device cpu"
  else
    # shellcheck disable=SC2016  # expanded by the inner shell
    step "$1" bash -c '"$1" bench "$2" --device "$3" --json >"$4"' bench "$engine" "$2" "$device" "$out/$1.json"
  fi
}

next_free() {
  local n=1
  while [[ -e gpu_check-$n ]]; do n=$((n + 1)); done
  echo "gpu_check-$n"
}

out='' data='' device=cuda is_quick=0
while (($#)); do
  case $1 in
    --out | --data | --device)
      (($# >= 2)) || die "$1 needs a value (see --help)"
      printf -v "${1#--}" %s "$2"
      shift 2
      ;;
    --quick) is_quick=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) die "no option '$1' (see --help)" ;;
  esac
done
[[ -x $engine ]] || die "$engine is not there; run this script from the unpacked archive"
version=$(timeout -k 1 4 "$engine" --version 2>&1) || die "the engine does not start: $version"
[[ $device =~ ^(cpu|cuda(:[0-9]+)?)$ ]] || die "--device takes cuda, cuda:<index> or cpu, not '$device'"
[[ -z $data || -d $data ]] || die "--data $data is not a directory"
if [[ $device != cpu ]]; then
  command -v nvidia-smi >/dev/null || die "no nvidia-smi on PATH: no NVIDIA driver is installed here (--device cpu tries the script without)"
  timeout -k 1 4 nvidia-smi -L 2>/dev/null | grep -q '^GPU ' || die "nvidia-smi lists no GPU (see nvidia-smi -L; --device cpu tries the script without)"
fi
out=${out:-$(next_free)}
[[ ! -e $out || -z $(ls -A "$out" 2>/dev/null) ]] || die "$out exists and is not empty; choose another --out"
mkdir -p "$out" || die "$out cannot be made"
out=$(cd "$out" && pwd)
scratch=$(mktemp -d) || die "no temporary directory; set TMPDIR"
trap 'rm -rf "$scratch"' EXIT
declare -A results=()

sanitizer_folder=''
for tool in "$(command -v compute-sanitizer)" /usr/local/cuda/{bin,compute-sanitizer}/compute-sanitizer; do
  [[ -n $tool && -x $tool && -z $sanitizer_folder ]] && sanitizer_folder=$(dirname "$tool")
done
has_selftest=0
has_command selftest && has_selftest=1

recipe=cifar10-mjem-k5
[[ -z $data ]] || recipe=fashion-mnist-mjem-k5
training=(--recipe "$recipe" --max-iterations 20 --set buffer.size=1000)
((is_quick)) && training=(--recipe "$recipe-small" --max-iterations 6 --set buffer.size=200)
[[ $device != cpu ]] || training+=(--set model.width=1 --set data.batch_size=4 --set data.labelled_batch_size=4)

echo "step          | result        |    s | note" >"$out/summary.txt"
check_card
check_selftest
check_libraries
for tool in memcheck racecheck initcheck synccheck; do sanitizer $tool; done
check_data
step init "$engine" fit-init --data "$data" --out "$scratch/init.h5"
train train_first first
train train_second second
check_bit_equality
bench bench_step step
bench bench_kernels kernels

passed=0 failed=0 skipped=0
for result in "${results[@]}"; do
  case $result in
    passed) passed=$((passed + 1)) ;;
    failed) failed=$((failed + 1)) ;;
    *) skipped=$((skipped + 1)) ;;
  esac
done
echo "results: $out"
echo "$passed passed, $failed failed, $skipped skipped" | tee -a "$out/summary.txt"
((failed == 0))
