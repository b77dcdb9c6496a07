#!/usr/bin/env python3
"""Write fixtures/: random features, scores and logits, and what NumPy, SciPy, scikit-learn and torch-fidelity make of them.

usage: make_fixtures.py [--out FOLDER]     (default: fixtures/ beside this file)

Needs numpy, scipy, h5py, torch, scikit-learn and torch-fidelity (0.4). The tests read the files only.
"""
import argparse
import pathlib
import sys
from unittest import mock

import h5py
import numpy as np
import scipy.linalg
import scipy.special
import sklearn.metrics
import torch

for name in ("", ".datasets", ".io", ".models", ".transforms", ".transforms.functional"):
    sys.modules.setdefault("torchvision" + name, mock.MagicMock())  # torch-fidelity imports it; nothing used here does
from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc  # noqa: E402

SUBSETS, SUBSET_SIZE, SPLITS, NEIGHBOURS, SEED = 8, 16, 5, 3, 2020
CLASSES = 7


def exact(features):
    """Multiples of 1/1024 below 2^14: every sum of a few of them is exact in float32."""
    return (np.round(features * 1024) / 1024).astype(np.float32)


def feature_cases(rng):
    """name -> (generated, real): ranks full, short and equal, spans shared and disjoint."""
    normal = rng.standard_normal
    scales = np.linspace(0.05, 2, 16)
    basis = rng.integers(-3, 4, (5, 12)).astype(float)
    left, right = np.zeros((40, 10)), np.zeros((50, 10))
    left[:, :4], right[:, 5:] = normal((40, 4)), normal((50, 5))
    constant = np.abs(normal((60, 9))) * [1, 0, 1, 2, 0, 1, 1, 1, 3] + 2
    repeated = np.repeat(normal((30, 9)) + 2, 2, axis=0)
    decaying = 10.0 ** -np.linspace(0, 4, 24)
    return {
        "full": (np.maximum(0, normal((220, 16)) * scales + 0.3), np.maximum(0, normal((180, 16)) * scales)),
        "few": (normal((20, 32)) + 0.5, normal((24, 32)) * 1.5),
        "few_and_many": (normal((25, 40)), normal((400, 40)) + 0.25),
        "span": (normal((100, 5)).round(2) @ basis, normal((90, 5)).round(2) @ basis + basis[0]),
        "disjoint": (left, right),
        "constant": (constant, constant[::-1] * 1.25 + 1),
        "repeated": (repeated, np.concatenate([repeated[:20] + 0.5, normal((30, 9))])),
        "decaying": (normal((300, 24)) * decaying, normal((200, 24)) * decaying[::-1]),
    }


def frechet_by_singular_values(x, y):
    """From the features themselves: tr (S1 S2)^(1/2) is the nuclear norm of X Y^T over sqrt((N1 - 1)(N2 - 1))."""
    cx, cy = x - x.mean(axis=0), y - y.mean(axis=0)
    root = np.linalg.svd(cx @ cy.T, compute_uv=False).sum() / np.sqrt((len(x) - 1) * (len(y) - 1))
    traces = (cx**2).sum() / (len(x) - 1) + (cy**2).sum() / (len(y) - 1)
    return ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + traces - 2 * root


def write_case(group, generated, real, rng):
    generated, real = exact(generated), exact(real)
    logits = (rng.standard_normal((len(generated), CLASSES)) * 2).astype(np.float32)
    group["generated"], group["real"], group["logits"] = generated, real, logits
    x, y = (torch.from_numpy(a.astype(np.float64)) for a in (generated, real))
    quiet = {"verbose": False, "rng_seed": SEED}
    statistics = [metric_fid.fid_features_to_statistics(a) for a in (x, y)]
    group["mean"], group["covariance"] = statistics[0]["mu"], statistics[0]["sigma"]
    theirs = metric_fid.fid_statistics_to_metric(*statistics, False)[metric_fid.KEY_METRIC_FID]
    values = {"frechet": frechet_by_singular_values(x.numpy(), y.numpy()), "frechet_torch_fidelity": theirs}
    kernel = metric_kid.kid_features_to_metric(x, y, kid_subsets=SUBSETS, kid_subset_size=SUBSET_SIZE, kid_kernel="poly",
                                               kid_kernel_poly_degree=3, kid_kernel_poly_gamma=None,
                                               kid_kernel_poly_coef0=1, **quiet)
    values["kernel_mean"], values["kernel_deviation"] = kernel.values()
    score = metric_isc.isc_features_to_metric(torch.from_numpy(logits), SPLITS, True, SEED)
    values["inception_mean"], values["inception_deviation"] = score.values()
    prc = metric_prc.prc_features_to_metric(x, y, prc_neighborhood=NEIGHBOURS, prc_batch_size=10000, save_cpu_ram=False,
                                            **quiet)
    values["precision"], values["recall"] = prc["precision"], prc["recall"]
    for name, value in values.items():
        group.attrs[name] = float(value)
    apart = abs(values["frechet"] - theirs) / values["frechet"]
    print(f"{group.name}: torch-fidelity's distance is {apart:.1e} from the singular values'",
          {k: round(v, 6) for k, v in values.items()})


