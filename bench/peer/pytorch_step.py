#!/usr/bin/env python3
"""One M-EBM or M-JEM training iteration in PyTorch, timed: what `mebm_engine bench step --compare pytorch` runs
beside the engine, and a program of its own.

  reference  eager, NCHW, as the method's published code does it: the positives' graph is alive while chains are
             sampled, every chain step keeps its graph, the replay buffer lies in the host's memory
  tuned      what a careful user would write: channels_last, no graph kept, buffer on the device; with
             --precision bf16 autocast, with --compile torch.compile

Needs torch alone (1.13 or newer; Debian: python3-torch). Images are random: the time does not depend on them.
Prints one JSON object. With --interactive it prints {"ready": true, ...} once it is set up, runs N iterations
for every line "N" on stdin, answers with the seconds of one, and prints its report when stdin ends.
"""
import argparse
import json
import math
import resource
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    # The one who started this reads the first line.
    print(json.dumps({"error": f"{sys.executable} cannot import torch ({missing}); install it (Debian: "
                               "python3-torch, for /usr/bin/python3) or name another interpreter with --python"}))
    sys.exit(3)

LEAK = 0.2
CLASSES = 10
IMAGES = 1024


def norm(channels):
    return nn.BatchNorm2d(channels, momentum=0.9)


