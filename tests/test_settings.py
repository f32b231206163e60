"""Settings in a name: read, checked and printed back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from networks import convnet, images
from toys import registry_as_it_was

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError

NO_INTEGERS = ("", "+5", "1_000", "1e3", "5.0", "0x5", "٣", "５", "1" * 20, "1" * 5000, "--5", "nan")
NO_FLOATS = (
    "",
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
)
UNPRINTABLE = ("a\n", "a\t", "\x1b[31m", "\u202e", "5\n")


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
    st.text(st.characters(codec="ascii", exclude_characters=":()")).filter(
        lambda text: text.isprintable() and text == text.strip()
    )
    | st.sampled_from(["(a:b)", "f(x)+(g)", "((1))"]),
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


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("naswott:repeats=2", UnknownNameError, "did you mean 'naswot'"),
        ("naswot:repeat=2", UnknownNameError, "unknown setting of naswot 'repeat': did you mean 'repeats'"),
        ("naswot:repeats", InvalidInputError, "write settings as naswot:setting=value"),
        ("naswot:repeats=many", InvalidInputError, "'many' is not a whole number"),
        ("naswot:repeats=0", InvalidInputError, "0 is too small"),
        ("naswot:steps=-1", InvalidInputError, "-1 is too small"),
        ("t-power:root=2", InvalidInputError, "'2' is not true or false"),
        ("naswot:repeats=2:repeats=3", InvalidInputError, "repeats is set twice"),
        ("naswot:repeats=10000000", InvalidInputError, "too large; choose 1000000 or less"),
        ("ntk_cond:samples=-3", InvalidInputError, "-3 is too small; choose 0 or more"),
        ("ntk_cond:batch_norm=evel", InvalidInputError, "unknown batch-norm mode 'evel'"),
        ("zico:batches=1", InvalidInputError, "1 is too small; choose 2 or more"),
        ("v_pca:eta=1.5", InvalidInputError, "1.5 is too large; choose 1.0 or less"),
        *((f"t-power:count={text}", InvalidInputError, "is not a whole number") for text in NO_INTEGERS),
        *((f"t-power:exponent={text}", InvalidInputError, "is not a number") for text in NO_FLOATS),
        ("t-power:exponent=1e999", InvalidInputError, "choose a finite number"),
        ("t-power:count=9999999999999999999", InvalidInputError, "choose at most"),
        *((f"t-power:which={text}", InvalidInputError, "is not allowed in a name") for text in UNPRINTABLE),
        *((f"t-power:{key}= 5", InvalidInputError, "there are blanks around the value") for key in ("which", "count")),
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
