"""The evaluations of a search, stored in columns because a long search has many rows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

from zcbench.search._base import Proposal
from zcbench.types import Architecture

#: largest number of columns in addition to the objectives, because a function may return other names in each call
MOST = 100
_CROWDED = f"Evaluations returned more than {MOST} names besides the objectives: later names are only in the ledger."


class Answered:
    """Evaluations in order.

    Args:
        names: names of values that always have a column.

    Attributes:
        notes: sentences that a reader of the columns needs to know.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.notes: list[str] = []
        self.architectures: list[Architecture] = []
        self.epochs, self.seconds = array("d"), array("d")
        self.values = {name: array("d") for name in names}
        self._most = len(self.values) + MOST

    def __len__(self) -> int:
        return len(self.architectures)

    def add(self, proposal: Proposal, values: Mapping[str, float], seconds: float) -> None:
        """Append an evaluation and the total seconds spent until then; missing values become nan."""
        for name in [name for name in values if name not in self.values]:
            if len(self.values) < self._most:
                self.values[name] = array("d", [math.nan]) * len(self)
            else:
                self.notes = [_CROWDED]
        self.architectures.append(proposal.architecture)
        self.epochs.append(math.nan if proposal.epochs is None else proposal.epochs)
        self.seconds.append(seconds)
        for name, column in self.values.items():
            column.append(values.get(name, math.nan))
