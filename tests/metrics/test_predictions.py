"""How good predictions are: the metrics by name, and what is no prediction."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from zcbench.errors import InvalidInputError
from zcbench.metrics import calibration, coverage, gaussian_nll, precision_at, quality, regret_at

DRAWN = np.random.default_rng(0)
TRUTH = DRAWN.normal(size=80)
GUESS = TRUTH + DRAWN.normal(size=80)


def test_every_metric_is_the_one_of_its_name():
    found = quality(GUESS, TRUTH)
    assert found["tau"] == kendalltau(GUESS, TRUTH).statistic
    assert found["rho"] == spearmanr(GUESS, TRUTH).statistic
    assert {k: v for k, v in found.items() if "@" in k} == {
        "precision@10": precision_at(10, GUESS, TRUTH),
        "precision@50": precision_at(50, GUESS, TRUTH),
        "regret@1": regret_at(1, GUESS, TRUTH),
        "regret@10": regret_at(10, GUESS, TRUTH),
    }


def test_constants_rank_nothing():
    for guess, truth in ((np.ones(80), TRUTH), (GUESS, np.ones(80))):
        found = quality(guess, truth)
        assert (found["tau"], found["rho"]) == (0.0, 0.0)


def test_shapes_must_agree():
    for guess in (GUESS[:-1], GUESS[:, None]):
        with pytest.raises(InvalidInputError, match=r"for 80 architectures: it must be \(80,\)"):
            quality(guess, TRUTH)


def test_calibration():
    sigma = np.full(80, 0.7)
    assert calibration(GUESS, sigma, TRUTH) == {
        "nll": gaussian_nll(GUESS, sigma, TRUTH),
        "coverage": coverage(GUESS, sigma, TRUTH),
    }
    for odd in (0.0, -1.0, math.nan, math.inf):
        assert all(map(math.isnan, calibration(GUESS, np.r_[sigma[:-1], odd], TRUTH).values()))
