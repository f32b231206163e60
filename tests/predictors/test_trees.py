"""Trees: the settings without which libraries' defaults fail."""

import numpy as np
import pytest
from matrices import columns
from scipy.stats import kendalltau

import zcbench
from zcbench.predictors.trees import leaf_size, queries
from zcbench.testing import easy_table


def test_boosted_trees_split_where_lightgbms_least_leaf_would_not():
    assert [leaf_size(n) for n in (10, 50, 200, 1000, 5000)] == [1, 1, 4, 20, 20]
    table = easy_table()
    for name in ("lightgbm", "gbdt_nas", "lightgbm_ranker"):
        predictor = zcbench.get_predictor(name).fit(table.known[:20], table.targets[:20])
        assert np.ptp(predictor.predict(table.unseen)) > 0


@pytest.mark.parametrize("name", ["lightgbm_ranker", "xgboost_ranker"])
def test_rankers_order_the_whole_ranking_not_its_top(name):
    random = np.random.default_rng(0)
    x = random.normal(size=(700, 6))
    y = x[:, 0] + 0.5 * x[:, 1] * x[:, 2]
    architectures, encoding = columns(x)
    ranker = zcbench.get_predictor(name, encoding=encoding).fit(architectures[:500], y[:500])
    predicted, truth = ranker.predict(architectures[500:]), y[500:]
    assert kendalltau(predicted, truth).statistic > 0.7
    worst = truth < np.median(truth)  # what the libraries' defaults do not care for
    assert kendalltau(predicted[worst], truth[worst]).statistic > 0.45


def test_long_rankings_become_several_queries(monkeypatch):
    monkeypatch.setattr("zcbench.predictors.trees._LONGEST_QUERY", 4)
    y = np.array([5.0, 1.0, 4.0, 1.0, 3.0, 2.0])
    relevance, groups, order = queries(y, 0)
    assert groups == [3, 3]
    assert sorted(order.tolist()) == list(range(6))
    for part, of in ((relevance[:3], y[order][:3]), (relevance[3:], y[order][3:])):
        assert (np.argsort(part, kind="stable") == np.argsort(of, kind="stable")).all()
        assert part.min() == 0
