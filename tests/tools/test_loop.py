"""Several networks as one, and the steps of training against the plain loop."""

import copy
import math

import pytest
import torch
from _loop import drawn, fit, stacked
from torch import nn


def network():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_weights_follow_from_the_seeds():
    a, b, again = drawn(network, [1, 2, 1])
    assert torch.equal(a[0].weight, again[0].weight)
    assert not torch.equal(a[0].weight, b[0].weight)


def test_what_is_merged_takes_the_place_of_the_first():
    networks = drawn(network, [0, 1, 2])

    def merge(modules):
        if not isinstance(modules[0], nn.Linear):
            return None
        merged = copy.deepcopy(modules[0])
        merged.weight.data = sum(module.weight.data for module in modules)
        return merged

    whole = stacked(networks, merge)
    assert torch.equal(whole[0].weight, networks[0][0].weight + networks[1][0].weight + networks[2][0].weight)
    assert torch.equal(whole[1].weight, networks[0][1].weight)
    assert whole[1] is not networks[0][1]  # the networks stay as they are


def test_fit_is_the_plain_loop():
    x, y = torch.randn(5, 8, 3), torch.randn(5, 8, 2)
    (ours,), (theirs,) = drawn(network, [0]), drawn(network, [0])
    modes = []

    def measure():
        modes.append((ours.training, torch.is_grad_enabled()))
        return float(ours(x[0]).sum())

    torch.manual_seed(3)
    found = fit(
        ours,
        torch.optim.SGD(ours.parameters(), lr=99.0),
        5,
        rate=lambda step: 0.1 / (step + 1),
        loss=lambda step: (ours(x[step]) - y[step]).square().mean((0, 1))[None],
        points={2, 5},
        measure=measure,
        clip=lambda: nn.utils.clip_grad_norm_(ours.parameters(), 0.5),
    )
    expected = []
    torch.manual_seed(3)
    for step in range(5):
        optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1 / (step + 1))
        optimizer.zero_grad()
        (theirs(x[step]) - y[step]).square().mean().backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        optimizer.step()
        if step in (1, 4):
            expected.append(float(theirs.eval()(x[0]).detach().sum()))
            theirs.train()
    assert found == pytest.approx(expected, rel=1e-6)
    assert modes == [(False, False)] * 2
    assert ours.training


@pytest.mark.parametrize(("patience", "measured"), [(0, 6), (2, 4), (4, 6)])
def test_training_ends_when_no_loss_is_finite_for_long(patience, measured):
    """Steps 3 to 5 give nothing; with two networks in the stack one that goes on is enough."""
    weight = nn.Parameter(torch.ones(2))
    holder = nn.Module()
    holder.weight = weight

    def loss(step):
        factor = torch.tensor([math.nan, math.nan if 3 <= step < 6 else 1.0])
        return weight.detach() * factor + weight * 0

    found = fit(
        holder,
        torch.optim.SGD([weight], lr=0.0),
        6,
        rate=lambda step: 0.0,
        loss=loss,
        points=range(1, 7),
        measure=lambda: 1,
        patience=patience,
    )
    assert len(found) == measured
