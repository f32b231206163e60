"""One call for anybody's network: every outcome a value or a reason, the network as it was."""

import copy
import decimal
import fractions
import math
import statistics

import numpy as np
import pytest
import torch
from as_found import same, state
from networks import Dead, convnet, images
from torch import nn
from toys import registry_as_it_was
from vandals import VANDALS

import zcbench
from zcbench._process import stable_seed
from zcbench._training import Recipe, reinitialize, train
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.proxies._score import CHANGED
from zcbench.testing._world import differs, world
from zcbench.types import Batch


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
        (lambda probe: "high", "failed", "TypeError: the proxy returned a str"),
        (lambda probe: torch.ones(3), "failed", "TypeError: the proxy returned a float32 tensor of shape (3,)"),
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


#: of every engine: static, one pass, two, single samples, other weights, other inputs, second derivatives
NEIGHBOURS = ["l2_norm", "snip", "fisher", "naswot", "jacov", "gradsign", "zen", "synflow", "grasp", "ntk_norm"]


@pytest.fixture(scope="module")
def neighbours():
    """What they score alone."""
    return {name: zcbench.score(convnet(), *images(), [name])[name].value for name in NEIGHBOURS}


@pytest.mark.parametrize("vandal", VANDALS)
@pytest.mark.parametrize("fails", [False, True])
def test_a_proxy_that_changes_what_is_shared_spoils_nobody(proxy, neighbours, vandal, fails):
    function, words = VANDALS[vandal]

    def changes(probe):
        function(probe)
        if fails:
            raise KeyError("in the middle")
        return 1.0

    model, (inputs, labels) = convnet(), images()
    before, given, around = state(model), (inputs.clone(), labels.clone()), world()
    name = proxy(changes)
    for order in ([name, *NEIGHBOURS], ["snip", name, *NEIGHBOURS]):  # before and after signals were measured
        scores = zcbench.score(model, inputs, labels, order)
        assert {key: scores[key].value for key in NEIGHBOURS} == neighbours
        assert {scores[key].detail for key in NEIGHBOURS} == {""}
        assert scores[name].status == ("failed" if fails else "ok")
        assert f"{CHANGED} " in scores[name].detail
        assert words in scores[name].detail
        assert ("KeyError" in scores[name].detail) == fails
    assert same(before, state(model))
    assert torch.equal(inputs, given[0])
    assert torch.equal(labels, given[1])
    assert (inputs.requires_grad, inputs.grad) == (False, None)
    assert not differs(around, world())


#: each changes something and then measures; what it changed in a signal itself, it sees or not
PAIRS = [name for name in VANDALS if not VANDALS[name][1].startswith("shared signals")]


@pytest.mark.parametrize(("one", "two"), list(zip(PAIRS, [*PAIRS[7:], *PAIRS[:7]], strict=True)))
def test_two_such_proxies_in_a_row(proxy, neighbours, one, two):
    def measuring(vandal):
        def changes(probe):
            VANDALS[vandal][0](probe)
            total = sum(gradient.double().sum() for gradient in probe.gradients.values()) + probe.outputs.double().sum()
            own = probe.once(
                f"own of {vandal}", lambda: float(torch.rand(1, device="cpu")) + probe.seed + len(probe.batch)
            )
            return total.item() + own

        return changes

    names = [proxy(measuring(vandal)) for vandal in (one, two)]
    alone = [zcbench.score(convnet(), *images(), [name])[name] for name in names]
    scores = zcbench.score(convnet(), *images(), ["snip", *names, "fisher", "l2_norm"])
    assert [scores[name].value for name in names] == [score.value for score in alone]
    assert [scores[name].status for name in names] == [score.status for score in alone]
    for name in ("snip", "fisher", "l2_norm"):
        assert scores[name].value == neighbours[name]


@pytest.mark.parametrize("vandal", ["halves_data", "grad_mode", "freezes", "gradients_in_place", "targets_in_place"])
def test_with_repeats_and_training_too(proxy, vandal):
    def changes(probe):
        VANDALS[vandal][0](probe)
        return 1.0

    others = ["snip:repeats=2", "l2_norm:repeats=2", "grad_norm:epochs=1", "naswot"]
    model, (inputs, labels) = convnet(), images()
    before = state(model)
    alone = zcbench.score(model, inputs, labels, others)
    name = proxy(changes)
    labels_of = [f"{name}:repeats=2", f"{name}:epochs=1", name]
    scores = zcbench.score(model, inputs, labels, [*labels_of, *others])
    assert {key: scores[key].value for key in others} == {key: alone[key].value for key in others}
    for label in labels_of:
        assert scores[label].value == 1
        assert scores[label].detail.count(CHANGED) == 1
    assert same(before, state(model))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")])
