#!/usr/bin/env bash
# usage: keep_compiler_report.sh COMPILER ARGS... -o OBJECT
# Runs the compiler and keeps what it says (ptxas: registers, spills) in OBJECT.report; a failure is shown.
set -uo pipefail
arguments=("$@")
report=/dev/null
for ((i = 0; i + 1 < $#; ++i)); do
  [[ ${arguments[i]} == -o ]] && report="${arguments[i + 1]}.report"
done
output=$("$@" 2>&1)
code=$?
printf '%s\n' "$output" > "$report"
if ((code != 0)); then
  printf '%s\n' "$output" >&2
else
  grep -v -e '^ptxas info' -e ' bytes stack frame, 0 bytes spill stores, 0 bytes spill loads' -e '^$' <<< "$output" >&2
fi
exit "$code"
