#!/usr/bin/env python3
"""Writes the HDF5 files under tests/io/fixtures with h5py, the other implementation our files meet.

    python3 tests/io/make_fixtures.py [OUT_DIR]

Values follow formulas that fixtures_test.cpp repeats. The files are committed; run this only to change them.
"""
import pathlib
import sys

import h5py
import numpy as np


def attributes(path):
    with h5py.File(path, "w") as f:
        f.attrs["variable"] = "mebm-checkpoint"
        f.attrs["variable_utf8"] = "Grüße"
        f.attrs["empty"] = ""
        f.attrs["fixed"] = np.bytes_(b"wide_resnet")
        ascii_type = h5py.string_dtype("ascii", 16)
        f.attrs.create("null_padded", np.array(b"head", dtype=ascii_type), dtype=ascii_type)
        f.attrs.create("one_element", np.array([7], dtype="<i4"))
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
            f.attrs.create(name, 100, dtype=name)
            f.attrs.create(name + "_big_endian", 101, dtype=np.dtype(name).newbyteorder(">"))
        f.attrs.create("negative", -5, dtype="int8")
        f.attrs.create("huge", 2**64 - 1, dtype="uint64")
        f.attrs.create("flag", True)
        f.attrs.create("float16", 0.5, dtype="float16")
        f.attrs.create("float32", 0.25, dtype="float32")
        f.attrs.create("float64", 0.2, dtype="float64")
        f.attrs.create("whole", 3.0, dtype="float64")
        f.attrs.create("list", [1, 2, 3])
        f.attrs.create("nothing", h5py.Empty("f8"))
        f.create_group("group").attrs["depth"] = 10
        f["scalar"] = np.array(1.0)
        f["scalar"].attrs["unit"] = "nats"


def datasets(path):
    values = np.arange(24).reshape(2, 3, 4)
    with h5py.File(path, "w") as f:
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64"):
            f.create_dataset(name, data=values.astype(name))
            f.create_dataset(name + "_big_endian", data=values.astype(np.dtype(name).newbyteorder(">")))
        f.create_dataset("float16", data=values.astype("float16"))
        f.create_dataset("chunked", data=values.astype("float32"), chunks=(1, 2, 3))
        f.create_dataset("gzip", data=values.astype("float32"), chunks=(2, 2, 2), compression="gzip", shuffle=True,
                         fletcher32=True)
        f.create_dataset("bool", data=values % 2 == 1)
        f.create_dataset("scalar", data=np.int64(12))
        f.create_dataset("zero", shape=(3, 0, 2), dtype="float32")
        f.create_dataset("unwritten", shape=(4,), dtype="float32", fillvalue=2.5)
        f.create_dataset("empty", data=h5py.Empty("f4"))
        f.create_dataset("text", data=["a", "b"], dtype=h5py.string_dtype())
        f.create_dataset("compound", data=np.zeros(2, dtype=[("a", "i4"), ("b", "f4")]))
        f.create_group("nested/deeper")["leaf"] = np.float64(0.5)
        f["nested/cycle"] = f["nested"]
        f["soft"] = h5py.SoftLink("/scalar")
        f["dangling"] = h5py.SoftLink("/nowhere")
        f["outside"] = h5py.ExternalLink("attributes.h5", "/group")


def absurd(path):
    """Sizes that nothing backs: each must be refused before memory is asked for."""
    with h5py.File(path, "w") as f:
        f.create_dataset("chunked", shape=(2**40,), dtype="float32", chunks=(1024,))
        f.create_dataset("overflow", shape=(2**40, 2**40), dtype="float32", chunks=(16, 16))
        f.create_dataset("unallocated", shape=(2**38,), dtype="float64")
        f.create_dataset("bomb", shape=(2**29,), dtype="uint8", chunks=(2**29,), compression="gzip")
        f.create_dataset("external", shape=(4,), dtype="float32", external=[("data.raw", 0, 16)])
        layout = h5py.VirtualLayout(shape=(4,), dtype="float32")
        layout[:] = h5py.VirtualSource("other.h5", "x", shape=(4,))
        f.create_virtual_dataset("virtual", layout)


def images(path):
    with h5py.File(path, "w", userblock_size=1024) as f:
        values = (np.arange(3 * 2 * 4 * 4) % 251).astype("uint8").reshape(3, 2, 4, 4)
        f.create_dataset("images", data=values, chunks=(1, 2, 4, 4), compression="gzip")
        f.create_dataset("labels", data=np.array([3, 0, 9], dtype="uint8"))


def checkpoint(path):
    """A weights-only checkpoint in miniature, in the latest metadata format."""
    rng = np.random.default_rng(1)
    with h5py.File(path, "w", libver="latest") as f:
        f.attrs["format"] = "mebm-checkpoint"
        f.attrs["version"] = 1
        f.attrs["config"] = "[model]\ndepth = 10\n"
        model = f.create_group("model")
        model.attrs["architecture"] = "wide_resnet"
        model.attrs["depth"] = np.int32(10)
        model.attrs["leak"] = np.float32(0.25)
        for i in range(12):
            model[f"parameters/f.layer1.{i}.conv1.weight"] = rng.standard_normal((4, 3, 3, 3)).astype("float32")
        model.create_dataset("parameters/packed", data=np.arange(400, dtype="float32"), chunks=(100,),
                             compression="gzip")
        model["buffers/f.bn1.num_batches_tracked"] = np.int64(390)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "fixtures")
    out.mkdir(parents=True, exist_ok=True)
    for make in (attributes, datasets, absurd, images, checkpoint):
        make(out / (make.__name__ + ".h5"))
    with h5py.File(out / "checkpoint_v0.h5", "w") as copy, h5py.File(out / "checkpoint.h5") as f:
        for key, value in f.attrs.items():
            copy.attrs[key] = value
        f.copy("model", copy)


if __name__ == "__main__":
    main()