class Residual(nn.Module):
    """x -> conv2(act(norm2(conv1(act(norm1(x)))))) + shortcut(x); the second convolution carries the stride."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.norm1, self.norm2 = norm(before), norm(after)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, stride=stride)
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, stride=stride)

    def forward(self, x):
        hidden = self.conv1(F.leaky_relu(self.norm1(x), LEAK))
        return self.conv2(F.leaky_relu(self.norm2(hidden), LEAK)) + self.shortcut(x)


class Network(nn.Module):
    """Pre-activation Wide-ResNet of depth 6n + 4; gives (f, logits), f = -E."""

    def __init__(self, depth, width, stages):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        blocks, channels = [], 16
        for stage in range(stages):
            for block in range((depth - 4) // 6):
                wide = 16 * width << stage
                blocks.append(Residual(channels, wide, 2 if stage > 0 and block == 0 else 1))
                channels = wide
        self.blocks = nn.Sequential(*blocks)
        self.norm = norm(channels)
        self.energy, self.classes = nn.Linear(channels, 1), nn.Linear(channels, CLASSES)

    def forward(self, x):
        features = F.leaky_relu(self.norm(self.blocks(self.stem(x))), LEAK).mean((2, 3))
        return self.energy(features)[:, 0], self.classes(features)


class Iteration:
    """Everything an iteration needs; calling it carries out one."""

    def __init__(self, o):
        self.o, self.tuned, self.device = o, o.mode == "tuned", torch.device(o.device)
        self.format = torch.channels_last if self.tuned else torch.contiguous_format
        network = Network(o.depth, o.width, 4 if o.size >= 64 else 3)
        self.network = network.to(self.device, memory_format=self.format).train()
        self.forward = self.network
        if o.compile:
            mode = "max-autotune" if o.compile == "cudagraphs" else "max-autotune-no-cudagraphs"
            self.forward = torch.compile(self.network, mode=mode)
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)
        self.buffer = self.random_images(max(10000 if o.size <= 32 else 1000, o.batch))
        if self.tuned:
            self.buffer = self.buffer.to(self.device)
        self.images = self.random_images(max(IMAGES, o.batch, o.labelled))
        self.labels = torch.randint(0, CLASSES, (len(self.images),))

    def random_images(self, count):
        # In place: a copy that is gone before the first iteration would hide as much of what iterations need.
        return torch.rand(count, 3, self.o.size, self.o.size).mul_(2).sub_(1)

    def place(self, images):
        return images.to(self.device).contiguous(memory_format=self.format)

    def pick(self, count):
        return torch.randint(0, len(self.images), (count,))

    def f(self, x, head=0):
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.o.precision == "bf16"):
            return self.forward(x)[head].float()

    def chains(self):
        rows = torch.randint(0, len(self.buffer), (self.o.batch,), device=self.buffer.device)
        x = self.place(self.buffer[rows])
        for _ in range(self.o.k):
            x.requires_grad_(True)
            gradient, = torch.autograd.grad(self.f(x).sum(), [x], retain_graph=not self.tuned)
            x = (x.detach() + gradient.clamp(-1, 1) + 1e-3 * torch.randn_like(gradient)).clamp(-1, 1)
        x = x.detach()
        self.buffer[rows] = x.to(self.buffer.device)
        return x

    def __call__(self):
        positives = self.place(self.images[self.pick(self.o.batch)])
        if self.tuned:
            negatives = self.chains()
            positive = self.f(positives)
        else:
            positive = self.f(positives)
            negatives = self.chains()
        negative = self.f(negatives)
        loss = negative.mean() - positive.mean() + 0.5 * ((positive ** 2).mean() + negative.mean() ** 2)
        if self.o.labelled:
            pick = self.pick(self.o.labelled)
            logits = self.f(self.place(self.images[pick]), head=1)
            loss = loss + F.cross_entropy(logits, self.labels[pick].to(self.device))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return float(loss.detach())


class Clock:
    """Times iterations and says what they needed."""

    def __init__(self, o):
        self.iteration, self.o, self.times = Iteration(o), o, []
        self.resident = self.largest_resident()

    @staticmethod
    def largest_resident():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def run(self, count):
        """Seconds of one of `count` iterations, which are timed together."""
        start = time.perf_counter()
        for _ in range(count):
            self.iteration()
        if self.iteration.device.type == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - start) / count

    def setting(self):
        o, device = self.o, self.iteration.device
        cuda = device.type == "cuda"
        return {"peer": "pytorch", "torch": torch.__version__, "mode": o.mode, "precision": o.precision,
                "compile": o.compile,
                "device": torch.cuda.get_device_name(device) if cuda else f"cpu x{torch.get_num_threads()}",
                "model": f"WRN-{o.depth}-{o.width}", "size": o.size, "k": o.k, "batch": o.batch,
                "labelled": o.labelled}

    def report(self):
        device = self.iteration.device
        # CPU: growth of the process's largest resident size since before the first iteration.
        peak = (torch.cuda.max_memory_allocated(device) if device.type == "cuda"
                else self.largest_resident() - self.resident)
        return {**self.setting(),
                "seconds_per_iteration": statistics.median(self.times) if self.times else None,
                "minimum": min(self.times) if self.times else None,
                "iterations": len(self.times), "peak_bytes": peak}


def converse(clock):
    print(json.dumps({"ready": True, **clock.setting()}), flush=True)
    for line in sys.stdin:
        seconds = clock.run(int(line))
        clock.times.append(seconds)
        print(repr(seconds), flush=True)


def measure(clock, o):
    for _ in range(o.warmup):
        clock.run(1)
    start = time.perf_counter()
    while len(clock.times) < o.iterations and time.perf_counter() - start < o.seconds:
        clock.times.append(clock.run(1))


def options():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    p.add_argument("--depth", type=int, default=28)
    p.add_argument("--width", type=int, default=10)
    p.add_argument("--size", type=int, default=32, help="image side; a fourth stage from 64 on")
    p.add_argument("--k", type=int, default=5, help="Langevin steps")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--labelled", type=int, default=0, help="labelled batch: 128 for M-JEM, 0 for M-EBM")
    p.add_argument("--mode", choices=["reference", "tuned"], default="reference")
    p.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    p.add_argument("--compile", choices=["no-cudagraphs", "cudagraphs"])
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--iterations", type=int, default=10)
    p.add_argument("--warmup", type=int, default=2)
    p.add_argument("--seconds", type=float, default=math.inf, help="stop timing after this long")
    p.add_argument("--interactive", action="store_true", help="iterations on demand, one line each on stdin")
    return p.parse_args()


def main():
    o = options()
    if o.threads:
        torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = o.precision != "fp32"
    if o.compile and not hasattr(torch, "compile"):
        sys.exit(refuse(f"--compile: torch {torch.__version__} has no torch.compile; it came with 2.0"))
    if torch.device(o.device).type == "cuda" and not torch.cuda.is_available():
        sys.exit(refuse(f"--device {o.device}: torch {torch.__version__} sees no GPU; install one built for CUDA"))
    clock = Clock(o)
    if o.interactive:
        converse(clock)
    else:
        measure(clock, o)
    print(json.dumps(clock.report()), flush=True)


def refuse(message):
    print(json.dumps({"error": message}), flush=True)
    return 3


if __name__ == "__main__":
    main()
