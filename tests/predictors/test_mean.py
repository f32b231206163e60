"""The mean of several predictors."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.testing import easy_table


def test_the_mean_of_predictors():
    table = easy_table()
    mean = zcbench.get_predictor("mean:members=(bayesian_ridge+random_forest:trees=20)").fit(table.known, table.targets)
    assert [type(member).__name__ for member in mean.members_] == ["BayesianRidge", "RandomForest"]
    from zcbench.predictors._targets import Ranks

    scores = Ranks(np.sort(table.targets)).forward(table.targets)
    parts = [
        zcbench.get_predictor(name).fit(table.known, scores).predict(table.unseen)
        for name in ("bayesian_ridge", "random_forest:trees=20")
    ]
    assert np.allclose(mean.predict(table.unseen), np.mean(parts, axis=0))
    with pytest.raises(UnknownNameError, match="predictor"):
        zcbench.get_predictor("mean:members=gp+nothing").fit(table.known, table.targets)
    with pytest.raises(InvalidInputError, match="a name is missing"):
        zcbench.get_predictor("mean:members=").fit(table.known, table.targets)
