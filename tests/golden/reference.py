"""M-EBM / M-JEM / LSE-JEM in PyTorch: network, energies, chain step, objectives, schedule, files.

The independent side of every comparison with PyTorch: written from the project's specification and from the paper's public code
(sndnyang/mebm), sharing no line with the engine. Debian 12's python3-torch (1.13) and python3-h5py are enough.

Conventions: images [N,C,H,W] in [-1,1]; f(x) = -E(x); chains descend E, that is, climb f.
"""
import contextlib
import math

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HEADS = {"head": "energy_output", "logsumexp": "class_output", "class": "class_output"}


def norm_layer(norm, channels, momentum=0.9):
    """BatchNorm2d with PyTorch's momentum 0.9 (running = 0.1 old + 0.9 new), or nothing."""
    if norm == "batch":
        return nn.BatchNorm2d(channels, eps=1e-5, momentum=momentum)
    if norm == "none":
        return nn.Identity()
    raise ValueError(f"norm: {norm}, expected batch or none")


class Block(nn.Module):
    """Pre-activation block: the first 3x3 convolution has stride 1, the second the block's stride; shortcut on the raw input."""

    def __init__(self, cin, cout, stride, norm, leak):
        super().__init__()
        self.leak = leak
        self.bn1 = norm_layer(norm, cin)
        self.conv1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.bn2 = norm_layer(norm, cout)
        self.conv2 = nn.Conv2d(cout, cout, 3, padding=1, stride=stride)
        self.shortcut = nn.Sequential()
        if stride != 1 or cin != cout:
            self.shortcut = nn.Sequential(nn.Conv2d(cin, cout, 1, stride=stride))

    def forward(self, x):
        h = self.conv1(F.leaky_relu(self.bn1(x), self.leak))
        return self.conv2(F.leaky_relu(self.bn2(h), self.leak)) + self.shortcut(x)


