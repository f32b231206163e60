"""Forecasts that are mapped so that their probabilities hold on complete curves of the task."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from zcbench.curves import Binned, Context, CurvePredictor, Mixture, Normals, get_curve_predictor
from zcbench.curves import recalibrated as module
from zcbench.curves._context import Floats
from zcbench.curves._forecast import Forecast
from zcbench.curves.priors import PRIORS
from zcbench.curves.recalibrated import Recalibrated, mapped, normal_scores, probabilities
from zcbench.errors import InvalidInputError, UnknownNameError

FORECASTS: dict[str, Forecast] = {
    "normal": Normals.single(np.array([[0.4, 0.6]]), np.array([[0.1, 0.02]])),
    "binned": Binned(np.linspace(-0.25, 1.25, 301)[None, None], np.full((1, 2, 300), 1 / 300)),
    "several": Normals(np.full((1, 2, 2), 0.5), np.array([[[0.2, 0.5], [0.4, 0.41]]]), np.full((1, 2, 2), 0.05)),
}
FORECASTS["mixture"] = Mixture([FORECASTS["binned"], FORECASTS["normal"]], np.array([[0.3, 0.7]]))


def walks(count: int, seed: int, size: float = 0.05) -> list[Context]:
    """Curves that change by steps, so that the last value is a fair forecast of a spread that grows."""
    rng = np.random.default_rng(seed)
    steps = size * rng.standard_normal((count, 20)) / np.arange(1, 21)
    return [Context(np.arange(1, 21.0), 0.5 + row, 20.0) for row in steps.cumsum(1)]


@pytest.mark.parametrize("name", list(FORECASTS))
@pytest.mark.parametrize(("shift", "spread"), [(0.0, 1.0), (0.7, 0.3), (-1.0, 4.0)])
def test_densities_integrate_to_one_and_are_those_of_mapped_probabilities(
    name: str, shift: float, spread: float
) -> None:
    base = FORECASTS[name]
    found = mapped(base, np.full((1, 2), shift), np.full((1, 2), spread))
    low, high = (bound[0] for bound in found.support())
    grid = np.linspace(low, high, 8_001)
    many = found.rows(np.zeros(len(grid), int))
    assert_allclose(np.trapezoid(np.exp(many.log_density(grid)), grid, axis=0), 1, atol=6e-3)
    middle = np.linspace(0.1, 0.9, 33)[:, None] * np.ones((1, 2))
    values = low + (high - low) * middle
    below = base.rows(np.zeros(33, int)).cdf(values)
    right = probabilities(below, np.array(shift), np.array(spread))
    if name == "normal":  # a normal distribution keeps its own tails, and gets a wide part
        right = 0.95 * norm.cdf(norm.ppf(below) / spread - shift / spread)
        right += 0.05 * norm.cdf((norm.ppf(below) - shift) / spread / 3)
    inner = np.abs(below - 0.5) < 0.5 - 1e-7
    assert_allclose(found.rows(np.zeros(33, int)).cdf(values)[inner], right[inner], atol=6e-3)
    assert np.isfinite(found.log_density(base.mean())).all()
    assert_allclose(found.mean()[0], high - (many.cdf(grid).mean(0)) * (high - low), atol=2e-3)


def test_the_map_of_probabilities_is_a_bijection() -> None:
    u = np.concatenate([[0.0], np.logspace(-12, -1, 50), np.linspace(0.1, 0.9, 50), 1 - np.logspace(-1, -12, 50), [1]])
    for shift, spread in ((0.0, 1.0), (2.0, 0.1), (-3.0, 8.0)):
        found = probabilities(u, np.array(shift), np.array(spread))
        assert found[0] == 0
        assert found[-1] == 1
        assert (np.diff(found) >= 0).all()
    inner = probabilities(norm.cdf([-1.0, 0.0, 2.0]), np.array(0.5), np.array(2.0))
    assert_allclose(inner, norm.cdf([-0.75, -0.25, 0.75]), atol=1e-12)


def test_scores_of_normal_forecasts_reach_far() -> None:
    assert_allclose(normal_scores(FORECASTS["normal"], np.array([[1.4, 0.59]])), [[10, -0.5]])
    assert_allclose(normal_scores(FORECASTS["binned"], np.array([[0.5, 2.0]])), [[0, norm.ppf(1 - 1e-3)]], atol=1e-9)


def test_shift_and_spread_are_found_and_few_scores_change_little() -> None:
    rng = np.random.default_rng(0)
    ahead = np.log(rng.uniform(0.1, 1, 4_000))
    scores = 0.5 + 0.2 * ahead + np.exp(-1 - 0.3 * ahead) * rng.standard_normal(4_000)
    found = module._fit_map(scores, ahead, np.ones(4_000))
    assert_allclose(found, [0.5, 0.2, -1.0, -0.3], atol=0.08)
    few = module._fit_map(np.array([0.2]), np.array([0.0]), np.ones(1))
    assert np.abs(few).max() < 1.1
    assert_allclose(module._fit_map(np.zeros(0), np.zeros(0), np.zeros(0)), 0)


def test_the_slope_of_the_map_is_that_of_its_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy import optimize

    seen = {}
    original = optimize.minimize

    def spy(loss: object, start: Floats, **options: object) -> object:
        seen["loss"] = loss
        return original(loss, start, **options)

    monkeypatch.setattr(optimize, "minimize", spy)
    rng = np.random.default_rng(1)
    module._fit_map(3 * rng.standard_normal(50), rng.standard_normal(50), rng.random(50))
    at = np.array([0.3, -0.2, 0.1, 0.4])
    slope = seen["loss"](at)[1]  # type: ignore[operator]
    near = [(seen["loss"](at + h)[0] - seen["loss"](at - h)[0]) / 2e-5 for h in 1e-5 * np.eye(4)]  # type: ignore[operator]
    assert_allclose(slope, near, rtol=1e-5)


@pytest.mark.parametrize("of", ["last_value", "sotl_e", "(lcpfn:prior=paper)"])
@pytest.mark.parametrize("size", [0.002, 0.05])
def test_intervals_hold_what_they_say_once_complete_curves_are_known(of: str, size: float) -> None:
    known, new = walks(50, 0, size), walks(120, 1, size)
    contexts, asked = [one.until(5) for one in new], np.tile(np.arange(6, 21.0), (120, 1))
    truth = np.array([one.values[5:] for one in new])
    made = Recalibrated(of).fit(known)
    forecast = made.predict(contexts, asked)
    inside = (forecast.quantile(0.05) <= truth) & (truth <= forecast.quantile(0.95))
    assert 0.83 <= inside.mean() <= 0.96
    before = made.base_.predict(contexts, asked).log_density(truth)
    assert forecast.log_density(truth).mean() > np.maximum(before, -10).mean()


def test_means_do_not_follow_the_farthest_bins() -> None:
    """A network's outer bins hold a millionth; were a hundredth moved there, means would rank curves by it."""
    edges = np.linspace(-0.25, 1.25, 601)
    likely = norm.pdf((edges[1:] + edges[:-1]) / 2, 0.9, 0.01)
    base = Binned(edges[None, None], (likely / likely.sum() + 1e-6 / 600)[None, None] / (1 + 1e-6))
    for spread in (0.5, 1.0, 1.5, 3.0):
        found = mapped(base, np.zeros((1, 1)), np.full((1, 1), spread))
        assert float(found.mean()[0, 0]) == pytest.approx(0.9, abs=2e-3)
    assert_allclose(mapped(base, np.zeros((1, 1)), np.ones((1, 1))).probabilities, base.probabilities, atol=1e-9)


