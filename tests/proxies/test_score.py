"""One call for anybody's network: every outcome a value or a reason, the network as it was."""

import math

import pytest
import torch
from networks import Dead, convnet, images, zoo
from test_guard import same, state
from torch import nn

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError


@pytest.fixture
def proxy():
    """Register a throw-away proxy."""
    from zcbench.proxies import _register

    names = []

    def add(function, **declared):
        name = f"test-{len(names)}"
        zcbench.register_proxy(name, **declared)(function)
        names.append(name)
        return name

    yield add
    for name in names:
        del _register._PROXIES._entries[name]


@pytest.mark.parametrize("name", zoo())
def test_every_proxy_on_every_odd_network(name):
    model, inputs, targets = zoo()[name]
    before, rng = state(model), torch.get_rng_state()
    first = zcbench.score(model, inputs, targets, "all")
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())
    second = zcbench.score(model, inputs, targets, "all")
    assert sorted(first) == zcbench.list_proxies()
    for key, score in first.items():
        assert score.status in ("ok", "unsupported", "non-finite"), (key, score.detail)
        assert (score.value is not None) == (score.status == "ok") == math.isfinite(float(score))
        assert bool(score.detail) == (score.status != "ok")
        assert score.seconds >= 0
        assert second[key].value == score.value


def test_scores_do_not_depend_on_the_company():
    model, (inputs, labels) = convnet(), images()
    together = zcbench.score(model, inputs, labels, "all")
    for name, score in together.items():
        alone = zcbench.score(model, inputs, labels, [name])
        assert list(alone) == [name]
        assert alone[name].value == score.value


def test_modes_of_the_network_do_not_matter():
    inputs, labels = images()
    training, evaluating = (zcbench.score(m, inputs, labels, "all") for m in (convnet(), convnet().eval()))
    assert {k: v.value for k, v in training.items()} == {k: v.value for k, v in evaluating.items()}


def test_inside_no_grad():
    inputs, labels = images()
    with torch.no_grad():
        score = zcbench.score(convnet(), inputs, labels, ["snip"])["snip"]
    assert score.value == zcbench.score(convnet(), inputs, labels, ["snip"])["snip"].value


def test_patterns_order_and_repeats():
    model, (inputs, labels) = convnet(), images()
    assert list(zcbench.score(model, inputs, labels, ["snip", "synflow*", "snip"])) == [
        *("snip", "synflow", "synflow_log")
    ]
    assert list(zcbench.score(model, inputs, labels, "params")) == ["params"]


def transformers_or_recurrent(name):
    return not {"any", "convolutional"} & set(zcbench.get_proxy(name).domains)


def test_labels_are_needed_by_those_that_say_so():
    scores = zcbench.score(convnet(), images()[0], proxies="all")
    for name, score in scores.items():
        needs = zcbench.get_proxy(name).needs_labels
        assert (score.status == "unsupported") == (needs or transformers_or_recurrent(name)), name
        if needs:
            assert "targets" in score.detail


def test_float_of_a_score():
    scores = zcbench.score(Dead(), images()[0], proxies=["params", "jacov"])
    assert float(scores["params"]) == scores["params"].value == 137
    assert math.isnan(float(scores["jacov"]))


@pytest.mark.parametrize(
    ("function", "status", "detail"),
    [
        (lambda probe: 1 / 0, "failed", "ZeroDivisionError: division by zero"),
        (lambda probe: None, "failed", "TypeError"),
        (lambda probe: "high", "failed", "ValueError"),
        (lambda probe: torch.ones(3), "failed", "ValueError"),
        (lambda probe: float("nan"), "non-finite", "the formula gave nan."),
        (lambda probe: -torch.tensor(float("inf")), "non-finite", "the formula gave -inf."),
        (lambda probe: torch.tensor([2.5]), "ok", ""),
        (lambda probe: True, "ok", ""),
        (lambda probe: probe.outputs.sum(), "ok", ""),
    ],
)
def test_what_a_stranger_may_return(proxy, function, status, detail):
    name = proxy(function)
    scores = zcbench.score(convnet(), images()[0], proxies=[name, "params"])
    assert scores[name].status == status
    assert scores[name].detail.startswith(detail)
    assert scores["params"].status == "ok"


def test_a_proxy_that_vandalises_spoils_nobody(proxy):
    def vandal(probe):
        with torch.no_grad():
            for parameter in probe.model.parameters():
                parameter.zero_()
        probe.model.eval()
        torch.manual_seed(1)
        return 1.0

    model, (inputs, labels) = convnet(), images()
    before, rng = state(model), torch.get_rng_state()
    zcbench.score(model, inputs, labels, [proxy(vandal)])
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())


def test_a_network_that_raises():
    class Raises(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, x):
            raise RuntimeError("first line\nsecond line")

    scores = zcbench.score(Raises(), torch.randn(4, 3), torch.zeros(4, dtype=torch.long))
    assert scores["params"].status == "ok"
    for name in ("naswot", "jacov", "gradsign", "synflow", "snip"):
        assert scores[name].status == "failed"
        assert scores[name].detail == "RuntimeError: first line"


def test_a_network_that_returns_nothing_or_has_no_layers():
    class Nothing(nn.Linear):
        def forward(self, x):
            return None

    labels = torch.zeros(4, dtype=torch.long)
    scores = zcbench.score(Nothing(3, 2), torch.randn(4, 3), labels, "all")
    assert scores["snip"].status == scores["jacov"].status == "unsupported"
    assert "must return a tensor" in scores["snip"].detail
    scores = zcbench.score(nn.Flatten(), torch.randn(4, 3), labels, "all")
    assert {name for name, score in scores.items() if score.status == "ok"} == {
        *("flops", "az_complexity", "params", "random", "jacobian_cosine")
    }


#: those that do not look at the weights of the first layer, or not at their values
BLIND = {"params", "random", "flops", "az_complexity", "num_layers", "zen"}


def test_nan_weights_are_never_a_number():
    model, (inputs, labels) = convnet(), images()
    nn.init.constant_(model[0].weight, math.nan)
    scores = zcbench.score(model, inputs, labels, "all")
    assert {name for name, s in scores.items() if s.status == "ok"} <= BLIND
    for name in ("grad_norm", "snip", "synflow", "jacov", "l2_norm"):
        assert scores[name].status == "non-finite", name


def test_unusable_arguments():
    with pytest.raises(UnknownNameError, match="did you mean 'naswot'"):
        zcbench.score(convnet(), images()[0], proxies=["naswott"])
    with pytest.raises(InvalidInputError, match="no proxy was chosen"):
        zcbench.score(convnet(), images()[0], proxies=[])
    with pytest.raises(InvalidInputError, match=r"torch\.nn\.Module"):
        zcbench.score(object(), images()[0])
