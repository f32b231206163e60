"""The priors: the paper's against a slow sampler, curve by curve; what the extended one promises."""

from __future__ import annotations

from math import exp, isfinite, log

import numpy as np
import pytest
from scipy import stats

from zcbench.curves import PRIORS
from zcbench.curves.families import FAMILIES
from zcbench.curves.priors import _accepted, prior_named
from zcbench.errors import InvalidInputError


def slow_draw(rng: np.random.Generator) -> list[float] | None:
    """One curve of the prior of arXiv:2310.20447, section 3.1, in plain arithmetic; none where it is rejected."""
    w = [rng.uniform(0, 1) for _ in range(3)]
    c, a, alpha = rng.uniform(0, 1.25), rng.uniform(-0.6, 0.6), exp(rng.normal(0, 2))
    c2, a2 = rng.uniform(0, 1), rng.uniform(-0.5, 0.5)
    top, low, k, delta = rng.uniform(0, 1), rng.uniform(0, 2), exp(rng.normal(-2, 1)), exp(rng.normal(0, 0.5))
    curve = []
    for t in range(1, 101):
        power = c - a * t**-alpha
        growth = top - (top - low) * exp(-k * t**delta)
        value = w[0] * power + w[1] * (c2 - a2 / log(t + 1)) + w[2] * growth
        if not (isfinite(value) and 0 <= value <= 1):
            return None
        curve.append(value)
    return curve if curve[-1] > curve[0] else None


@pytest.fixture(scope="module")
def slow() -> tuple[float, np.ndarray]:
    rng = np.random.default_rng(11)
    drawn = [slow_draw(rng) for _ in range(6_000)]
    kept = [one for one in drawn if one is not None]
    return len(kept) / len(drawn), np.array(kept)


def test_one_curve_in_five_is_kept(slow: tuple[float, np.ndarray]) -> None:
    """The share is .206."""
    assert slow[0] == pytest.approx(0.206, abs=4 * np.sqrt(0.206 * 0.794 / 6_000))


def test_curves_are_distributed_as_those_of_the_slow_sampler(slow: tuple[float, np.ndarray]) -> None:
    fast = PRIORS["paper"].sample(np.random.default_rng(12), 3_000).means
    for epoch in (0, 4, 19, 99):
        assert stats.ks_2samp(fast[:, epoch], slow[1][:, epoch]).pvalue > 1e-3
    for first, second in ((0, 4), (4, 99), (0, 99)):
        moves = [curves[:, second] - curves[:, first] for curves in (fast, slow[1])]
        assert stats.ks_2samp(*moves).pvalue > 1e-3


def test_the_papers_curves_keep_its_rules() -> None:
    sample = PRIORS["paper"].sample(np.random.default_rng(0), 2_000)
    assert sample.values.shape == sample.means.shape == (2_000, 100)
    assert sample.times.tolist() == list(range(1, 101))
    assert sample.means.min() >= 0 and sample.means.max() <= 1
    assert (sample.means[:, -1] > sample.means[:, 0]).all()
    assert stats.kstest(np.log(sample.noise[:, 0]), stats.norm(-4, 1).cdf).pvalue > 1e-3
    z = (sample.values - sample.means) / sample.noise
    assert stats.kstest(z.ravel()[::7], "norm").pvalue > 1e-3


@pytest.mark.parametrize("epochs", [12, 150])
def test_other_lengths_are_parts_of_the_same_curves(epochs: int) -> None:
    sample = PRIORS["paper"].sample(np.random.default_rng(0), 300, epochs)
    assert sample.values.shape == (300, epochs)
    whole = PRIORS["paper"].sample(np.random.default_rng(0), 300).means
    common = min(epochs, 100)
    np.testing.assert_allclose(sample.means[:, :common], whole[:, :common])


