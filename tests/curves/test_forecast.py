"""Scores in closed form are those of numerical integration."""

import numpy as np
import pytest

from zcbench.curves import Binned, Mixture


def test_the_ranked_probability_score_of_a_mixture_of_bins_is_exact():
    rng = np.random.default_rng(5)
    parts = [
        Binned(np.sort(rng.normal(size=(3, 2, 9)), -1), rng.dirichlet(np.ones(8), (3, 2))),
        Binned(np.sort(rng.normal(1, 2, (3, 1, 6)), -1), rng.dirichlet(np.ones(5), (3, 2))),
    ]
    weights = np.array([[0.3, 0.7], [1.0, 0.0], [0.5, 0.5]])
    mixture = Mixture(parts, weights)
    values = rng.normal(size=(3, 2))
    x = np.linspace(-12, 12, 200_001)
    for row, column in np.ndindex(3, 2):
        below = 0.0
        for part, weight in zip(parts, weights[row], strict=True):
            edges = np.broadcast_to(part.edges, (3, 2, part.edges.shape[-1]))[row, column]
            below = below + weight * np.interp(x, edges, np.r_[0, part.probabilities[row, column].cumsum()])
        expected = np.sum((below - (x >= values[row, column])) ** 2) * (x[1] - x[0])
        assert mixture.crps(values)[row, column] == pytest.approx(expected, abs=2e-4)
