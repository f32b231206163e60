"""The work of a run, counted before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcbench.runs._resume import Left, Plan


@dataclass(frozen=True)
class Ahead:
    """The required, known and missing amount of one kind of work on one benchmark.

    Attributes:
        benchmark: its name.
        what: the counted results: "scores", "trials".
        units: the units of the results: "architectures", "splits" of predictors.
        wanted_units: number of units.
        left_units: number of units with missing results.
        total: number of required scores or trials; architectures with the same network share theirs.
        left: number of missing ones.
        shard: the shard, "3/100"; empty for all.
        sample: SHA-256 of the list of architectures; empty without one.
    """

    benchmark: str
    what: str
    units: str
    wanted_units: int
    left_units: int
    total: int
    left: int
    shard: str = ""
    sample: str = ""

    @property
    def known(self) -> int:
        """Number of scores or trials in the store."""
        return self.total - self.left

    def to_dict(self) -> dict[str, Any]:
        """Convert to a mapping for JSON."""
        return {
            "benchmark": self.benchmark,
            "shard": self.shard or None,
            "sample": self.sample or None,
            self.units: self.wanted_units,
            f"{self.units}_left": self.left_units,
            self.what: self.total,
            "known": self.known,
            "left": self.left,
        }


def ahead_of(plan: Plan[Any], left: Left[Any], shard: str = "", sample: str = "") -> Ahead:
    """Count the work of a plan that has received the known results.

    Args:
        plan: the plan.
        left: its missing results.
        shard: the shard of the plan.
        sample: SHA-256 of the list of its architectures.
    """
    return Ahead(
        plan.benchmark,
        plan.what,
        plan.units,
        plan.count(plan.keys),
        plan.count(key for key, _ in left.tasks),
        plan.total,
        left.parts,
        shard,
        sample,
    )
