"""Self-test of replay_trace.py: a tiny M-JEM run recorded here is accepted, and rejected when whoever ran it had one of the planted bugs."""
import tempfile

import h5py
import numpy as np
import torch

import reference as ref
import replay_trace


SELF_TEST_CONFIG = """
[model]
architecture = "wide_resnet"
depth = 10
width = 1
energy = "head"
[data]
set = "images"
batch_size = 4
labelled_batch_size = 6
augment = true
[sampler]
steps = 2
step_size = 1.0
noise = 0.01
[buffer]
size = 13
reinit_probability = 0.3
[objective]
l2_coefficient = 0.5
l2_form = "reference"
classifier_weight = 1.0
[optimizer]
learning_rate = 0.1
warmup_iterations = 2
milestones = [1]
[run]
iterations_per_epoch = 3
precision = "fp64"
"""


def make_trace(random):
    """A tiny M-JEM run's start and choices; results are left to whoever plays the engine."""
    torch.manual_seed(3)
    steps, n, b = {}, 13, 4
    for i in range(5):
        restart = (random.random(b) < 0.3).astype(np.uint8)
        restart[i % b] = 1
        draw = np.clip(random.normal(size=(b, 3, 32, 32)), -1, 1) * restart[:, None, None, None]
        steps[i] = dict(buffer_index=np.array([random.integers(j * n // b, (j + 1) * n // b) for j in range(b)]), restart=restart,
                        initial_draw=draw, noise=random.normal(size=(2, b, 3, 32, 32)), positive_index=random.permutation(40)[:b],
                        labelled_index=random.permutation(40)[:6],
                        crop=np.stack([random.integers(0, 9, 6), random.integers(0, 9, 6), random.integers(0, 2, 6)], 1).astype(np.int32))
    return dict(config=replay_trace.read_config(SELF_TEST_CONFIG), net=ref.WideResNet(10, 1).double().train(), steps=steps,
                buffer=torch.from_numpy(random.uniform(-1, 1, (n, 3, 32, 32))), momentum={}, end={})


def write_trace(path, trace, results, end):
    with h5py.File(path, "w") as file:
        file.attrs.update(dict(format="mebm-trace", version=1, config=SELF_TEST_CONFIG))
        ref.write_model(file, trace["net"], 32, "head", "start")
        file["start/replay_buffer/images"] = trace["buffer"].numpy()
        for i, s in trace["steps"].items():
            for key, value in {**s, **results[i]}.items():
                file[f"iteration/{i}/{key}"] = value
        for what, tensors in end.items():
            ref.write_tensors(file.create_group(f"end/{replay_trace.PATHS[what]}"), tensors)


def change_steps(key, function):
    return lambda trace: {**trace, "steps": {i: {**s, key: function(s[key])} for i, s in trace["steps"].items()}}


def change_config(section, **values):
    return lambda trace: {**trace, "config": {**trace["config"], section: {**trace["config"][section], **values}}}


PLANTED = {
    "noise scaled by 0.9": change_steps("noise", lambda z: 0.9 * z),
    "noise of the two steps swapped": change_steps("noise", lambda z: z[::-1].copy()),
    "restarts ignored": change_steps("restart", lambda r: 0 * r),
    "buffer rows off by one": change_steps("buffer_index", lambda r: (r + 1) % 13),
    "flips ignored": change_steps("crop", lambda c: c * np.array([1, 1, 0], np.int32)),
    "crop rows and columns swapped": change_steps("crop", lambda c: c[:, [1, 0, 2]]),
    "no augmentation": change_config("data", augment=False),
    "other L2 form": change_config("objective", l2_form="means"),
    "gradient clamp 1e-3": change_config("sampler", gradient_clamp=1e-3),
    "no pixel clamp": change_config("sampler", pixel_clamp=0.0),
    "chains with running statistics": change_config("sampler", batch_norm="running"),
    "warm-up one longer": change_config("optimizer", warmup_iterations=3),
    "no weight decay": change_config("optimizer", weight_decay=0.0),
    "milestone missed": change_config("optimizer", milestones=[]),
}


def self_test(tolerance):
    random = np.random.Generator(np.random.PCG64(5))
    raw = torch.from_numpy(random.integers(0, 256, (40, 3, 32, 32)).astype(np.uint8))
    labels = torch.from_numpy(random.integers(0, 10, 40))
    true, failures, good = make_trace(random), [], None
    with tempfile.TemporaryDirectory() as folder:
        for name, bug in {"": lambda trace: trace, **PLANTED}.items():
            path = f"{folder}/trace.h5"
            write_trace(path, true, *replay_trace.replay(bug(true), raw, labels))
            read = replay_trace.read_trace(path)
            replay_trace.check_choices(read, raw, labels)
            good = good or replay_trace.replay(read, raw, labels)  # the record of the choices is the same each time
            found = replay_trace.errors(read, *good)
            worst = max(found.values())
            caught = not worst <= tolerance
            print(f"{name or 'faithful run':32s} largest error {worst:.2e}: {'rejected' if caught else 'accepted'}", flush=True)
            if caught != bool(name):
                failures.append(name or "faithful run")
    print("self-test failed: " + ", ".join(failures) if failures else f"self-test passed, {len(PLANTED)} planted bugs caught")
    return not failures
