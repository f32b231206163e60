"""Cross-validation of predictors on few rows: how well each ranks, which is chosen, and what the choice costs.

Kendall's tau is counted over pairs of rows that one model held out together: predictions of different models are not
compared, as pooled predictions are biased against predictors that know little (A. Airola et al., "An experimental
comparison of cross-validation techniques for estimating the area under the ROC curve", Computational Statistics & Data
Analysis 55(4), 2011). The tau of the best of several is optimistic. It is corrected by the bootstrap of I. Tsamardinos
et al., "Bootstrapping the out-of-sample predictions for efficient and accurate cross-validation", Machine Learning
107(12), 2018: rows are drawn with replacement, the best predictor on the drawn rows is judged on the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import Estimate, student

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FOLDS = 5
#: draws of the bootstrap
DRAWS = 400


@dataclass(frozen=True)
class HeldOut:
    """What a predictor says of rows that it did not learn from.

    Attributes:
        predicted: ``(repeats, n)``.
        deviation: standard deviations ``(repeats, n)`` as the predictor gives them; nan where it gives none.
    """

    predicted: Floats
    deviation: Floats


def folds(groups: Sequence[object], repeats: int, seed: int) -> Ints:
    """Deal rows into five folds, several times: the number of the fold ``(repeats, n)``.

    Args:
        groups: what rows share that must not be in different folds, ``n`` of them.
        repeats: number of divisions.
        seed: decides them.
    """
    rng = np.random.default_rng(seed)
    number: dict[object, int] = {}
    group = np.array([number.setdefault(one, len(number)) for one in groups], np.intp)
    sizes = np.bincount(group)
    dealt = np.zeros((repeats, len(group)), np.intp)
    for repeat in range(repeats):
        filled = np.zeros(FOLDS, np.intp)
        place = np.zeros(len(sizes), np.intp)
        for one in rng.permutation(len(sizes)):
            place[one] = int(np.argmin(filled))
            filled[place[one]] += sizes[one]
        dealt[repeat] = place[group]
    return dealt


def hold_out(
    dealt: Ints, fit: Callable[[Ints, Ints], tuple[Floats, Floats]], done: Callable[[], None] = lambda: None
) -> HeldOut:
    """Predict every row by a model that did not learn from its fold.

    Args:
        dealt: the fold of each row ``(repeats, n)``.
        fit: from the rows to learn from and the rows to predict to predictions and standard deviations of the latter.
        done: called after each fold.
    """
    predicted, deviation = np.full(dealt.shape, np.nan), np.full(dealt.shape, np.nan)
    for repeat, division in enumerate(dealt):
        for fold in np.unique(division):
            test = np.flatnonzero(division == fold)
            predicted[repeat, test], deviation[repeat, test] = fit(np.flatnonzero(division != fold), test)
            done()
    return HeldOut(predicted, deviation)


class Pairs:
    """Pairs of rows that were held out together, and how a predictor orders them.

    Args:
        dealt: the fold of each row ``(repeats, n)``.
        predicted: ``(repeats, n)``.
        truth: ``(n,)``.
    """

    def __init__(self, dealt: Ints, predicted: Floats, truth: Floats) -> None:
        self.rows = len(truth)
        #: rows of each fold, and the signs of the differences in prediction and in truth, and their product
        self.parts: list[tuple[Ints, Floats, Floats, Floats]] = []
        for division, guesses in zip(dealt, predicted, strict=True):
            for fold in np.unique(division):
                rows = np.flatnonzero(division == fold)
                guess, true = _signs(guesses[rows]), _signs(truth[rows])
                self.parts.append((rows, guess * true, guess**2, true**2))

    def tau(self, weights: Floats) -> Floats:
        """Kendall's tau-b over weighted pairs, ``(draws,)``; nan where no pair differs in the truth.

        A predictor that orders no pair has 0.

        Args:
            weights: of the rows, ``(n, draws)``; a pair has the product of its rows' weights.
        """
        sums = np.zeros((3, weights.shape[1]))
        for rows, *signs in self.parts:
            inner = weights[rows]
            sums += [(inner * (sign @ inner)).sum(0) for sign in signs]
        return _ratio(*sums)

    def estimate(self) -> Estimate:
        """Tau over all pairs, with the 95 % interval of the delete-one jackknife over rows on Fisher's scale."""
        each = np.zeros((3, self.rows))
        for rows, *signs in self.parts:
            for total, sign in zip(each, signs, strict=True):
                total[rows] += sign.sum(1)
        total = each.sum(1)
        value = float(_ratio(*total[:, None])[0])
        without = _ratio(*(total[:, None] - 2 * each))
        n = self.rows
        error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
        if not math.isfinite(value) or not math.isfinite(error) or abs(value) > 1 - 1e-12:
            return Estimate(value, math.nan, math.nan, n)
        half = student(n - 1) * error / (1 - value**2)
        return Estimate(value, math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half), n)


