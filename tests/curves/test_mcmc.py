"""Chains over the paper's prior: its densities, its rejections, and a posterior that is known otherwise."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from scipy import stats

from zcbench.curves import FAMILIES, Context, get_curve_predictor
from zcbench.curves.mcmc import COORDINATES, draws, kept, log_posterior, log_prior, means
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError, MissingDependencyError

TIMES = np.arange(1, 101.0)
FAMILY_NAMES = ("pow3", "ilog2", "janoschek")


def families_drawn(count: int) -> np.ndarray:
    """Coordinates from what families.py draws, weights and noise as the prior has them; none is rejected."""
    rng = np.random.default_rng(5)
    drawn = [rng.uniform(0, 1, (count, 3))]
    for name in FAMILY_NAMES:
        parameters = FAMILIES[name].draw(rng, count)
        logs = {"pow3": [2], "ilog2": [], "janoschek": [2, 3]}[name]
        parameters[:, logs] = np.log(parameters[:, logs])
        drawn.append(parameters)
    return np.concatenate([*drawn, rng.normal(-4, 1, (count, 1))], 1)


def test_curves_are_weighted_sums_of_the_families() -> None:
    points = families_drawn(50)
    parts = (points[:, 3:6].copy(), points[:, 6:8], points[:, 8:12].copy())
    parts[0][:, 2], parts[2][:, 2:] = np.exp(parts[0][:, 2]), np.exp(parts[2][:, 2:])
    right = sum(
        points[:, [number]] * FAMILIES[name](TIMES, part)
        for number, (name, part) in enumerate(zip(FAMILY_NAMES, parts, strict=True))
    )
    np.testing.assert_allclose(means(points, TIMES), right, rtol=1e-9, atol=1e-12)


def test_densities_are_those_of_what_the_families_draw() -> None:
    points = families_drawn(4_000)
    right = np.zeros(4_000)
    for column, (kind, a, b) in zip(points.T, COORDINATES.values(), strict=True):
        distribution = stats.norm(a, b) if kind == "normal" else stats.uniform(a, b - a)
        assert stats.kstest(column, distribution.cdf).pvalue > 1e-3
        right += distribution.logpdf(column)
    np.testing.assert_allclose(log_prior(points), right)
    points[:, 3] = 1.26
    assert (log_prior(points) == -np.inf).all()


def test_draws_are_those_of_the_prior() -> None:
    points = draws(0, 3_000)
    curves = means(points, TIMES)
    assert kept(curves).all()
    sample = PRIORS["paper"].sample(np.random.default_rng(8), 3_000)
    for epoch in (0, 9, 99):
        assert stats.ks_2samp(curves[:, epoch], sample.means[:, epoch]).pvalue > 1e-3


def test_what_is_rejected() -> None:
    points = draws(0, 100).copy()
    assert np.isfinite(log_posterior(points, TIMES[:3], np.full(3, 0.5))).all()
    upside = points.copy()
    upside[:, [4, 7]] *= -1  # the sums that fall
    upside[:, [8, 9]] = upside[:, [9, 8]].clip(0, 1)
    good = kept(means(upside, TIMES))
    found = log_posterior(upside, TIMES[:3], np.full(3, 0.5))
    assert (np.isfinite(found) == good).all() and not good.all()
    rising = np.linspace(0.1, 0.9, 100)
    assert kept(np.array([rising, rising[::-1], rising + 0.2, rising - 0.2, np.full(100, np.nan)])).tolist() == [
        True, False, False, False, False,
    ]  # fmt: skip


def test_the_posterior_is_that_of_weighted_draws() -> None:
    """After three values of much noise the prior's draws, weighted by likelihood, are a posterior of their own."""
    pytest.importorskip("emcee")
    values = np.array([0.2, 0.4, 0.3])
    points = draws(1, 40_000)
    sigma = np.exp(points[:, -1])
    logs = stats.norm(means(points, TIMES[:3]), sigma[:, None]).logpdf(values).sum(1)
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    assert 1 / (weights**2).sum() > 200
    ends = means(points, TIMES[[9, 99]])
    right = weights @ ends
    spread = np.sqrt(weights @ (ends - right) ** 2)
    predictor = get_curve_predictor("mcmc:walkers=100:steps=800:burn=300:thin=5:starts=2000:parts=5000")
    chain = predictor.posterior(Context(TIMES[:3], values, 100.0))
    found = means(chain, TIMES[[9, 99]])
    assert np.abs(found.mean(0) - right).max() < 0.3 * spread.min()
    np.testing.assert_allclose(found.std(0), spread, rtol=0.3)


def test_the_same_seed_is_the_same_chain() -> None:
    pytest.importorskip("emcee")
    context = Context(TIMES[:8], np.linspace(0.2, 0.5, 8), 100.0)
    quick = "mcmc:walkers=26:steps=30:burn=10:thin=5:starts=100:parts=60"
    asked = np.array([[20.0, 100.0]])
    first, same, other = (
        get_curve_predictor(f"{quick}:seed={seed}").predict([context], asked).mean() for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


@pytest.mark.parametrize("setting", ["walkers=27", "burn=2000", "starts=50"])
def test_settings_that_contradict_each_other(setting: str) -> None:
    pytest.importorskip("emcee")
    with pytest.raises(InvalidInputError, match="choose an even number of walkers"):
        get_curve_predictor(f"mcmc:{setting}").posterior(Context(TIMES[:2], TIMES[:2] / 10, 100.0))


def test_without_emcee(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emcee", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "zcbench\[mcmc\]"'):
        get_curve_predictor("mcmc").posterior(Context(TIMES[:2], TIMES[:2] / 10, 100.0))
