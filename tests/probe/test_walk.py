"""Modules and tensors of a network, against torch's own generators."""

import pytest
import torch
from networks import convnet, mlp, zoo
from torch import nn

from zcbench.probe._walk import modules, named_modules, named_parameters, named_tensors, tensors


class Sharing(nn.Module):
    """Modules and tensors in several places, and places without any."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(3, 3)
        self.other = nn.Sequential(self.one, nn.ModuleDict({"a": nn.LSTM(3, 3), "b": self.one}), nn.BatchNorm1d(3))
        self.other[2].register_buffer("twice", self.other[2].running_mean)
        self.tied = nn.Linear(3, 3, bias=False)
        self.tied.weight = self.one.weight
        self.nothing, self.alone = None, nn.Parameter(torch.ones(2))
        self.register_module("none", None)
        self.register_parameter("missing", None)
        self.register_buffer("gone", None)
        self.again = self.other


class Hiding(nn.Module):
    """Shows its parameters in a way of its own."""

    def __init__(self):
        super().__init__()
        self.shown, self.hidden = nn.Linear(2, 2), nn.Linear(2, 2)

    def named_parameters(self, *args, **kwargs):
        return (pair for pair in super().named_parameters(*args, **kwargs) if "hidden" not in pair[0])


class Veiled(nn.Module):
    """Shows fewer modules."""

    def __init__(self):
        super().__init__()
        self.shown, self.hidden = nn.Linear(2, 2), nn.Linear(2, 2)

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        yield prefix, self


class Elsewhere(nn.Linear):
    """Has other tensors for whoever asks without names."""

    def parameters(self, recurse=True):
        return iter([torch.ones(1)])

    def modules(self):
        return iter([])


NETWORKS = {
    "shared": Sharing,
    "hiding": Hiding,
    "hiding inside": lambda: nn.Sequential(nn.Linear(2, 2), Hiding()),
    "veiled inside": lambda: nn.Sequential(nn.Linear(2, 2), Veiled(), nn.BatchNorm1d(2)),
    "convolutions": convnet,
    "one": mlp,
    "empty": nn.Identity,
    **{name: lambda name=name: zoo()[name][0] for name in list(zoo())[:12]},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_everything_in_torchs_order(name):
    model = NETWORKS[name]()
    assert [(key, id(m)) for key, m in named_modules(model)] == [(key, id(m)) for key, m in model.named_modules()]
    assert list(map(id, modules(model))) == list(map(id, model.modules()))
    parameters = [(key, id(p)) for key, p in model.named_parameters()]
    assert [(key, id(p)) for key, p in named_parameters(model)] == parameters
    every = parameters + [(key, id(b)) for key, b in model.named_buffers()]
    assert [(key, id(t)) for key, t in named_tensors(model)] == every
    assert [id(t) for t in tensors(model)] == [place for _, place in every]


def test_what_a_network_says_of_itself_counts():
    assert tensors(Elsewhere(2, 2))[0].tolist() == [1]
    assert modules(Elsewhere(2, 2)) == []