def _signs(values: Floats) -> Floats:
    signs: Floats = np.sign(values[:, None] - values[None, :])
    return signs


def _ratio(agreement: Floats, guessed: Floats, true: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = agreement / np.sqrt(guessed * true)
    return np.where(true <= 0, np.nan, np.where(guessed <= 0, 0.0, found))


@dataclass(frozen=True)
class Choice:
    """The predictor that ranks held-out rows best.

    Attributes:
        label: its name.
        tau: how well it ranks, corrected for the choice, with a 95 % interval.
        uncorrected: the same before the correction.
        tried: tau of every predictor, uncorrected.
    """

    label: str
    tau: Estimate
    uncorrected: float
    tried: dict[str, float]


def choose(dealt: Ints, held_out: dict[str, HeldOut], truth: Floats, seed: int, eligible: Sequence[str]) -> Choice:
    """Choose the predictor with the largest tau; of equal ones the first.

    Args:
        dealt: the fold of each row.
        held_out: what predictors say of held-out rows, by label.
        truth: ``(n,)``.
        seed: decides the bootstrap.
        eligible: labels to choose among.
    """
    pairs = {label: Pairs(dealt, held.predicted, truth) for label, held in held_out.items()}
    found = {label: one.estimate() for label, one in pairs.items()}
    tried = {label: one.value for label, one in found.items()}
    best = max(eligible, key=lambda label: (round(tried[label], 12), -eligible.index(label)))
    estimate = found[best]
    corrected = estimate.value
    if len(eligible) > 1:
        corrected = min(corrected, _bootstrapped([pairs[label] for label in eligible], len(truth), seed, corrected))
    return Choice(best, _shifted(estimate, corrected), estimate.value, tried)


def _bootstrapped(pairs: Sequence[Pairs], rows: int, seed: int, otherwise: float) -> float:
    """Mean tau, on rows that were not drawn, of the predictor that is best on the rows that were."""
    rng = np.random.default_rng(seed)
    counts = [np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(DRAWS)]
    drawn = np.stack(counts, axis=1).astype(np.float64)
    inside = np.nan_to_num(np.stack([one.tau(drawn) for one in pairs]), nan=-2.0)
    outside = np.stack([one.tau((drawn == 0).astype(np.float64)) for one in pairs])
    judged = outside[inside.argmax(0), np.arange(DRAWS)]
    # Means over draws differ from tau over all pairs by what small samples do to a ratio: only the choice counts.
    best = outside[int(np.argmax([one.estimate().value for one in pairs]))]
    both = np.isfinite(judged) & np.isfinite(best)
    return otherwise - max(0.0, float((best[both] - judged[both]).mean())) if both.any() else otherwise


def _shifted(estimate: Estimate, value: float) -> Estimate:
    """The estimate moved to another value on Fisher's scale."""
    if value == estimate.value or not math.isfinite(estimate.low):
        return Estimate(value, estimate.low, estimate.high, estimate.n)
    by = math.atanh(value) - math.atanh(estimate.value)
    low, high = (math.tanh(math.atanh(end) + by) for end in (estimate.low, estimate.high))
    return Estimate(value, low, high, estimate.n)


__all__ = ["FOLDS", "Choice", "HeldOut", "Pairs", "choose", "folds", "hold_out"]
