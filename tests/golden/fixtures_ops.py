"""Fixtures of single operations (ops.h5): inputs, outputs and gradients in float64, odd sizes included."""
import numpy as np
import torch
import torch.nn.functional as F


def grid(random, *shape):
    return torch.from_numpy(random.uniform(-1, 1, shape).astype(np.float32)).double()


def put(group, **tensors):
    for name, t in tensors.items():
        group[name] = t.detach().numpy()


def differentiate(output, upstream, inputs):
    return torch.autograd.grad((output * upstream).sum(), inputs)


def convolution(file, random, name, n, cin, cout, h, w, kernel, stride):
    x, weight, bias = (t.requires_grad_() for t in (grid(random, n, cin, h, w), grid(random, cout, cin, kernel, kernel), grid(random, cout)))
    y = F.conv2d(x, weight, bias, stride=stride, padding=kernel // 2)
    dy = grid(random, *y.shape)
    dx, dweight, dbias = differentiate(y, dy, (x, weight, bias))
    group = file.create_group(name)
    group.attrs.update(dict(stride=np.int64(stride), padding=np.int64(kernel // 2)))
    put(group, x=x, weight=weight, bias=bias, y=y, dy=dy, dx=dx, dweight=dweight, dbias=dbias)


def batch_norm(file, random):
    """Rows 0..2 and 3..7 normalised by themselves; the running statistics take the first group, then the second."""
    sizes, c = (3, 5), 5
    x, weight, bias = (t.requires_grad_() for t in (grid(random, 8, c, 3, 7), grid(random, c), grid(random, c)))
    mean, var = grid(random, c), grid(random, c).abs() + 0.1
    dy = grid(random, 8, c, 3, 7)
    running_mean, running_var = mean.clone(), var.clone()
    y = torch.cat([F.batch_norm(part, running_mean, running_var, weight, bias, True, 0.9, 1e-5) for part in x.split(sizes)])
    dx, dweight, dbias = differentiate(y, dy, (x, weight, bias))
    group = file.create_group("batch_norm_groups")
    group.attrs.update(dict(groups=np.array(sizes), eps=1e-5, momentum=0.9))
    put(group, x=x, weight=weight, bias=bias, running_mean=mean, running_var=var, y=y, dy=dy, dx=dx, dweight=dweight, dbias=dbias,
        running_mean_after=running_mean, running_var_after=running_var)
    y = F.batch_norm(x, mean, var, weight, bias, False, 0.9, 1e-5)
    dx, dweight, dbias = differentiate(y, dy, (x, weight, bias))
    group = file.create_group("batch_norm_running")
    group.attrs.update(dict(eps=1e-5))
    put(group, x=x, weight=weight, bias=bias, running_mean=mean, running_var=var, y=y, dy=dy, dx=dx, dweight=dweight, dbias=dbias)


def heads(file, random):
    x = grid(random, 3, 5, 4, 6).requires_grad_()
    y = x.mean((2, 3))
    dy = grid(random, 3, 5)
    put(file.create_group("global_average_pool"), x=x, y=y, dy=dy, dx=differentiate(y, dy, (x,))[0])
    x, weight, bias = (t.requires_grad_() for t in (grid(random, 5, 13), grid(random, 7, 13), grid(random, 7)))
    y, dy = F.linear(x, weight, bias), grid(random, 5, 7)
    dx, dweight, dbias = differentiate(y, dy, (x, weight, bias))
    put(file.create_group("linear"), x=x, weight=weight, bias=bias, y=y, dy=dy, dx=dx, dweight=dweight, dbias=dbias)
    logits = (10 * grid(random, 6, 7)).requires_grad_()
    labels = torch.from_numpy(random.integers(0, 7, 6))
    loss = F.cross_entropy(logits, labels)
    put(file.create_group("cross_entropy"), logits=logits, labels=labels, loss=loss, dlogits=torch.autograd.grad(loss, logits)[0])
    logits = torch.cat([10 * grid(random, 4, 7), 1000 + grid(random, 1, 7), -1000 + grid(random, 1, 7)]).requires_grad_()
    y, dy = logits.logsumexp(1), grid(random, 6)
    put(file.create_group("logsumexp"), logits=logits, y=y, dy=dy, dlogits=differentiate(y, dy, (logits,))[0])
    x = torch.cat([grid(random, 29), torch.zeros(2, dtype=torch.float64)]).requires_grad_()
    y, dy = F.leaky_relu(x, 0.2), grid(random, 31)
    group = file.create_group("leaky_relu")
    group.attrs["leak"] = 0.2
    put(group, x=x, y=y, dy=dy, dx=differentiate(y, dy, (x,))[0])


def write(file):
    random = np.random.Generator(np.random.PCG64(7))
    convolution(file, random, "conv3x3_stride1", 2, 3, 5, 7, 9, 3, 1)
    convolution(file, random, "conv3x3_stride2", 3, 5, 4, 9, 6, 3, 2)
    convolution(file, random, "conv3x3_stride2_odd", 1, 2, 17, 7, 7, 3, 2)
    convolution(file, random, "conv1x1_stride1", 2, 6, 3, 5, 4, 1, 1)
    convolution(file, random, "conv1x1_stride2", 2, 5, 9, 7, 6, 1, 2)
    batch_norm(file, random)
    heads(file, random)
