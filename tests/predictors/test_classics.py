"""Linear, processes, trees: what they compute, and the settings without which they fail."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import kendalltau

import zcbench
from zcbench.encodings import ColumnEncoding
from zcbench.errors import InvalidInputError, MissingDependencyError, UnknownNameError
from zcbench.predictors._features import within_float32
from zcbench.predictors.gaussian_process import GaussianProcess
from zcbench.predictors.trees import leaf_size, queries
from zcbench.testing import easy_table


def columns(x, names=None):
    """An encoding of as many cells as the matrix has rows, and the cells."""
    space = zcbench.get_space("digits-201")
    architectures = [architecture for architecture, _ in zip(space, x, strict=False)]
    names = names or [f"c{i}" for i in range(x.shape[1])]
    encoding = ColumnEncoding(names)
    encoding.remember(architectures, dict(zip(names, x.T, strict=True)))
    return architectures, encoding


def test_a_process_with_one_part_is_scikit_learns():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    random = np.random.default_rng(0)
    x = random.normal(size=(40, 3))
    y = np.sin(x[:, 0]) + 0.1 * random.normal(size=40)
    architectures, encoding = columns(x)
    for name, kernel in (("rbf", RBF), ("matern", lambda length: Matern(length, nu=2.5))):
        ours = GaussianProcess(encoding, name, targets="standard").fit(architectures[:30], y[:30])
        signal, noise, length = np.exp(ours.parameters_)
        scaled = (x - x[:30].mean(0)) / x[:30].std(0)
        reference = GaussianProcessRegressor(
            ConstantKernel(signal) * kernel(np.sqrt(3 * length)) + WhiteKernel(noise + 1e-8), optimizer=None, alpha=0
        ).fit(scaled[:30], (y[:30] - y[:30].mean()) / y[:30].std())
        mean, deviation = reference.predict(scaled[30:], return_std=True)
        assert np.allclose(ours.predict(architectures[30:]), mean * y[:30].std() + y[:30].mean())
        assert np.allclose(ours.predict_std(architectures[30:]), deviation * y[:30].std())
        evidence, _ = ours._evidence(ours.parameters_, ours._distances(scaled[:30], scaled[:30]), reference.y_train_)
        assert evidence == pytest.approx(-reference.log_marginal_likelihood_value_)


def test_the_evidences_gradient_is_that_of_differences():
    random = np.random.default_rng(1)
    parts, y = np.abs(random.normal(size=(2, 12, 12))), random.normal(size=12)
    parts = parts + parts.transpose(0, 2, 1)
    for part in parts:
        np.fill_diagonal(part, 0)
    for kernel in ("rbf", "matern"):
        process = GaussianProcess(kernel=kernel)
        at = np.array([0.3, 1.0, 0.5, 1.5])  # enough noise that any symmetric matrix will do
        wanted = approx_fprime(at, lambda p, process=process: process._evidence(p, parts, y)[0], 1e-7)
        assert np.allclose(process._evidence(at, parts, y)[1], wanted, rtol=1e-3, atol=1e-4)


def test_a_process_finds_out_which_part_matters():
    random = np.random.default_rng(0)
    useful, noise = random.normal(size=(80, 1)), random.normal(size=(80, 12))
    architectures, first = columns(useful, ["useful"])
    _, second = columns(noise)
    from zcbench.encodings import Joined

    y = np.sin(2 * useful[:, 0])
    joined = GaussianProcess(Joined([first, second]), targets="standard").fit(architectures[:60], y[:60])
    assert joined.parameters_[3] > joined.parameters_[2] + 1  # noise has the longer scale
    assert kendalltau(joined.predict(architectures[60:]), y[60:]).statistic > 0.9


def test_a_process_of_more_rows_than_it_is_tuned_on(monkeypatch):
    monkeypatch.setattr("zcbench.predictors.gaussian_process._TUNED", 20)
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 2))
    architectures, encoding = columns(x)
    process = GaussianProcess(encoding).fit(architectures[:50], x[:50, 0])
    assert kendalltau(process.predict(architectures[50:]), x[50:, 0]).statistic > 0.9


def test_unknown_kernel():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="kernel='cubic': choose one of rbf, matern"):
        GaussianProcess(kernel="cubic").fit(table.known, table.targets)


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


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    table = easy_table()
    with pytest.raises(MissingDependencyError, match=r"lightgbm.*pip install"):
        zcbench.get_predictor("lightgbm").fit(table.known, table.targets)


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
    with pytest.raises(InvalidInputError, match="joined by"):
        zcbench.get_predictor("mean:members=").fit(table.known, table.targets)


# -- odd columns -------------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", ["gp", "bayesian_ridge", "lcsvr", "mean", "random_forest"])
def test_networks_that_look_alike(name):
    architectures, encoding = columns(np.ones((6, 2)))
    settings = {} if name == "mean" else {"encoding": encoding}
    predictor = zcbench.get_predictor(name if name != "mean" else "mean:members=gp", **settings)
    if name == "mean":
        predictor.with_encodings(lambda _: encoding)
    predictor.fit(architectures[:4], [1.0, 2.0, 3.0, 6.0])
    assert np.ptp(predictor.predict(architectures)) < 1e-9
    if name in ("gp", "bayesian_ridge"):
        assert predictor.predict(architectures)[0] == 3.0
    one = zcbench.get_predictor("gp").fit(architectures[:1] * 3, [1.0, 2.0, 6.0])
    assert one.predict(architectures[:2]).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("gp:seed=-1", "-1 is too small"),
        ("gcn:batch_size=0", "is too small; choose 1 or more"),
        ("gennape:clusters=0", "is too small; choose 1 or more"),
        ("graph_transformer:hidden=98", "a multiple of 4"),
    ],
)
def test_settings_out_of_range(label, message):
    table = easy_table()
    with pytest.raises(InvalidInputError, match=message):
        zcbench.get_predictor(label).fit(table.known[:8], table.targets[:8])
