"""Networks and batches on another device: the meta device stands for one, as nothing is computed here."""

import copy
import gc

import pytest
import torch
from torch import nn

from zcbench import _moving
from zcbench._moving import moved, placed, placed_once
from zcbench.types import Batch

THERE = torch.device("meta")


class Odd(nn.Module):
    """Tied weights, a buffer, gradients, a recurrent layer, and tensors that are plain attributes."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        self.register_buffer("steps", torch.zeros(2))
        self.cell = nn.LSTM(4, 3)
        self.mask = torch.ones(4)
        self.first.mask = self.mask
        self.first.weight.grad = torch.full((4, 4), 2.0)


def state(network):
    tensors = [*network.parameters(), *network.buffers(), network.mask, *network.cell._flat_weights]
    return [(id(one), one.data_ptr(), one.device, one.requires_grad, one._version) for one in tensors]


def test_a_network_comes_back_as_it_was():
    network = Odd()
    before, numbers, tables = (
        state(network),
        copy.deepcopy(network.state_dict()),
        [*map(id, map(vars, network.modules()))],
    )
    gradient = network.first.weight.grad
    with moved(network, THERE):
        assert {one.device for one in (*network.parameters(), *network.buffers())} == {THERE}
        assert network.mask.device == THERE
        assert network.first.mask is network.mask
        assert network.second.weight is network.first.weight
        network.added = 1
        network.steps.add_(1)
    assert state(network) == before
    assert all(torch.equal(value, numbers[name]) for name, value in network.state_dict().items())
    assert network.first.weight.grad is gradient
    assert torch.equal(gradient, torch.full((4, 4), 2.0))
    assert [*map(id, map(vars, network.modules()))] == tables
    assert not hasattr(network, "added")
    assert network.cell(torch.randn(5, 1, 4))[0].shape == (5, 1, 3)


def test_a_network_that_cannot_be_moved_comes_back():
    class Stuck(nn.Linear):
        def _apply(self, fn, recurse=True):
            raise RuntimeError("CUDA out of memory")

    network = nn.Sequential(nn.Linear(2, 2), Stuck(2, 2))
    places = [one.data_ptr() for one in network.parameters()]
    with pytest.raises(RuntimeError, match="out of memory"), moved(network, THERE):
        pass
    assert [one.data_ptr() for one in network.parameters()] == places
    assert {one.device.type for one in network.parameters()} == {"cpu"}


def test_what_is_there_is_left_alone():
    network = Odd()
    network.mask = torch.ones(4)
    with moved(network, torch.device("cpu")):
        network.added = 1
    assert network.added == 1
    with moved(len, THERE):  # a loss that is a plain function
        pass


def test_batches():
    batch = Batch({"x": torch.ones(3, 2), "n": 5}, torch.zeros(3), "made")
    found = placed(batch, THERE)
    assert found.inputs["x"].device == found.targets.device == THERE
    assert (found.inputs["n"], found.provenance) == (5, "made")
    assert placed(batch, torch.device("cpu")) is batch
    assert placed_once(batch, torch.device("cpu")) is batch


def test_a_batch_travels_once_as_long_as_it_lives():
    batch = Batch(torch.ones(3, 2))
    first = placed_once(batch, THERE)
    assert placed_once(batch, THERE) is first
    assert placed_once(Batch(batch.inputs), THERE) is not first
    del batch
    gc.collect()
    assert not _moving._sent
