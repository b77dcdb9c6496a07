"""scikit-learn's t-SNE of the points of tsne_test.cpp: the numbers committed there.

    python3 tests/metrics/tsne_golden.py                           # needs NumPy and scikit-learn
    python3 tests/metrics/tsne_golden.py --analysis analysis.h5    # and h5py: both embeddings of a file of analyze

The divergence is computed here in fp64 from the affinities of a bisection in fp64, for any embedding.
"""
import argparse

import numpy as np
import sklearn
from sklearn.manifold import TSNE


def fixture(count, dimensions):
    """Five clusters on curves; every value is exact in fp32."""
    i, d = np.meshgrid(np.arange(count), np.arange(dimensions), indexing="ij")
    wave = np.sin(0.05 * (i + 1) * (1 + d % 7)) + 2 * ((i * 7 + d) % 5 == 0) + np.cos(i % 5 + 0.3 * d)
    return (np.round(wave * 4096) / 4096).astype(np.float32)


def affinities(points, perplexity):
    x = points.astype(np.float64)
    squares = (x ** 2).sum(1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * x @ x.T, 0)
    p = np.zeros_like(distances)
    for i, row in enumerate(distances):
        others = np.delete(row, i)
        others = others - others.min()
        low, high, beta = 0.0, np.inf, 1.0
        for _ in range(200):
            w = np.exp(-beta * others)
            entropy = np.log(w.sum()) + beta * (w * others).sum() / w.sum()
            if entropy > np.log(perplexity):
                low = beta
            else:
                high = beta
            beta = 2 * beta if np.isinf(high) else (low + high) / 2
        p[i, np.arange(len(row)) != i] = w / w.sum()
    return (p + p.T) / (2 * len(p))


def divergence(p, embedding):
    y = np.asarray(embedding, np.float64)
    w = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(-1))
    np.fill_diagonal(w, 0)
    q, seen = w / w.sum(), p > 0
    return (p[seen] * np.log(p[seen] / q[seen])).sum()


def scikit_learns(points, perplexity, method):
    tsne = TSNE(2, perplexity=perplexity, method=method, init="pca", random_state=1)
    return tsne.fit_transform(points), tsne.kl_divergence_


def compare(path, perplexity, method):
    """Divergences of the stored embedding and of scikit-learn's, for every model of the file."""
    import h5py  # only here
    with h5py.File(path) as file:
        for name, model in file.items():
            points, ours = (np.concatenate([model[kind][array] for kind in ("data", "starts", "chains")])
                            for array in ("features", "embedding"))
            p = affinities(points, perplexity)
            theirs, own = scikit_learns(points, perplexity, method)
            print(f"{name} {points.shape}: ours {divergence(p, ours):.6f}, scikit-learn's {method} "
                  f"{divergence(p, theirs):.6f} (its own figure {own:.6f})")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--perplexity", type=float, default=30)
    parser.add_argument("--method", default="exact", choices=("exact", "barnes_hut"))
    parser.add_argument("--analysis", metavar="FILE", help="analysis.h5 instead of the test's points")
    arguments = parser.parse_args()
    if arguments.analysis:
        compare(arguments.analysis, arguments.perplexity, arguments.method)
        return
    points = fixture(300, 16)
    p = affinities(points, arguments.perplexity)
    print(f"p[0,1] {p[0, 1]:.9g}  p[0,5] {p[0, 5]:.9g}  p[17,222] {p[17, 222]:.9g}  "
          f"sum of squares {(p ** 2).sum():.9g}")
    print(f"divergence of (sin i, cos 2i): {divergence(p, [(np.sin(i), np.cos(2 * i)) for i in range(300)]):.9g}")
    embedding, own = scikit_learns(points, arguments.perplexity, arguments.method)
    print(f"scikit-learn {sklearn.__version__}: divergence {divergence(p, embedding):.6f} (its own figure {own:.6f})")


if __name__ == "__main__":
    main()
