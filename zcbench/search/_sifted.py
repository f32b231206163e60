"""Many candidates, filtered by cheap scores first: what costs least decides which of them the dearer scorers see."""

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

#: of a ranking, at least how many are compared, and how many for each one that is chosen
_NEAR_THE_TOP, _TIMES = 1_000, 20


class Reckoned(Scorer):
    """A scorer whose scores of many architectures are reckoned from their choices, where they are sums over these.

    Args:
        scorer: what scores; that its scores are such sums is found out from some of them.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self._quantity = scorer, of_scorer(scorer)
        self.label, self.higher_is_better, self.context = scorer.label, scorer.higher_is_better, scorer.context

    @property
    def identifier(self) -> str:
        """That of the scorer."""
        return self._scorer.identifier

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Scores ``(n,)``; the seconds are of all together."""
        assert self.context is not None  # the scorer had begun
        began = time.perf_counter()
        values = self._quantity.values(architectures, self.context.space)
        each = (time.perf_counter() - began) / max(1, len(architectures))
        missing = np.flatnonzero(~np.isfinite(values)).tolist()
        return Scores(values, np.full(len(values), each), dict.fromkeys(missing, self._quantity.example))


class Sifted:
    """What is left of many candidates, scored.

    Every scorer scores what those before it left. The last of several sees ``kept``, and the numbers fall in equal
    ratios until there. Candidates without a score are left out.

    Args:
        problem: says where candidates are, and how they are encoded.
        scorers: from the cheapest to the dearest.
        candidates: different architectures that are drawn, at most.
        kept: what the last scorer sees, if there are several, at most.
        rng: decides what is drawn.

    Attributes:
        architectures: what the last scorer scored, best first; in the order of drawing without scorers.
        scores: by label, what each scorer says of them.
        counts: candidates that each scorer saw.
        reason: why the last scorer had no score of one of them; "" where it had all.
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
    """Rows of ``count`` architectures high in a ranking that are unlike one another; see :func:`diverse`.

    Args:
        problem: says how architectures are encoded.
        encoding: by which they are compared.
        architectures: ``(n,)``.
        order: their rows, best first.
        count: how many.
        weight: of diversity.
    """
    rows = [int(row) for row in order[: max(_NEAR_THE_TOP, _TIMES * count)]]
    if not weight or len(rows) <= 1:
        return rows[:count]
    some = [architectures[row] for row in rows]
    codes = problem.encoding(encoding, features=False).fit(some).transform(some)
    return [rows[place] for place in diverse(np.asarray(codes, np.float64), count, weight)]
