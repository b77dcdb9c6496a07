#!/usr/bin/env python3
"""Copy a checkpoint's network alone: a file a tenth of the size that every command takes.

usage: weights_only.py CHECKPOINT OUT [--features SCORES]

The configuration stays in the file. --features adds /feature_statistics: mean and covariance (divided by N - 1) of the
`features` of a scores file (mebm_engine score), and their count. The same inputs give the same bytes.
"""
import sys

import h5py
import numpy as np

ROOT_ATTRIBUTES = ("format", "version", "engine_version", "config")


def copy_group(source, target):
    for name, value in source.attrs.items():
        target.attrs[name] = value
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            copy_group(item, target.create_group(name))
        else:
            target.create_dataset(name, data=item[()], track_times=False)


def main(checkpoint, out, scores=None):
    with h5py.File(checkpoint, "r") as source, h5py.File(out, "w") as target:
        for name in ROOT_ATTRIBUTES:
            if name in source.attrs:
                target.attrs[name] = source.attrs[name]
        copy_group(source["model"], target.create_group("model"))
        if scores is not None:
            with h5py.File(scores, "r") as file:
                features = file["features"][()].astype(np.float64)
            group = target.create_group("feature_statistics")
            group.attrs["count"] = np.int64(len(features))
            group.create_dataset("mean", data=features.mean(axis=0), track_times=False)
            group.create_dataset("covariance", data=np.cov(features, rowvar=False), track_times=False)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if len(arguments) == 2:
        main(*arguments)
    elif len(arguments) == 4 and arguments[2] == "--features":
        main(arguments[0], arguments[1], arguments[3])
    else:
        sys.exit(__doc__)
