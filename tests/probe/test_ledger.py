"""What signals cost, and who is charged."""

import time

import pytest
import torch
from networks import convnet, images, mlp
from torch import nn

import zcbench
import zcbench.probe._passes
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
    assert 0 < seconds.wall < 0.2


def test_signals_are_computed_once_and_errors_too(monkeypatch):
    calls = []
    for module in (zcbench.probe._passes, zcbench.probe._probe):
        monkeypatch.setattr(module, "invoke", lambda model, inputs: calls.append(1) or model(inputs))
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
            seconds.append(elapsed.wall)
            assert 0 <= elapsed() < 0.04  # sleeping is no work
    for value in seconds:  # sleeps are lower bounds; the shared signal counts once, not twice
        assert value >= 0.08
    assert abs(seconds[0] - seconds[1]) < 0.04


def passes(model, x, y, wanted, *names):
    """Signals in this order, and how often the network ran for them with gradients."""
    runs = []
    model.register_forward_hook(lambda *_: runs.append(torch.is_grad_enabled()))
    with Probe(model, Batch(x, y), wanted=frozenset(wanted)) as probe:
        found = [probe.signal(name) for name in names]
        seconds = []
        for name in names:
            with probe.stopwatch() as watch:
                probe.signal(name)
            seconds.append(watch())
        kept = probe._measured["outputs"].value.grad_fn is not None
    return found, sum(runs), kept, seconds


@pytest.mark.parametrize(
    ("wanted", "names", "runs", "kept"),
    [
        (("gradients",), ("gradients", "gradients"), 1, False),
        (("gradients", "channel_products"), ("gradients", "channel_products"), 1, False),
        (("gradients", "input_gradients"), ("gradients", "input_gradients"), 1, False),
        (("input_gradients", "output_gradients"), ("input_gradients", "output_gradients"), 1, False),
        (("gradients", "relu_codes"), ("gradients", "relu_codes"), 1, False),
        (("gradients", "loss"), ("gradients", "loss"), 1, True),
        (("gradients", "blocks_in_graph"), ("gradients", "blocks_in_graph"), 1, True),
        (("gradients",), ("gradients", "output_gradients", "gradients"), 2, False),  # one that nobody announced
        ((), ("gradients", "output_gradients", "loss"), 1, True),
    ],
)
def test_the_graph_is_given_up_when_no_announced_signal_needs_it(wanted, names, runs, kept):
    """Signals are what they are otherwise, and what a pass cost stays on the bill."""
    found, count, still, seconds = passes(convnet(), *images(), wanted, *names)
    expected, _, graph, _ = passes(convnet(), *images(), (), *names)
    assert (count, still, graph) == (runs, kept, True)
    for one, other in zip(found, expected, strict=True):
        several = [(one[k], other[k]) for k in one] if isinstance(one, dict) else [(one, other)]
        for a, b in [
            pair for x, y in several for pair in (zip(x, y, strict=True) if isinstance(x, list) else [(x, y)])
        ]:
            a, b = (getattr(t, "values", t) if not isinstance(t, torch.Tensor) else t for t in (a, b))
            assert torch.equal(a, b)
    assert min(seconds) > 0


def test_seconds_of_the_processor_and_by_the_clock():
    """Other work of the machine is in the second alone; both are charged to everyone who uses a signal."""

    class Working(Probe):
        @Signal
        def work(self) -> int:
            time.sleep(0.05)
            until = time.thread_time() + 0.03
            while time.thread_time() < until:
                pass
            return 1

    with Working(mlp(), Batch(torch.randn(2, 4))) as probe:
        for _ in range(2):
            with probe.stopwatch() as spent:
                assert probe.work == 1
            assert spent() >= 0.03
            assert spent.wall >= 0.08
            assert spent.wall - spent() >= 0.04
