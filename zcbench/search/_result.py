"""What a search found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zcbench._display import brief, many
from zcbench.search._base import Floats, Objective
from zcbench.types import Architecture


@dataclass(frozen=True, eq=False, repr=False)
class SearchResult:
    """What a search evaluated, in order, and what it cost.

    Attributes:
        searcher: label and version.
        objectives: what was searched for.
        architectures: ``n`` evaluated ones, in order.
        epochs: ``(n,)`` epochs that each was trained for; nan for all of them.
        values: by name, ``(n,)`` everything that evaluations gave, as it is; nan where there is none.
        seconds: ``(n,)`` spent in all when each answer was there.
        spent: seconds in all, by what for.
        asks: proposals of the searcher, those included whose equal was evaluated.
        scored: scores that were paid for.
        ended: why the search ended, a sentence.
        head: everything that identifies the search.
        notes: sentences that whoever reads the result has to know.
    """

    searcher: str
    objectives: tuple[Objective, ...]
    architectures: tuple[Architecture, ...]
    epochs: Floats
    values: Mapping[str, Floats]
    seconds: Floats
    spent: Mapping[str, float]
    asks: int
    scored: int
    ended: str
    head: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return brief(f"<SearchResult of {self.searcher}: {many(len(self), 'evaluation')}>")

    def __len__(self) -> int:
        return len(self.architectures)
