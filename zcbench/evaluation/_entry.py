"""The results of one proxy: its correlations, and the outcomes of its scores."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, fixed, plain
from zcbench.metrics import Estimate
from zcbench.types import Status

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Failure:
    """Scores without a value, or with a note: their number, and the first reason or note."""

    status: Status
    count: int
    example: str


class Standing(StrEnum):
    """The standing of a tau; entries are sorted in this order."""

    RANKED = "ranked"
    NO_INTERVAL = "no interval"
    SCORES_EQUAL = "scores all equal"
    TRUTHS_EQUAL = "targets all equal"
    TOO_FEW = "fewer than two scores"


@dataclass(frozen=True, eq=False, repr=False)
class Entry:
    """One proxy against one target. All correlations are signed so that positive is good.

    Attributes:
        proxy: label of the proxy or ensemble.
        version: its integer version.
        code: digest of its code if it is user-defined; else empty.
        higher_is_better: the proxy's declared direction.
        n: number of architectures with a score and a target value; correlations use these.
        total: number of architectures that were scored, including failures.
        failures: the outcomes of the others.
        noted: scores with a value and a note: their number, and the first note.
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        of_ceiling: tau against single trainings as a fraction of the seed-to-seed tau; nan without repeats.
        over_params: tau minus the tau of ``params`` on the same architectures.
        standing: whether tau has a value and an interval, or the reason why not.
        tied_with_best: whether the difference in tau to the best entry is within its 95 % interval; only for entries
            that are ranked.
        seconds: median seconds per architecture; for an ensemble the sum over its members.
        architectures: strings of the n architectures.
        scores: their scores.
        truths: their target values.
    """

    proxy: str
    version: int
    code: str
    higher_is_better: bool
    n: int
    total: int
    failures: tuple[Failure, ...]
    noted: tuple[Failure, ...]
    tau: Estimate
    rho: Estimate
    of_ceiling: Estimate
    over_params: Estimate
    standing: Standing
    tied_with_best: bool
    seconds: float
    architectures: tuple[str, ...]
    scores: Floats
    truths: Floats

    def __repr__(self) -> str:
        scored = f"{self.n:,} of {self.total:,} architectures"
        return brief(f"<Entry of {plain(self.proxy, 50)}: tau {fixed(self.tau.value)} on {scored}>")
