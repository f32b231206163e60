"""Batches, learning rates and the optimizer that trainings share."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.supernets._steps import optimizer_of, rate_at, rows_of


@pytest.mark.parametrize(("count", "batch"), [(10, 3), (9, 3), (4, 7), (1, 1)])
def test_every_epoch_is_a_permutation_of_its_own(count, batch):
    size = min(batch, count)
    per = count // size
    epochs = [np.concatenate([rows_of(e * per + k, count, batch, 5) for k in range(per)]) for e in range(3)]
    for epoch in epochs:
        assert len(epoch) == per * size == len(set(epoch.tolist())) and set(epoch.tolist()) <= set(range(count))
    if count > 4:
        assert not np.array_equal(epochs[0], epochs[1])
        assert not np.array_equal(rows_of(0, count, batch, 5), rows_of(0, count, batch, 6))
    assert np.array_equal(rows_of(7, count, batch, 5), rows_of(7, count, batch, 5))


def test_the_rate_rises_over_a_twentieth_and_falls_as_a_cosine():
    rates = [rate_at(step, 100) for step in range(100)]
    for step, rate in enumerate(rates):
        assert rate == pytest.approx(min((step + 1) / 5, 1) * math.cos(math.pi * step / 200) ** 2)
    assert rate_at(0, 1) == 1


@pytest.mark.parametrize("name", ["sgd", "adamw"])
def test_only_weights_of_two_axes_decay(name):
    network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    before = [one.detach().clone() for one in network.parameters()]
    optimizer = optimizer_of(name, network.parameters(), 0.1, 0.0, 0.5)
    for one in network.parameters():
        one.grad = torch.zeros_like(one)
    optimizer.step()
    for old, new in zip(before, network.parameters(), strict=True):
        torch.testing.assert_close(new.detach(), old * (0.95 if old.ndim > 1 else 1))


def test_an_optimizer_that_there_is_not():
    with pytest.raises(InvalidInputError, match=r"'adam'.*sgd, adamw"):
        optimizer_of("adam", nn.Linear(2, 2).parameters(), 0.1, 0.9, 0.0)
