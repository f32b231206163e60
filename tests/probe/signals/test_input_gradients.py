"""Gradients with respect to inputs and embedded tokens."""

import pytest
import torch
from networks import convnet, images
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_input_gradients():
    model, (inputs, _) = convnet(), images()
    with Probe(model, Batch(inputs)) as probe:
        found = probe.input_gradients
    x = inputs.clone().requires_grad_()
    model(x).sum().backward()
    torch.testing.assert_close(found, x.grad.flatten(1))
    assert inputs.grad is None
    assert not inputs.requires_grad


def test_input_gradients_of_integers_need_an_embedding():
    class OneHot(nn.Module):
        def forward(self, x):
            return nn.functional.one_hot(x, 5).float().sum(1)

    with Probe(OneHot(), Batch(torch.ones(2, 3, dtype=torch.long))) as probe:
        with pytest.raises(UnsupportedModelError, match="integers"):
            _ = probe.input_gradients


@pytest.mark.parametrize(("last", "left"), [(nn.Identity(), False), (nn.ReLU(), True)], ids=["linear", "bent"])
def test_gradients_that_batch_norm_takes_out_are_none(last, left):
    """The sum over a batch of what is centred over it is zero, whatever the inputs are."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        *(nn.BatchNorm1d(8), last, nn.Linear(8, 5)),
    )
    inputs, _ = images()
    with Probe(model, Batch(inputs)) as probe:
        if left:
            assert probe.input_gradients.abs().sum() > 1e-3
        else:
            with pytest.raises(UnsupportedModelError, match="round-off"):
                _ = probe.input_gradients