def test_signals_do_not_see_the_modes_of_who_asks_first(proxy, neighbours, mode):
    def careless(probe):
        with mode():
            return float(probe.outputs.detach().float().sum()) + sum(float(g.sum()) for g in probe.gradients.values())

    name = proxy(careless)
    scores = zcbench.score(convnet(), *images(), [name, *NEIGHBOURS])
    assert {key: scores[key].value for key in NEIGHBOURS} == neighbours
    assert scores[name].detail == ""
    assert scores[name].value == zcbench.score(convnet(), *images(), ["snip", name])[name].value


def test_inside_inference_mode(neighbours):
    model = convnet()
    with torch.inference_mode():
        assert zcbench.score(model, *images(), ["snip"])["snip"].value == neighbours["snip"]


def test_what_the_global_generators_give_depends_on_the_seed_alone(proxy):
    import random

    name = proxy(lambda probe: float(torch.rand(())) + random.random() + np.random.rand())
    values = []
    for state_before in (1, 2):
        torch.manual_seed(state_before)
        random.seed(state_before)
        np.random.seed(state_before)
        scores = zcbench.score(convnet(), *images(), [["snip", name], [name]][state_before - 1])
        values.append(scores[name].value)
    assert values[0] == values[1] != zcbench.score(convnet(), *images(), [name], seed=1)[name].value


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


# -- whatever a proxy does costs its own score -------------------------------------------------


class Rude(torch.Tensor):
    """A tensor whose methods do not do what a tensor's do."""

    @classmethod
    def __torch_function__(cls, *args, **kwargs):
        raise SystemExit(1)

    def item(self):
        raise SystemExit(1)

    detach = __float__ = numel = item


class Float:
    def __init__(self, deed):
        self.deed = deed

    def __float__(self):
        return self.deed()


def raises(kind):
    def deed(*_):
        raise kind

    return deed


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (torch.tensor([[2.5]]), 2.5),
        (torch.tensor([2.5]).as_subclass(Rude), 2.5),
        (nn.Parameter(torch.tensor(2.5)), 2.5),
        (np.float32(2.5), 2.5),
        (np.array([2.5]), 2.5),
        (fractions.Fraction(5, 2), 2.5),
        (decimal.Decimal("2.5"), 2.5),
        (Float(lambda: 2.5), 2.5),
        (True, 1.0),
        (7, 7.0),
        (
            torch.ones(3),
            "TypeError: the proxy returned a float32 tensor of shape (3,): it must return one real number.",
        ),
        (torch.ones(0), "TypeError: the proxy returned a float32 tensor of shape (0,)"),
        (torch.ones(2).as_subclass(Rude), "TypeError: the proxy returned a float32 tensor of shape (2,)"),
        (torch.tensor(1 + 0j), "TypeError: the proxy returned a complex64 tensor of shape ()"),
        (np.ones((1, 2)), "TypeError: the proxy returned a float64 array of shape (1, 2)"),
        (np.array("3"), "TypeError: the proxy returned a <U1 array of shape ()"),
        (np.complex64(3), "TypeError: the proxy returned a complex64: it must return one real number."),
        (3 + 0j, "TypeError: the proxy returned a complex"),
        ("3", "TypeError: the proxy returned a str: it must return one real number."),
        (b"3", "TypeError: the proxy returned a bytes"),
        (memoryview(b"3"), "TypeError: the proxy returned a memoryview"),
        ([3.0], "TypeError: the proxy returned a list"),
        (None, "TypeError: the proxy returned a NoneType: it must return one real number."),
        (10**400, "OverflowError: int too large to convert to float"),
        (Float(raises(SystemExit)), "SystemExit"),
        (Float(raises(KeyboardInterrupt)), "KeyboardInterrupt"),
        (Float(lambda: "3"), "TypeError: Float.__float__ returned non-float (type str)"),
        (decimal.Decimal("1e400"), "the formula gave inf."),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_counts_as_a_number(proxy, result, outcome):
    model, (inputs, labels) = convnet(), images()
    score = zcbench.score(model, inputs, labels, [proxy(lambda probe: result)]).popitem()[1]
    if isinstance(outcome, float):
        assert (score.value, type(score.value), score.detail) == (outcome, float, "")
    else:
        assert score.value is None
        assert score.detail.startswith(outcome)


