"""Columns as predictors see them: scaled by the training rows, inside single precision, without gaps."""

import numpy as np
import pytest
from matrices import columns
from scipy.stats import kendalltau

import zcbench
from zcbench.predictors._features import Scaling, within_float32


@pytest.mark.parametrize("name", ["random_forest", "xgboost", "xgboost_ranker", "lightgbm", "gbdt_nas", "gp"])
def test_numbers_beyond_single_precision(name):
    random = np.random.default_rng(0)
    size = random.uniform(0, 60, 40)
    size[:30][size[:30] > 40] -= 20  # what is tested goes further
    x = np.stack([10**size, random.normal(size=40)], 1)
    x[3, 0], x[35, 0] = np.inf, -np.inf
    architectures, encoding = columns(x)
    predictor = zcbench.get_predictor(name, encoding=encoding).fit(architectures[:30], size[:30])
    predicted = predictor.predict(architectures)
    assert np.isfinite(predicted).all()
    rest = [i for i in range(30) if i != 3]
    assert kendalltau(predicted[rest], size[rest]).statistic > 0.6


def test_order_is_kept_beyond_single_precision():
    x = np.array([-np.inf, -1e300, -1e40, -1e30, -5.0, 0.0, 5.0, 1e30, 1e39, 1e40, 1e308, np.inf])
    tame = within_float32(x).astype(np.float32)
    assert np.isfinite(tame).all()
    assert (np.diff(tame[1:-1]) > 0).all()
    assert np.isnan(within_float32(np.array([np.nan]))).all()
    assert within_float32(x[4:7]).tolist() == [-5.0, 0.0, 5.0]


def test_columns_are_scaled_by_the_training_rows_alone():
    x = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, 2.0], [5.0, 5.0, 4.0]])
    scaling = Scaling(x, np.array([0, 0, 1]))
    assert scaling.groups.tolist() == [0, 1]  # the constant column is gone
    scaled = scaling(x)
    assert np.allclose(scaled.mean(0), 0)
    assert np.allclose(scaled.std(0), 1)
    assert scaled[0, 1] == pytest.approx((3.0 - 3.0) / x[1:, 2].std(), abs=1e-9)  # the gap took the median
    one = scaling(np.array([[7.0, 1.0, 2.0]]))
    assert one[0, 0] == pytest.approx((7 - 3) / np.std([1, 3, 5]))


def test_a_column_that_spans_magnitudes_is_read_by_them():
    x = 10.0 ** np.arange(12)[:, None]
    scaled = Scaling(x, np.zeros(1, int))(x)[:, 0]
    steps = np.diff(scaled)[1:]
    assert np.allclose(steps, steps.mean(), rtol=0.4)  # equal steps, not one giant
    plain = Scaling(np.arange(12.0)[:, None], np.zeros(1, int))(np.arange(12.0)[:, None])[:, 0]
    assert np.allclose(np.diff(plain), np.diff(plain)[0])


def test_a_column_without_any_number():
    x = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    assert Scaling(x, np.array([0, 0]))(x).shape == (2, 1)
