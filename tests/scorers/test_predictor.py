"""Fitted predictors as scorers."""

import numpy as np
import pytest
from toys import distinct_cells, toy

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.scorers import get_scorer
from zcbench.scorers.predictor import PredictorScorer

CELLS = distinct_cells(14)
TARGETS = np.array([one.key.count("3x3") + 0.0 for one in CELLS])
TABLE = toy(TARGETS, keys=[one.key for one in CELLS], higher_is_better=False)


def test_scores_are_predictions_with_their_deviation():
    fitted = zcbench.get_predictor("gp:encoding=onehot").fit(CELLS[:8], TARGETS[:8])
    scorer = get_scorer(fitted, TABLE)
    found = scorer.score(CELLS)
    assert found.values.tolist() == fitted.predict(CELLS).tolist()
    assert found.std.tolist() == fitted.predict_std(CELLS).tolist()
    assert (found.seconds > 0).all()
    assert scorer.label == "gp:encoding=onehot"
    assert not scorer.higher_is_better
    assert PredictorScorer.of(fitted, higher_is_better=True).higher_is_better
    assert get_scorer(zcbench.get_predictor("bayesian_ridge").fit(CELLS, TARGETS), TABLE).score(CELLS[:1]).values.size


def test_one_that_is_named_is_fitted_and_that_costs():
    scorer = get_scorer("gp", TABLE, trained=(CELLS[:8], TARGETS[:8]))
    wanted = zcbench.get_predictor("gp").fit(CELLS[:8], TARGETS[:8]).predict(CELLS)
    first, second = scorer.score(CELLS), scorer.score(CELLS)
    assert first.values.tolist() == second.values.tolist() == wanted.tolist()
    assert scorer._fitting == 0
    assert get_scorer("predictor(gp)", TABLE, trained=(CELLS[:8], TARGETS[:8])).label == "gp"


def test_what_was_learned_tells_them_apart():
    def of(count):
        return get_scorer("gp", TABLE, trained=(CELLS[:count], TARGETS[:count])).identifier

    assert of(8) == of(8) != of(9)


def test_what_cannot_score():
    with pytest.raises(InvalidInputError, match="is not fitted"):
        get_scorer("gp", TABLE)
    with pytest.raises(InvalidInputError, match="is not fitted"):
        get_scorer(zcbench.get_predictor("gp"), TABLE)
    with pytest.raises(InvalidInputError, match="learning curves"):
        get_scorer("sotl", TABLE, trained=(CELLS, TARGETS))
    with pytest.raises(InvalidInputError, match="is not a predictor"):
        PredictorScorer(5)
