#!/usr/bin/env python3
"""Recomputes in float64 a training run that the engine recorded with `--set run.trace=FILE --precision fp64`, and compares.

  /usr/bin/python3 tests/golden/replay_trace.py TRACE.h5 --data DIR     exit 0: all errors <= 1e-8; 1: a larger one; 2: bad input
  /usr/bin/python3 tests/golden/replay_trace.py --self-test             a tiny run made here passes, planted bugs are caught

The trace supplies the start and every random choice (README.md, "Trace"); everything else - passes, objective, update, running
statistics, buffer, learning rate - is computed here. Errors are norms of differences over norms of the recorded change (end - start).
"""
import argparse
import gzip
import os
import sys
import tomllib

import h5py
import numpy as np
import torch
import torch.nn.functional as F

import reference as ref

FLOOR = 1e-6  # a tensor's change is judged on at least this share of the largest change per element in its set
DEFAULTS = dict(
    data=dict(set="cifar10", augment=True, augment_positives=False, noise=0.0),
    model=dict(depth=28, width=10, norm="batch", energy="head", leak=0.2),
    sampler=dict(steps=5, step_size=1.0, noise=0.001, gradient_clamp=1.0, pixel_clamp=1.0, batch_norm="batch"),
    objective=dict(l2_coefficient=0.5, l2_form="reference", classifier_weight=0.0, energy_weight=1.0),
    optimizer=dict(name="sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4, warmup_iterations=1000, milestones=[60, 120, 180],
                   decay=0.2),
    run=dict(iterations_per_epoch=390))
PATHS = dict(parameters="model/parameters", buffers="model/buffers", momentum="optimizer/momentum", replay_buffer="replay_buffer")
RESULTS = ("loss", "energy_positive", "energy_negative", "cross_entropy", "learning_rate")


class BadTrace(Exception):
    pass


def read_config(text):
    given = tomllib.loads(text)
    config = {section: {**values, **{k: v for k, v in given.get(section, {}).items() if k in values}} for section, values in DEFAULTS.items()}
    if config["data"]["noise"] or config["data"]["augment_positives"] or config["optimizer"]["name"] != "sgd":
        raise BadTrace("data.noise, data.augment_positives and optimisers other than sgd are not replayed")
    return config


