"""Modules that are put back, whatever was done to them, and inputs of every shape."""

import pytest
import torch
from torch import nn

from zcbench.testing import _kept


def network():
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    made[0].eval()
    made(torch.randn(4, 3)).sum().backward()
    return made


def test_modules_are_put_back():
    net = network()
    before, gradient = _kept.state(net), net[0].weight.grad
    with pytest.raises(RuntimeError, match="mine"), _kept.as_it_was(net):
        assert net[0].weight.grad is None
        net.double().eval()
        net(torch.randn(4, 3).double()).sum().backward()
        _kept.spoil([*net.parameters(), *net.buffers()])
        raise RuntimeError("mine")
    assert net[0].weight.grad is gradient
    assert net[0].weight.dtype is torch.float32
    after = _kept.state(net)
    assert after["modes"] == before["modes"] == (True, False, True)
    for kind in ("parameters", "buffers", "gradients"):
        assert all(torch.equal(value, after[kind][name]) for name, value in before[kind].items())


def test_states_tell_what_was_changed():
    net = network()
    for change, kind in (
        (lambda: net.eval(), "modes"),
        (lambda: setattr(net[1], "momentum", 0.5), "momenta"),
        (lambda: _kept.spoil([net[0].bias]), "parameters"),
        (lambda: _kept.spoil([net[1].running_mean]), "buffers"),
        (lambda: _kept.spoil([net[0].bias.grad]), "gradients"),
    ):
        before = _kept.state(net)
        change()
        after = _kept.state(net)
        assert {name for name in before if repr(before[name]) != repr(after[name])} == {kind}


def test_inputs():
    x = torch.arange(6.0).view(3, 2)
    for inputs in (x, (x, 2, torch.tensor([1])), {"x": x, "n": None}):
        less = _kept.parts(_kept.rows(_kept.cast(inputs, torch.float64), 3, 2))
        assert torch.equal(less[0], x[:2].double())
        assert len(less) == len(_kept.parts(inputs))
    assert _kept.rows((x, torch.tensor([1])), 3, 2)[1].tolist() == [1]
    assert _kept.numbers(2) == {"value": 2.0}
    assert _kept.numbers({"a": torch.tensor(1.5)}) == {"a": 1.5}
    assert _kept.same(torch.tensor([float("nan"), 1.0]), torch.tensor([float("nan"), 1.0]))
    assert not _kept.same(x, x[:2])
