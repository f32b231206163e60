"""What a search has spent, by what for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zcbench.search._base import Floats
from zcbench.search._budget import Budget


@dataclass
class Clock:
    """Seconds and counts.

    Attributes:
        seconds: by what they went to: "training", "building", "querying", "waiting", "scoring", "thinking" (what the
            searcher itself takes). A table's training seconds are those of the machine that made it. Seconds of
            evaluations add up, in however many processes they ran at once.
        simulated: whether seconds are a table's. Those of thinking are then told and left out of the total: they are
            this machine's, and with them a budget would end elsewhere each time.
        aside: seconds of this process that went to scoring, whatever scores are charged.
        evaluations: whole trainings. Where parts can be asked for, a network that was trained for a third of the
            epochs counts a third, and what goes on with it adds the rest; else each different network counts once.
        scored: scores that were paid for.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    evaluations: float = 0
    scored: int = 0
    simulated: bool = False
    aside: float = 0.0

    @property
    def total(self) -> float:
        """All seconds that a budget counts."""
        return sum(spent for what, spent in self.seconds.items() if what != "thinking" or not self.simulated)

    def spend(self, seconds: Mapping[str, float]) -> None:
        """Add seconds."""
        for what, spent in seconds.items():
            self.seconds[what] = self.seconds.get(what, 0.0) + spent

    def score(self, seconds: Floats) -> None:
        """Add what scores cost ``(n,)``."""
        self.spend({"scoring": float(np.nansum(seconds))})
        self.scored += int(np.count_nonzero(seconds > 0))

    def exceeds(self, budget: Budget, further: float = 0.0) -> bool:
        """Whether more seconds, and those to come, were spent than the budget has."""
        return budget.seconds is not None and self.total + further > budget.seconds
