"""Contracts of signals and of per-sample rules: ours keep them, and every check has an example that breaks it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench import _kinds
from zcbench.probe import FunctionWatcher, Watcher
from zcbench.probe.per_sample.rules._register import _RULES
from zcbench.testing import check_per_sample_rule, check_proxy, check_signal


@pytest.fixture(autouse=True)
def registries():
    before = dict(_RULES)
    with _kinds.isolated():
        yield
    _RULES.clear()
    _RULES.update(before)


@pytest.mark.parametrize("name", zcbench.list_signals())
def test_ours_keep_the_contract(name):
    report = check_signal(name)
    assert report.ok, report


def failed(report):
    return {outcome.check: outcome.detail for outcome in report.outcomes if outcome.status == "failed"}


def broken(check, function, **declared):
    function.__doc__ = None if check == "declaration" else "What is measured."
    zcbench.register_signal("t-broken", **declared)(function)
    return failed(check_signal("t-broken"))


def count(probe):
    return torch.tensor(float(len(probe.parameters)))


def drawn(probe):
    return torch.rand(3) + torch.randn(3, generator=torch.Generator().manual_seed(torch.seed() % 2**31))


def never(probe):
    raise zcbench.probe.UnsupportedModelError("not here.")


def halved(probe):
    with torch.no_grad():
        for parameter in probe.parameters.values():
            parameter.mul_(0.5)
    return count(probe)


def of_outputs(probe):
    return probe.outputs.detach().sum()


class Restless(Watcher):
    """Remembers whether the pass has a graph."""

    def start(self):
        self.graphs = []
        self.stack.enter_context(FunctionWatcher(lambda *_: self.graphs.append(torch.is_grad_enabled())))


@pytest.mark.parametrize(("check", "function", "declared"), [
    ("declaration", count, {}),
    ("same seed, same signal", drawn, {}),
    ("unchanged", halved, {}),
    ("graph", of_outputs, {}),
    ("other signals", lambda probe: torch.tensor(any(probe.watched(Restless).graphs)), {"watcher": Restless}),
    ("computed", lambda probe: probe.weights_for(), {}),
], ids=lambda value: value if isinstance(value, str) else "")  # fmt: skip
def test_every_check_can_fail(check, function, declared):
    assert check in broken(check, function, **declared)


def test_an_object_of_its_own_each_time():
    class Fickle:
        def __call__(self, probe):
            """Something."""
            return count(probe)

    zcbench.register_signal("t-fine")(Fickle().__call__)
    assert check_signal("t-fine").ok


@pytest.mark.parametrize(("signals", "message"), [
    (("gradients", "relu_codes"), "declares the signal 'relu_codes' but never requests it"),
    (("loss",), "requests the signal 'gradients' but declares only others"),
], ids=["idle", "undeclared"])  # fmt: skip
def test_what_proxies_declare_is_what_they_ask_for(signals, message):
    zcbench.register_proxy("t-declares", needs_labels=True, signals=signals, reference="none")(
        lambda probe: float(sum(g.abs().sum() for g in probe.gradients.values())) + 0 * float(probe.loss.detach())
    )
    assert message in failed(check_proxy("t-declares"))["signals"]


def test_proxies_that_declare_nothing_are_told():
    @zcbench.register_proxy("t-silent", needs_labels=True, reference="none")
    def silent(probe):
        """Sum of gradients."""
        return float(sum(g.abs().sum() for g in probe.once("gradients", lambda: probe.gradients).values()))

    (outcome,) = [one for one in check_proxy("t-silent").outcomes if one.check == "signals"]
    assert (outcome.status, outcome.detail) == (
        "passed",
        "requests: gradients; declare them, so that proxies share more passes",
    )


# -- rules -------------------------------------------------------------------------------------

LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), torch.randn(5, 6, 4)),
    "convolution": (lambda: nn.Conv2d(4, 6, 3, groups=2, padding=1), torch.randn(5, 4, 6, 6)),
    "layer norm": (lambda: nn.LayerNorm(4), torch.randn(5, 6, 4)),
    "RMS norm": (lambda: nn.RMSNorm(4), torch.randn(5, 6, 4)),
    "group norm": (lambda: nn.GroupNorm(2, 4), torch.randn(5, 4, 6)),
    "embedding": (lambda: nn.Embedding(7, 4, padding_idx=0), torch.randint(7, (5, 6))),
    "the general one": (lambda: nn.PReLU(4), torch.randn(5, 4, 6)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_our_rules_keep_the_contract(name):
    report = check_per_sample_rule(*LAYERS[name])
    assert report.ok, report


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.shift = nn.Parameter(torch.randn(4)), nn.Parameter(torch.randn(4))

    def forward(self, x):
        return F.softsign(self.scale * x + self.shift)


def scale(layer, x, gradient):
    inner = layer.scale * x + layer.shift
    back = gradient / (1 + inner.abs()).square()
    yield "scale", (back * x).sum(1)
    yield "shift", back.sum(1)


def summed(layer, x, gradient):
    for name, part in scale(layer, x, gradient):
        yield name, part.flip(0)


def forgetful(layer, x, gradient):
    yield "scale", dict(scale(layer, x, gradient))["scale"]


def centred(layer, x, gradient):
    for name, part in scale(layer, x, gradient):
        yield name, part if len(x) == 5 else part * 2


def writes(layer, x, gradient):
    yield from scale(layer, x, gradient)
    x.mul_(0.5)


@pytest.mark.parametrize(("rule", "check"), [
    (scale, None),
    (summed, "per-sample gradients"),
    (forgetful, "per-sample gradients"),
    (centred, "parts of the batch"),
    (writes, "unchanged"),
])  # fmt: skip
def test_every_check_of_rules_can_fail(rule, check):
    zcbench.per_sample_rule(Scale)(rule)
    found = failed(check_per_sample_rule(Scale, torch.randn(5, 6, 4)))
    assert (check in found) if check else not found


def test_layers_without_a_rule():
    layer = nn.Sequential(nn.Linear(4, 4))
    assert "there is no rule" in failed(check_per_sample_rule(lambda: layer, torch.randn(5, 6, 4)))["a rule"]
