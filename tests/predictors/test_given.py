"""Strings and tables that predictors are given."""

import numpy as np
import pytest
from sklearn.base import clone

import zcbench
from zcbench.errors import InvalidArchitectureError, InvalidInputError, UnknownNameError
from zcbench.predictors._given import read_architectures

TABLE = zcbench.get_benchmark("digits-201")
STRINGS = [architecture.key for architecture in TABLE.architectures[:30]]
TRUTH = TABLE.truth()[:30]
CELLS = ["110010010000010101101:00201", "110010010000010101101:00202"]


def test_strings_of_a_named_space():
    expected = zcbench.get_predictor("bayesian_ridge").fit(TABLE.architectures[:20], TRUTH[:20])
    values = expected.predict(TABLE.architectures[20:30]).tolist()
    for predictor in (
        zcbench.get_predictor("bayesian_ridge:space=nasbench201").fit(STRINGS[:20], TRUTH[:20]),
        zcbench.get_predictor("bayesian_ridge", space="NAS-Bench-201").fit(STRINGS[:20], TRUTH[:20]),
        zcbench.get_predictor("bayesian_ridge", space=TABLE.space).fit(STRINGS[:20], TRUTH[:20]),
        zcbench.get_predictor("bayesian_ridge").fit(STRINGS[:20], TRUTH[:20], space="nasbench201"),
        clone(zcbench.get_predictor("bayesian_ridge:space=nasbench201")).fit(STRINGS[:20], TRUTH[:20]),
    ):
        assert predictor.predict(STRINGS[20:]).tolist() == values
        assert predictor.predict_std(STRINGS[20:]).shape == (10,)
        assert predictor.label_ == "bayesian_ridge" if hasattr(predictor, "label_") else True
        best = predictor.rank(STRINGS[20:])[0]
        assert best.key == STRINGS[20 + int(np.argmax(values))]


def test_strings_of_the_space_that_was_fitted():
    predictor = zcbench.get_predictor("bayesian_ridge").fit(TABLE.architectures[:20], TRUTH[:20])
    assert predictor.predict(STRINGS[20:]).tolist() == predictor.predict(TABLE.architectures[20:30]).tolist()
    with pytest.raises(InvalidArchitectureError, match=r"architecture 2: .* nasbench101 accepts it"):
        predictor.predict([STRINGS[0], CELLS[0]])


def test_strings_that_one_space_accepts():
    assert {one.space for one in read_architectures(CELLS)} == {"nasbench101"}
    with pytest.raises(
        InvalidInputError, match=r"several search spaces accept these strings \(digits-201, nasbench201\)"
    ):
        zcbench.get_predictor("gp").fit(STRINGS, TRUTH)
    with pytest.raises(InvalidInputError, match=r"no search space accepts all of these strings.*fit\(…, space="):
        zcbench.get_predictor("gp").fit(["resnet18", "resnet34"], [1, 2])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("abc", "'abc' is one architecture: give a list of them"),
        (None, "None is no list of architectures"),
        ([3], "int is no architecture: give zcbench.Architecture objects"),
    ],
)
def test_what_is_no_list_of_architectures(given, message):
    with pytest.raises(InvalidInputError, match=message):
        read_architectures(given, ["nasbench201"])


def test_spaces_and_tables_that_are_none():
    with pytest.raises(UnknownNameError, match="unknown search space 'nasbench202'"):
        zcbench.get_predictor("gp:space=nasbench202")
    with pytest.raises(InvalidInputError, match=r"table 'my\.csv': give a benchmark"):
        zcbench.get_predictor("gp").fit(TABLE.architectures[:5], TRUTH[:5], table="my.csv")
