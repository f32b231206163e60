"""The classes that predictors extend."""

import pytest
from sklearn.base import clone

import zcbench
from zcbench.predictors._base import with_defaults
from zcbench.testing import easy_table


def test_other_defaults_are_a_constructor_like_any():
    class Base(zcbench.VectorPredictor):
        def __init__(self, encoding="onehot", strength=1.0, seed=0):
            super().__init__(encoding, seed=seed)
            self.strength = strength

    @with_defaults(strength=2.0)
    class Stronger(Base):
        pass

    assert Base().strength == 1.0
    assert (Stronger().strength, Stronger("path").encoding, Stronger(strength=3.0).strength) == (2.0, "path", 3.0)
    assert Stronger().get_params() == {"encoding": "onehot", "strength": 2.0, "seed": 0}
    assert clone(Stronger(strength=5.0)).strength == 5.0
    with pytest.raises(TypeError):
        Stronger(weakness=1)


def test_ranking():
    table = easy_table()
    predictor = zcbench.get_predictor("bayesian_ridge").fit(table.known, table.targets)
    predicted = predictor.predict(table.unseen)
    ranked = predictor.rank(table.unseen)
    assert ranked[0] == table.unseen[int(predicted.argmax())]
    assert sorted(ranked) == sorted(table.unseen)
    assert predictor.rank(table.unseen, higher_is_better=False)[0] == table.unseen[int(predicted.argmin())]
