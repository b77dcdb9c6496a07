"""How the fixtures store sets of tensors in little space, and how a reader compares with them.

A packed set is an HDF5 group. Attributes: `names` (newline-separated, n of them), `sample_limit` (S). Datasets:
  size        int64 [n]      elements of each tensor
  norm, max   float64 [n]    Euclidean norm, largest magnitude
  projections float64 [n,16] sum over i of sign_j(i) * tensor[i], with sign_j(i) = (-1)^popcount(i & masks[j]); i is the flat index
                             in the tensor's C order (PyTorch layout), masks the group's uint32 attribute
  values      float64 [...]  for each tensor in turn min(size, S) elements: all of them in order when size <= S, else those with flat
                             index (k * 2654435761) mod size, k = 0 .. S-1, in 64-bit unsigned arithmetic
"""
import numpy as np
import torch

PRIME = 2654435761
MASKS = np.random.Generator(np.random.PCG64(2023)).integers(1, 2 ** 22, 16).astype(np.uint32)
BIT_PARITY = np.array([bin(i).count("1") & 1 for i in range(1 << 11)], dtype=np.int8)


def signs(n, mask):
    """(-1)^popcount(i & mask) for i in 0 .. n-1."""
    masked = np.arange(n, dtype=np.uint32) & np.uint32(mask)
    parity = BIT_PARITY[masked & 0x7FF] ^ BIT_PARITY[(masked >> np.uint32(11)) & 0x7FF]
    return 1.0 - 2.0 * parity


def sample_indices(size, limit):
    if size <= limit:
        return np.arange(size)
    return (np.arange(limit, dtype=np.uint64) * np.uint64(PRIME) % np.uint64(size)).astype(np.int64)


def flat(tensor):
    return (tensor.detach().double().numpy() if torch.is_tensor(tensor) else np.asarray(tensor, dtype=np.float64)).reshape(-1)


def pack(file, path, tensors, limit=32):
    """Writes the named tensors as one packed set."""
    arrays = [flat(t) for t in tensors.values()]
    assert all(len(a) < 2 ** 22 for a in arrays)
    group = file.create_group(path)
    group.attrs["names"] = "\n".join(tensors)
    group.attrs["sample_limit"] = np.int64(limit)
    group.attrs["masks"] = MASKS
    group["size"] = np.array([len(a) for a in arrays], dtype=np.int64)
    group["norm"] = np.array([np.linalg.norm(a) for a in arrays])
    group["max"] = np.array([np.abs(a).max() for a in arrays])
    group["projections"] = np.array([[signs(len(a), m) @ a for m in MASKS] for a in arrays])
    group["values"] = np.concatenate([a[sample_indices(len(a), limit)] for a in arrays])


def compare(group, tensors):
    """Largest relative error of tensors (all the set's names) against a packed set: (values, projections)."""
    names, limit = group.attrs["names"].split("\n"), int(group.attrs["sample_limit"])
    floor = 1e-6 * group["max"][()].max()
    values, at, worst = group["values"][()], 0, [0.0, 0.0]
    for k, name in enumerate(names):
        a = flat(tensors[name])
        assert len(a) == group["size"][k], f"{name}: {len(a)} elements, expected {group['size'][k]}"
        picked = a[sample_indices(len(a), limit)]
        expected = values[at:at + len(picked)]
        at += len(picked)
        worst[0] = max(worst[0], np.abs(picked - expected).max() / max(group["max"][k], floor))
        projections = np.array([signs(len(a), m) @ a for m in group.attrs["masks"]])
        worst[1] = max(worst[1], np.abs(projections - group["projections"][k]).max() / max(group["norm"][k], floor * len(a) ** 0.5))
    return tuple(worst)
