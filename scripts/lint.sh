#!/usr/bin/env bash
# Checks format, includes, launches, sizes, words and scripts; compiles nothing. scripts/lint/ has the checks.
# usage: scripts/lint.sh [ROOT]
set -euo pipefail
exec python3 "$(dirname "$0")/lint/run.py" "$@"
