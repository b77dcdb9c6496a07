#!/usr/bin/env python3
"""Draws loss and validation accuracy of several runs over each other and says how far they lie apart.

    bench/curves/plot_curves.py --out curves.png "fp32 direct=RUN" "fp32 Winograd=RUN" "another seed=RUN"

Reads RUN/metrics.jsonl. Distances are to the first run: of the loss after averaging --window recorded
iterations, of the accuracy at every evaluation. Needs python3-matplotlib and python3-numpy.
"""

import argparse
import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np


def load(run):
    lines = (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def column(records, key):
    """Iterations (from 1) and values of the records that have a key."""
    chosen = [r for r in records if r.get(key) is not None]
    return np.array([r["iteration"] + 1 for r in chosen]), np.array([r[key] for r in chosen])


def smoothed(iterations, values, window):
    """Means of `window` records, at the iteration of the last of them."""
    if len(values) < window:
        raise SystemExit(f"{len(values)} records do not fill a window of {window}")
    return iterations[window - 1:], np.convolve(values, np.ones(window) / window, mode="valid")


def distances(first, other):
    """Largest and mean distance of two curves at the iterations both have."""
    common, i, j = np.intersect1d(first[0], other[0], return_indices=True)
    apart = np.abs(first[1][i] - other[1][j])
    return apart.max(), apart.mean(), int(common[apart.argmax()])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--out", required=True, metavar="FILE", help="the picture, PNG")
    parser.add_argument("--window", type=int, default=10, help="records averaged for the loss")
    options = parser.parse_args()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), dpi=80)
    first = {}
    for text, style in zip(options.runs, ["-", "--", ":", "-."]):
        name, run = text.split("=", 1)
        records = load(run)
        curves = {
            "loss": smoothed(*column(records, "loss"), options.window),
            "cross_entropy": smoothed(*column(records, "cross_entropy"), options.window),
            "validation_accuracy": column(records, "validation_accuracy"),
        }
        axes[0].plot(*curves["loss"], style, label=name)
        axes[1].plot(curves["validation_accuracy"][0], 100 * curves["validation_accuracy"][1], style, label=name)
        for key, curve in curves.items():
            if key not in first:
                first[key] = curve
                print(f"{name}: {key} at iteration {curve[0][-1]}: {curve[1][-1]:.4f}")
                continue
            largest, mean, where = distances(first[key], curve)
            print(f"{name}: {key} {curve[1][-1]:.4f}; from the first run at most {largest:.4f} "
                  f"(iteration {where}), on average {mean:.4f}")
    axes[0].set(xlabel="iteration", ylabel=f"loss (mean of {options.window} records)")
    axes[1].set(xlabel="iteration", ylabel="validation accuracy, %")
    for axis in axes:
        axis.grid(alpha=0.3)
        axis.legend()
    figure.tight_layout()
    figure.savefig(options.out)


if __name__ == "__main__":
    main()
