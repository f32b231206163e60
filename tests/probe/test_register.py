"""Signals of strangers: shared, declared, seen in passing; and what no signal can be."""

import pytest
import torch
from networks import convnet, images
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench import _kinds
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.probe import FunctionWatcher, Probe, Watcher
from zcbench.probe._register import _TAKEN
from zcbench.probe._signal import Signal
from zcbench.types import Batch


@pytest.fixture(autouse=True)
def registry():
    with _kinds.isolated():
        yield


class Squashed(Watcher):
    """Inputs of every tanh."""

    passes = 0

    def start(self):
        type(self).passes += 1
        self.seen = []
        self.stack.enter_context(FunctionWatcher(self.before))

    def before(self, func, args, kwargs):
        if func in (torch.tanh, F.tanh):
            self.seen.append(args[0].detach().clone())


def squashed_signal():
    calls = []

    @zcbench.register_signal("squashed", watcher=Squashed)
    def squashed(probe):
        """Inputs of every tanh."""
        calls.append(1)
        return probe.watched(Squashed).seen

    return calls


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))


def test_a_signal_of_ones_own_is_computed_once_for_all_proxies():
    calls, x = squashed_signal(), torch.randn(5, 4)
    for name in ("t-one", "t-two"):
        zcbench.register_proxy(name, cost="forward", signals="squashed")(lambda probe: float(probe.squashed[0].sum()))
    scores = zcbench.score(network(), x, None, ["t-one", "t-two"])
    expected = float(network()[0](x).detach().sum())
    assert [float(score) for score in scores.values()] == pytest.approx([expected] * 2)
    assert len(calls) == 1
    assert "squashed" in zcbench.list_signals()


@pytest.mark.parametrize("wanted", [(), ("squashed",), ("squashed", "gradients")], ids=str)
def test_it_shares_the_main_pass_where_that_is_made_anyway(wanted):
    squashed_signal()
    runs, model = [], network()
    model.register_forward_pre_hook(lambda *_: runs.append(1))
    with Probe(model, Batch(torch.randn(5, 4), torch.arange(5) % 2), wanted=frozenset(wanted)) as probe:
        alone, _ = probe.signal("squashed"), probe.gradients
        assert probe.squashed is alone
    assert len(runs) == (1 if "gradients" in wanted else 2)


def test_what_a_proxy_does_to_a_shared_signal_is_noticed_and_undone():
    squashed_signal()
    zcbench.register_proxy("t-vandal", cost="forward", signals="squashed")(
        lambda probe: float(probe.squashed[0].zero_().sum())
    )
    zcbench.register_proxy("t-after", cost="forward", signals="squashed")(lambda probe: float(probe.squashed[0].sum()))
    x = torch.randn(5, 4)
    scores = zcbench.score(network(), x, None, ["t-vandal", "t-after"])
    assert "squashed" in scores["t-vandal"].detail
    assert float(scores["t-after"]) == pytest.approx(float(network()[0](x).detach().sum()))


def test_every_attribute_of_a_probe_is_taken():
    found = {name for name in dir(Probe) if not name.startswith("_") and not isinstance(getattr(Probe, name), Signal)}
    assert found | {"model", "batch", "seed"} == set(_TAKEN)
    with pytest.raises(InvalidInputError, match="cannot name a signal"):
        zcbench.register_signal("weights")(lambda probe: 0)


def test_what_cannot_be_registered():
    with pytest.raises(InvalidInputError, match=r"must be a subclass of zcbench\.probe\.Watcher"):
        zcbench.register_signal("t-odd", watcher=int)
    with pytest.raises(DuplicateNameError, match="gradients"):
        zcbench.register_signal("gradients")(lambda probe: 0)
    with pytest.raises(InvalidInputError, match="needs a name"):
        zcbench.register_signal(lambda probe: 0)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="gradients"):
        zcbench.get_signal("gradient")
    with Probe(convnet(), Batch(*images())) as probe:
        with pytest.raises(AttributeError, match="zcbench list signals"):
            _ = probe.gradient
        with pytest.raises(UnknownNameError, match="did you mean"):
            probe.signal("gradient")


def test_our_signals_are_attributes_of_that_name():
    for name in zcbench.list_signals():
        info = zcbench.signal_info(name)
        assert isinstance(getattr(Probe, name), Signal), name
        assert getattr(Probe, name).compute is info.function
        assert info.summary.endswith(".")
