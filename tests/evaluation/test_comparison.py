"""Columns against one target and against each other: paired, in order, with nothing tied that has no interval."""

import math

import numpy as np
import pytest
from scipy.stats import kendalltau
from toys import records, toy

from zcbench.evaluation import summarize

RNG = np.random.default_rng(4)
TRUTH = np.round(RNG.normal(size=40), 1)  # with ties
NOISY = np.round(TRUTH + RNG.normal(size=40), 1)


def test_what_is_equal_to_the_best_is_tied():
    benchmark = toy(TRUTH)
    rows = [*records(benchmark, NOISY, "a@1"), *records(benchmark, NOISY * 2 + 1, "b@1")]
    assert [e.tied_with_best for e in summarize(rows, benchmark).entries] == [True, True]


def test_over_params_is_paired():
    benchmark = toy(TRUTH)
    half = [v if i % 2 else None for i, v in enumerate(NOISY)]
    rows = [*records(benchmark, half), *records(benchmark, TRUTH, "params@1")]
    entry = summarize(rows, benchmark)["mine"]
    expected = kendalltau(NOISY[1::2], TRUTH[1::2]).statistic - 1
    assert entry.over_params.value == pytest.approx(expected)
    assert entry.over_params.n == 20
    assert math.isnan(summarize(records(benchmark, NOISY), benchmark)["mine"].over_params.value)


def test_ceiling_over_the_sampled_architectures():
    seeds = np.stack([TRUTH, NOISY], axis=1)
    benchmark = toy(seeds)
    sample = records(benchmark, seeds.mean(1))[:25]
    evaluation = summarize(sample, benchmark)
    between = kendalltau(TRUTH[:25], NOISY[:25]).statistic
    assert evaluation.ceiling.value == pytest.approx(between)
    mean = seeds.mean(1)[:25]
    to_single = np.mean([kendalltau(mean, seeds[:25, i]).statistic for i in range(2)])
    assert evaluation["mine"].of_ceiling.value == pytest.approx(to_single / between)
    assert evaluation["mine"].tau.value == pytest.approx(1)
    # A loss has the same ceiling as the accuracy that it mirrors.
    mirrored = toy(-seeds, higher_is_better=False)
    other = summarize(records(mirrored, seeds.mean(1))[:25], mirrored)
    assert other.ceiling.value == pytest.approx(between)
    assert other["mine"].of_ceiling.value == pytest.approx(to_single / between)


def test_no_ceiling_without_repeats():
    benchmark = toy(TRUTH)
    evaluation = summarize(records(benchmark, NOISY), benchmark)
    assert math.isnan(evaluation.ceiling.value)
    assert math.isnan(evaluation["mine"].of_ceiling.value)


def test_what_has_no_interval_stands_after_what_has_one():
    """Two scores in order have tau 1; they neither win nor share the first place."""
    benchmark = toy(TRUTH)
    pair = [TRUTH[i] if i in (3, 7) else None for i in range(40)]
    one_apart = [1.0 if i == int(np.argmax(TRUTH)) else 0.0 for i in range(40)]
    rows = [
        *records(benchmark, pair, "pair@1"),
        *records(benchmark, [7.0] * 40, "a-constant@1"),
        *records(benchmark, [7.0, *[None] * 39], "a-single@1"),
        *records(benchmark, one_apart, "one-apart@1"),
        *records(benchmark, -TRUTH, "worst@1"),
        *records(benchmark, NOISY, "good@1"),
    ]
    evaluation = summarize(rows, benchmark)
    assert evaluation["pair"].tau.value == 1
    assert [(e.proxy, e.standing, e.tied_with_best) for e in evaluation.entries] == [
        ("good", "ranked", True),
        ("worst", "ranked", False),
        ("pair", "no interval", False),
        ("one-apart", "no interval", False),
        ("a-constant", "scores all equal", False),
        ("a-single", "fewer than two scores", False),
    ]


@pytest.mark.parametrize(
    ("values", "truth", "standing"),
    [
        ([7.0] * 5, [1, 2, 3, 4, 5], "scores all equal"),
        ([0.0, -0.0, 0.0, -0.0, 0.0], [1, 2, 3, 4, 5], "scores all equal"),
        ([1, 2, 3, 4, 5], [0.5] * 5, "targets all equal"),
        ([1, 2, 3, None, None], [1, 2, 3, 4, 5], "no interval"),
        ([1, None, None, None, None], [1, 2, 3, 4, 5], "fewer than two scores"),
        ([None] * 5, [1, 2, 3, 4, 5], "fewer than two scores"),
    ],
)
def test_nothing_ties_with_the_best_without_an_interval(values, truth, standing):
    benchmark = toy(truth)
    (entry,) = summarize(records(benchmark, values), benchmark).entries
    assert (entry.standing, entry.tied_with_best) == (standing, False)


def test_shared_computations_change_nothing():
    """Columns with different gaps and repeats: what one entry computes is not taken for another's."""
    seeds = np.stack([TRUTH, NOISY, TRUTH + RNG.normal(size=40)], axis=1)
    benchmark = toy(seeds)
    gaps = [v if i % 3 else None for i, v in enumerate(NOISY)]
    rows = [
        *records(benchmark, gaps, "gaps@1"),
        *records(benchmark, NOISY, "whole@1"),
        *records(benchmark, gaps[::-1], "other@1"),
        *records(benchmark, -NOISY, "params@1"),
    ]
    together = summarize(rows, benchmark)
    for name in ("gaps", "whole", "other"):
        alone = summarize([r for r in rows if r.proxy in (f"{name}@1", "params@1")], benchmark)
        for what in ("tau", "rho", "of_ceiling", "over_params"):
            assert getattr(together[name], what) == getattr(alone[name], what)
