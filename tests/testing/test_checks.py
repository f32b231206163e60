"""The contract of proxies: every way to break it is caught by the check of that name."""

import random as python_random

import numpy as np
import pytest
import torch
from toys import registry_as_it_was
from vandals import VANDALS

import zcbench
from zcbench.errors import UnknownNameError
from zcbench.testing import check_proxy
from zcbench.testing._checks import _Checker
from zcbench.testing._report import FailedError


def outcomes(function, **declared):
    """Statuses by check for a throw-away proxy."""
    declared = {"reference": "baseline", **declared}
    with registry_as_it_was():
        zcbench.register_proxy("t-proxy", **declared)(function)
        report = check_proxy("t-proxy")
    return report, {outcome.check: outcome for outcome in report.outcomes}


def good(probe):
    """The largest gradient."""
    return max(float(g.abs().max()) for g in probe.gradients.values())


def test_a_good_proxy_passes():
    report, checks = outcomes(good, needs_labels=True, invariances=("sample-order",))
    assert report.ok, str(report)
    assert {name for name, o in checks.items() if o.status == "skipped"} <= {"per-sample loop", "reference", "device"}
    assert checks["per-sample loop"].detail == "it is declared backward"
    assert checks["reference"].detail == "no independent reference was given"
    assert report.count("passed") >= 10


def writes(probe):
    """Leaves a mark on the network behind the probe's back."""
    probe.model.marked = True
    probe._given.network._containers.unchanged = lambda: True
    return 1.0


calls = []


def counts_calls(probe):
    """Another number every time."""
    calls.append(1)
    return len(calls)


def looks_at_neighbours(probe):
    """Depends on what others have computed."""
    return float(len(probe._measured))


def loop(probe):
    """A backward pass per sample."""
    total = 0.0
    for i in range(len(probe.batch)):
        with probe.forward_pass():
            outputs = probe.call(probe.batch[i : i + 1].inputs)
        weight = next(iter(probe.weights.values()))
        (gradient,) = torch.autograd.grad(outputs.sum(), weight, allow_unused=True)
        total += 0.0 if gradient is None else float(gradient.abs().sum())
    return total


def draws(probe):
    """A random number."""
    return float(torch.rand((), generator=probe.generator("t-proxy")))


def forward(probe):
    """Runs the network."""
    with probe.forward_pass(), torch.no_grad():
        return float(probe.call(probe.batch.inputs).double().norm())


def size(probe):
    """Number of weights."""
    return float(sum(p.numel() for p in probe.parameters.values()))


def total(probe):
    """Sum of all weights' sizes."""
    return float(sum(p.detach().double().abs().sum() for p in probe.parameters.values()))


def first_sample(probe):
    """Looks at the first sample only."""
    return float(probe.outputs[0].detach().double().norm())


def third_digit(probe):
    """Round-off."""
    return float((probe.outputs.detach().double().sum() * 1e7) % 1) + 1.0


def knows_its_precision(probe):
    """The number of bytes of an output."""
    return float(probe.outputs.element_size())


def gives_up(probe):
    """Cannot cope with dead networks."""
    return 1 / float(probe.gradients[next(iter(probe.weights))].abs().sum())


def statistics_of_old(probe):
    """Runs the network with running statistics."""
    with probe.forward_pass("eval"), torch.no_grad():
        return float(probe.call(probe.batch.inputs).double().norm())


def pieces(probe):
    """Counts the pieces in which gradients come."""
    found = []
    probe.each_sample_gradient(lambda name, gradients: found.append(float(gradients.abs().sum() > 0)))
    return 1.0 + len(found)


