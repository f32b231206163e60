"""Batch norm replaced, whether modules or functions call them."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe.modes import BatchNormMode


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
