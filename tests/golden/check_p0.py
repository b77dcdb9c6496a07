#!/usr/bin/env python3
"""Compares the Gaussian that `mebm_engine fit-init` wrote with NumPy's float64 mean and covariance of the same images.

  /usr/bin/python3 tests/golden/check_p0.py INIT.h5 --data DIR     CIFAR-10 in its binary layout, training split

Prints the largest errors of mean and covariance relative to their largest component, and the share of the pixels of 2000
draws (NumPy's generator) that the clamp to [-1, 1] changes. Exit 1 above 1e-6.
"""
import argparse
import pathlib
import sys

import h5py
import numpy as np


def load(folder):
    files = sorted(pathlib.Path(folder).rglob("data_batch_*.bin"))
    if len(files) != 5:
        sys.exit(f"check_p0: {folder}: found {len(files)} of the 5 files data_batch_*.bin")
    records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 3073) for f in files])
    return records[:, 1:].astype(np.float64) / 127.5 - 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("init")
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    with h5py.File(args.init) as file:
        group = file["initial_distribution"]
        mean, factor, jitter = group["mean"][()].reshape(-1), group["factor"][()], group.attrs["jitter"]
    images = load(args.data)
    expected_mean = images.mean(0)
    images -= expected_mean
    expected = images.T @ images / len(images)
    covariance = factor @ factor.T - jitter * np.eye(len(mean))
    errors = {"mean": np.abs(mean - expected_mean).max() / np.abs(expected_mean).max(),
              "covariance": np.abs(covariance - expected).max() / np.abs(expected).max()}
    draws = mean + np.random.default_rng(1).standard_normal((2000, len(mean))) @ factor.T
    print(f"mean {errors['mean']:.2e}, covariance {errors['covariance']:.2e}; "
          f"{(np.abs(draws) > 1).mean():.4f} of the components are clamped")
    return int(max(errors.values()) > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
