"""What a search evaluated, in columns: a long one has many rows."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping

from zcbench.search._base import Proposal
from zcbench.types import Architecture

#: names of values beside the objectives that have a column; a function may give other names each time
MOST = 100
_CROWDED = f"Evaluations gave more than {MOST} names beside the objectives: later names are in the ledger alone."


class Answered:
    """Evaluations in order.

    Args:
        names: of values that there are in any case.

    Attributes:
        notes: sentences that whoever reads the columns has to know.
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
        """Append an evaluation, and the seconds that were spent in all when it was there; nan where values are none."""
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
