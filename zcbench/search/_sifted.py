"""Filters many candidates by cheap scores first, so that expensive scorers score only the remaining ones."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zcbench.scorers import Scorer, Scores
from zcbench.search._base import Floats
from zcbench.search._diverse import diverse
from zcbench.search._problem import Problem
from zcbench.search._quantities import of_scorer
from zcbench.types import Architecture

#: number of compared candidates at the top of a ranking: at least, and for each one that is chosen
_NEAR_THE_TOP, _TIMES = 1_000, 20


class Reckoned(Scorer):
    """A scorer whose scores of many architectures are computed from their choices if they are sums over these.

    Args:
        scorer: the scorer; whether its scores are such sums is determined from some of them.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self._quantity = scorer, of_scorer(scorer)
        self.label, self.higher_is_better, self.context = scorer.label, scorer.higher_is_better, scorer.context

    @property
    def identifier(self) -> str:
        """The scorer's identifier."""
        return self._scorer.identifier

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Return scores ``(n,)``; the total seconds are divided equally among them."""
        assert self.context is not None  # the scorer has begun
        began = time.perf_counter()
        values = self._quantity.values(architectures, self.context.space)
        each = (time.perf_counter() - began) / max(1, len(architectures))
        missing = np.flatnonzero(~np.isfinite(values)).tolist()
        return Scores(values, np.full(len(values), each), dict.fromkeys(missing, self._quantity.example))


class Sifted:
    """The candidates that remain after scoring.

    Every scorer scores the candidates that the previous ones kept. The last of several scores ``kept`` candidates, and
    the numbers decrease to it in equal ratios. Candidates without a score are excluded.

    Args:
        problem: gives the domain and the encoding of candidates.
        scorers: from the cheapest to the most expensive.
        candidates: largest number of different architectures to draw.
        kept: largest number of candidates for the last of several scorers.
        rng: random numbers for the draws.

    Attributes:
        architectures: the candidates that the last scorer scored, best first; in the order of drawing without scorers.
        scores: by label, each scorer's scores of them.
        counts: number of candidates that each scorer scored.
        reason: why the last scorer had no score for one of them; "" if it had all.
    """

    def __init__(
        self, problem: Problem, scorers: Sequence[Scorer], candidates: int, kept: int, rng: np.random.Generator
    ) -> None:
        left = problem.domain.sample(rng, candidates)
        self.drawn = len(left)
        self.scores: dict[str, Floats] = {}
        self.counts: list[int] = []
        self.reason = ""
        for place, scorer in enumerate(scorers):
            found = scorer.score(left)
            self.reason = next(iter(found.reasons.values()), "")
            values = np.asarray(found, np.float64)
            good = values if scorer.higher_is_better else -values
            order = np.argsort(-good, kind="stable")[: int(np.isfinite(good).sum())]
            self.counts.append(len(left))
            self.scores[scorer.label] = values
            if (further := len(scorers) - 1 - place) and left:
                share = min(1.0, kept / len(left)) ** (1 / further)
                order = order[: max(1, round(share * len(left)))]
            left = [left[row] for row in order.tolist()]
            self.scores = {label: values[order] for label, values in self.scores.items()}
        self.architectures = left


def unlike(
    problem: Problem,
    encoding: str,
    architectures: Sequence[Architecture],
    order: NDArray[np.intp],
    count: int,
    weight: float,
) -> list[int]:
    """Return the rows of ``count`` architectures high in a ranking that differ from each other; see :func:`diverse`.

    Args:
        problem: gives the encoding of architectures.
        encoding: encoding by which they are compared.
        architectures: ``(n,)``.
        order: their rows, best first.
        count: number of rows.
        weight: weight of diversity.
    """
    rows = [int(row) for row in order[: max(_NEAR_THE_TOP, _TIMES * count)]]
    if not weight or len(rows) <= 1:
        return rows[:count]
    some = [architectures[row] for row in rows]
    codes = problem.encoding(encoding, features=False).fit(some).transform(some)
    return [rows[place] for place in diverse(np.asarray(codes, np.float64), count, weight)]
