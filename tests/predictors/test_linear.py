"""Linear regression is scikit-learn's, on scaled columns and transformed targets."""

import numpy as np
from matrices import columns
from sklearn.linear_model import BayesianRidge

import zcbench


def test_bayesian_ridge_is_scikit_learns():
    random = np.random.default_rng(0)
    x = random.normal(3, 5, size=(40, 3))
    y = x @ [1.0, -2.0, 0.0] + random.normal(size=40)
    architectures, encoding = columns(x)
    ours = zcbench.get_predictor("bayesian_ridge:targets=standard", encoding=encoding)
    ours.fit(architectures[:30], y[:30])
    scaled = (x - x[:30].mean(0)) / x[:30].std(0)
    center, width = y[:30].mean(), y[:30].std()
    reference = BayesianRidge().fit(scaled[:30], (y[:30] - center) / width)
    mean, deviation = reference.predict(scaled[30:], return_std=True)
    assert np.allclose(ours.predict(architectures[30:]), mean * width + center)
    assert np.allclose(ours.predict_std(architectures[30:]), deviation * width)
