#!/usr/bin/env python3
"""The peer of the engine's CIFAR-10 training check: M-JEM, WRN-10-2, K = 5, 1000 iterations, in PyTorch.

  OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/train_cifar10.py --data DIR --threads 1 --out peer.json

DIR holds cifar-10-batches-bin/. Prints a JSON line every --log-every iterations and one object at the end: test accuracy over the
10 000 test images with running statistics (eval mode) and with batch statistics (batches of 64 in file order, the last one of 16).
"""
import argparse
import json
import math
import os
import time

import h5py
import torch
import torch.nn.functional as F

import reference as ref


class Stream:
    """Each pass over n indices is a fresh permutation; an incomplete tail is dropped."""

    def __init__(self, n, batch, generator):
        self.n, self.batch, self.generator, self.at = n, batch, generator, n

    def state(self):
        return self.at, getattr(self, "order", None)

    def restore(self, state):
        self.at, self.order = state

    def next(self):
        if self.at + self.batch > self.n:
            self.order, self.at = torch.randperm(self.n, generator=self.generator), 0
        self.at += self.batch
        return self.order[self.at - self.batch:self.at]


class Start:
    """p0: draws of N(mu, Sigma + 1e-4 I), clamped to [-1,1]."""

    def __init__(self, images, generator):
        self.shape, self.generator = images.shape[1:], generator
        mean, factor = ref.gaussian(images)
        self.mean, self.factor = mean.float(), factor.float()

    def draw(self, n):
        z = torch.randn(n, len(self.mean), generator=self.generator)
        return (self.mean + z @ self.factor.T).clamp(-1, 1).reshape(n, *self.shape)


def accuracy(net, images, labels, mode, batch):
    right = 0
    with ref.statistics(net, mode), torch.no_grad():
        for x, y in zip(images.split(batch), labels.split(batch)):
            logits = net(ref.to_unit(x).contiguous(memory_format=torch.channels_last))[2]
            right += int((logits.argmax(1) == y).sum())
    return right / len(labels)


