#!/usr/bin/env python3
"""Turns the published weights of the Inception network of 2015 into the HDF5 file that FID, inception score, KID and
precision/recall are computed with.

    scripts/convert_inception.py pt_inception-2015-12-05-6726825d.pth inception.h5

Takes pytorch-fid's file or torch-fidelity's weights-inception-2015-12-05-6726825d.pth; downloads nothing. Needs PyTorch
and h5py (scripts/dependencies.sh install golden). Exit status 2: bad input, nothing written."""
import argparse
import hashlib
import os
import pathlib
import sys

KNOWN = "6726825d"  # how the SHA-256 of either published file starts
FORMAT, VERSION = "mebm-inception", 1
CLASSES, FEATURES = 1008, 2048


class InputError(Exception):
    pass


def block_a(pooled):
    return {"branch1x1": (64, 0, 1, 1), "branch5x5_1": (48, 0, 1, 1), "branch5x5_2": (64, 48, 5, 5),
            "branch3x3dbl_1": (64, 0, 1, 1), "branch3x3dbl_2": (96, 64, 3, 3), "branch3x3dbl_3": (96, 96, 3, 3),
            "branch_pool": (pooled, 0, 1, 1)}


def block_c(inner):
    return {"branch1x1": (192, 0, 1, 1), "branch7x7_1": (inner, 0, 1, 1), "branch7x7_2": (inner, inner, 1, 7),
            "branch7x7_3": (192, inner, 7, 1), "branch7x7dbl_1": (inner, 0, 1, 1),
            "branch7x7dbl_2": (inner, inner, 7, 1), "branch7x7dbl_3": (inner, inner, 1, 7),
            "branch7x7dbl_4": (inner, inner, 7, 1), "branch7x7dbl_5": (192, inner, 1, 7), "branch_pool": (192, 0, 1, 1)}


def block_e():
    return {"branch1x1": (320, 0, 1, 1), "branch3x3_1": (384, 0, 1, 1), "branch3x3_2a": (384, 384, 1, 3),
            "branch3x3_2b": (384, 384, 3, 1), "branch3x3dbl_1": (448, 0, 1, 1), "branch3x3dbl_2": (384, 448, 3, 3),
            "branch3x3dbl_3a": (384, 384, 1, 3), "branch3x3dbl_3b": (384, 384, 3, 1), "branch_pool": (192, 0, 1, 1)}


# Block -> (its input channels, convolutions: out channels, in channels (0: the block's), height, width of the kernel).
BLOCKS = {
    "": (3, {"Conv2d_1a_3x3": (32, 3, 3, 3), "Conv2d_2a_3x3": (32, 32, 3, 3), "Conv2d_2b_3x3": (64, 32, 3, 3),
             "Conv2d_3b_1x1": (80, 64, 1, 1), "Conv2d_4a_3x3": (192, 80, 3, 3)}),
    "Mixed_5b": (192, block_a(32)),
    "Mixed_5c": (256, block_a(64)),
    "Mixed_5d": (288, block_a(64)),
    "Mixed_6a": (288, {"branch3x3": (384, 0, 3, 3), "branch3x3dbl_1": (64, 0, 1, 1), "branch3x3dbl_2": (96, 64, 3, 3),
                       "branch3x3dbl_3": (96, 96, 3, 3)}),
    "Mixed_6b": (768, block_c(128)),
    "Mixed_6c": (768, block_c(160)),
    "Mixed_6d": (768, block_c(160)),
    "Mixed_6e": (768, block_c(192)),
    "Mixed_7a": (768, {"branch3x3_1": (192, 0, 1, 1), "branch3x3_2": (320, 192, 3, 3), "branch7x7x3_1": (192, 0, 1, 1),
                       "branch7x7x3_2": (192, 192, 1, 7), "branch7x7x3_3": (192, 192, 7, 1),
                       "branch7x7x3_4": (192, 192, 3, 3)}),
    "Mixed_7b": (1280, block_e()),
    "Mixed_7c": (2048, block_e()),
}


def expected_shapes():
    """-> name of every parameter: its shape."""
    shapes = {}
    for block, (channels, convolutions) in BLOCKS.items():
        for name, (out, inner, height, width) in convolutions.items():
            prefix = f"{block}.{name}" if block else name
            shapes[f"{prefix}.conv.weight"] = (out, inner or channels, height, width)
            for part in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{prefix}.bn.{part}"] = (out,)
    return {**shapes, "fc.weight": (CLASSES, FEATURES), "fc.bias": (CLASSES,)}


def digest_of(path):
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()


def read_state(path):
    import torch
    try:
        # Tensors only: a pickle may name any function, this reader calls none.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pylint: disable=broad-except  (whatever the unpickler meets)
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise InputError(f"{path}: PyTorch cannot load it: {reason[0]}") from None
    if not isinstance(state, dict):
        raise InputError(f"{path}: holds a {type(state).__name__}, expected a state dict (name: tensor)")
    return state


def checked_arrays(path, state):
    """-> name: float32 array, of every expected parameter; others must be counters or the auxiliary head's."""
    arrays = {}
    for name, shape in expected_shapes().items():
        if name not in state:
            raise InputError(f"{path}: has no '{name}', expected shape {list(shape)}")
        if tuple(state[name].shape) != shape:
            raise InputError(f"{path}: '{name}' has shape {list(state[name].shape)}, expected {list(shape)}")
        array = state[name].detach().float().numpy()
        if not (abs(array) < float("inf")).all():
            raise InputError(f"{path}: '{name}' holds values that are not finite")
        arrays[name] = array
    for name in state:
        if name not in arrays and not name.endswith("num_batches_tracked") and not name.startswith("AuxLogits."):
            raise InputError(f"{path}: holds '{name}', which this network does not have")
    return arrays


def write(path, arrays, source, digest):
    import h5py
    partial = path.with_name(path.name + ".part")
    try:
        with h5py.File(partial, "w") as out:
            out.attrs["format"], out.attrs["version"] = FORMAT, VERSION
            out.attrs["source"], out.attrs["source_sha256"] = source, digest
            for name, array in arrays.items():
                out.create_dataset(name, data=array)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path, help="the published .pth")
    parser.add_argument("out", type=pathlib.Path, help="the HDF5 file to write")
    parser.add_argument("--any-weights", action="store_true",
                        help="take a file with another SHA-256; distances computed with it are no FID")
    options = parser.parse_args(arguments)
    try:
        digest = digest_of(options.file)
        if not digest.startswith(KNOWN) and not options.any_weights:
            raise InputError(f"{options.file}: SHA-256 is {digest}, the published files' starts with {KNOWN}; fetch it "
                             "again, or pass --any-weights for another network's (no FID then)")
        write(options.out, checked_arrays(options.file, read_state(options.file)), options.file.name, digest)
    except InputError as error:
        print(f"convert_inception: {error}", file=sys.stderr)
        return 2
    except ImportError as error:
        print(f"convert_inception: {error}; scripts/dependencies.sh install golden", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"convert_inception: {options.out}: cannot be written: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(expected_shapes())} arrays from {options.file.name} (SHA-256 {digest})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
