#!/usr/bin/env bash
# Trains the reference network of a data set and makes its file: weights alone, and the mean and covariance of its
# features over the training images. docs/evaluation.md says what it is for. Needs python3 with h5py and numpy.
# usage: scripts/make_reference_network.sh ENGINE SET DATA OUT.h5 [OPTION OF train ...]     (ENGINE: the program;
# SET: cifar10 or fashion-mnist)
set -euo pipefail
if [[ $# -lt 4 ]]; then
  sed -n '2,5p' "$0" | sed 's/^# //' >&2
  exit 2
fi
engine=$1 set=$2 data=$3 out=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$engine" train --recipe "$set-classifier-small" --data "$data" --out "$work/run" --threads 2 --precision fp32 "$@"
checkpoint=$(find "$work/run/checkpoints" -name 'iteration-*.h5' | sort | tail -n 1)
"$engine" evaluate --checkpoint "$checkpoint" --data "$data"
"${PYTHON:-python3}" "$(dirname "$0")/weights_only.py" "$checkpoint" "$work/weights.h5"
"$engine" score --checkpoint "$work/weights.h5" --images "$data" --data-set "$set" --split train --batch-norm running \
  --out "$work/scores.h5"
"${PYTHON:-python3}" "$(dirname "$0")/weights_only.py" "$checkpoint" "$out" --features "$work/scores.h5"
sha256sum "$out"