@pytest.mark.parametrize("where", ["proxy", "forward", "training"])
@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RecursionError])
def test_exceptions_of_every_kind(proxy, kind, where):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 3)
            self.calls = 0

        def forward(self, x):
            if where == "forward" or (where == "training" and self.inner.weight.ne(weight).any()):
                raise kind("why")
            return self.inner(x)

    model, (inputs, labels) = Net(), (torch.ones(4, 4), torch.zeros(4, dtype=torch.long))
    weight = model.inner.weight.detach().clone()
    bad = proxy(raises(kind("why"))) if where == "proxy" else "grad_norm:epochs=2" if where == "training" else "snip"
    scores = zcbench.score(model, inputs, labels, [bad, "params", "l2_norm"])
    assert scores[bad].status == "failed"
    assert scores[bad].detail == f"{kind.__name__}: why"
    assert scores["params"].value == 15
    assert scores["l2_norm"].value == zcbench.score(model, inputs, labels, ["l2_norm"])["l2_norm"].value


def test_a_failure_of_our_own_kind_is_one_line_too(proxy):
    class Odd(zcbench.errors.UnsupportedModelError):
        def __str__(self):
            raise RuntimeError

    model, (inputs, labels) = convnet(), images()
    for error, detail in ((Odd(), "(its message"), (zcbench.errors.UnsupportedModelError("x\ny"), "x")):
        score = zcbench.score(model, inputs, labels, [proxy(raises(error))]).popitem()[1]
        assert score.status == "unsupported"
        assert score.detail.startswith(detail)
        assert "\n" not in score.detail


def test_repeats_average_over_initialisations_the_given_one_first():
    model, (inputs, targets) = convnet(), images()
    before, rng = state(model), torch.get_rng_state()
    scores = zcbench.score(model, inputs, targets, ["snip", "snip:repeats=4", "naswot:repeats=4"], seed=7)
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())
    by_hand = [float(scores["snip"])]
    for repeat in (1, 2, 3):
        seed = stable_seed(7, "repeat", repeat)
        other = copy.deepcopy(model)
        reinitialize(other, seed)
        by_hand.append(float(zcbench.score(other, inputs, targets, ["snip"], seed=seed)["snip"]))
    found = scores["snip:repeats=4"]
    assert found.value == pytest.approx(statistics.fmean(by_hand), rel=1e-12)
    assert found.spread == pytest.approx(statistics.stdev(by_hand), rel=1e-9)
    assert found.repeats == 4
    assert scores["snip"].repeats == 1
    assert math.isnan(scores["snip"].spread)


def test_training_before_the_score():
    model, (inputs, targets) = convnet(), images(batch=16)
    data = Batch(torch.randn(40, 3, 8, 8), torch.randint(5, (40,)))
    recipe = Recipe(batch_size=8)
    before = state(model)
    labels = ["grad_norm", "grad_norm:epochs=2", "grad_norm:epochs=2:steps=1"]
    scores = zcbench.score(model, inputs, targets, labels, seed=3, training_data=data, recipe=recipe)
    assert same(before, state(model))
    assert list(scores) == labels
    for label, steps in zip(labels, (0, 10, 11), strict=True):
        other = copy.deepcopy(model)
        if steps:
            assert train(other, data, steps=steps, recipe=recipe, seed=3) == steps
        expected = zcbench.score(other, inputs, targets, ["grad_norm"], seed=3)["grad_norm"]
        assert scores[label].value == expected.value
    assert scores["grad_norm:epochs=2"].seconds > scores["grad_norm"].seconds


def test_training_is_charged_to_each_and_done_once(monkeypatch):
    import zcbench.proxies._score as engine

    calls = []

    def slow(*args, **kwargs):
        import time

        calls.append(1)
        time.sleep(0.2)

    monkeypatch.setattr(engine, "train", slow)
    scores = zcbench.score(convnet(), *images(), ["params:steps=1", "snip:steps=1", "params"])
    assert len(calls) == 1
    assert all(scores[name].wall >= 0.2 > scores[name].seconds > 0 for name in ("params:steps=1", "snip:steps=1"))
    assert scores["params"].wall < 0.2


