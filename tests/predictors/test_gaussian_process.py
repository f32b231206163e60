"""Gaussian processes against scikit-learn's and against differences."""

import numpy as np
import pytest
from matrices import columns
from scipy.optimize import approx_fprime
from scipy.stats import kendalltau

from zcbench.errors import InvalidInputError
from zcbench.predictors.gaussian_process import GaussianProcess
from zcbench.testing import easy_table


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
