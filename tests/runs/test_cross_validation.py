"""Cross-validation: taus over pairs, against loops; the correction for a choice, where nothing is to be found."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from zcbench.metrics import Estimate
from zcbench.runs._cross_validation import FOLDS, PAIRED, HeldOut, Pairs, _shifted, choose, folds, hold_out


def example(rows=12, repeats=2, ties=True, seed=0):
    """Folds, predictions that know something, and the truth."""
    rng = np.random.default_rng(seed)
    truth = np.round(rng.normal(size=rows), 0 if ties else 9)
    predicted = np.round(truth + rng.normal(size=(repeats, rows)), 0 if ties else 9)
    return folds(range(rows), repeats, seed), predicted, truth


def slow_tau(dealt, predicted, truth, weights):
    """Tau-b over pairs that are in one fold, each as often as the product of its weights."""
    agreement = guessed = true = 0.0
    for division, guess in zip(dealt, predicted, strict=True):
        for i, j in itertools.combinations(range(len(truth)), 2):
            if division[i] == division[j]:
                a, b = np.sign(guess[i] - guess[j]), np.sign(truth[i] - truth[j])
                weight = weights[i] * weights[j]
                agreement, guessed, true = agreement + weight * a * b, guessed + weight * a * a, true + weight * b * b
    return agreement / math.sqrt(guessed * true) if guessed and true else 0.0 if true else math.nan


def test_tau_counts_pairs_that_were_held_out_together():
    dealt, predicted, truth = example(rows=15)
    pairs = Pairs(dealt, predicted, truth)
    weights = np.random.default_rng(1).integers(0, 3, size=(15, 4)).astype(float)
    expected = [slow_tau(dealt, predicted, truth, column) for column in weights.T]
    assert pairs.tau(weights) == pytest.approx(expected, nan_ok=True)
    value, without = pairs.jackknife()
    assert value == pytest.approx(slow_tau(dealt, predicted, truth, np.ones(15)))
    assert without == pytest.approx([slow_tau(dealt, predicted, truth, np.arange(15) != i) for i in range(15)])


def test_one_fold_gives_the_usual_tau():
    _, predicted, truth = example(rows=30, repeats=1)
    value, _ = Pairs(np.zeros((1, 30), np.intp), predicted, truth).jackknife()
    assert value == pytest.approx(kendalltau(predicted[0], truth).statistic)


def test_predictions_without_order():
    dealt, predicted, truth = example()
    assert Pairs(dealt, 0 * predicted, truth).jackknife()[0] == 0
    assert math.isnan(Pairs(dealt, predicted, 0 * truth).jackknife()[0])


def test_perfect_agreement_of_few_rows_is_not_certain():
    dealt, _, truth = example(rows=10, ties=False)
    found = Pairs(dealt, np.stack([truth, truth]), truth).estimate()
    assert found.value == 1
    assert found.low < 0.75
    many = folds(range(200), 1, 0)
    truth = np.random.default_rng(0).normal(size=200)
    assert Pairs(many, truth[None], truth).estimate().low > 0.95


def test_what_is_equal_is_in_one_fold():
    groups = [i // 3 for i in range(60)]
    dealt = folds(groups, 4, seed=0)
    assert all(len({division[i] for i in range(60) if groups[i] == g}) == 1 for division in dealt for g in set(groups))
    assert all(np.ptp(np.bincount(division, minlength=FOLDS)) <= 3 for division in dealt)
    assert (dealt[0] != dealt[1]).any()
    assert (folds(groups, 4, seed=0) == dealt).all()


def test_no_row_is_predicted_by_what_learned_from_it():
    dealt = folds(range(11), 3, 0)
    seen = []

    def fit(learned, test):
        assert not set(learned) & set(test)
        assert set(learned) | set(test) == set(range(11))
        seen.append(len(test))
        return test * 1.0, test * 2.0

    found = hold_out(dealt, fit)
    assert found.predicted.tolist() == [list(range(11))] * 3
    assert (found.deviation == 2 * found.predicted).all()
    assert len(seen) == 15


def test_of_equal_predictors_the_first():
    dealt, predicted, truth = example(ties=False)
    held = {"b": HeldOut(predicted, predicted), "a": HeldOut(predicted, predicted)}
    found = choose(dealt, held, truth, 0, ["b", "a"])
    assert (found.label, found.tau.value) == ("b", found.uncorrected)


def test_the_usual_one_is_kept_unless_another_is_clearly_better():
    dealt, predicted, truth = example(rows=60, repeats=1, ties=False)
    slightly = predicted.copy()
    slightly[0, :6] = truth[:6]
    held = {"usual": HeldOut(predicted, predicted), "slightly": HeldOut(slightly, slightly)}
    assert choose(dealt, held, truth, 0, list(held)).label == "slightly"
    assert choose(dealt, held, truth, 0, list(held), "usual").label in ("usual", "slightly")
    held["clearly"] = HeldOut(truth + predicted / 10, predicted)
    assert choose(dealt, held, truth, 0, list(held), "usual").label == "clearly"
    noise = np.random.default_rng(5).normal(size=(1, 60)) / 50
    held = {"usual": HeldOut(predicted, predicted), "jitter": HeldOut(predicted + noise, predicted)}
    assert choose(dealt, held, truth, 0, list(held), "usual").label == "usual"


def test_the_best_of_many_that_know_nothing_has_no_tau():
    """Uncorrected, the best of twenty random predictors looks good; its true tau is 0."""
    before, after = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth, dealt = rng.normal(size=30), folds(range(30), 1, seed)
        held = {str(n): HeldOut(rng.normal(size=(1, 30)), np.ones((1, 30))) for n in range(20)}
        found = choose(dealt, held, truth, seed, list(held))
        before.append(found.uncorrected)
        after.append(found.tau.value)
        assert found.tau.low <= found.tau.value <= found.tau.high
    assert np.mean(before) > 0.25
    assert abs(np.mean(after)) < 0.12


def test_a_perfect_tau_that_is_corrected_has_a_useful_interval():
    """Two perfect predictors on some rows: the correction is small, and so is the change of the interval."""
    found = Estimate(1.0, 0.6, 1.0, 12)
    moved = _shifted(found, 0.97)
    assert moved.value == 0.97
    assert moved.low == 0.6  # 1 and .97 are both beyond the largest tau on Fisher's scale for 12 rows
    lower = _shifted(found, 0.7)
    assert 0 < lower.low < 0.6
    assert lower.high > 0.7


def test_large_folds_use_some_of_the_pairs():
    """The pairs of 20,000 rows would take 3 x 128 MB for each fold."""
    rng = np.random.default_rng(0)
    truth = np.sort(rng.normal(size=20_000))
    predicted = truth + rng.normal(size=(1, 20_000))
    pairs = Pairs(folds(range(20_000), 1, 0), predicted, truth)
    assert max(len(rows) for rows, _ in pairs.parts) <= PAIRED
    assert sorted(np.concatenate([rows for rows, _ in pairs.parts]).tolist()) == list(range(20_000))
    assert pairs.estimate().value == pytest.approx(kendalltau(predicted[0], truth).statistic, abs=0.01)
    few = Pairs(folds(range(5 * PAIRED), 1, 0), predicted[:, : 5 * PAIRED], truth[: 5 * PAIRED])
    assert len(few.parts) == FOLDS
