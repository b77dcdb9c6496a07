#!/usr/bin/env python3
"""Writes inception.h5: features and logits of the Inception network of 2015 with formula weights, by two published
PyTorch implementations, and images resized by Pillow and PyTorch. See README.md for what is needed to run it."""
import argparse
import pathlib
import sys
import tempfile

import h5py
import numpy as np
import torch
from PIL import Image

SIDE = 299
STEP = 13  # of the stored pixels of a resized image


def fnv1a(name):
    state = 14695981039346656037
    for byte in name.encode():
        state = (state ^ byte) * 1099511628211 % 2**64
    return state


def words(name, count):
    """splitmix64 of (name, index)."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def values(name, shape):
    """A parameter of the state dict, float32."""
    u = (words(name, int(np.prod(shape))) >> np.uint64(40)).astype(np.float64) / 2**24
    if len(shape) > 1:
        u = np.sqrt(6 / np.prod(shape[1:])) * (2 * u - 1)
    elif name.endswith("running_var"):
        u = 0.5 + u
    elif name.endswith("bn.weight"):
        u = 0.75 + 0.5 * u
    else:
        u = u - 0.5
    return torch.from_numpy(u.astype(np.float32).reshape(shape))


def formula_images(name, shape):
    """8-bit images: a slope that wraps, and noise."""
    n, c, y, x = np.indices(shape)
    noise = (words(name, int(np.prod(shape))) >> np.uint64(58)).astype(np.int64).reshape(shape)
    return ((7 * x + 5 * y + 60 * c + 31 * n + noise) % 256).astype(np.uint8)


def cifar_images(folder, count):
    record = 1 + 3072
    raw = np.fromfile(folder / "cifar-10-batches-bin" / "test_batch.bin", np.uint8, count * record)
    return raw.reshape(count, record)[:, 1:].reshape(count, 3, 32, 32)


def colour(images):
    return np.repeat(images, 3, axis=1) if images.shape[1] == 1 else images


def pillow_resized(images):
    """clean-fid's resize: every channel as a 32-bit float image, bicubic, clipped."""
    def plane(pixels):
        image = Image.fromarray(pixels.astype(np.float32), mode="F")
        return np.asarray(image.resize((SIDE, SIDE), resample=Image.BICUBIC)).clip(0, 255)

    return np.stack([np.stack([plane(p) for p in image]) for image in images]).astype(np.float32)


class TorchFidelity:
    def __init__(self, folder):
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
        self.resize = interpolate_bilinear_2d_like_tensorflow1x
        # The constructor wants a file; the values replace it.
        original, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda *_: None
        path = pathlib.Path(folder) / "empty.pth"
        torch.save({}, path)
        load, torch.load = torch.load, lambda *_, **__: {}
        try:
            self.network = FeatureExtractorInceptionV3("formula", ["2048", "logits_unbiased"],
                                                       feature_extractor_weights_path=str(path))
        finally:
            torch.nn.Module.load_state_dict, torch.load = original, load
        self.network.load_state_dict(formula_state(self.network))
        self.network.eval()

    def __call__(self, images):
        features, logits = self.network(torch.from_numpy(images))
        return features.numpy(), logits.numpy()

    def resized(self, images):
        x = self.resize(torch.from_numpy(images).float(), size=(SIDE, SIDE), align_corners=False)
        return ((x - 128) / 128).numpy()


class PytorchFid:
    def __init__(self):
        import pytorch_fid.inception as peer
        peer.load_state_dict_from_url = lambda *_, **__: formula_state(peer_network(peer))
        self.network = peer.InceptionV3([3], resize_input=True, normalize_input=True).eval()
        self.fc = values("fc.weight", (1008, 2048))

    def __call__(self, images):
        features = self.network(torch.from_numpy(images).float() / 255)[0].squeeze(3).squeeze(2)
        return features.numpy(), (features @ self.fc.T).numpy()

    def of_prepared(self, x):
        """Without its own resize and normalisation."""
        self.network.resize_input = self.network.normalize_input = False
        features = self.network(torch.from_numpy(x))[0].squeeze(3).squeeze(2)
        self.network.resize_input = self.network.normalize_input = True
        return features.numpy(), (features @ self.fc.T).numpy()

    @staticmethod
    def resized(images):
        x = torch.nn.functional.interpolate(torch.from_numpy(images).float() / 255, size=(SIDE, SIDE), mode="bilinear",
                                            align_corners=False)
        return (2 * x - 1).numpy()


def peer_network(peer):
    """The bare network whose state the peer is about to load: the same blocks, without weights."""
    original = peer.load_state_dict_from_url
    load, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda *_: None
    peer.load_state_dict_from_url = lambda *_, **__: None
    try:
        return peer.fid_inception_v3()
    finally:
        peer.load_state_dict_from_url, torch.nn.Module.load_state_dict = original, load


def formula_state(network):
    return {name: torch.zeros_like(old) if name.endswith("num_batches_tracked") else values(name, tuple(old.shape))
            for name, old in network.state_dict().items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with cifar-10-batches-bin")
    parser.add_argument("--peers", default="", help="folder with torch_fidelity, pytorch_fid (and torchvision)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent / "inception.h5")
    options = parser.parse_args()
    if options.peers:
        sys.path[:0] = options.peers.split(":")
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as folder:
        fidelity = TorchFidelity(folder)
    pytorch = PytorchFid()
    cifar = cifar_images(options.data, 3)
    cases = {
        "cifar/torch-fidelity": (cifar, fidelity),
        "cifar/pytorch-fid": (cifar, pytorch),
        "cifar/clean": (cifar, None),
        "colour/torch-fidelity": (formula_images("colour", (1, 3, 40, 48)), fidelity),
        "grey/torch-fidelity": (formula_images("grey", (1, 1, 28, 28)), fidelity),
        "large/clean": (formula_images("large", (1, 3, 420, 333)), None),
        "large/pytorch-fid": (formula_images("large", (1, 3, 420, 333)), pytorch),
    }
    with h5py.File(options.out, "w") as out:
        out.attrs["pixel_step"] = STEP
        for name, (images, peer) in cases.items():
            images = colour(images)
            if peer is None:
                prepared = (pillow_resized(images) - 128) / 128
                features, logits = pytorch.of_prepared(prepared)
            else:
                prepared = peer.resized(images)
                features, logits = peer(images)
                other = pytorch.of_prepared(prepared)[0]
                print(f"{name}: the peers differ by {np.abs(features - other).max() / np.abs(features).max():.1e}")
            group = out.create_group(name)
            group["features"], group["logits"] = features, logits
            group["pixels"] = prepared[:, :, ::STEP, ::STEP]
            print(f"{name}: features up to {features.max():.3f}, spread {np.ptp(features, axis=0).max():.3f}")


if __name__ == "__main__":
    main()
