"""Comparison of columns of scores with one target, and with each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zcbench.evaluation._entry import Entry, Failure, Floats, Standing
from zcbench.metrics import (
    Estimate,
    Jackknife,
    ceiling_fraction,
    kendall_jackknife,
    noise_jackknife,
    spearman_rho,
)

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

#: the baseline of every proxy
BASELINE = "params"


@dataclass
class Scores:
    """Scores of one proxy over all rows of the table, high is good; nan for a missing score."""

    version: int
    code: str
    higher_is_better: bool
    scores: Floats
    total: int
    failures: tuple[Failure, ...]
    seconds: float
    noted: tuple[Failure, ...] = ()


class Comparison:
    """All columns against one target; values that several entries need are computed once.

    Attributes:
        order: names of the columns, best first.
        taus: tau of each.
        standings: standing of each.
    """

    def __init__(self, columns: Mapping[str, Scores], good: Floats, repeats: Floats | None) -> None:
        self.columns, self.good, self.repeats = columns, good, repeats
        self._own = {name: self._jackknife(name, self.rows(name)) for name in columns}
        self._ceiling: tuple[bytes, Jackknife] | None = None
        self.taus = {name: jackknife.correlation() for name, jackknife in self._own.items()}
        self.standings = {name: self._standing(name) for name in columns}
        places = list(Standing)
        self.order = sorted(
            columns, key=lambda name: (places.index(self.standings[name]), -_sortable(self.taus[name].value), name)
        )

    def rows(self, *names: str) -> NDArray[np.bool_]:
        """Return a mask of the rows in which all of these columns have a score, and the target has a value."""
        mask: NDArray[np.bool_] = np.isfinite(self.good)
        for name in names:
            mask = mask & np.isfinite(self.columns[name].scores)
        return mask

    def _jackknife(self, name: str, rows: NDArray[np.bool_]) -> Jackknife:
        return kendall_jackknife(self.columns[name].scores[rows], self.good[rows])

    def _standing(self, name: str) -> Standing:
        tau, rows = self.taus[name], self.rows(name)
        if tau.n < 2:
            return Standing.TOO_FEW
        if math.isnan(tau.value):
            scores = self.columns[name].scores[rows]
            return Standing.SCORES_EQUAL if (scores == scores[0]).all() else Standing.TRUTHS_EQUAL
        return Standing.NO_INTERVAL if math.isnan(tau.low) else Standing.RANKED

    def difference(self, a: str, b: str) -> Estimate:
        """Return tau of one column minus that of another, on their common rows."""
        rows = self.rows(a, b)
        first, second = (
            self._own[name] if len(self._own[name].without) == rows.sum() else self._jackknife(name, rows)
            for name in (a, b)
        )
        return first.minus(second)

    def tied_with_best(self, name: str) -> bool:
        """Return whether it is the best, or its difference to the best is not significant."""
        if self.standings[name] is not Standing.RANKED:
            return False
        best = self.order[0]
        return name == best or self.difference(best, name).low <= 0

    def of_ceiling(self, name: str) -> Estimate:
        """Return tau as a fraction of the ceiling on the same rows; unknown without repeats."""
        rows = self.rows(name)
        if self.repeats is None:
            return Estimate(math.nan, math.nan, math.nan, int(rows.sum()))
        repeats, key = self.repeats[rows], rows.tobytes()
        if self._ceiling is None or self._ceiling[0] != key:  # most columns have the same rows
            self._ceiling = key, noise_jackknife(repeats)
        return ceiling_fraction(self.columns[name].scores[rows], repeats, self._ceiling[1])


def _sortable(value: float) -> float:
    return value if math.isfinite(value) else -2.0


def entry_of(name: str, against: Comparison, truth: Floats, benchmark: Benchmark) -> Entry:
    column, rows = against.columns[name], against.rows(name)
    unknown = Estimate(math.nan, math.nan, math.nan, int(rows.sum()))
    return Entry(
        proxy=name,
        version=column.version,
        code=column.code,
        higher_is_better=column.higher_is_better,
        n=int(rows.sum()),
        total=column.total,
        failures=column.failures,
        noted=column.noted,
        tau=against.taus[name],
        rho=spearman_rho(column.scores[rows], against.good[rows]),
        of_ceiling=against.of_ceiling(name),
        over_params=against.difference(name, BASELINE) if BASELINE in against.columns else unknown,
        standing=against.standings[name],
        tied_with_best=against.tied_with_best(name),
        seconds=column.seconds,
        architectures=tuple(benchmark.architectures[row].key for row in np.flatnonzero(rows)),
        scores=column.scores[rows] if column.higher_is_better else -column.scores[rows],
        truths=truth[rows],
    )