def iteration(net, optimizer, buffer, p0, data, streams, a, i, generator):
    images, labels = data
    last = torch.channels_last
    positives = images[streams[0].next()].contiguous(memory_format=last)
    e_pos = -net.log_density(positives)

    rows = torch.randint(len(buffer), (a.batch,), generator=generator) if a.replacement else torch.randperm(
        len(buffer), generator=generator)[:a.batch]
    x = buffer[rows]
    restart = torch.rand(a.batch, generator=generator) < a.rho
    x[restart] = p0.draw(int(restart.sum()))
    x = x.contiguous(memory_format=last)
    for p in net.parameters():
        p.requires_grad_(False)
    for _ in range(a.steps):
        noise = torch.randn(x.shape, generator=generator)
        x = ref.langevin_step(net, x, noise, sigma=a.noise)
    for p in net.parameters():
        p.requires_grad_(True)
    buffer[rows] = x.contiguous()

    e_neg = -net.log_density(x)
    pick = streams[1].next()
    crop = torch.stack([torch.randint(9, (a.labelled,), generator=generator), torch.randint(9, (a.labelled,), generator=generator),
                        torch.randint(2, (a.labelled,), generator=generator)], 1)
    labelled = ref.augment(images[pick], crop).contiguous(memory_format=last)
    cross_entropy = F.cross_entropy(net(labelled)[2], labels[pick])
    loss = ref.objective(e_pos, e_neg, a.l2, "reference", cross_entropy)
    rate = ref.learning_rate(i, a.lr, a.warmup, (60, 120, 180))
    ref.update(optimizer, loss, rate)
    return dict(iteration=i, loss=float(loss), energy_positive=float(e_pos.mean()), energy_negative=float(e_neg.mean()),
                cross_entropy=float(cross_entropy), learning_rate=rate)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--data", default=os.environ.get("MEBM_DATA"), help="folder that holds cifar-10-batches-bin")
    p.add_argument("--out", help="final JSON file")
    p.add_argument("--checkpoint", help="weights-only HDF5 checkpoint to write at the end")
    p.add_argument("--state", help="file that keeps the run's whole state every 20 iterations; a run that finds it goes on from there")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--iterations", type=int, default=1000)
    p.add_argument("--depth", type=int, default=10)
    p.add_argument("--width", type=int, default=2)
    p.add_argument("--steps", type=int, default=5)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--labelled", type=int, default=128)
    p.add_argument("--l2", type=float, default=0.5)
    p.add_argument("--noise", type=float, default=0.001)
    p.add_argument("--rho", type=float, default=0.05)
    p.add_argument("--buffer", type=int, default=10000)
    p.add_argument("--replacement", action="store_true", help="draw buffer rows with replacement, as the paper's code does")
    p.add_argument("--lr", type=float, default=0.1)
    p.add_argument("--warmup", type=int, default=100)
    p.add_argument("--log-every", type=int, default=20)
    p.add_argument("--test-images", type=int, default=10000)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    net = ref.WideResNet(a.depth, a.width).to(memory_format=torch.channels_last).train()
    generator = torch.Generator().manual_seed(a.seed)
    folder = os.path.join(a.data, "cifar-10-batches-bin")
    raw, labels = ref.read_cifar(folder)
    images = ref.to_unit(raw)
    begin = time.time()
    p0 = Start(images, generator)
    buffer = p0.draw(a.buffer)
    print(json.dumps(dict(event="start", torch=torch.__version__, parameters=ref.count_parameters(net), settings=vars(a),
                          p0_seconds=round(time.time() - begin, 1))), flush=True)
    optimizer = ref.sgd(net)
    streams = Stream(len(images), a.batch, generator), Stream(len(images), a.labelled, generator)
    curve, first, before = [], 0, 0.0
    if a.state and os.path.exists(a.state):
        kept = torch.load(a.state)
        net.load_state_dict(kept["net"])
        optimizer.load_state_dict(kept["optimizer"])
        generator.set_state(kept["generator"])
        for stream, state in zip(streams, kept["streams"]):
            stream.restore(state)
        buffer, curve, first, before = kept["buffer"], kept["curve"], kept["iteration"], kept["seconds"]
        print(json.dumps(dict(event="resumed", iteration=first)), flush=True)
    begin = time.time() - before
    for i in range(first, a.iterations):
        line = iteration(net, optimizer, buffer, p0, (images, labels), streams, a, i, generator)
        if not math.isfinite(line["loss"]) or abs(line["loss"]) > 1e5:
            print(json.dumps(dict(event="diverged", **line)), flush=True)
            raise SystemExit(1)
        if i % a.log_every == 0 or i + 1 == a.iterations:
            line["seconds"] = round(time.time() - begin, 1)
            curve.append(line)
            print(json.dumps(line), flush=True)
        if a.state and (i + 1) % 20 == 0:
            torch.save(dict(net=net.state_dict(), optimizer=optimizer.state_dict(), generator=generator.get_state(), buffer=buffer,
                            streams=[s.state() for s in streams], curve=curve, iteration=i + 1, seconds=time.time() - begin), a.state + ".new")
            os.replace(a.state + ".new", a.state)
    if a.checkpoint:
        with h5py.File(a.checkpoint, "w") as file:
            ref.write_model(file, net, 32, "head")
    test, answers = (t[:a.test_images] for t in ref.read_cifar(folder, test=True))
    result = dict(event="end", torch=torch.__version__, settings=vars(a), iterations=a.iterations,
                  seconds=round(time.time() - begin, 1), test_images=len(test),
                  accuracy_running=accuracy(net, test, answers, "running", 64),
                  accuracy_batch=accuracy(net, test, answers, "batch", 64), accuracy_batch_size=64,
                  accuracy_batch_128=accuracy(net, test, answers, "batch", 128), curve=curve)
    print(json.dumps(dict(result, curve=len(curve))), flush=True)
    if a.out:
        with open(a.out, "w") as file:
            json.dump(result, file, indent=1)


if __name__ == "__main__":
    main()
