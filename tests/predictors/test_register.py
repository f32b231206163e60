"""The registry of predictors: names, settings, labels."""

import math
import re

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.predictors import predictor_info, resolve_predictors


def test_settings_follow_the_name():
    predictor = zcbench.get_predictor("gp:encoding=onehot+proxies(params+zen:running=True):kernel=rbf:seed=3")
    assert (predictor.encoding, predictor.kernel, predictor.seed) == (
        "onehot+proxies(params+zen:running=True)",
        "rbf",
        3,
    )
    assert predictor.label_ == "gp:encoding=onehot+proxies(params+zen:running=True):kernel=rbf:seed=3"
    assert zcbench.get_predictor(predictor.label_).get_params() == predictor.get_params()
    assert zcbench.get_predictor("gp:seed=0").label_ == "gp"
    assert zcbench.get_predictor("lightgbm", rounds=5).rounds == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpp", "unknown predictor 'gpp': did you mean 'gp'"),
        ("gp:kernal=rbf", "unknown setting of gp 'kernal': did you mean 'kernel'"),
        ("gp:kernel", "write settings as gp:setting=value"),
        ("lightgbm:rounds=many", "'many' is not a whole number"),
        ("gp:encoding=proxies(a", "brackets do not match"),
    ],
)
def test_bad_names(text, message):
    with pytest.raises((UnknownNameError, InvalidInputError), match=message):
        zcbench.get_predictor(text)


def test_patterns():
    assert resolve_predictors(["xgboost*"]) == ["xgboost", "xgboost_ranker"]
    assert resolve_predictors(["gp", "gp", "gp:seed=0"]) == ["gp"]
    assert resolve_predictors(["lightgbm*:rounds=9"]) == ["lightgbm:rounds=9", "lightgbm_ranker:rounds=9"]
    assert set(resolve_predictors(["all"])) == set(zcbench.list_predictors())
    with pytest.raises(InvalidInputError, match="no predictor was chosen"):
        resolve_predictors([])


def test_what_cannot_be_registered():
    with registry_as_it_was():
        with pytest.raises(InvalidInputError, match="positive integer"):
            zcbench.register_predictor("t-x", version=0)
        with pytest.raises(InvalidInputError, match="register a subclass of"):
            zcbench.register_predictor("t-x")(object)

        class Needs(zcbench.VectorPredictor):
            def __init__(self, strength):
                super().__init__()

        with pytest.raises(InvalidInputError, match="'strength' needs a default"):
            zcbench.register_predictor("t-x")(Needs)
        with pytest.raises(DuplicateNameError, match="exists already"):
            zcbench.register_predictor("gp")(zcbench.VectorPredictor)
        with pytest.raises(InvalidInputError, match="cannot name a predictor"):
            zcbench.register_predictor("T X")(zcbench.VectorPredictor)


def numeric(default):
    class Numeric(zcbench.VectorPredictor):
        """A number."""

        def __init__(self, strength=default, seed=0):
            super().__init__(seed=seed)
            self.strength = strength

    return Numeric


class Outside(numeric(-1.0)):
    ranges = {"strength": (0, 1)}  # noqa: RUF012


class Mixed(numeric(1.0)):
    ranges = {"strength": "any"}  # noqa: RUF012


class Listed(numeric(1.0)):
    ranges = [("strength", 0, 1)]  # noqa: RUF012


class OtherKind(numeric(1.0)):
    kind = "picture"


@pytest.mark.parametrize(
    ("declared", "make", "message"),
    [
        ({"version": 1.5}, zcbench.VectorPredictor, "version must be a positive integer"),
        ({"version": True}, zcbench.VectorPredictor, "version must be a positive integer"),
        ({"reference": 5}, zcbench.VectorPredictor, "reference must be text"),
        ({"extra": None}, zcbench.VectorPredictor, "extra must be text"),
        ({"override": None}, zcbench.VectorPredictor, "override must be True or False"),
        ({}, lambda: zcbench.VectorPredictor(), "register a subclass of zcbench.Predictor"),
        ({}, zcbench.VectorPredictor(), "register a subclass of zcbench.Predictor"),
        ({}, numeric(math.nan), "choose a finite number"),
        ({}, numeric(10**30), "choose at most"),
        ({}, Outside, "the default strength=-1.0 is outside its range (0, 1)"),
        ({}, Mixed, "must be a pair"),
        ({}, Listed, "ranges must be a mapping"),
        ({}, OtherKind, "unknown kind of encoding 'picture'"),
    ],
)
def test_declarations_out_of_range(declared, make, message):
    before = zcbench.list_predictors()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_predictor("t-x", **declared)(make)
    assert zcbench.list_predictors() == before


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("gp:seed=-1", {}, "-1 is too small; choose 0 or more"),
        ("gp", {"seed": -1}, "-1 is too small; choose 0 or more"),
        ("gp", {"seed": 1.5}, "seed 1.5: choose a whole number"),
        ("gp", {"seed": True}, "seed True: choose a whole number"),
        ("gp:seed=99999999999", {}, "too large; choose 4294967295 or less"),
        ("lightgbm:rounds=0", {}, "0 is too small; choose 1 or more"),
        ("lightgbm:learning_rate=-0.1", {}, "-0.1 is too small; choose 0.0 or more"),
        ("lightgbm", {"learning_rate": math.inf}, "choose a finite number"),
        ("flan:steps=0", {}, "choose 1 or more"),
        ("flan:epochs=-1", {}, "choose 0 or more"),
        ("flan:layers=0", {}, "choose 1 or more"),
    ],
)
def test_settings_out_of_range(text, settings, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.get_predictor(text, **settings)


def test_negative_settings_where_they_make_sense():
    with registry_as_it_was():
        zcbench.register_predictor("t-number")(numeric(0.0))
        assert zcbench.get_predictor("t-number:strength=-2.5").label_ == "t-number:strength=-2.5"
        label = zcbench.get_predictor("t-number", strength=1e22).label_
        assert label == "t-number:strength=1e22"  # "+" joins labels
        assert zcbench.get_predictor(label).strength == 1e22


def test_every_predictor_is_described():
    for name in zcbench.list_predictors():
        info = predictor_info(name)
        assert info.summary.endswith(".")
        assert info.reference
        assert info.extra in ("", "predictors", "ngboost", "tabpfn")