def read_idx(path):
    with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as file:
        raw = file.read()
    dims = [int.from_bytes(raw[4 + 4 * i:8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def find(folder, *names):
    for name in names:
        if os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    raise BadTrace(f"{folder}: none of {', '.join(names)}")


def read_data(kind, path):
    """Training images [N,C,H,W] uint8 or float64, labels [N]; in file order."""
    if os.path.isfile(path):
        with h5py.File(path) as file:
            images = torch.from_numpy(file["images"][()])
            labels = torch.from_numpy(file["labels"][()].astype(np.int64)) if "labels" in file else None
        return (images if images.dtype == torch.uint8 else images.double()), labels
    if kind == "cifar10":
        return ref.read_cifar(os.path.dirname(find(path, "data_batch_1.bin", "cifar-10-batches-bin/data_batch_1.bin")))
    if kind == "cifar100":
        return ref.read_cifar(os.path.dirname(find(path, "train.bin", "cifar-100-binary/train.bin")), classes=100)
    if kind in ("mnist", "fashion-mnist"):
        images, labels = (read_idx(find(path, stem, stem + ".gz")) for stem in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"))
        return torch.from_numpy(np.pad(images, ((0, 0), (2, 2), (2, 2)))[:, None]), torch.from_numpy(labels.astype(np.int64))
    raise BadTrace(f"data.set = {kind}: give its images as an HDF5 file")


def take(images, index):
    x = images[index]
    return ref.to_unit(x, torch.float64) if x.dtype == torch.uint8 else x


def read_tensors(group):
    return {name: torch.from_numpy(np.asarray(group[name][()])) for name in group}


def read_step(group):
    """One iteration's choices and results; scalars may be datasets or attributes."""
    step = {k: np.asarray(group[k][()]) for k in group}
    step.update({k: np.asarray(v) for k, v in group.attrs.items()})
    return step


def read_network(group, model):
    """The network of /start: sizes from the configuration and the tensors' shapes. Counters that are not recorded start at 0."""
    state = {**read_tensors(group["model/parameters"]), **(read_tensors(group["model/buffers"]) if "buffers" in group["model"] else {})}
    net = ref.WideResNet(model["depth"], model["width"], 4 if any(".layer4." in k for k in state) else 3,
                         len(state["class_output.bias"]) if "class_output.bias" in state else 1, state["f.conv1.weight"].shape[1],
                         model["norm"], model["leak"]).double()
    absent = set(net.state_dict()) - set(state)
    wrong = {k for k in absent if not k.endswith("num_batches_tracked")} | (set(state) - set(net.state_dict()))
    if "class_output.bias" not in state:
        wrong -= {"class_output.weight", "class_output.bias"}
    if wrong:
        raise BadTrace(f"/start/model: names differ from the configured network's: {', '.join(sorted(wrong)[:5])}")
    net.load_state_dict({**net.state_dict(), **state})
    return net.train()


def read_state(group):
    return {what: read_tensors(group[path]) for what, path in PATHS.items() if path in group}


def read_trace(path):
    with h5py.File(path) as file:
        if ref.text(file.attrs.get("format", "")) != "mebm-trace":
            raise BadTrace(f"{path}: root attribute format is not mebm-trace")
        config, start = read_config(ref.text(file.attrs["config"])), read_state(file["start"])
        return dict(config=config, net=read_network(file["start"], config["model"]),
                    steps={int(i): read_step(file["iteration"][i]) for i in sorted(file["iteration"], key=int)},
                    buffer=start["replay_buffer"]["images"].double() if "replay_buffer" in start else None,
                    momentum=start.get("momentum", {}), end=read_state(file["end"]))


def check_choices(trace, images, labels):
    """What the record must satisfy whatever the random numbers: ranges, strata, distinct rows, clamped draws."""
    for i, s in trace["steps"].items():
        def need(ok, what):
            if not ok:
                raise BadTrace(f"iteration {i}: {what}")
        for key in ("positive_index", "labelled_index"):
            if key in s and s[key].size:
                need(0 <= s[key].min() and s[key].max() < len(images), f"{key} outside the {len(images)} images")
                need(len(set(s[key].tolist())) == len(s[key]), f"{key} has duplicates")
        if "labelled_index" in s and s["labelled_index"].size:
            need(labels is not None, "labelled batch, but the data has no labels")
        if "crop" in s and s["crop"].size:
            need(s["crop"].min() >= 0 and (s["crop"].max(0) <= (8, 8, 1)).all(), "crop outside 0..8, 0..8, 0..1")
        if trace["buffer"] is not None:
            rows, n = s["buffer_index"], len(trace["buffer"])
            b = np.arange(len(rows))
            need(((rows >= b * n // len(b)) & (rows < (b + 1) * n // len(b))).all(), "buffer_index outside its stratum")
            need(np.isfinite(s["initial_draw"]).all() and np.abs(s["initial_draw"]).max(initial=0) <= 1, "initial_draw outside [-1,1]")
            need(not np.abs(s["initial_draw"][s["restart"] == 0]).any(), "initial_draw not zero where nothing restarts")


def chain(net, config, buffer, s):
    """Starts, K steps, write-back -> negatives."""
    c, rows = config["sampler"], torch.from_numpy(s["buffer_index"].astype(np.int64))
    x = torch.where(torch.from_numpy(s["restart"] != 0)[:, None, None, None], torch.from_numpy(s["initial_draw"]).double(), buffer[rows])
    net.train(c["batch_norm"] == "batch")
    for k in range(c["steps"]):
        noise = torch.from_numpy(s["noise"][k]).double() if c["noise"] else None
        x = ref.langevin_step(net, x, noise, c["step_size"], c["noise"], c["gradient_clamp"], c["pixel_clamp"], config["model"]["energy"])
    net.train()
    buffer[rows] = x
    return x


def iterate(net, optimizer, config, buffer, images, labels, s, i):
    o, zero = config["objective"], torch.zeros((), dtype=torch.float64)
    e_pos = e_neg = cross_entropy = None
    if o["energy_weight"]:
        e_pos = -net.log_density(take(images, torch.from_numpy(s["positive_index"].astype(np.int64))), config["model"]["energy"])
        e_neg = -net.log_density(chain(net, config, buffer, s), config["model"]["energy"])
    if o["classifier_weight"]:
        pick = torch.from_numpy(s["labelled_index"].astype(np.int64))
        x = take(images, pick)
        cross_entropy = F.cross_entropy(net(ref.augment(x, s["crop"]) if config["data"]["augment"] else x)[2], labels[pick])
    loss = (ref.objective(e_pos, e_neg, o["l2_coefficient"], o["l2_form"], cross_entropy, o["energy_weight"], o["classifier_weight"])
            if o["energy_weight"] else o["classifier_weight"] * cross_entropy)
    p = config["optimizer"]
    rate = ref.learning_rate(i, p["learning_rate"], p["warmup_iterations"], p["milestones"], p["decay"], config["run"]["iterations_per_epoch"])
    ref.update(optimizer, loss, rate)
    values = loss, zero if e_pos is None else e_pos.mean(), zero if e_neg is None else e_neg.mean(), zero if cross_entropy is None else cross_entropy
    return dict(zip(RESULTS, [float(v.detach()) for v in values] + [rate]))


def replay(trace, images, labels, progress=False):
    """-> per-iteration results, end state in the layout of trace["end"]. The trace's network and buffer are not changed."""
    config, net = trace["config"], ref.WideResNet(**trace["net"].config).double()
    net.load_state_dict(trace["net"].state_dict())
    net.train()
    buffer = None if trace["buffer"] is None else trace["buffer"].clone()
    optimizer = ref.sgd(net, config["optimizer"]["momentum"], config["optimizer"]["weight_decay"])
    for name, p in net.named_parameters():
        if name in trace["momentum"]:
            optimizer.state[p]["momentum_buffer"] = trace["momentum"][name].double().clone()
    results = {}
    for i, s in trace["steps"].items():
        results[i] = iterate(net, optimizer, config, buffer, images, labels, s, i)
        if progress:
            print(f"iteration {i}: " + ", ".join(f"{k} {v:.9g}" for k, v in results[i].items()), flush=True)
    end = dict(parameters={k: p.detach() for k, p in net.named_parameters()}, buffers=dict(net.named_buffers()),
               momentum={k: optimizer.state[p]["momentum_buffer"] for k, p in net.named_parameters() if p in optimizer.state})
    if buffer is not None:
        end["replay_buffer"] = {"images": buffer}
    return results, end


def set_errors(recorded, computed, start):
    """name -> ||recorded - computed|| / ||recorded - start||, the denominator at least FLOOR of the set's largest change per element."""
    change = {k: recorded[k].double() - start.get(k, torch.zeros(1)).double() for k in recorded}
    scale = max((float(c.norm()) / c.numel() ** 0.5 for c in change.values()), default=0.0)
    out = {}
    for name, c in change.items():
        difference = float((recorded[name].double() - computed[name].double()).norm())
        denominator = max(float(c.norm()), FLOOR * scale * c.numel() ** 0.5)
        out[name] = 0.0 if difference == 0 else difference / denominator if denominator else float("inf")
    return out


def optional(name):
    """Counters need not be recorded, nor a class head that the run does not have."""
    return name.endswith("num_batches_tracked") or name.startswith("class_output.")


def errors(trace, results, end):
    """(what, name) -> relative error."""
    state = trace["net"].state_dict()
    starts = dict(parameters=state, buffers=state, momentum=trace["momentum"], replay_buffer={"images": trace["buffer"]})
    out = {}
    for what, recorded in trace["end"].items():
        computed = end[what]
        if what == "momentum":  # a parameter that no loss reached may be recorded as zeros or left out
            computed = {**{k: torch.zeros_like(v) for k, v in recorded.items()}, **computed}
        computed = {k: v for k, v in computed.items() if k in recorded or not optional(k)}
        missing = set(computed) ^ set(recorded)
        if missing:
            raise BadTrace(f"/end/{what}: names differ from the network's: {', '.join(sorted(missing)[:5])}")
        for name, e in set_errors(recorded, computed, starts[what]).items():
            out[what, name] = e
    for key in RESULTS:
        pairs = [(float(s[key]), results[i][key]) for i, s in trace["steps"].items() if key in s]
        scale = max((abs(r) for r, _ in pairs), default=0.0)
        for (i, _), (r, c) in zip(((i, s) for i, s in trace["steps"].items() if key in s), pairs):
            out[key, f"iteration {i}"] = 0.0 if r == c else abs(r - c) / max(abs(r), FLOOR * scale, 1e-300)
    for key in ("loss", "learning_rate"):
        if not any(k[0] == key for k in out):
            raise BadTrace(f"no iteration records {key}")
    for what in ("parameters", "buffers"):
        if what not in trace["end"]:
            raise BadTrace(f"/end/{what} is missing")
    return out


def report(found, tolerance):
    """Prints the worst of each kind -> all within tolerance (a NaN is not)."""
    good = True
    for what in dict.fromkeys(k[0] for k in found):
        part = {k[1]: e for k, e in found.items() if k[0] == what}
        name = max(part, key=lambda k: float("inf") if part[k] != part[k] else part[k])
        bad = [k for k, e in part.items() if not e <= tolerance]
        good = good and not bad
        print(f"{what:16s} {len(part):4d} compared, worst {part[name]:.2e} ({name})" + (f", {len(bad)} above {tolerance:g}" if bad else ""))
    return good


def statistics_line(trace):
    steps = list(trace["steps"].values())
    if trace["buffer"] is None:
        return
    restarts = np.concatenate([s["restart"] for s in steps])
    line = f"{len(steps)} iterations, {int(restarts.sum())} of {len(restarts)} chains restarted"
    noise = [s["noise"].reshape(-1) for s in steps if "noise" in s and s["noise"].size]
    if noise:
        z = np.concatenate(noise)
        line += f", noise mean {z.mean():.2e}, variance {z.var():.5f}, fourth moment {(z ** 4).mean():.4f} ({len(z)} numbers)"
    print(line)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("trace", nargs="?")
    p.add_argument("--data", help="folder of the data set (or an HDF5 images file)")
    p.add_argument("--tolerance", type=float, default=1e-8)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--quiet", action="store_true")
    p.add_argument("--self-test", action="store_true")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    if a.self_test:
        import replay_self_test
        return 0 if replay_self_test.self_test(a.tolerance) else 1
    if not a.trace or not a.data:
        p.error("a trace file and --data are needed")
    try:
        trace = read_trace(a.trace)
        images, labels = read_data(trace["config"]["data"]["set"], a.data)
        check_choices(trace, images, labels)
        statistics_line(trace)
        found = errors(trace, *replay(trace, images, labels, not a.quiet))
    except (BadTrace, OSError, KeyError) as error:
        print(f"replay_trace: {error}", file=sys.stderr)
        return 2
    good = report(found, a.tolerance)
    print("agrees" if good else "DISAGREES")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
