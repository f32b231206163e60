"""Several benchmarks in one table: a row per benchmark, a column per proxy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from zcbench._display import NOTHING, SENTENCE, brief, many, plain
from zcbench.evaluation import Board, Entry, Evaluation, interval
from zcbench.evaluation._board import estimate_columns
from zcbench.metrics import Estimate

_UNKNOWN = Estimate(math.nan, math.nan, math.nan, 0)


class Matrix(Board):
    """Tau of proxies on several benchmarks.

    Args:
        evaluations: one per benchmark, in the order of the rows.
        ceilings: the noise ceiling of each benchmark's whole table; default that of the sampled architectures.
        proxies: labels in the order of the columns; default those of all evaluations, in the order of their first.
        title: what the table is of: the name of a track.
    """

    repeated = 1

    def __init__(
        self,
        evaluations: Sequence[Evaluation],
        *,
        ceilings: Sequence[Estimate] | None = None,
        proxies: Sequence[str] | None = None,
        title: str = "",
    ) -> None:
        self.evaluations = tuple(evaluations)
        self.ceilings = tuple(e.ceiling for e in evaluations) if ceilings is None else tuple(ceilings)
        found = dict.fromkeys(entry.proxy for evaluation in evaluations for entry in evaluation.entries)
        wanted = list(found) if proxies is None else [*(p for p in proxies if p in found), *found]
        self.proxies = tuple(dict.fromkeys(wanted))
        self.title = title

    def __repr__(self) -> str:
        counts = f"{many(len(self.proxies), 'proxy', 'proxies')} on {many(len(self.evaluations), 'benchmark')}"
        return brief(f"<Matrix of {counts}{f': {self.title}' if self.title else ''}>")

    def headline(self) -> str:
        """Return one sentence that describes the table."""
        what = f"{plain(self.title)}: " if self.title else ""
        counts = {evaluation.total for evaluation in self.evaluations}
        count = f"{min(counts):,}" if len(counts) == 1 else f"{min(counts):,} to {max(counts):,}"
        return (
            f"{what}Kendall's tau [95 % interval] of {many(len(self.proxies), 'proxy', 'proxies')} with the results "
            f"of training, on {count} architectures of each of {many(len(self.evaluations), 'benchmark')}. In a cell, "
            f"(N) means that only N have a score."
        )

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column."""
        return [(title, False) for title in ("benchmark", "ground truth", "noise ceiling", *map(plain, self.proxies))]

    def cells(self) -> list[list[str]]:
        """Return a row per benchmark."""
        return [
            [
                f"{plain(evaluation.benchmark.rpartition('@')[0])} ({evaluation.total})",
                plain(evaluation.target.name),
                interval(ceiling) if math.isfinite(ceiling.value) else "no repeats",
                *(_cell(_entry(evaluation, proxy), evaluation.total) for proxy in self.proxies),
            ]
            for evaluation, ceiling in zip(self.evaluations, self.ceilings, strict=True)
        ]

    def footnotes(self) -> list[str]:
        """Return what was excluded on each benchmark, every sentence once."""
        notes: dict[str, list[str]] = {}
        for evaluation in self.evaluations:
            for note in (*evaluation.notes, *evaluation.table_notes):
                notes.setdefault(plain(note, SENTENCE), []).append(plain(evaluation.benchmark.rpartition("@")[0]))
        return [f"{', '.join(dict.fromkeys(names))}: {note}" for note, names in notes.items()]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per benchmark, with tau, its interval and the number of architectures for each proxy."""
        return [
            {
                "benchmark": evaluation.benchmark,
                "target": evaluation.target.name,
                "architectures": evaluation.total,
                **estimate_columns("ceiling", ceiling),
                **{key: value for proxy in self.proxies for key, value in _flat(evaluation, proxy).items()},
            }
            for evaluation, ceiling in zip(self.evaluations, self.ceilings, strict=True)
        ]

    def content(self) -> dict[str, Any]:
        """Return the evaluations, each with the noise ceiling of its whole table."""
        return {
            "title": self.title,
            "proxies": list(self.proxies),
            "evaluations": [
                evaluation.content() | {"table_ceiling": estimate_columns("tau", ceiling)}
                for evaluation, ceiling in zip(self.evaluations, self.ceilings, strict=True)
            ],
            "notes": self.footnotes(),
        }


def _entry(evaluation: Evaluation, proxy: str) -> Entry | None:
    return next((entry for entry in evaluation.entries if entry.proxy == proxy), None)


def _cell(entry: Entry | None, total: int) -> str:
    if entry is None or not math.isfinite(entry.tau.value):
        return NOTHING
    return interval(entry.tau) + (f" ({entry.n})" if entry.n < total else "")


def _flat(evaluation: Evaluation, proxy: str) -> dict[str, Any]:
    entry = _entry(evaluation, proxy)
    tau = _UNKNOWN if entry is None else entry.tau
    return {**estimate_columns(f"{proxy} tau", tau), f"{proxy} scored": 0 if entry is None else entry.n}
