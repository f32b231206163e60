"""The best single column: least squares on the column that ranks best, checked against scipy."""

import numpy as np
import pytest
from matrices import columns
from scipy.stats import linregress, spearmanr

import zcbench


@pytest.mark.parametrize("sign", [1, -1])
def test_a_line_on_the_column_that_ranks_best(sign):
    random = np.random.default_rng(0)
    x = random.normal(3, 5, size=(40, 4))
    y = sign * np.exp(x[:, 2] / 5) + random.normal(size=40)
    best = int(np.argmax([abs(spearmanr(column, y[:30]).statistic) for column in x[:30].T]))
    architectures, encoding = columns(x)
    ours = zcbench.get_predictor("one_column:targets=standard", encoding=encoding).fit(architectures[:30], y[:30])
    line = linregress(x[:30, best], y[:30])
    assert best == 2
    assert np.allclose(ours.predict(architectures[30:]), line.intercept + line.slope * x[30:, best])
    inside = x[:30, best]
    noise = np.sqrt(((y[:30] - line.intercept - line.slope * inside) ** 2).sum() / 28)
    distance = (x[30:, best] - inside.mean()) ** 2 / ((inside - inside.mean()) ** 2).sum()
    assert np.allclose(ours.predict_std(architectures[30:]), noise * np.sqrt(1 + 1 / 30 + distance))


def test_of_equal_columns_the_first():
    one = np.array([3.0, 1.0, 2.0, 5.0])
    architectures, encoding = columns(np.stack([one, -one, one], 1))
    predictor = zcbench.get_predictor("one_column", encoding=encoding).fit(architectures, one)
    assert predictor.column_ == 0
