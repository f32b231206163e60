"""What a search has spent, by what for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from zcbench._display import many
from zcbench.search._base import Floats
from zcbench.search._budget import Budget


def unbuilt(scores: str) -> str:
    """The sentence on scores that were read from a store."""
    return (
        f"{scores} came from the store, and the seconds of building these networks are left out: records do not tell "
        "of them."
    )


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
        stored: those of them that were read from a store.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    evaluations: float = 0
    scored: int = 0
    stored: int = 0
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

    def score(self, seconds: Floats, stored: int = 0) -> None:
        """Add what scores cost ``(n,)``, so many of which were read from a store."""
        self.spend({"scoring": float(np.nansum(seconds))})
        self.scored += int(np.count_nonzero(seconds > 0))
        self.stored += stored

    def notes(self) -> list[str]:
        """What the seconds leave out, in sentences."""
        return [unbuilt(many(self.stored, "score"))] if self.stored else []

    def exceeds(self, budget: Budget, further: float = 0.0) -> bool:
        """Whether more seconds, and those to come, were spent than the budget has."""
        return budget.seconds is not None and self.total + further > budget.seconds
