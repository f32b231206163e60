"""The seconds and counts that a search has spent, by purpose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zcbench._display import many
from zcbench.search._base import Floats
from zcbench.search._budget import Budget


def unbuilt(scores: str) -> str:
    """Return the note about scores that were read from a store."""
    return (
        f"{scores} came from the store without the seconds of building these networks, because records do not contain "
        "them."
    )


@dataclass
class Clock:
    """Seconds and counts.

    Attributes:
        seconds: by purpose: "training", "building", "querying", "waiting", "scoring", "thinking" (the searcher's own
            computing time). A table's training seconds are those of the machine that made it. Seconds of evaluations
            are summed, also if they ran in parallel.
        simulated: whether seconds are read from a table. Then "thinking" is reported but excluded from the total: it is
            measured on this machine, and a budget that included it would end at a different point in each run.
        aside: seconds of this process that were spent on scoring, independent of the seconds charged for scores.
        evaluations: full trainings. If partial trainings are possible, a network that was trained for a third of the
            epochs counts as a third, and continuing it adds the rest; otherwise each different network counts once.
        scored: number of scores that were charged.
        stored: number of these that were read from a store.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    evaluations: float = 0
    scored: int = 0
    stored: int = 0
    simulated: bool = False
    aside: float = 0.0

    @property
    def total(self) -> float:
        """All seconds that count towards a budget."""
        return sum(spent for what, spent in self.seconds.items() if what != "thinking" or not self.simulated)

    def spend(self, seconds: Mapping[str, float]) -> None:
        """Add seconds."""
        for what, spent in seconds.items():
            self.seconds[what] = self.seconds.get(what, 0.0) + spent

    def score(self, seconds: Floats, stored: int = 0) -> None:
        """Add the cost of scores ``(n,)``, ``stored`` of which were read from a store."""
        self.spend({"scoring": float(np.nansum(seconds))})
        self.scored += int(np.count_nonzero(seconds > 0))
        self.stored += stored

    def notes(self) -> list[str]:
        """Return notes about costs that the seconds do not include."""
        return [unbuilt(many(self.stored, "score"))] if self.stored else []

    def exceeds(self, budget: Budget, further: float = 0.0) -> bool:
        """Return whether the seconds spent, plus ``further``, exceed the budget."""
        return budget.seconds is not None and self.total + further > budget.seconds
