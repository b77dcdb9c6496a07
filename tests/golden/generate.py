#!/usr/bin/env python3
"""Writes the committed fixtures (*.h5) that the C++ tests compare with; README.md in this folder documents every one.

  OMP_NUM_THREADS=1 /usr/bin/python3 tests/golden/generate.py [--out DIR] [FILE ...]

Deterministic: a second run writes the same arrays. `--check DIR` compares the arrays of the committed files with those in DIR.
"""
import argparse
import contextlib
import os
import zlib

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import fixtures_ops
import reference as ref
from packing import pack

HERE = os.path.dirname(os.path.abspath(__file__))
COMPRESS = dict(compression="gzip", compression_opts=9, shuffle=True)
ENERGIES = ("head", "logsumexp", "class")

# name: network, image side, rows of (positives and starts, labelled), factor on the heads' weights
NETWORKS = {
    "wrn10_1_batch": (dict(depth=10, width=1), 32, (6, 8), 64),
    "wrn10_2_batch": (dict(depth=10, width=2), 32, (4, 6), 64),
    "wrn10_3_batch_1channel": (dict(depth=10, width=3, in_channels=1, classes=7), 32, (5, 6), 64),
    "wrn10_1_batch_4stages": (dict(depth=10, width=1, stages=4), 64, (3, 4), 64),
    "wrn16_1_batch": (dict(depth=16, width=1), 32, (4, 5), 64),
    "wrn10_1_none": (dict(depth=10, width=1, norm="none"), 32, (4, 5), 4),
    "wrn10_2_none": (dict(depth=10, width=2, norm="none"), 32, (3, 4), 4),
}
# name: energy, L2 coefficient, L2 form, classifier weight
OBJECTIVES = {
    "mebm_paper": ("head", 0.5, "paper", 0.0),
    "mebm_reference": ("head", 0.5, "reference", 0.0),
    "mebm_means": ("head", 0.5, "means", 0.0),
    "mjem": ("head", 0.5, "reference", 1.0),
    "lse_jem": ("logsumexp", 0.0, "reference", 1.0),
}


