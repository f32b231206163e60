"""The exact solution of Gaussian processes on curves x times, against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import Tensor

from zcbench.curves._kronecker import Conditioned, Grid, Process

CURVES, TIMES = 7, 6


def exponential(length: float, power: float = 0.0) -> object:
    def covariance(a: Tensor, b: Tensor) -> Tensor:
        form = torch.exp(-(a[..., :, None] - b[..., None, :]).abs() / length)
        return form * a[..., :, None] ** power * b[..., None, :] ** power

    return covariance


def noise(times: Tensor) -> Tensor:
    return 0.01 + 0.02 * times


def problem(columns: int, seed: int = 0) -> tuple[Process, Grid]:
    rng = np.random.default_rng(seed)
    times = torch.as_tensor(np.sort(rng.uniform(1, 5, TIMES)))
    seen = rng.random((CURVES, TIMES)) < 0.6
    seen[0] = False
    seen[1] = True
    values = torch.as_tensor(np.where(seen, rng.standard_normal((CURVES, TIMES)), 0.0))
    process = Process(
        exponential(3.0),
        exponential(1.5, 0.3),
        noise,
        torch.as_tensor(rng.standard_normal((CURVES, columns)) * 0.4),
        torch.as_tensor(rng.uniform(0.2, 1.0, CURVES)),
        torch.as_tensor(rng.uniform(0.5, 2.0, CURVES)),
    )
    return process, Grid(times, values, torch.as_tensor(seen))


def dense(process: Process, curves: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Covariance of values without noise, element by element."""
    columns, alone, scales = (one.numpy() for one in (process.columns, process.alone, process.scales))
    found = np.empty((len(curves), len(curves)))
    for a in range(len(curves)):
        for b in range(len(curves)):
            i, j = curves[a], curves[b]
            pair = torch.tensor([times[a]]), torch.tensor([times[b]])
            related = columns[i] @ columns[j] + (alone[i] if i == j else 0.0)
            found[a, b] = float(process.shared(*pair)) + scales[i] * scales[j] * related * float(process.own(*pair))
    return found


@pytest.mark.parametrize("columns", [0, 3])
def test_forecasts_and_likelihood_are_those_of_dense_matrices(columns: int) -> None:
    process, grid = problem(columns)
    curves, column = (one.numpy() for one in torch.nonzero(grid.seen, as_tuple=True))
    times, y = grid.times.numpy()[column], grid.values.numpy()[curves, column]
    squares = process.scales.numpy() ** 2
    covariance = dense(process, curves, times) + np.diag(squares[curves] * noise(torch.as_tensor(times)).numpy())

    conditioned = Conditioned(process, grid)
    likelihood = -0.5 * (y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(2 * np.pi * covariance)[1])
    assert_allclose(float(conditioned.log_likelihood), likelihood, rtol=1e-6)

    asked = np.tile([1.5, float(grid.times[2]), 7.0], (CURVES, 1))
    mean, variance = conditioned.forecast(torch.arange(CURVES), torch.as_tensor(asked))
    where, when = np.repeat(np.arange(CURVES), 3), asked.ravel()
    joint = dense(process, np.concatenate([curves, where]), np.concatenate([times, when]))
    cross = joint[: len(y), len(y) :]
    assert_allclose(mean.numpy().ravel(), cross.T @ np.linalg.solve(covariance, y), atol=1e-6)
    right = np.diag(joint)[len(y) :] - np.sum(cross * np.linalg.solve(covariance, cross), 0)
    right += squares[where] * noise(torch.as_tensor(when)).numpy()
    assert_allclose(variance.numpy().ravel(), right, atol=1e-6)


def test_distances_are_from_the_common_curve_by_each_curve_s_own_covariance() -> None:
    process, grid = problem(0)
    conditioned = Conditioned(process, grid)
    common = conditioned.common().numpy()
    for row in range(CURVES):
        seen = grid.seen[row].numpy()
        times = grid.times[grid.seen[row]]
        covariance = (process.own(times, times) + torch.diag(noise(times))).numpy()
        gap = grid.values[row].numpy()[seen] - common[seen]
        right = gap @ np.linalg.solve(covariance, gap) if seen.any() else 0.0
        assert_allclose(float(conditioned.distances()[row]), right, rtol=1e-7)


def test_what_is_known_without_noise_stays_exact() -> None:
    """Differences of large numbers would leave nothing of variances of a millionth."""
    times = torch.linspace(1, 3, 40, dtype=torch.float64)
    values = torch.sin(times).repeat(50, 1)
    ones = torch.ones(50, dtype=torch.float64)
    process = Process(
        exponential(3.0), exponential(3.0), lambda t: 1e-8 + 0 * t, ones[:, None][:, :0], 1e-4 * ones, ones
    )
    conditioned = Conditioned(process, Grid(times, values, torch.ones(50, 40, dtype=torch.bool)))
    mean, variance = conditioned.forecast(torch.arange(2), times[:2].repeat(2, 1))
    assert_allclose(mean.numpy(), values[:2, :2].numpy(), atol=1e-4)
    assert float(variance.min()) > 1e-8
    assert float(variance.max()) < 1e-7
