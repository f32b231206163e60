"""A Gaussian process over all curves of a task."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.gaussian_process.kernels import RBF, Matern

from zcbench.curves import Context, extrapolate, get_curve_predictor
from zcbench.curves import lkgp as module
from zcbench.curves._forecast import Normals
from zcbench.curves.lkgp import LKGP, PRIOR

TIMES = np.arange(1.0, 31)


def task(count: int, seed: int = 0, *, features: int = 2) -> list[Context]:
    """Curves that rise alike and jump at time 20, from a level that follows from their code."""
    rng = np.random.default_rng(seed)
    codes = rng.standard_normal((count, features))
    level = 0.3 + 0.1 * np.tanh(codes[:, 0])
    common = 0.2 * (1 - 1 / TIMES) + 0.15 * (TIMES >= 20)
    values = level[:, None] + common + 0.01 * rng.standard_normal((count, len(TIMES)))
    return [Context(TIMES, row, 30.0, code) for row, code in zip(values, codes, strict=True)]


def bare(curves: list[Context]) -> list[Context]:
    return [dataclasses.replace(one, code=None) for one in curves]


def density(made: LKGP, contexts: list[Context], whole: list[Context], when: float = 30.0) -> float:
    asked = np.full((len(contexts), 1), when)
    truth = np.array([[np.interp(when, one.times, one.values)] for one in whole])
    return float(made.predict(contexts, asked).log_density(truth).mean())


def test_a_jump_that_complete_curves_have_is_foreseen() -> None:
    curves = bare(task(20))
    contexts = [one.until(10) for one in curves[15:]]
    known = LKGP().fit(curves[:15])
    error = known.predict(contexts, np.full((5, 1), 30.0)).mean()[:, 0] - [one.values[-1] for one in curves[15:]]
    assert np.abs(error).max() < 0.04
    assert density(known, contexts, curves[15:]) > density(LKGP(), contexts, curves[15:]) + 1


def test_longer_beginnings_inform_shorter_ones() -> None:
    curves = bare(task(16))
    short, long = [one.until(8) for one in curves[:4]], [one.until(28) for one in curves[4:]]
    asked = np.full((16, 1), 25.0)
    truth = np.array([[one.values[24]] for one in curves[:4]])
    together = LKGP().predict([*short, *long], asked).rows(slice(0, 4))
    alone = LKGP().predict(short, asked[:4])
    assert together.log_density(truth).mean() > alone.log_density(truth).mean() + 1


def test_codes_tell_where_a_curve_of_one_value_goes() -> None:
    curves = task(60)
    contexts = [Context(one.times[:0], one.values[:0], one.end, one.code) for one in curves[40:]]
    told = LKGP().fit(curves[:40]).predict(contexts, np.full((20, 1), 30.0)).mean()[:, 0]
    untold = LKGP(codes=False).fit(curves[:40]).predict(contexts, np.full((20, 1), 30.0)).mean()[:, 0]
    truth = np.array([one.values[-1] for one in curves[40:]])
    assert np.ptp(untold) < 1e-6
    assert np.mean((told - truth) ** 2) < 0.3 * np.mean((untold - truth) ** 2)


def test_intervals_hold_what_they_say() -> None:
    curves = bare(task(140, seed=3))
    forecast = LKGP().fit(curves[:40]).predict([one.until(6) for one in curves[40:]], np.tile(TIMES[6:], (100, 1)))
    truth = np.array([one.values[6:] for one in curves[40:]])
    inside = (forecast.quantile(0.05) <= truth) & (truth <= forecast.quantile(0.95))
    assert 0.82 <= inside.mean() <= 0.97


def test_kernels_are_those_of_the_field() -> None:
    a, b = np.array([1.0, 2.0, 7.0]), np.array([1.5, 7.0])
    for twice in (1, 3, 5):
        found = module._matern(torch.as_tensor(a), torch.as_tensor(b), torch.tensor(0.4), twice).numpy()
        right = Matern(length_scale=math.exp(0.4), nu=twice / 2)(np.log(a)[:, None], np.log(b)[:, None])
        assert_allclose(found, right, atol=1e-12)
    codes = np.random.default_rng(0).standard_normal((9, 3))
    columns = module._columns(torch.as_tensor(codes), torch.tensor(0.2), 9).numpy()
    assert_allclose(columns @ columns.T, RBF(math.exp(0.2))(codes), atol=1e-6)
    few = module._columns(torch.as_tensor(codes), torch.tensor(0.2), 4).numpy()
    assert few.shape == (9, 4)
    assert (np.square(few).sum(1) <= 1 + 1e-9).all()


def test_forecasts_are_student_s_t() -> None:
    from scipy.stats import t

    forecast = module._student(np.array([[1.0]]), np.array([[2.0]]), np.array([8.0]))
    assert isinstance(forecast, Normals)
    for probability in (0.05, 0.25, 0.9):
        assert float(forecast.quantile(probability)[0, 0]) == pytest.approx(t.ppf(probability, 8, 1, 2), rel=0.03)


def test_learned_hyper_parameters_are_better_than_the_prior_s_means() -> None:
    made = module._task(bare(task(30)), True)
    chosen = module.learned(made)
    scales = torch.ones(30, dtype=torch.float64)

    def posterior(given: dict[str, torch.Tensor]) -> float:
        free = sum(float((value - PRIOR[name][0]) / PRIOR[name][1]) ** 2 for name, value in given.items())
        process = module._process(given, made, 0, scales)
        return float(module.Conditioned(process, made.grid).log_likelihood) - free / 2

    means = {name: torch.tensor(mean, dtype=torch.float64) for name, (mean, _) in PRIOR.items() if name in chosen}
    assert posterior(chosen) > posterior(means) + 50
    assert float(chosen["noise"]) == pytest.approx(math.log(0.01), abs=0.25)


def test_one_curve_alone_is_forecast_with_a_spread_that_grows() -> None:
    one = Context(np.arange(1, 16.0), 0.5 + 0.2 * (1 - np.arange(1, 16.0) ** -0.7), 100.0)
    forecast = LKGP().predict([one], np.array([[16.0, 30.0, 100.0]]))
    assert abs(float(forecast.mean()[0, 0]) - one.values[-1]) < 0.01
    low, high = forecast.quantile(0.05), forecast.quantile(0.95)
    assert (np.diff((high - low)[0]) > 0).all()
    assert 0.01 < float((high - low)[0, 2]) < 0.6


def test_odd_sets_of_curves_are_forecast() -> None:
    curves = bare(task(4))
    constant = [Context(TIMES[:9], np.full(9, 0.5), 30.0)] * 3
    point, nothing = curves[0].until(1), Context(TIMES[:0], TIMES[:0], 30.0)
    for contexts in (constant, [curves[0].until(9)] * 5, [point], [point] * 4, [nothing], [nothing, curves[1]]):
        asked = np.tile([20.0, 30.0], (len(contexts), 1))
        for made in (LKGP(), LKGP().fit([*curves[:2], curves[0]])):
            forecast = made.predict(contexts, asked)
            assert np.isfinite(forecast.log_density(np.full(asked.shape, 0.5))).all()
    assert float(LKGP().predict(constant, np.full((3, 1), 30.0)).mean()[0, 0]) == pytest.approx(0.5, abs=0.01)
    assert LKGP().predict([], np.zeros((0, 2))).shape == (0, 2)


def test_a_curve_that_diverges_does_not_decide_for_the_others() -> None:
    curves = bare(task(20))
    contexts = [one.until(10) for one in curves[15:]]
    mad = Context(TIMES, np.where(TIMES > 3, -1e9, 0.3), 30.0)
    usual = density(LKGP().fit(curves[:15]), contexts, curves[15:])
    assert density(LKGP().fit([*curves[:15], mad]), contexts, curves[15:]) > usual - 0.7


def test_first_values_that_are_all_alike_tell_nothing() -> None:
    """A loss that is measured against its first value begins at .1, whatever comes."""
    curves = bare(task(30))
    alike = [Context(one.times, np.concatenate([[0.1], one.values[1:]]), 30.0) for one in curves]
    made = module._task(alike, True)
    assert not made.grid.seen[:, 0].any()
    assert module._task([Context(TIMES, np.full(30, 0.1), 30.0)] * 4, True).grid.seen[:, 0].all()
    spreads = LKGP().fit(alike[:20]).predict([one.until(1) for one in alike[20:]], np.full((10, 1), 30.0)).quantile(0.9)
    assert (spreads - 0.65 > 0.03).all()


def test_the_order_of_curves_does_not_matter_where_some_are_looked_at() -> None:
    curves = [one.until(12) for one in bare(task(230))]
    contexts = [one.until(5) for one in curves[220:]]
    asked = np.full((10, 1), 30.0)
    first = LKGP().fit(curves[:220]).predict(contexts, asked).mean()
    second = LKGP().fit(curves[:220][::-1]).predict(contexts, asked).mean()
    assert_allclose(first, second, atol=2e-3)


@pytest.mark.slow
def test_two_hundred_curves_of_a_hundred_epochs_with_as_many_codes() -> None:
    rng = np.random.default_rng(0)
    times = np.arange(1, 101.0)
    curves = [
        Context(
            times, 0.9 - 0.5 * times ** -rng.uniform(0.2, 1) + 0.01 * rng.standard_normal(100), 100.0, rng.random(5)
        )
        for _ in range(200)
    ]
    began = time.process_time()
    forecast = LKGP().fit(curves[:100]).predict([one.until(40) for one in curves[100:]], np.tile(times[40:], (100, 1)))
    assert time.process_time() - began < 60  # a guard against another order of growth: about 5
    truth = np.array([one.values[40:] for one in curves[100:]])
    assert np.sqrt(np.mean((forecast.mean() - truth) ** 2)) < 0.03


def test_times_between_epochs_are_rounded_where_there_are_too_many() -> None:
    rng = np.random.default_rng(0)
    curves = [Context(np.sort(rng.uniform(1, 100, 80)), np.linspace(0.2, 0.6, 80), 100.0) for _ in range(5)]
    made = module._task(curves, True)
    assert len(made.grid.times) <= 100
    assert np.isfinite(LKGP().predict(curves, np.full((5, 1), 100.0)).mean()).all()


def test_curves_of_all_lengths_are_extrapolated_together() -> None:
    curves = bare(task(16))
    rows = [curves[0].values[:8].tolist(), *(one.values[:28].tolist() for one in curves[1:])]
    together = extrapolate(rows, 30, predictor="lkgp")
    assert isinstance(together, list)
    alone = extrapolate(rows[0], 30, predictor="lkgp")
    assert [len(one.epochs) for one in together[:2]] == [22, 2]
    assert together[0].log_density(curves[0].values[8:]).mean() > alone.log_density(curves[0].values[8:]).mean() + 0.5


def test_it_is_registered_and_needs_no_complete_curves() -> None:
    made = get_curve_predictor("lkgp:codes=False")
    assert made.joint
    assert not made.learns
    assert made.label_ == "lkgp:codes=False"
