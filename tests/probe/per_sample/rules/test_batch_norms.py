"""Batch norm with the statistics of each sample, and with running ones."""

import pytest
import torch
from samples import check
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.BatchNorm1d(6), (5, 6, 3)),
    (nn.BatchNorm2d(6), (5, 6, 2, 3)),
    (nn.BatchNorm2d(6, track_running_stats=False), (5, 6, 2, 3)),
], ids=str)  # fmt: skip
def test_statistics_of_each_sample(layer, shape):
    model = nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.zeros(shape))
    check(model, torch.randn(shape, generator=torch.Generator().manual_seed(0)), torch.arange(5) % 4, by_hooks=True)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 3)], ids=str)
def test_running_statistics(shape):
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(6), nn.Tanh(), nn.Flatten(), nn.LazyLinear(4))
    model(torch.randn(shape))
    model[0].running_mean.uniform_(-1, 1)
    model[0].running_var.uniform_(0.5, 2)
    x = torch.randn(shape)
    with Probe(model, Batch(x)) as probe:
        found = probe.tangent_kernel("eval")
    model.eval()
    rows = [torch.autograd.grad(row.sum(), list(model.parameters()), retain_graph=True) for row in model(x)]
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double()
    torch.testing.assert_close(found, jacobian @ jacobian.T, rtol=1e-4, atol=1e-5)


def test_without_running_statistics_there_is_no_eval_mode():
    model = nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False), nn.Flatten(), nn.Linear(12, 2))
    with Probe(model, Batch(torch.randn(4, 3, 2, 2))) as probe, pytest.raises(UnsupportedModelError, match="running"):
        probe.tangent_kernel("eval")


class Frames(nn.Module):
    """Frames are folded into the batch: a sample alone has statistics over all of its own."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.norm, self.head = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x):
        maps = torch.relu(self.norm(self.conv(x.flatten(0, 1)))).mean((2, 3))
        return self.head(maps.view(len(x), -1, 4).mean(1))


def test_statistics_of_a_sample_are_those_of_all_its_frames():
    x = torch.randn(5, 3, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    check(Frames(), x, torch.arange(5) % 3, by_hooks=False)
    with Probe(Frames(), Batch(x)) as probe, probe.forward_pass("per-sample"):
        with pytest.raises(UnsupportedModelError, match="15 rows for 5 samples"):
            probe.call(x)
