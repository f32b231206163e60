"""What a run would do, told before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcbench.runs._resume import Left, Plan


@dataclass(frozen=True)
class Ahead:
    """How much of one kind of work on one benchmark is wanted, known and left.

    Attributes:
        benchmark: its name.
        what: what is counted: "scores", "trials".
        units: what they are of: "architectures", "splits" of predictors.
        wanted_units: number of these.
        left_units: number of those that something is left of.
        total: scores or trials that are wanted; architectures with one network share theirs.
        left: those that the store has not.
        shard: the part that this is about, "3/100"; empty for all.
        sample: SHA-256 of the list that the architectures are from; empty without one.
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
        """Scores or trials that the store has."""
        return self.total - self.left

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
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
    """What is ahead of a plan that was told what is known.

    Args:
        plan: what is wanted.
        left: what it has not got.
        shard: the part that it is of.
        sample: SHA-256 of the list that its architectures are from.
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
