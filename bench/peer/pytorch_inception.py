#!/usr/bin/env python3
"""Images per second through pytorch-fid's Inception network, as bench/inception.cpp measures ours: 8-bit images of 32x32
pixels to features and logits, batches of 50, random weights. Needs PyTorch, torchvision and pytorch-fid."""
import argparse
import json
import statistics
import sys
import time

import torch

IMAGES = 50


def random_network():
    """pytorch-fid's extractor with U(+-sqrt(6 / fan_in)) weights instead of the published ones."""
    import pytorch_fid.inception as peer
    load, torch.nn.Module.load_state_dict = torch.nn.Module.load_state_dict, lambda *_: None
    peer.load_state_dict_from_url = lambda *_, **__: None
    network = peer.InceptionV3([3], resize_input=True, normalize_input=True).eval()
    torch.nn.Module.load_state_dict = load
    for weight in (p for p in network.parameters() if p.dim() == 4):
        bound = (6 / weight[0].numel()) ** 0.5
        torch.nn.init.uniform_(weight, -bound, bound)
    return network


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default="", help="folders with pytorch_fid and torchvision, separated by ':'")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    if options.peers:
        sys.path[:0] = options.peers.split(":")
    torch.set_grad_enabled(False)
    torch.set_num_threads(options.threads)
    network, fc = random_network(), torch.rand(1008, 2048)
    images = torch.randint(0, 256, (IMAGES, 3, 32, 32), dtype=torch.uint8)

    def extract(count):
        features = network(images[:count].float() / 255)[0].squeeze(3).squeeze(2)
        return features @ fc.T

    extract(2)
    seconds = []
    for _ in range(options.repetitions):
        start = time.perf_counter()
        extract(IMAGES)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"images_per_second": IMAGES / statistics.median(seconds), "best": IMAGES / min(seconds),
                      "torch": str(torch.__version__), "threads": options.threads}))


if __name__ == "__main__":
    main()