class Backbone(nn.Module):
    """Images [N,C,H,W] -> features [N,D], D = 64k (three stages) or 128k (four)."""

    def __init__(self, depth, width, stages, in_channels, norm, leak):
        super().__init__()
        if (depth - 4) % 6 or depth < 10:
            raise ValueError(f"depth: {depth}, expected 6n+4 with n >= 1")
        self.leak, self.stages, cin = leak, stages, 16
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1)
        for s in range(stages):
            blocks = []
            for b in range((depth - 4) // 6):
                cout = 16 * width * 2 ** s
                blocks.append(Block(cin, cout, 2 if s and not b else 1, norm, leak))
                cin = cout
            setattr(self, f"layer{s + 1}", nn.Sequential(*blocks))
        self.bn1 = norm_layer(norm, cin)
        self.last_dim = cin

    def forward(self, x):
        h = self.conv1(x)
        for s in range(self.stages):
            h = getattr(self, f"layer{s + 1}")(h)
        return F.leaky_relu(self.bn1(h), self.leak).mean((2, 3))


class WideResNet(nn.Module):
    """Backbone `f` with the linear heads `energy_output` (1) and `class_output` (classes)."""

    def __init__(self, depth=10, width=1, stages=3, classes=10, in_channels=3, norm="batch", leak=0.2):
        super().__init__()
        self.config = dict(depth=depth, width=width, stages=stages, classes=classes, in_channels=in_channels, norm=norm, leak=leak)
        self.f = Backbone(depth, width, stages, in_channels, norm, leak)
        self.energy_output = nn.Linear(self.f.last_dim, 1)
        self.class_output = nn.Linear(self.f.last_dim, classes)

    def forward(self, x):
        """-> features [N,D], energy head f [N], logits [N,C]."""
        features = self.f(x)
        return features, self.energy_output(features).squeeze(1), self.class_output(features)

    def log_density(self, x, energy="head", labels=None):
        """f(x) = -E(x) [N] of one of the three energies."""
        features = self.f(x)
        if energy == "head":
            return self.energy_output(features).squeeze(1)
        logits = self.class_output(features)
        if energy == "logsumexp":
            return logits.logsumexp(1)
        if energy == "class":
            return logits.gather(1, labels[:, None]).squeeze(1)
        raise ValueError(f"energy: {energy}, expected head, logsumexp or class")


@contextlib.contextmanager
def statistics(net, mode):
    """Batch-norm in `batch` or `running` mode, buffers restored on leaving (so `batch` leaves no trace)."""
    was, kept = net.training, {k: v.clone() for k, v in net.named_buffers()}
    net.train(mode == "batch")
    try:
        yield net
    finally:
        net.train(was)
        for name, buffer in net.named_buffers():
            buffer.copy_(kept[name])


def energy_gradient(net, x, energy="head", labels=None):
    """d(sum E)/dx; the network is left in the mode it is in, so batch mode folds one pass into the running statistics."""
    x = x.detach().requires_grad_(True)
    return -torch.autograd.grad(net.log_density(x, energy, labels).sum(), x)[0]


def langevin_step(net, x, noise=None, step_size=1.0, sigma=0.0, gradient_clamp=1.0, pixel_clamp=1.0, energy="head", labels=None):
    """x <- clamp(x - a clamp(dE/dx) + sigma noise); a clamp of 0 is off."""
    g = energy_gradient(net, x, energy, labels)
    if gradient_clamp:
        g = g.clamp(-gradient_clamp, gradient_clamp)
    x = x.detach() - step_size * g
    if noise is not None:
        x = x + sigma * noise
    return x.clamp(-pixel_clamp, pixel_clamp) if pixel_clamp else x


def l2_term(e_pos, e_neg, form):
    """The three readings of the energy regulariser."""
    if form == "paper":
        return (e_pos ** 2).mean() + (e_neg ** 2).mean()
    if form == "reference":
        return (e_pos ** 2).mean() + e_neg.mean() ** 2
    if form == "means":
        return e_pos.mean() ** 2 + e_neg.mean() ** 2
    raise ValueError(f"l2_form: {form}, expected paper, reference or means")


def objective(e_pos, e_neg, l2_coefficient=0.0, l2_form="reference", cross_entropy=None, energy_weight=1.0, classifier_weight=1.0):
    """L = w_e (mean E+ - mean E- + alpha R) + w_c CE."""
    loss = e_pos.mean() - e_neg.mean()
    if l2_coefficient:
        loss = loss + l2_coefficient * l2_term(e_pos, e_neg, l2_form)
    loss = energy_weight * loss
    return loss if cross_entropy is None else loss + classifier_weight * cross_entropy


def learning_rate(i, base, warmup=1000, milestones=(), decay=0.2, iterations_per_epoch=390):
    """Iterations from 0: base i/warmup while i <= warmup, then base decay^(milestones reached)."""
    if warmup and i <= warmup:
        return base * i / warmup
    return base * decay ** sum(i // iterations_per_epoch >= m for m in milestones)


def sgd(net, momentum=0.9, weight_decay=5e-4):
    """PyTorch's SGD over all parameters: those the loss does not reach have no gradient and stay as they are."""
    return torch.optim.SGD(net.parameters(), lr=0.0, momentum=momentum, weight_decay=weight_decay)


def update(optimizer, loss, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


def gaussian(images, jitter=1e-4, chunk=5000):
    """Mean [D] and lower Cholesky factor [D,D] (float64) of N(mu, Sigma + jitter I), Sigma divided by N; images float32 in [-1,1]."""
    flat = images.reshape(len(images), -1)
    mean = flat.mean(0, dtype=torch.float64)
    covariance = torch.zeros(flat.shape[1], flat.shape[1], dtype=torch.float64)
    for part in flat.split(chunk):
        centred = (part.double() - mean).to(flat.dtype)
        covariance += (centred.T @ centred).double()
    covariance /= len(flat)
    covariance.diagonal().add_(jitter)
    return mean, torch.linalg.cholesky(covariance)


def augment(images, crop):
    """Reflect-pad 4, crop, flip. crop [N,3]: row and column (0..8) of the window's corner in the padded image, flip 0/1 after the crop."""
    n, _, h, w = images.shape
    padded = F.pad(images, (4, 4, 4, 4), mode="reflect")
    out = torch.empty_like(images)
    for i in range(n):
        r, c, flip = (int(v) for v in crop[i])
        view = padded[i, :, r:r + h, c:c + w]
        out[i] = view.flip(-1) if flip else view
    return out


def read_cifar(folder, test=False, classes=10):
    """Official binary layout -> images [N,3,32,32] uint8, labels [N] int64 (the fine ones of CIFAR-100)."""
    if classes == 100:
        names, skip = (["test.bin"] if test else ["train.bin"]), 2
    else:
        names, skip = (["test_batch.bin"] if test else [f"data_batch_{i}.bin" for i in range(1, 6)]), 1
    rows = np.concatenate([np.fromfile(f"{folder}/{n}", dtype=np.uint8).reshape(-1, skip + 3072) for n in names])
    return torch.from_numpy(rows[:, skip:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(rows[:, skip - 1].astype(np.int64))


def to_unit(images, dtype=torch.float32):
    """Bytes -> x = v/127.5 - 1."""
    return images.to(dtype) / 127.5 - 1


def write_model(file, net, image_size, energy, group="/", parameters=None, buffers=None, options=None):
    """Writes a weights-only checkpoint below `group` of an open HDF5 file: format, version, /model."""
    root = file.require_group(group)
    root.attrs["format"], root.attrs["version"] = "mebm-checkpoint", np.int64(1)
    c, model = net.config, root.create_group("model")
    model.attrs.update(dict(architecture="wide_resnet", depth=np.int64(c["depth"]), width=np.int64(c["width"]),
                            stages=np.int64(c["stages"]), norm=c["norm"], num_classes=np.int64(c["classes"]),
                            in_channels=np.int64(c["in_channels"]), image_size=np.int64(image_size), energy=energy,
                            leak=float(c["leak"])))
    for folder, tensors in (("parameters", parameters or dict(net.named_parameters())), ("buffers", buffers or dict(net.named_buffers()))):
        write_tensors(model.create_group(folder), tensors, options)


def write_tensors(group, tensors, options=None):
    for name, t in tensors.items():
        a = t.detach().contiguous().numpy() if torch.is_tensor(t) else np.asarray(t)
        group.create_dataset(name, data=a, **(options or {} if a.size > 256 else {}))


def read_model(file, group="/", dtype=torch.float64):
    """The network stored below `group`, in training mode."""
    model = file[group]["model"]
    a = model.attrs
    net = WideResNet(int(a["depth"]), int(a["width"]), int(a["stages"]), int(a["num_classes"]), int(a["in_channels"]),
                     text(a["norm"]), float(a["leak"])).to(dtype)
    state = {name: torch.from_numpy(np.asarray(model[folder][name][()]))
             for folder in ("parameters", "buffers") if folder in model for name in model[folder]}
    net.load_state_dict(state)
    return net.train()


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def count_parameters(net):
    return sum(p.numel() for p in net.parameters())


if __name__ == "__main__":
    assert count_parameters(WideResNet(28, 10)) == 36489931
    assert math.isclose(learning_rate(500, 0.1), 0.05)
    print(*WideResNet(10, 1).state_dict(), sep="\n")
