"""All proxies of one run against one target, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zcbench._display import brief, many, plain
from zcbench.evaluation._board import Board, estimate_columns, number_or_none
from zcbench.evaluation._columns import COLUMNS, footnotes, headline, place, ranks
from zcbench.evaluation._entry import Entry
from zcbench.metrics import Estimate
from zcbench.types import Target


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation(Board):
    """All proxies of a run: best tau first, then those without an interval, then those without a tau.

    Attributes:
        benchmark: name and version.
        target: the column with which scores are correlated.
        seed: seed of the run.
        batch: provenance of the batch.
        ceiling: seed-to-seed tau on the sampled architectures; nan without repeats.
        total: number of architectures in the sample.
        without_target: number of these without a finite value of the target, which enter no correlation.
        source: the source of the table.
        entries: one per proxy.
        notes: sentences about excluded results.
        table_notes: sentences about rows and columns that reading the table excluded or changed.
        trainings: number of trainings of each architecture that the noise ceiling compares; 1 without repeats.
    """

    benchmark: str
    target: Target
    seed: int
    batch: str
    ceiling: Estimate
    total: int
    without_target: int
    source: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    table_notes: tuple[str, ...] = ()
    trainings: int = 1

    def __getitem__(self, proxy: str) -> Entry:
        """Return the entry of a proxy; KeyError if it was not run."""
        for entry in self.entries:
            if entry.proxy == proxy:
                return entry
        raise KeyError(proxy)

    def __repr__(self) -> str:
        counts = f"{many(len(self.entries), 'proxy', 'proxies')} on {many(self.total, 'architecture')}"
        return brief(f"<Evaluation of {counts} of {plain(self.benchmark, 40)}, {plain(self.target.name, 30)}>")

    def headline(self) -> str:
        """Return one sentence that describes the ranking."""
        return headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return [(column.title, column.numeric) for column in COLUMNS]

    def cells(self) -> list[list[str]]:
        """Return a row per proxy, as text."""
        shown = zip(ranks(self.entries), self.entries, strict=True)
        return [[column.text(rank, entry) for column in COLUMNS] for rank, entry in shown]

    def footnotes(self) -> list[str]:
        """Return a sentence for every kind of failure and note, and for incomparable entries."""
        return footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per proxy, in full precision."""
        return [self._flat(rank, entry) for rank, entry in enumerate(self.entries, 1)]

    def content(self) -> dict[str, Any]:
        """Return all contents except the points."""
        return {
            "benchmark": self.benchmark,
            "target": self.target.name,
            "higher_is_better": self.target.higher_is_better,
            "seed": self.seed,
            "batch": self.batch,
            "architectures": self.total,
            "without_target": self.without_target,
            "ceiling": estimate_columns("tau", self.ceiling),
            "entries": self.rows(),
            "notes": footnotes(self),
        }

    def _flat(self, rank: int, entry: Entry) -> dict[str, Any]:
        return {
            "benchmark": self.benchmark,
            "target": self.target.name,
            "seed": self.seed,
            "batch": self.batch,
            "rank": place(rank, entry),
            "proxy": entry.proxy,
            "version": entry.version,
            "code": entry.code,
            **estimate_columns("tau", entry.tau),
            **estimate_columns("rho", entry.rho),
            **estimate_columns("of_ceiling", entry.of_ceiling),
            **estimate_columns("over_params", entry.over_params),
            "standing": str(entry.standing),
            "tied_with_best": entry.tied_with_best,
            "scored": entry.n,
            "tried": entry.total,
            "without_target": self.without_target,
            "failures": "; ".join(f"{failure.count} {failure.status}" for failure in entry.failures),
            "seconds": number_or_none(entry.seconds),
        }