@pytest.mark.parametrize(
    ("function", "declared", "check", "message"),
    [
        (statistics_of_old, {"cost": "forward"}, "batch norm", "with batch norm in mode eval, declared train"),
        (pieces, {"cost": "per-sample", "needs_labels": True}, "per-sample loop", "one sample at a time"),
        (good, {"needs_labels": True, "reference": ""}, "declaration", "it cites no reference"),
        (lambda probe: good(probe), {"needs_labels": True}, "declaration", "no docstring"),
        (lambda probe: 1 / 0, {}, "finite", "ZeroDivisionError"),
        (lambda probe: float("nan"), {}, "finite", "no score on any network; convolutions in a row: non-finite"),
        (lambda probe: probe.relu_codes and 1.0, {"domains": ("recurrent",)}, "finite", "no score on any recurrent"),
        (writes, {}, "unchanged", "the network was changed"),
        (counts_calls, {}, "same seed, same score", "and a second time"),
        (looks_at_neighbours, {}, "other proxies", "the score differs when it is computed together"),
        (draws, {"cost": "static"}, "stochastic", "declare stochastic=True"),
        (size, {"cost": "static", "stochastic": True}, "stochastic", "declared stochastic, but"),
        (good, {}, "labels", "without the targets, convolutions in a row: unsupported"),
        (forward, {"cost": "forward", "needs_labels": True}, "labels", "declare needs_labels=False"),
        (forward, {"cost": "static"}, "cost", "1 forward and 0 backward passes, declared static"),
        (good, {"cost": "forward", "needs_labels": True}, "cost", "declared forward"),
        (loop, {"cost": "backward"}, "cost", "fewer with a smaller batch: declare cost='per-sample'"),
        (forward, {"cost": "backward"}, "cost", "but no backward pass ran"),
        (size, {"cost": "forward"}, "cost", "declare cost='static'"),
        (first_sample, {"cost": "forward", "invariances": ("sample-order",)}, "invariance: sample-order", "becomes"),
        (good, {"needs_labels": True, "invariances": ("class-names",)}, "invariance: class-names", "becomes"),
        (forward, {"cost": "forward", "invariances": ("data",)}, "invariance: data", "becomes"),
        (total, {"cost": "static", "invariances": ("weight-scale",)}, "invariance: weight-scale", "becomes"),
        (third_digit, {"cost": "forward"}, "round-off", "a change in the last digits changes the score by"),
        (knows_its_precision, {"cost": "forward"}, "float64", "4 in float32, 8 in float64"),
        (gives_up, {"needs_labels": True}, "unusual networks", "dead network: ZeroDivisionError"),
    ],
)
def test_every_breach_is_caught_by_its_check(function, declared, check, message):
    report, checks = outcomes(function, **declared)
    assert not report.ok
    assert checks[check].status == "failed", str(report)
    assert message in checks[check].detail


@pytest.mark.parametrize("vandal", VANDALS)
def test_every_sort_of_change_to_what_is_shared_fails_the_check_of_company(vandal):
    function, words = VANDALS[vandal]

    def changes(probe):
        """One."""
        function(probe)
        return 1.0

    with registry_as_it_was():
        zcbench.register_proxy("t-vandal", needs_labels=True)(changes)
        checker = _Checker(zcbench.get_proxy("t-vandal"), None, 0)
        checker.wanted = checker.wanted[:1]
        checker.finite()
        with pytest.raises(FailedError, match="it changes state that other proxies share") as caught:
            checker.company()
    assert words in str(caught.value)


@pytest.mark.parametrize("vandal", ["halves_data", "targets_in_place", "gradients_data"])
def test_such_a_proxy_fails_the_contract(vandal):
    function, words = VANDALS[vandal]
    report, checks = outcomes(lambda probe: [1.0, function(probe)][0], needs_labels=True)
    assert not report.ok
    assert words in checks["other proxies"].detail


@pytest.mark.parametrize(
    "vandal",
    [
        lambda: torch.rand(1),
        lambda: np.random.rand(),
        lambda: python_random.random(),
        lambda: torch.set_default_dtype(torch.float32 if torch.get_default_dtype() is torch.float64 else torch.float64),
    ],
)
def test_global_state_that_escapes_is_caught(vandal, monkeypatch):
    import zcbench.probe._snapshot as guard

    monkeypatch.setattr(guard.Settings, "restore", lambda _: [])
    monkeypatch.setattr(guard.RandomStates, "restore", lambda _: None)
    try:
        _, checks = outcomes(lambda probe: [1.0, vandal()][0], cost="static")
        assert "random state or global flags were changed" in checks["unchanged"].detail
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_proxy_for_which_nothing_ran_fails():
    report, checks = outcomes(lambda probe: float("nan"))
    assert not report.ok
    assert checks["float64"].status == "skipped"
    assert checks["float64"].detail == "it returned no score on any network of its domains"


def test_settings_are_checked_too():
    assert check_proxy("params:repeats=2").name == "params:repeats=2"
    with pytest.raises(UnknownNameError):
        check_proxy("parms")
