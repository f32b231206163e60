"""RoBoT as a predictor: numbers of earlier versions, and what it refuses."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.predictors import get_predictor


def test_robot_keeps_its_numbers():
    space = zcbench.get_space("digits-201")
    random = np.random.default_rng(0)
    known = [space.sample(random) for _ in range(40)]
    found = get_predictor("robot", encoding="onehot", steps=30, seed=3).fit(known, random.normal(size=40))
    first = [0.7424515881100784, -0.1835042810341354, 0.10490698894947759]
    assert found.weights_[:3].tolist() == pytest.approx(first, abs=1e-12)
    weighted = found.encoder_.transform(known) @ found.weights_
    assert np.array_equal(np.argsort(found.predict(known)), np.argsort(weighted))


def test_robot_needs_metrics():
    space = zcbench.get_space("digits-201")
    known = [space.sample(np.random.default_rng(seed)) for seed in range(4)]
    nothing = zcbench.encodings.Encoding("nothing", lambda space, architecture: np.zeros(0))
    with pytest.raises(InvalidInputError, match="at least one metric"):
        get_predictor("robot", encoding=nothing).fit(known, [1.0, 2.0, 3.0, 4.0])