def write_scores(group, inside, outside):
    group["in"], group["out"] = np.asarray(inside, np.float64), np.asarray(outside, np.float64)
    scores = np.concatenate([inside, outside])
    labels = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    group.attrs["auroc"] = sklearn.metrics.roc_auc_score(labels, scores)
    group.attrs["aupr_in"] = sklearn.metrics.average_precision_score(labels, scores)
    group.attrs["aupr_out"] = sklearn.metrics.average_precision_score(1 - labels, -scores)
    fpr, tpr, _ = sklearn.metrics.roc_curve(labels, scores, drop_intermediate=False)
    group.attrs["fpr_at_95"] = fpr[np.argmax(tpr >= 0.95)]


def write_calibration(group, rng, count, classes, sharpness):
    logits = (rng.standard_normal((count, classes)) * sharpness).astype(np.float32)
    probabilities = scipy.special.softmax(logits.astype(np.float64), axis=1)
    labels = np.array([rng.choice(classes, p=p**0.7 / (p**0.7).sum()) for p in probabilities], np.int32)
    confidence, correct = probabilities.max(axis=1), logits.argmax(axis=1) == labels
    edges = np.linspace(0, 1, 16)
    bins = np.searchsorted(edges, confidence, side="left") - 1
    gaps = np.zeros(15)
    for b in np.unique(bins):
        gaps[b] = abs(confidence[bins == b].mean() - correct[bins == b].mean())
    counts = np.bincount(bins, minlength=15)
    group["logits"], group["labels"], group["counts"] = logits, labels, counts.astype(np.int64)
    group.attrs["error"], group.attrs["largest_error"] = (gaps * counts).sum() / count, gaps.max()


def write_draws(group):
    for n in (1, 2, 3, 10, 257):
        group[f"permutation_{n}"] = np.random.RandomState(SEED).permutation(n).astype(np.int64)
    group["train"] = np.random.RandomState(SEED).choice(50000, 5000, replace=False).astype(np.int64)
    twice = np.random.RandomState(7)
    group["twice"] = np.concatenate([twice.choice(1000, 30, replace=False), twice.choice(65536, 30, replace=False)])


def write_npz(out, rng):
    """float64 stored, float64 deflated, float32 in Fortran order with other arrays beside."""
    x = exact(rng.standard_normal((30, 6)) * np.arange(1, 7)).astype(np.float64)
    mu, sigma = x.mean(axis=0), np.cov(x, rowvar=False)
    np.savez(out / "stored.npz", mu=mu, sigma=sigma)
    np.savez_compressed(out / "deflated.npz", sigma=sigma, mu=mu)
    np.savez_compressed(out / "fortran_float32.npz", other=np.arange(3), mu=mu.astype(np.float32),
                        sigma=np.asfortranarray(sigma.astype(np.float32)), count=np.int64(30), protocol=np.array("näme €"))
    np.savez(out / "float16.npz", mu=mu.astype(np.float16), sigma=sigma)
    np.savez(out / "object.npz", mu=mu, sigma=np.array([None, 1], dtype=object))
    np.savez(out / "big_endian.npz", mu=mu.astype(">f8"), sigma=sigma)
    np.savez(out / "other_keys.npz", mean=mu, sigma=sigma)
    np.savez(out / "flat.npz", mu=mu, sigma=sigma.ravel())
    np.savez(out / "records.npz", mu=np.zeros(3, dtype=[("a", "<f8")]), sigma=sigma)
    return mu, sigma


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    with h5py.File(out / "distances.h5", "w") as file:
        for name, (generated, real) in feature_cases(rng).items():
            write_case(file.create_group(name), generated, real, rng)
    with h5py.File(out / "scores.h5", "w") as file:
        normal = rng.standard_normal
        write_scores(file.create_group("smooth"), normal(150) + 1, normal(90))
        write_scores(file.create_group("ties"), rng.integers(0, 9, 120) + 2.0, rng.integers(0, 9, 200).astype(float))
        write_scores(file.create_group("equal"), np.zeros(30), np.zeros(20))
        write_scores(file.create_group("reversed"), normal(40) - 5, normal(40) + 5)
        for classes, sharpness in ((10, 2), (2, 0.7), (100, 6)):
            write_calibration(file.create_group(f"calibration_{classes}"), rng, 400, classes, sharpness)
        write_draws(file.create_group("draws"))
        file["mu"], file["sigma"] = write_npz(out, rng)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "fixtures")
    main(parser.parse_args().out)