def random_of(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def make_network(name):
    """Random weights in float64 that float32 holds exactly. Convolution and head weights are small integers times a power of two, so
    that they compress; biases and batch-norm use float32's whole mantissa, so that no pre-activation is exactly 0 (LeakyReLU's kink).
    """
    config, _, _, factor = NETWORKS[name]
    net, random, levels = ref.WideResNet(**config).double(), random_of(name), 3 if config["width"] == 3 else 7
    with torch.no_grad():
        for key, p in net.state_dict().items():
            shape = tuple(p.shape)
            if key.endswith("num_batches_tracked"):
                p.fill_(int(random.integers(1, 50)))
                continue
            if p.dim() > 1:
                scale = 2.0 ** np.round(np.log2((2 if config.get("norm") == "none" else 1) / np.sqrt(np.prod(shape[1:]))))
                value = random.integers(-levels, levels + 1, shape) / (levels + 1.0) * scale
                if key == "energy_output.weight":
                    value = value * factor
                if key == "class_output.weight":
                    value = value * factor / 2
            elif ".bn" in key and key.endswith(".weight"):
                value = random.uniform(0.5, 1.5, shape)
            elif key.endswith("running_var"):
                value = random.uniform(0.3, 1.2, shape)
            else:
                value = random.uniform(-0.3, 0.3, shape)
            p.copy_(torch.from_numpy(np.asarray(value, dtype=np.float32)).double())
    return net.train()


def make_images(random, n, channels, size):
    """Blocks plus pixel noise on the grid k/64 in [-1,1]."""
    blocks = random.uniform(-0.8, 0.8, (n, channels, size // 8, size // 8)).repeat(8, 2).repeat(8, 3)
    x = blocks + random.uniform(-0.3, 0.3, (n, channels, size, size))
    return torch.from_numpy(np.clip(np.round(x * 64) / 64, -1, 1))


def make_inputs(name):
    config, size, (rows, labelled), _ = NETWORKS[name]
    random, channels, classes = random_of(name + "/input"), config.get("in_channels", 3), config.get("classes", 10)
    return dict(positive=make_images(random, rows, channels, size), start=make_images(random, rows, channels, size),
                labelled=make_images(random, labelled, channels, size),
                positive_labels=torch.from_numpy(random.integers(0, classes, rows)),
                labels=torch.from_numpy(random.integers(0, classes, labelled)))


@contextlib.contextmanager
def slope(net, leak):
    """The network with another LeakyReLU slope."""
    modules = [m for m in net.modules() if hasattr(m, "leak")]
    old = [m.leak for m in modules]
    for m in modules:
        m.leak = leak
    yield
    for m, was in zip(modules, old):
        m.leak = was


def store(file, path, tensor, compress=True):
    a = tensor.detach().numpy() if torch.is_tensor(tensor) else np.asarray(tensor)
    file.create_dataset(path, data=a, **(COMPRESS if compress and a.size > 256 else {}))


def forward_case(file, path, net, x, labels, leak, full):
    """Energies, logits, features and input gradients of the positives in both batch-norm modes."""
    for mode in ("batch", "running"):
        at, gradients = f"{path}/{mode}", {}
        with ref.statistics(net, mode):
            with torch.no_grad():
                features, _, logits = net(x)
                for energy in ENERGIES:
                    store(file, f"{at}/energy_{energy}", -net.log_density(x, energy, labels))
            store(file, f"{at}/features", features)
            store(file, f"{at}/logits", logits)
            # a linear network's batch-normalised features have a constant mean: with leak 1 the sum of head energies has no gradient
            for energy in ENERGIES[1:] if mode == "batch" and leak == 1 and net.config["norm"] == "batch" else ENERGIES:
                gradients[energy] = ref.energy_gradient(net, x, energy, labels)
        pack(file, f"{at}/input_gradient", gradients, 256)
        if full and mode == "batch":
            store(file, f"{at}/input_gradient_full", gradients["head"])


def pack_buffers(group, net):
    if dict(net.named_buffers()):
        pack(group, "buffers", dict(net.named_buffers()), 1024)


def run_objective(net, inputs, case, steps):
    """One objective from the network's present state, in the order of the passes: positives, chain, negatives, labelled."""
    energy, coefficient, form, classifier = case
    states = [inputs["start"].to(inputs["positive"].dtype)]
    e_pos = -net.log_density(inputs["positive"], energy)
    for _ in range(steps):
        states.append(ref.langevin_step(net, states[-1], energy=energy))
    e_neg = -net.log_density(states[-1], energy)
    cross_entropy = F.cross_entropy(net(inputs["labelled"])[2], inputs["labels"]) if classifier else None
    return e_pos, e_neg, states, cross_entropy, ref.objective(e_pos, e_neg, coefficient, form, cross_entropy)


def objective_case(file, path, net, inputs, case, steps, full):
    kept = {k: v.clone() for k, v in net.state_dict().items()}
    net.zero_grad(set_to_none=True)
    e_pos, e_neg, states, cross_entropy, loss = run_objective(net, inputs, case, steps)
    loss.backward()
    group = file.create_group(path)
    group.attrs.update(dict(energy=case[0], l2_coefficient=case[1], l2_form=case[2], classifier_weight=case[3],
                            steps=np.int64(steps), loss=float(loss), energy_positive=float(e_pos.mean()),
                            energy_negative=float(e_neg.mean()), cross_entropy=float(cross_entropy) if case[3] else 0.0))
    store(group, "energies_positive", e_pos)
    store(group, "energies_negative", e_neg)
    if steps:
        pack(group, "states", {f"state_{k}": s for k, s in enumerate(states)}, 64)
    reached = {k: p.grad for k, p in net.named_parameters() if p.grad is not None}
    pack(group, "gradient", reached)
    group.attrs["unreached"] = "\n".join(k for k, p in net.named_parameters() if p.grad is None)
    pack_buffers(group, net)
    if full:
        for key, gradient in reached.items():
            if gradient.numel() <= 10000:
                store(group, f"gradient_full/{key}", gradient)
    net.load_state_dict(kept)
    return path, float(loss), float(max(g.abs().max() for g in reached.values()))


def network_file(file, name):
    net, inputs = make_network(name), make_inputs(name)
    main = name == "wrn10_1_batch"
    single = {k: v.float() for k, v in net.named_parameters()}
    buffers = {k: v.float() if v.is_floating_point() else v for k, v in net.named_buffers()}
    ref.write_model(file, net, NETWORKS[name][1], "head", parameters=single, buffers=buffers, options=COMPRESS)
    for key, value in inputs.items():
        store(file, f"expected/input/{key}", value)
    for leak in (0.2, 1.0):
        with slope(net, leak):
            at = f"expected/leak_{leak:g}"
            forward_case(file, f"{at}/forward", net, inputs["positive"], inputs["positive_labels"], leak, main and leak == 0.2)
            for case in OBJECTIVES:
                steps = 2 if leak == 0.2 else 0
                if steps or case in ("mebm_paper", "mjem", "lse_jem"):
                    full = main and steps and case == "mjem"
                    print(name, *objective_case(file, f"{at}/{case}", net, inputs, OBJECTIVES[case], steps, full))


CHAINS = {"plain": dict(step_size=1.0, gradient_clamp=1.0, pixel_clamp=1.0),
          "clamped": dict(step_size=3.0, gradient_clamp=0.1, pixel_clamp=0.875),
          "unclamped": dict(step_size=2.0, gradient_clamp=0.0, pixel_clamp=0.0)}


def chain_file(file):
    """Five noise-free steps of the main network under three settings of the clamps."""
    name = "wrn10_1_batch"
    file.attrs["weights"] = name + ".h5"
    start = make_inputs(name)["start"][:3]
    for case, options in CHAINS.items():
        net, states, energies, over = make_network(name), [start], [], []
        for _ in range(5):
            with ref.statistics(net, "batch"):
                energies.append(-net.log_density(states[-1]).detach())
                gradient = ref.energy_gradient(net, states[-1])
            over.append(float((gradient.abs() > (options["gradient_clamp"] or np.inf)).double().mean()))
            states.append(ref.langevin_step(net, states[-1], **options))
        bound = [float((x.abs() >= options["pixel_clamp"]).double().mean()) if options["pixel_clamp"] else 0.0 for x in states[1:]]
        group = file.create_group(case)
        group.attrs.update(options)
        group["energies"] = torch.stack(energies).numpy()
        group["share_gradient_clamped"], group["share_pixels_at_bound"] = np.array(over), np.array(bound)
        pack(group, "states", {f"state_{k}": s for k, s in enumerate(states)}, 1024)
        pack_buffers(group, net)
        if case == "plain":
            store(group, "last_state_full", states[-1])
        print("chain", case, over, bound, [round(float(e.mean()), 3) for e in energies])


UPDATES = dict(iterations=10, learning_rate=0.1, momentum=0.9, weight_decay=5e-4, warmup_iterations=3, milestone=1,
               iterations_per_epoch=6, decay=0.2, head_scale=1 / 64)


def ten_updates(inputs, steps, dtype=torch.float64, leak=0.2, channels_last=False, reverse=False):
    """Ten updates of M-JEM on the same batches -> network, losses."""
    net = make_network("wrn10_1_batch").to(dtype)
    with torch.no_grad():
        net.energy_output.weight.mul_(UPDATES["head_scale"])
        net.class_output.weight.mul_(UPDATES["head_scale"])
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
    batch = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    if reverse:
        batch = {k: v.flip(0) for k, v in batch.items()}
    start = {k: v.detach().clone() for k, v in net.named_parameters()}
    optimizer, losses = ref.sgd(net, UPDATES["momentum"], UPDATES["weight_decay"]), []
    with slope(net, leak):
        for i in range(UPDATES["iterations"]):
            loss = run_objective(net, batch, OBJECTIVES["mjem"], steps)[-1]
            rate = ref.learning_rate(i, UPDATES["learning_rate"], UPDATES["warmup_iterations"], (UPDATES["milestone"],),
                                     UPDATES["decay"], UPDATES["iterations_per_epoch"])
            ref.update(optimizer, loss, rate)
            losses.append(float(loss))
    change = {k: (p.detach().double() - start[k].double()) for k, p in net.named_parameters()}
    momentum = {k: optimizer.state[p]["momentum_buffer"] for k, p in net.named_parameters() if p in optimizer.state}
    return net, losses, change, momentum


def updates_file(file):
    inputs = make_inputs("wrn10_1_batch")
    file.attrs["weights"] = "wrn10_1_batch.h5"
    file.attrs.update(UPDATES)
    for steps, leak in ((0, 0.2), (2, 0.2), (0, 1.0)):
        net, losses, change, momentum = ten_updates(inputs, steps, leak=leak)
        group = file.create_group(f"steps_{steps}_leak_{leak:g}")
        group.attrs["steps"], group.attrs["leak"] = np.int64(steps), leak
        store(group, "losses", np.array(losses))
        pack(group, "change", change, 128)
        pack(group, "momentum", momentum)
        pack_buffers(group, net)
        if steps:
            for key, value in change.items():
                store(group, f"change_float32/{key}", value.float())
        variants = dict(plain={}, channels_last=dict(channels_last=True), reversed_rows=dict(reverse=True))
        distances = []
        for options in list(variants.values()) + [None]:
            with torch.backends.mkldnn.flags(enabled=options is not None):
                other = ten_updates(inputs, steps, torch.float32, leak, **(options or {}))[2]
            distances.append([float((other[k] - change[k]).norm()) for k in change])
        group.attrs["float32_variants"] = "\n".join(list(variants) + ["no_mkldnn"])
        group.attrs["names"] = "\n".join(change)
        store(group, "float32_distance", np.array(distances), False)
        store(group, "change_norm", np.array([float(v.norm()) for v in change.values()]), False)
        total = np.linalg.norm(np.array(distances), axis=1) / np.linalg.norm(group["change_norm"][()])
        print("updates", steps, leak, [round(v, 4) for v in losses], "float32 distance", total)


def same(a, b, path="/"):
    """Names of the arrays and attributes in which two files differ."""
    out = [f"{path}@{k}" for k in set(a.attrs) | set(b.attrs)
           if k not in a.attrs or k not in b.attrs or not np.array_equal(a.attrs[k], b.attrs[k])]
    for k in set(a) | set(b):
        if k not in a or k not in b:
            out.append(path + k)
        elif isinstance(a[k], h5py.Group):
            out += same(a[k], b[k], path + k + "/")
        elif a[k].dtype != b[k].dtype or not np.array_equal(a[k][()], b[k][()]):
            out.append(path + k)
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", default=HERE)
    p.add_argument("--check", metavar="DIR", help="compare the committed files with those in DIR instead of writing")
    p.add_argument("files", nargs="*", help="names without .h5; default: all")
    a = p.parse_args()
    torch.set_num_threads(1)
    writers = {name: (lambda file, name=name: network_file(file, name)) for name in NETWORKS}
    writers.update(chain=chain_file, updates=updates_file, ops=fixtures_ops.write)
    differences = []
    for name in a.files or writers:
        if a.check:
            with h5py.File(f"{HERE}/{name}.h5") as one, h5py.File(f"{a.check}/{name}.h5") as two:
                differences += [f"{name}.h5{d}" for d in same(one, two)]
            continue
        with h5py.File(f"{a.out}/{name}.h5", "w", libver=("v108", "v110")) as file:
            writers[name](file)
    if a.check:
        print("\n".join(differences) or "identical")
        raise SystemExit(1 if differences else 0)


if __name__ == "__main__":
    main()
