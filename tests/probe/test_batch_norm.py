"""The fast batch norm against its definition, in float64, and against torch's."""

import pytest
import torch
from torch.nn import functional as F

from zcbench.probe._batch_norm import _statistics, batch_norm, with_variance

EPS = 1e-5


def maps(shape=(16, 32, 12, 12), *, offset=1.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator) * torch.rand(shape[1], 1, 1, generator=generator) + offset
    return x, torch.randn(shape[1], generator=generator), torch.randn(shape[1], generator=generator)


def by_hand(x, weight, bias):
    """Mean and mean square of every channel, written out."""
    mean = x.mean((0, 2, 3), keepdim=True)
    variance = (x - mean).square().mean((0, 2, 3), keepdim=True)
    normal = (x - mean) / (variance + EPS).sqrt()
    return normal if weight is None else normal * weight[:, None, None] + bias[:, None, None]


def derivatives(function, x, weight, bias):
    """Outputs, gradients of a curved function of them, and gradients of the squared norm of these."""
    leaves = [t.clone().requires_grad_() for t in (x, weight, bias) if t is not None]
    out = function(*leaves, *(None,) * (3 - len(leaves)))
    first = torch.autograd.grad((out.sin() * out).sum(), leaves, create_graph=True)
    second = torch.autograd.grad(sum((g / g.detach().norm()).square().sum() for g in first), leaves, allow_unused=True)
    return [t.detach() for t in (out, *first, *second) if t is not None]


@pytest.mark.parametrize("affine", [True, False])
def test_value_and_both_derivatives(affine):
    x, weight, bias = maps(offset=0.0)  # no channel's mean is far
    weight, bias = (weight, bias) if affine else (None, None)
    assert _statistics(x, weight, bias) is not None
    found = derivatives(lambda *t: batch_norm(*t, EPS), x, weight, bias)
    double = [None if t is None else t.double() for t in (x, weight, bias)]
    expected = derivatives(by_hand, *double)
    torchs = derivatives(lambda *t: F.batch_norm(t[0], None, None, *t[1:], True, 0.0, EPS), x, weight, bias)
    for mine, exact, other in zip(found, expected, torchs, strict=True):
        allowed = 4 * float((other - exact).abs().max()) + 1e-6 * float(exact.abs().max())
        assert float((mine - exact).abs().max()) <= allowed


def test_the_output_can_be_written_to_and_gradients_need_what_was_saved():
    x, weight, bias = maps(offset=0.0)
    leaf = x.clone().requires_grad_()
    F.relu_(batch_norm(leaf, weight, bias, EPS)).sum().backward()
    assert leaf.grad is not None
    inner = x.clone().requires_grad_() * 1.0
    out = batch_norm(inner, weight, bias, EPS)
    inner.mul_(2.0)
    with pytest.raises(RuntimeError, match="inplace operation"):
        out.sum().backward()


@pytest.mark.parametrize("offset", [0.0, 3.0, 1000.0])
def test_variance(offset):
    """Far from zero too, where the difference of two sums would be off by more than the variance."""
    x, weight, bias = maps(offset=offset)
    x[:, 0] = 7.0  # no variance at all
    out, variance = with_variance(x, weight, bias, EPS)
    exact = x.double().var((0, 2, 3), correction=0)
    assert variance.double().numpy() == pytest.approx(exact.numpy(), rel=1e-5, abs=1e-9)
    torchs = F.batch_norm(x, None, None, weight, bias, True, 0.0, EPS)
    assert float((out - torchs).abs().max()) < 1e-4
    assert float((batch_norm(x, weight, bias, EPS) - torchs).abs().max()) < 1e-4


def test_where_torchs_own_runs():
    x, weight, bias = maps(offset=0.0)
    far, _, _ = maps(offset=20.0)
    small, wide = x[:2], x.half()
    for odd in (far, small, wide, x.to(memory_format=torch.channels_last), x.flatten(0, 2)):
        assert _statistics(odd, None, None) is None
    x[0, 0, 0, 0] = float("nan")
    assert _statistics(x, weight, bias) is None
    half, variance = with_variance(wide, None, None, EPS)
    assert half.dtype is torch.float16
    assert variance.numpy() == pytest.approx(wide.double().var((0, 2, 3), correction=0).numpy())
