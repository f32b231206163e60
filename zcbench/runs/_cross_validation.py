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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import Estimate, student

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FOLDS = 5
#: draws of the bootstrap
DRAWS = 400
#: rows of a fold of which all pairs are used
PAIRED = 500


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

    Their number is quadratic in the rows of a fold. Large folds are therefore divided at random into parts, the same
    for all predictors, and the pairs within a part are used.

    Args:
        dealt: the fold of each row ``(repeats, n)``.
        predicted: ``(repeats, n)``.
        truth: ``(n,)``.
    """

    def __init__(self, dealt: Ints, predicted: Floats, truth: Floats) -> None:
        self.rows, self.truth = len(truth), truth
        #: rows of each part of a fold, and what is predicted of them
        self.parts: list[tuple[Ints, Floats]] = []
        for division, guesses in zip(dealt, predicted, strict=True):
            for fold in np.unique(division):
                self.parts += [(rows, guesses[rows]) for rows in _small(np.flatnonzero(division == fold))]

    def _signs(self) -> Iterator[tuple[Ints, tuple[Floats, Floats, Floats]]]:
        """Yield rows, and products of the signs of their differences in prediction and in truth, part by part."""
        for rows, guesses in self.parts:
            guess, true = _signs(guesses), _signs(self.truth[rows])
            yield rows, (guess * true, guess**2, true**2)

    def tau(self, weights: Floats) -> Floats:
        """Kendall's tau-b over weighted pairs, ``(draws,)``; nan where no pair differs in the truth.

        A predictor that orders no pair has 0.

        Args:
            weights: of the rows, ``(n, draws)``; a pair has the product of its rows' weights.
        """
        sums = np.zeros((3, weights.shape[1]))
        for rows, signs in self._signs():
            inner = weights[rows]
            sums += [(inner * (sign @ inner)).sum(0) for sign in signs]
        return _ratio(*sums)

    def jackknife(self) -> tuple[float, Floats]:
        """Tau over all pairs, and without each of the rows ``(n,)``."""
        each = np.zeros((3, self.rows))
        for rows, signs in self._signs():
            for total, sign in zip(each, signs, strict=True):
                total[rows] += sign.sum(1)
        total = each.sum(1)
        return float(_ratio(*total[:, None])[0]), _ratio(*(total[:, None] - 2 * each))

    def estimate(self) -> Estimate:
        """Tau over all pairs, with its 95 % interval on Fisher's scale.

        The standard error is the delete-one jackknife's over rows, or that of independent normal pairs where it is
        larger (E. Fieller, H. Hartley, E. Pearson, "Tests for Rank Correlation Coefficients. I", Biometrika 44, 1957):
        few rows may agree by chance, and perfect agreement has no spread.
        """
        value, without = self.jackknife()
        n = self.rows
        if not math.isfinite(value) or n < 6:
            return Estimate(value, math.nan, math.nan, n)
        inner = _inside(value, n)
        error = max(_error(without) / (1 - inner**2), math.sqrt(0.437 / (n - 4)))
        half = student(n - 1) * error
        low, high = (math.tanh(math.atanh(inner) + sign * half) for sign in (-1, 1))
        return Estimate(value, min(low, value), max(high, value), n)


def _error(without: Floats) -> float:
    """Return the standard error of a statistic, from its values without each of the rows."""
    n = len(without)
    spread = float(((without - without.mean()) ** 2).sum())
    return math.sqrt((n - 1) / n * spread) if math.isfinite(spread) else 0.0


def _small(rows: Ints) -> list[Ints]:
    """Divide the rows of a fold at random into parts of at most :data:`PAIRED`, always the same; few rows are one."""
    if len(rows) <= PAIRED:
        return [rows]
    order = np.random.default_rng(len(rows)).permutation(rows)
    return [np.sort(part) for part in np.array_split(order, -(-len(rows) // PAIRED))]


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


def choose(
    dealt: Ints,
    held_out: dict[str, HeldOut],
    truth: Floats,
    seed: int,
    eligible: Sequence[str],
    usual: str | None = None,
) -> Choice:
    """Choose the predictor with the largest tau, and correct that tau for the choice.

    Args:
        dealt: the fold of each row.
        held_out: what predictors say of held-out rows, by label.
        truth: ``(n,)``.
        seed: decides the bootstrap.
        eligible: labels to choose among; of equal ones the first is chosen.
        usual: the one that is chosen unless another is better by more than the standard error of their difference.
    """
    pairs = {label: Pairs(dealt, held.predicted, truth) for label, held in held_out.items()}
    found = {label: one.jackknife() for label, one in pairs.items()}
    tried = {label: value for label, (value, _) in found.items()}
    margins = np.array(
        [_error(found[label][1] - found[usual][1]) if usual in found and label != usual else 0.0 for label in eligible]
    )
    values = np.nan_to_num([tried[label] for label in eligible], nan=-2.0)
    number = int(np.argmax((values - margins).round(12)))
    best = eligible[number]
    estimate = pairs[best].estimate()
    corrected = estimate.value
    if len(eligible) > 1:
        corrected -= _optimism([pairs[label] for label in eligible], margins, number, len(truth), seed)
    return Choice(best, _shifted(estimate, corrected), estimate.value, tried)


def _optimism(pairs: Sequence[Pairs], margins: Floats, number: int, rows: int, seed: int) -> float:
    """How much better the chosen one is, on rows that were not drawn, than what is chosen on the rows that were."""
    rng = np.random.default_rng(seed)
    counts = [np.bincount(rng.integers(rows, size=rows), minlength=rows) for _ in range(DRAWS)]
    drawn = np.stack(counts, axis=1).astype(np.float64)
    inside = np.nan_to_num(np.stack([one.tau(drawn) for one in pairs]), nan=-2.0) - margins[:, None]
    outside = np.stack([one.tau((drawn == 0).astype(np.float64)) for one in pairs])
    judged, best = outside[inside.argmax(0), np.arange(DRAWS)], outside[number]
    both = np.isfinite(judged) & np.isfinite(best)
    return max(0.0, float((best[both] - judged[both]).mean())) if both.any() else 0.0


def _shifted(estimate: Estimate, value: float) -> Estimate:
    """Move the estimate to another value on Fisher's scale."""
    if value == estimate.value or not math.isfinite(estimate.low):
        return Estimate(value, estimate.low, estimate.high, estimate.n)
    edge = 1 - 1e-9
    by = math.atanh(_inside(value, estimate.n)) - math.atanh(_inside(estimate.value, estimate.n))
    low, high = (math.tanh(math.atanh(max(-edge, min(edge, end))) + by) for end in (estimate.low, estimate.high))
    return Estimate(value, min(low, value), max(high, value), estimate.n)


def _inside(tau: float, rows: int) -> float:
    """Return tau at a distance of 2 / rows or more from -1 and 1, which Fisher's scale has no place for."""
    return max(-1 + 2 / rows, min(1 - 2 / rows, tau))


__all__ = ["FOLDS", "Choice", "HeldOut", "Pairs", "choose", "folds", "hold_out"]