def test_the_default_data_is_the_batch():
    model, (inputs, targets) = convnet(), images()
    default = zcbench.score(model, inputs, targets, ["snip:steps=3"])
    given = zcbench.score(model, inputs, targets, ["snip:steps=3"], training_data=Batch(inputs, targets))
    assert default["snip:steps=3"].value == given["snip:steps=3"].value


class Odd(nn.Module):
    """Weights of its own that nobody knows how to draw."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(5, 192))

    def forward(self, x):
        return x.flatten(1) @ self.weight.T


def test_a_repeat_or_training_that_fails_is_a_reason():
    model, (inputs, targets) = Odd(), images()
    before = state(model)
    scores = zcbench.score(model, inputs, targets, ["params", "params:repeats=2", "snip"])
    assert [score.status for score in scores.values()] == ["ok", "unsupported", "ok"]
    assert scores["params:repeats=2"].detail.startswith("initialisation 2 of 2: Odd has weights")
    scores = zcbench.score(model, inputs, None, ["params:epochs=1", "params"])
    assert scores["params:epochs=1"].status == "unsupported"
    assert "needs targets" in scores["params:epochs=1"].detail
    wild = Recipe(learning_rate=1e30)
    score = zcbench.score(convnet(), inputs, targets, ["snip:steps=50"], recipe=wild)["snip:steps=50"]
    assert score.status == "failed"
    assert "of training" in score.detail
    assert same(before, state(model))


def test_one_bad_repeat_spoils_the_mean():
    with registry_as_it_was():
        seen = []

        @zcbench.register_proxy("t-third", cost="static")
        def third(probe):
            seen.append(probe)
            return math.nan if len(seen) == 3 else 1.0

        score = zcbench.score(convnet(), images()[0], proxies=["t-third:repeats=4"])["t-third:repeats=4"]
    assert (score.value, score.status, score.repeats) == (None, "non-finite", 4)
    assert score.detail == "initialisation 3 of 4: the formula gave nan."


class Small(nn.Module):
    """A network for which there is memory for a few samples only."""

    def __init__(self, most):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.most, self.largest = convnet(), most, 0

    def forward(self, x):
        if torch.is_grad_enabled():
            self.largest = max(self.largest, len(x))
            if len(x) > self.most:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        return self.inner(x)


@pytest.mark.parametrize("most", [16, 5, 2, 1])
def test_gradients_of_samples_take_the_memory_that_there_is(most):
    x, y = images()
    whole = zcbench.score(Small(len(x)), x, y, ["gradsign", "snip", "params"])
    found = zcbench.score(Small(most), x, y, ["snip", "gradsign", "params"])
    assert float(found["gradsign"]) == pytest.approx(float(whole["gradsign"]), rel=1e-6)
    assert found["params"].value == whole["params"].value
    if most < len(x):
        score = found["snip"]
        assert (score.value, score.status) == (None, "out-of-memory")
        assert score.detail.startswith(
            "OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB; choose a smaller"
        )
        assert score.status.worth_a_retry


def test_no_memory_for_company_is_memory_for_one():
    calls = []

    def greedy(probe):
        calls.append(set(probe._measured))
        if probe._measured:
            raise MemoryError("the graph of others fills it")
        return float(probe.gradients["0.weight"].sum())

    with registry_as_it_was():
        zcbench.register_proxy("t-greedy")(greedy)
        x, y = images()
        torch.manual_seed(0)
        network = convnet()
        alone = zcbench.score(network, x, y, ["t-greedy"])["t-greedy"]
        scores = zcbench.score(network, x, y, ["snip", "t-greedy", "fisher"])
    assert len(calls) == 3
    assert scores["t-greedy"].value == alone.value
    assert scores["fisher"].value == zcbench.score(network, x, y, ["fisher"])["fisher"].value


def test_no_float64_is_no_failure():
    with registry_as_it_was():

        @zcbench.register_proxy("t-wide", cost="static")
        def wide(probe):
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )

        score = zcbench.score(convnet(), *images(), ["t-wide"])["t-wide"]
    assert (score.status, score.detail) == (
        *("unsupported", "it computes in float64, which mps does not support: choose device cpu."),
    )
