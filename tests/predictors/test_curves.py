"""Sums, averages and regressions of learning curves."""

import numpy as np
import pytest
from scipy.stats import kendalltau

import zcbench
from zcbench.encodings import CurveEncoding, Feed
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.testing import easy_table

SPACE = zcbench.get_space("digits-201")


def curves(values):
    architectures = [a for a, _ in zip(SPACE, values, strict=False)]
    return architectures, CurveEncoding("loss", 3).fed([Feed(architectures, curves={"loss": values})])


def test_sums_and_averages_of_losses():
    rows = [[3.0, 2.0, 1.0], [3.0, 2.5, 2.0], [2.0, 2.0, 2.0], [4.0, 1.0, 0.5]]
    architectures, encoding = curves(rows)
    targets = [90.0, 80.0, 80.0, 95.0]  # accuracies fall as losses grow
    wanted = {
        "sotl": [-sum(row) for row in rows],
        "sotl_e": [-row[-1] for row in rows],
        "sotl_ema": [-(0.9 * (0.9 * a + 0.1 * b) + 0.1 * c) for a, b, c in rows],
    }
    for name in ("sotl", "sotl_e"):
        predictor = zcbench.get_predictor(name, encoding=encoding).fit(architectures, targets)
        assert np.allclose(predictor.predict(architectures), wanted[name])
    ema = zcbench.get_predictor("sotl_ema", encoding=encoding).fit(architectures, [4.0, 3.0, 5.0, 2.0])
    assert np.allclose(
        ema.predict(architectures), wanted["sotl_ema"]
    )  # lower with a higher average: the sign is learned
    losses = zcbench.get_predictor("sotl", encoding=encoding).fit(architectures, [6.0, 7.0, 6.5, 5.0])
    assert np.allclose(losses.predict(architectures), [sum(row) for row in rows])


def test_a_curve_is_what_they_take():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="onehot has no learning curve"):
        zcbench.get_predictor("sotl:encoding=onehot").fit(table.known, table.targets)


def test_support_vectors_extrapolate_curves():
    random = np.random.default_rng(0)
    end, speed = random.uniform(0.2, 1.0, 80), random.uniform(0.3, 1.5, 80)
    epochs = np.arange(3)
    rows = end[:, None] + np.exp(-speed[:, None] * epochs)
    architectures, encoding = curves(rows)
    predictor = zcbench.get_predictor("lcsvr:draws=30", encoding=encoding).fit(architectures[:60], end[:60])
    assert np.corrcoef(predictor.predict(architectures[60:]), end[60:])[0, 1] > 0.95
    assert np.corrcoef(rows[60:, -1], end[60:])[0, 1] < 0.95  # more than the last value


def test_omni_hands_everything_to_its_regressor():
    rows = np.random.default_rng(0).uniform(size=(40, 3))
    architectures, encoding = curves(rows)
    predictor = zcbench.get_predictor("omni:regressor=bayesian_ridge", encoding=encoding)
    target = rows[:, 0] - rows[:, 2]
    predictor.fit(architectures[:30], target[:30])
    assert np.corrcoef(predictor.predict(architectures[30:]), target[30:])[0, 1] > 0.95
    with pytest.raises(UnknownNameError, match="did you mean"):
        zcbench.get_predictor("omni:regressor=xgbost", encoding=encoding).fit(architectures, target)


@pytest.mark.parametrize("name", ["sotl", "sotl_e", "sotl_ema"])
def test_gaps_and_trainings_that_diverged(name):
    rows = [[3.0, 2.0, 1.0], [3.0, 2.5, 2.0], [np.nan] * 3, [4.0, np.inf, np.inf], [4.0, 1.0, 0.5]]
    architectures, encoding = curves(rows)
    predictor = zcbench.get_predictor(name, encoding=encoding).fit(architectures, [90.0, 80.0, 85.0, 10.0, 95.0])
    predicted = predictor.predict(architectures)
    assert np.isfinite(predicted).all()
    assert predicted.argmin() == 3
    assert min(predicted[[0, 1, 4]]) <= predicted[2] <= max(predicted[[0, 1, 4]])


def test_lcsvr_learns_ranks():
    """A few trainings that failed, far away from all others, do not bend it."""
    random = np.random.default_rng(0)
    end = random.uniform(0.2, 1.0, 60)
    rows = end[:, None] + np.exp(-np.arange(3))[None] * random.uniform(0.9, 1.1, (60, 1))
    targets = np.where(np.arange(60) % 20 == 7, 1e4, end)
    rows[targets > 1] += 2.0
    architectures, encoding = curves(rows)
    usual, before = (
        zcbench.get_predictor(f"lcsvr:draws=20{text}", encoding=encoding).fit(architectures[:40], targets[:40])
        for text in ("", ":targets=standard")
    )
    kept = np.flatnonzero(targets[40:] < 1) + 40
    unseen = [architectures[k] for k in kept]
    tau, tau_before = (kendalltau(one.predict(unseen), targets[kept]).statistic for one in (usual, before))
    assert tau > max(0.6, tau_before)
    assert zcbench.predictors.predictor_info("lcsvr").version == 2