def test_a_predictor_that_learns_is_calibrated_on_what_it_has_not_learned() -> None:
    made = Recalibrated("calibrated_last_value").fit(walks(12, 0))
    held = made._held_out([(one, one.until(5)) for one in made.curves_])
    assert sorted(np.concatenate([rows for _, rows in held]).tolist()) == list(range(12))
    for base, rows in held:
        assert all(one is not made.curves_[row] for one in base.curves_ for row in rows)
        assert len(base.curves_) + len(rows) == 12
    assert np.isfinite(made.predict([walks(1, 3)[0].until(4)], np.array([[9.0, 20.0]])).mean()).all()


def test_joint_predictors_stay_joint_and_needs_are_handed_on() -> None:
    assert Recalibrated("lkgp").joint
    assert not Recalibrated().joint
    for name in ("fits", "mcmc", "lkgp"):
        assert Recalibrated(name).least == get_curve_predictor(name).least
    known = walks(12, 0)
    forecast = Recalibrated("lkgp").fit(known).predict([one.until(5) for one in walks(3, 1)], np.full((3, 1), 20.0))
    assert np.isfinite(forecast.mean()).all()


def test_a_context_that_is_longer_than_all_complete_curves_is_forecast_as_it_was() -> None:
    made = Recalibrated("last_value").fit([one.until(6) for one in walks(5, 0)])
    context, asked = walks(1, 2)[0].until(15), np.array([[20.0]])
    plain = get_curve_predictor("last_value").predict([context], asked)
    assert_allclose(made.predict([context], asked).mean(), plain.mean(), atol=1e-9)
    assert len(module._ends(walks(3, 0))) <= 16


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(InvalidInputError, match="needs at least 1 complete curve"):
        Recalibrated().predict([], np.zeros((0, 1)))
    with pytest.raises(UnknownNameError):
        get_curve_predictor("recalibrated:of=nothing")
    made = get_curve_predictor("recalibrated:of=(fits:criterion=bic)")
    assert isinstance(made, CurvePredictor)
    assert get_curve_predictor(made.label_).label_ == made.label_


def test_real_shapes_keep_what_they_were_good_at() -> None:
    """On the prior's own curves the network is calibrated, so that a map of fifty others costs little."""
    sample = PRIORS["paper"].sample(np.random.default_rng(1002), 250)
    curves = [Context(sample.times, values, 100.0) for values in sample.values]
    contexts, asked = [one.until(10) for one in curves[50:]], np.tile([20.0, 50.0, 100.0], (200, 1))
    truth = sample.values[50:][:, [19, 49, 99]]
    base = get_curve_predictor("lcpfn:prior=paper").predict(contexts, asked).log_density(truth)
    ours = Recalibrated("(lcpfn:prior=paper)").fit(curves[:50]).predict(contexts, asked).log_density(truth)
    assert np.maximum(ours, -10).mean() > np.maximum(base, -10).mean() - 0.08
