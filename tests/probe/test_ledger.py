"""What signals cost, and who is charged."""

import time

import pytest
import torch
from networks import convnet, images, mlp
from torch import nn

import zcbench
import zcbench.probe._probe
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe._signal import Signal
from zcbench.types import Batch


def test_own_signals_of_different_modules_may_have_one_name():
    with Probe(convnet(), Batch(*images())) as probe:
        assert probe.once("gradients", lambda: 5) == probe.once("gradients", lambda: 6) == 5
        assert probe.once("flops", lambda: 7) == 7
        assert set(probe.gradients) == set(probe.parameters)
        assert zcbench.get_proxy("flops").function(probe) > 7


def test_costs_of_checks_are_nobodys(monkeypatch):
    import zcbench.probe._snapshot as guard

    slow = guard.Given._tensors_untouched
    monkeypatch.setattr(guard.Given, "_tensors_untouched", lambda self, **how: [time.sleep(0.2), slow(self, **how)][1])
    with Probe(convnet(), Batch(*images())) as probe, probe.stopwatch() as seconds:
        _ = probe.outputs
    assert seconds() < 0.2


def test_signals_are_computed_once_and_errors_too(monkeypatch):
    calls = []
    monkeypatch.setattr(zcbench.probe._probe, "invoke", lambda model, inputs: calls.append(1) or model(inputs))
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as probe:
        _ = probe.gradients, probe.input_gradients, probe.loss
        assert len(calls) == 1
    with Probe(nn.Linear(3, 2), Batch(torch.randn(4, 3))) as probe:
        for _ in range(2):
            with pytest.raises(UnsupportedModelError):
                _ = probe.relu_codes
        assert len(calls) == 1 + 3  # of few samples twice, which tells where samples are, and of all


class Costly(Probe):
    """Signals of known cost."""

    @Signal
    def shared(self) -> int:
        time.sleep(0.05)
        return 1

    @Signal
    def derived(self) -> int:
        time.sleep(0.03)
        return self.shared + 1


def test_cost_counts_shared_signals_in_full_for_everyone():
    seconds = []
    with Costly(mlp(), Batch(torch.randn(2, 4))) as probe:
        for _ in range(2):
            with probe.stopwatch() as elapsed:
                assert probe.derived + probe.shared == 3
            seconds.append(elapsed())
    for value in seconds:  # sleeps are lower bounds; the shared signal counts once, not twice
        assert value >= 0.08
    assert abs(seconds[0] - seconds[1]) < 0.04
