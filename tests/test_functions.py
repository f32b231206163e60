"""Batch norm replaced and ReLUs seen, whether modules or functions call them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench._functions import BatchNormMode, ReLURecorder
from zcbench.errors import UnsupportedModelError


def test_batch_norm_function_is_replaced_too():
    x = torch.randn(4, 3, 5, 5)
    weight, bias = torch.rand(3), torch.rand(3)
    with BatchNormMode("off"):
        assert F.batch_norm(x, None, None, weight, bias, training=True) is x
    with BatchNormMode("per-sample"):
        found = F.batch_norm(x, torch.zeros(3), torch.ones(3), weight, bias, training=False)
    for sample, result in zip(x, found, strict=True):
        mean, std = sample.mean((1, 2)), (sample.var((1, 2), unbiased=False) + 1e-5).sqrt()
        expected = (sample - mean[:, None, None]) / std[:, None, None] * weight[:, None, None] + bias[:, None, None]
        torch.testing.assert_close(result, expected)


def test_single_values_have_no_statistics():
    with BatchNormMode("per-sample"), pytest.raises(UnsupportedModelError):
        nn.BatchNorm1d(3)(torch.randn(4, 3))


@pytest.mark.parametrize(
    "rectifier",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
        F.relu6,
        torch.relu,
        torch.Tensor.relu_,
        lambda x: F.hardtanh(x, min_val=0.0, max_val=1.0),
    ],
)
def test_rectifiers_are_seen_once(rectifier):
    x = torch.randn(4, 3, 2)
    expected = x.flatten(1) > 0
    with ReLURecorder(4) as recorder:
        rectifier(x)
    (code,) = recorder.codes
    assert torch.equal(code, expected)


@pytest.mark.parametrize("other", [nn.GELU(), nn.Hardtanh(), nn.LeakyReLU(), nn.SiLU(), torch.abs])
def test_other_activations_are_not(other):
    with ReLURecorder(4) as recorder:
        other(torch.randn(4, 3))
    assert not recorder.codes


def test_relu_off_the_batch_is_refused():
    with ReLURecorder(4), pytest.raises(UnsupportedModelError, match=r"\(3, 4\)"):
        torch.relu(torch.randn(3, 4))


def test_nothing_is_left_behind():
    x = torch.randn(4, 3)
    with ReLURecorder(4) as recorder:
        pass
    torch.relu(x)
    assert not recorder.codes
