"""Least squares of many curves at once, against scipy's one by one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import least_squares

from zcbench.curves import Context, _least_squares
from zcbench.curves._least_squares import BOUNDS, Curves, curves_of, fit, parameters, slopes
from zcbench.curves.families import FAMILIES
from zcbench.curves.priors import PRIORS

SAMPLE = PRIORS["paper"].sample(np.random.default_rng(7), 6)
CONTEXTS = [
    Context(SAMPLE.times[:n], v[:n], 100.0) for n, v in zip((30, 12, 30, 9, 30, 21), SAMPLE.values, strict=True)
]


def test_contexts_of_several_lengths_are_one_array() -> None:
    curves = Curves.of(CONTEXTS)
    assert curves.points.tolist() == [30, 12, 30, 9, 30, 21]
    np.testing.assert_array_equal(curves.values[3, :9], CONTEXTS[3].values)
    assert not curves.real[3, 9:].any()


@pytest.mark.parametrize("family", list(BOUNDS))
def test_parameters_stay_within_their_bounds(family: str) -> None:
    assert len(BOUNDS[family]) == FAMILIES[family].draw(np.random.default_rng(0), 1).shape[1]
    ends = parameters(family, np.array([[-500.0], [500.0]]) + np.zeros(len(BOUNDS[family])))
    for column, (low, high, log) in enumerate(BOUNDS[family]):
        right = np.exp([low, high]) if log else [low, high]
        np.testing.assert_allclose(ends[:, column], right, atol=1e-12)


@pytest.mark.parametrize("family", ["pow3", "mmf", "exp4"])
def test_slopes_are_those_of_central_differences(family: str) -> None:
    at = np.random.default_rng(0).normal(0, 1, (4, len(BOUNDS[family])))
    times = np.tile(np.array([1.0, 3.0, 20.0, 77.0]), (4, 1))
    values, slope = slopes(family, at, times)
    np.testing.assert_array_equal(values, curves_of(family, at, times))
    for column in range(at.shape[1]):
        step = np.zeros(at.shape[1])
        step[column] = 1e-4
        central = (curves_of(family, at + step, times) - curves_of(family, at - step, times)) / 2e-4
        np.testing.assert_allclose(slope[..., column], central, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("family", ["pow3", "ilog2", "hill"])
def test_it_finds_what_scipy_finds(family: str) -> None:
    """From four random starts within the same bounds; of the six curves one at most is a little worse."""
    found = fit(family, Curves.of(CONTEXTS), 4)
    rng = np.random.default_rng(0)
    ratios = []
    for row, one in enumerate(CONTEXTS):

        def residual(at: np.ndarray, one: Context = one) -> np.ndarray:
            return np.nan_to_num(one.values - curves_of(family, at[None], one.times[None])[0], nan=1e3)

        best = min(
            2 * least_squares(residual, rng.normal(0, 1.5, len(BOUNDS[family])), bounds=(-8, 8), max_nfev=60).cost
            for _ in range(4)
        )
        own = float((residual(found.at[row]) ** 2).sum())
        assert found.squares[row] == pytest.approx(own)
        ratios.append(own / best)
    assert np.median(ratios) < 1.001
    assert sorted(ratios)[-2] < 1.05


def test_a_curve_of_the_family_is_found() -> None:
    times = np.arange(1, 41.0)
    curve = 0.8 - 0.5 * times**-0.7
    found = fit("pow3", Curves.of([Context(times, curve, 100.0)]), 4)
    assert found.squares[0] < 1e-8
    np.testing.assert_allclose(parameters("pow3", found.at)[0], [0.8, 0.5, 0.7], rtol=1e-2)
    assert found.jacobian.shape == (1, 40, 3)


def test_company_changes_no_fit() -> None:
    together = fit("pow3", Curves.of(CONTEXTS), 4)
    alone = fit("pow3", Curves.of(CONTEXTS[3:4]), 4)
    np.testing.assert_allclose(alone.squares[0], together.squares[3], rtol=1e-6)


def test_singular_normal_equations_have_a_pseudo_inverse():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(3, 3))
    regular, singular = half @ half.T, np.diag([1.0, 4.0, 0.0])
    found = _least_squares.inverses(np.stack([regular, singular, np.zeros((3, 3))]))
    # the condition of the regular one, times rounding
    assert np.allclose(found[0] @ regular, np.eye(3), atol=1e-8)
    assert np.allclose(found[1], np.diag([1.0, 0.25, 0.0]))
    assert np.allclose(found[2], 0)