@pytest.mark.parametrize("name", list(PRIORS))
def test_the_same_generator_draws_the_same(name: str) -> None:
    a, b, c = (PRIORS[name].sample(np.random.default_rng(seed), 50).values for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).all()


def test_the_extended_prior() -> None:
    """Every kind of curve that it promises is there, about as often as it says."""
    sample = PRIORS["extended"].sample(np.random.default_rng(0), 4_000)
    assert np.isfinite(sample.values).all()
    assert sample.means.min() >= 0 and sample.means.max() <= 1
    moved = np.ptp(sample.means, 1)
    assert 0.01 < (moved == 0).mean() < 0.06  # flat
    assert 0.05 < (moved < 0.05).mean() < 0.4  # squeezed
    best = sample.means.max(1)
    assert 0.05 < (sample.means[:, -1] < best - 1e-3).mean() < 0.3  # declines in the end, or collapses
    assert np.corrcoef(sample.noise[:, 0], np.maximum(moved, 1e-9))[0, 1] > 0.1
    residual = (sample.values - sample.means) / sample.noise
    assert residual.std() == pytest.approx(1, abs=0.05)
    neighbours = (residual[:, 1:] * residual[:, :-1]).mean(1)
    assert 0.1 < (neighbours > 0.3).mean() < 0.3  # correlated in time
    assert 0.05 < (stats.kurtosis(residual, axis=1) > 1.5).mean() < 0.3  # heavy tails


def test_the_prior_of_sizes() -> None:
    """What its docstring promises, about as often as it says."""
    sample = PRIORS["sizes"].sample(np.random.default_rng(0), 4_000)
    assert np.isfinite(sample.values).all()
    assert sample.means.min() >= 0 and sample.means.max() <= 1
    moved = np.ptp(sample.means, 1)
    assert 0.04 < (moved == 0).mean() < 0.1  # flat
    rises = sample.means[:, -1] - sample.means[:, 0]
    assert 0.04 < (rises < -1e-6).mean() < 0.2  # declines; a dip at the end counts too
    deepest = (np.maximum.accumulate(sample.means, 1) - sample.means).max(1)
    assert 0.08 < ((deepest > 0.01) & (rises > 0)).mean() < 0.25  # dips, of curves that move
    residual = (sample.values - sample.means) / sample.noise
    assert residual.std() == pytest.approx(1, abs=0.05)
    neighbours = (residual[:, 1:] * residual[:, :-1]).mean(1)
    assert 0.3 < (neighbours > 0.3).mean() < 0.6  # correlated from point to point
    falls = sample.noise[:, -1] / sample.noise[:, 0]
    assert falls.max() <= 1 and 0.05 < np.median(falls) < 0.5


def test_the_prior_of_sizes_has_the_curves_of_its_families() -> None:
    """Where nothing else happens, a curve is an affine map of a family at times that grow by a constant factor."""
    rng = np.random.default_rng(3)
    grown = np.exp(np.log([[10.0], [1e4]]) * np.linspace(0, 1, 30))
    for name in FAMILIES:
        drawn = _accepted(rng, name, grown, (0.5, 0.5))
        assert ((drawn >= 0) & (drawn <= 1)).all() and (drawn[:, -1] >= drawn[:, 0]).all()
    once = _accepted(np.random.default_rng(4), "ilog2", grown[:1], (1.0, 1.0))[0]
    # c - a / log(t + 1) with two unknowns: three points of it lie on a line over 1 / log(t + 1)
    x = 1 / np.log(grown[0] + 1)
    assert np.interp(x[15], x[::-1], once[::-1]) == pytest.approx(once[15], abs=1e-9)
    slopes = np.diff(once) / np.diff(x)
    assert slopes == pytest.approx(np.full(29, slopes[0]), abs=1e-6)


def test_names() -> None:
    assert prior_named("paper") is PRIORS["paper"]
    with pytest.raises(InvalidInputError, match="there is no prior 'papr': choose one of paper, extended, sizes"):
        prior_named("papr")
