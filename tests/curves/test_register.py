"""The registry of curve predictors: names, settings, labels."""

from __future__ import annotations

import pytest
from toys import registry_as_it_was

from zcbench.curves import (
    CurvePredictor,
    curve_predictor_info,
    get_curve_predictor,
    list_curve_predictors,
    register_curve_predictor,
    resolve_curve_predictors,
)
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError


def test_settings_follow_the_name() -> None:
    made = get_curve_predictor("fits:starts=2:criterion=bic")
    assert (vars(made)["starts"], vars(made)["criterion"]) == (2, "bic")
    assert made.label_ == "fits:criterion=bic:starts=2"
    assert get_curve_predictor("fits:starts=4").label_ == "fits"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fit", "unknown curve predictor 'fit': did you mean 'fits'"),
        ("fits:start=2", "did you mean 'starts'"),
        ("fits:starts=0", "starts"),
        ("fits:starts=many", "'many' is not a whole number"),
    ],
)
def test_bad_names(text: str, message: str) -> None:
    with pytest.raises((UnknownNameError, InvalidInputError), match=message):
        get_curve_predictor(text)


def test_lists() -> None:
    every = list_curve_predictors()
    assert every == sorted(every)
    assert {"best_fit", "calibrated_last_value", "evidence", "fits", "last_value", "lcpfn", "lcsvr", "mcmc"} <= {*every}
    assert list_curve_predictors("sotl*") == ["sotl", "sotl_e", "sotl_ema"]
    assert resolve_curve_predictors(["sotl_*", "fits", "fits:starts=4"]) == ["sotl_e", "sotl_ema", "fits"]
    with pytest.raises(InvalidInputError, match="no curve predictor was chosen"):
        resolve_curve_predictors([])


def test_strangers_register_theirs() -> None:
    class Mine(CurvePredictor):
        """Mine."""

        def __init__(self, size: int = 3) -> None:
            self.size = size

    with registry_as_it_was():
        register_curve_predictor("t-mine", version=2, reference="mine")(Mine)
        info = curve_predictor_info("t-mine")
        assert (info.version, info.parameters, info.summary) == (2, {"size": 3}, "Mine.")
        with pytest.raises(DuplicateNameError):
            register_curve_predictor("t-mine")(Mine)
        with pytest.raises(InvalidInputError, match=r"register a subclass of zcbench\.CurvePredictor"):
            register_curve_predictor("t-other")(int)  # type: ignore[type-var]
    with pytest.raises(UnknownNameError):
        curve_predictor_info("t-mine")
