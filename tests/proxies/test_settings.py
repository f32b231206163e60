"""Settings in a proxy's name: its own parameters, repeats over initialisations, training before the score."""

import copy
import math
import statistics

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import convnet, images
from test_guard import same, state
from torch import nn
from toys import registry_as_it_was

import zcbench
from zcbench._process import stable_seed
from zcbench._training import Recipe, reinitialize, train
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Batch, Cost

NO_INTEGERS = ("", " 5", "5 ", "+5", "1_000", "1e3", "5.0", "0x5", "٣", "５", "1" * 20, "1" * 5000, "--5", "nan", "5\n")
NO_FLOATS = (
    "",
    " 5",
    "+5",
    "1_0.0",
    "nan",
    "inf",
    "-inf",
    "٣",
    "1e",
    "1e5.0",
    ".",
    "-",
    "0x1p3",
    "1,5",
    "Infinity",
    "5\n",
)
NO_TEXTS = ("a\n", " a", "a\t", "\x1b[31m", "\u202e")


@pytest.fixture
def powers():
    with registry_as_it_was():

        @zcbench.register_proxy("t-power", cost="static")
        def power(probe, *, exponent: float = 2.0, count: int = 1, root: bool = False, which: str = "first"):
            """The first weight to a power."""
            weight = next(iter(probe.weights.values())).detach().double()
            value = float(count * (weight.abs() ** exponent).sum())
            return math.sqrt(value) if root else (value if which == "first" else -value)

        yield power


def test_own_parameters(powers):
    model, (inputs, _) = convnet(), images()
    weight = model[0].weight.detach().double().abs()
    labels = ["t-power", "t-power:exponent=3", "t-power:count=4:root=true", "t-power:which=last:exponent=2.0"]
    scores = zcbench.score(model, inputs, proxies=labels)
    assert [score.value for score in scores.values()] == pytest.approx(
        [float(v) for v in ((weight**2).sum(), (weight**3).sum(), 2 * weight.norm(), -(weight**2).sum())]
    )


def test_labels_are_canonical(powers):
    labels = {
        "t-power": "t-power",
        "t-power:exponent=2": "t-power",
        "t-power:which=last:count=03": "t-power:count=3:which=last",
        "t-power:repeats=1": "t-power",
        "t-power:steps=5:epochs=1:repeats=2": "t-power:epochs=1:repeats=2:steps=5",
    }
    for text, label in labels.items():
        info = zcbench.get_proxy(text)
        assert info.label == label
        assert info.identifier == f"{label}@1"
        assert zcbench.get_proxy(label) == info


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.text(st.characters(codec="ascii", exclude_characters=":")).filter(
        lambda text: text.isprintable() and text == text.strip()
    ),
)
def test_labels_are_read_back_exactly(exponent, count, root, which):
    with registry_as_it_was():

        @zcbench.register_proxy("t-any", cost="static")
        def anything(probe, *, exponent: float = 2.0, count: int = 1, root: bool = False, which: str = "first"):
            return 0.0

        text = f"t-any:exponent={exponent!r}:count={count}:root={root}:which={which}"
        info = zcbench.get_proxy(text)
        values = {"exponent": exponent, "count": count, "root": root, "which": which}
        assert {**info.parameters, **info.arguments} == values
        assert zcbench.get_proxy(info.label) == info
        assert zcbench.get_proxy(info.label).label == info.label
        numbers = info.label.partition(":which")[0]
        assert "+" not in numbers  # which joins labels


def test_negative_parameters_where_they_make_sense(powers):
    info = zcbench.get_proxy("t-power:exponent=-0.5:count=-3")
    assert info.label == "t-power:count=-3:exponent=-0.5"
    model, (inputs, _) = convnet(), images()
    expected = -3 * (model[0].weight.detach().double().abs() ** -0.5).sum()
    assert zcbench.score(model, inputs, proxies=[info.label])[info.label].value == pytest.approx(float(expected))


def test_ranges_are_declared():
    with registry_as_it_was():

        @zcbench.register_proxy("t-share", ranges={"share": (-0.5, 1)}, cost="static")
        def share(probe, *, share: float = 0.5):
            if share == 0.25:
                raise InvalidInputError("a quarter is nothing.")
            return share

        for text in ("-0.5", "1", "0"):
            assert zcbench.get_proxy(f"t-share:share={text}").arguments == {"share": float(text)}
        with pytest.raises(InvalidInputError, match=r"t-share:share=-0\.6: -0\.6 is too small; choose -0\.5 or more"):
            zcbench.get_proxy("t-share:share=-0.6")
        score = zcbench.score(convnet(), images()[0], proxies="t-share:share=0.25")["t-share:share=0.25"]
        assert (score.status, score.detail) == ("failed", "InvalidInputError: a quarter is nothing.")


def test_patterns_take_settings():
    infos = zcbench.proxies.resolve(["synflow*:repeats=2", "snip"])
    assert [info.label for info in infos][:2] == ["synflow:repeats=2", "synflow_log:repeats=2"]
    assert infos[-1].label == "snip"


def test_training_is_a_cost_class():
    assert zcbench.get_proxy("params:steps=1").cost is Cost.TRAINING
    assert zcbench.get_proxy("params:repeats=2").cost is Cost.STATIC


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("naswott:repeats=2", UnknownNameError, "did you mean 'naswot'"),
        ("naswot:repeat=2", UnknownNameError, "unknown setting of naswot 'repeat': did you mean 'repeats'"),
        ("naswot:repeats", InvalidInputError, "write settings as naswot:setting=value"),
        ("naswot:repeats=many", InvalidInputError, "'many' is not a int"),
        ("naswot:repeats=0", InvalidInputError, "0 is too small"),
        ("naswot:steps=-1", InvalidInputError, "-1 is too small"),
        ("t-power:root=2", InvalidInputError, "'2' is not a bool"),
        ("naswot:repeats=2:repeats=3", InvalidInputError, "repeats is set twice"),
        ("naswot:repeats=10000000", InvalidInputError, "too large; choose 1000000 or less"),
        ("ntk_cond:samples=-3", InvalidInputError, "-3 is too small; choose 0 or more"),
        ("ntk_cond:batch_norm=evel", InvalidInputError, "unknown batch-norm mode 'evel'"),
        ("zico:batches=1", InvalidInputError, "1 is too small; choose 2 or more"),
        ("v_pca:eta=1.5", InvalidInputError, "1.5 is too large; choose 1.0 or less"),
        *((f"t-power:count={text}", InvalidInputError, "is not a int") for text in NO_INTEGERS),
        *((f"t-power:exponent={text}", InvalidInputError, "is not a float") for text in NO_FLOATS),
        ("t-power:exponent=1e999", InvalidInputError, "choose a finite number"),
        ("t-power:count=9999999999999999999", InvalidInputError, "choose at most"),
        *((f"t-power:which={text}", InvalidInputError, "characters that a name cannot have") for text in NO_TEXTS),
        (5, InvalidInputError, "the name of a proxy must be text, not 5"),
    ],
)
def test_settings_that_make_no_sense(powers, text, error, message):
    with pytest.raises(error, match=message):
        zcbench.get_proxy(text)


def test_parameters_need_defaults_and_free_names():
    for function in (lambda probe, *, k: 0.0, lambda probe, *, repeats=3: 0.0, lambda probe, *, k=None: 0.0):
        with pytest.raises(InvalidInputError, match="needs a default"):
            zcbench.register_proxy("t-bad")(function)


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
    assert all(scores[name].seconds >= 0.2 for name in ("params:steps=1", "snip:steps=1"))
    assert scores["params"].seconds < 0.2


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
