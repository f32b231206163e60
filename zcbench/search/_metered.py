"""Scorers whose scores are recorded, charged once, and cached."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zcbench._display import many
from zcbench.errors import InvalidInputError
from zcbench.scorers import Scorer, Scores, asked
from zcbench.scorers.ensemble import AmongOthers
from zcbench.search._clock import Clock
from zcbench.search._ledger import Ledger
from zcbench.search._lines import Row
from zcbench.types import Architecture

#: architectures without a single score after which a scorer is rejected
TRIED = 10
#: largest number of cached reasons
_REASONS = 1_000


class Metered(Scorer):
    """A scorer whose scores are recorded and charged; each architecture is charged only once.

    A cached score takes about a hundred bytes. Scores that depend on the set of scored architectures are not cached.

    Args:
        scorer: the scorer; it is not composed of others.
        ledger: where scores are recorded, and where those of an earlier run are read.
        clock: the clock that is charged.

    Attributes:
        name: the scorer's name in the ledger; see :func:`written_as`.
    """

    def __init__(self, scorer: Scorer, ledger: Ledger, clock: Clock) -> None:
        self._scorer, self._ledger, self._clock = scorer, ledger, clock
        self.label, self.higher_is_better, self.context = scorer.label, scorer.higher_is_better, scorer.context
        self.name = written_as(scorer)
        self._known: dict[int, float] = {}
        self._why: dict[int, str] = {}
        self._asked = self._given = 0

    @property
    def of_sets(self) -> bool:  # type: ignore[override]
        """Like the scorer's."""
        return self._scorer.of_sets

    @property
    def timed(self) -> bool:  # type: ignore[override]
        """Like the scorer's."""
        return self._scorer.timed

    @property
    def identifier(self) -> str:
        """Like the scorer's."""
        return self._scorer.identifier

    @property
    def truth(self) -> tuple[str, ...]:
        """Like the scorer's."""
        return self._scorer.truth

    @property
    def columns(self) -> tuple[str, ...]:
        """Like the scorer's."""
        return self._scorer.columns

    def measured(self, architecture: Architecture) -> Architecture:
        """Return the scorer's result."""
        return self._scorer.measured(architecture)

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Score architectures ``(n,)``; cached scores are free, and scores of an earlier run are read from the ledger.

        Raises:
            InvalidInputError: the scorer had no score for any of the first :data:`TRIED` or more architectures.
            StoreError: the ledger or the store cannot be written.
        """
        began = time.perf_counter()
        try:
            return self._scored(architectures)
        finally:
            self._clock.aside += time.perf_counter() - began

    def _scored(self, architectures: Sequence[Architecture]) -> Scores:
        if self._scorer.of_sets:
            return self._paid(list(architectures))
        names = [_digest(self.measured(one).key) for one in architectures]
        new: dict[int, Architecture] = {}
        for name, one in zip(names, architectures, strict=True):
            if name not in self._known:
                new.setdefault(name, one)
        seconds, stored = np.zeros(len(names)), np.zeros(len(names), np.bool_)
        if new:
            found = self._paid(list(new.values()))
            self._remember(list(new), found.values, found.reasons)
            first = {name: place for place, name in reversed(list(enumerate(names)))}
            places = [first[name] for name in new]
            seconds[places] = found.seconds
            stored[places] = False if found.stored is None else found.stored
        values = np.array([self._known[name] for name in names], np.float64)
        missing = np.flatnonzero(np.isnan(values)).tolist()
        reasons = {place: self._why.get(names[place], "it has no score.") for place in missing}
        return Scores(values, seconds, reasons, stored=stored)

    def _paid(self, architectures: list[Architecture]) -> Scores:
        """Record scores or read them from the ledger, and charge them."""
        if not architectures:
            return Scores(np.zeros(0), np.zeros(0))
        keys = [one.key for one in architectures]
        stored = None
        if (row := self._ledger.known("scored", scorer=self.name, architectures=keys)) is None:
            found = asked(self._scorer, architectures)
            self._count(found.values, found.reasons)
            stored = found.stored
            row = self._ledger.append(
                "scored",
                scorer=self.name,
                architectures=keys,
                values=_written(found.values),
                seconds=_written(found.seconds),
                reasons={str(place): why for place, why in found.reasons.items()},
                **({} if found.stored is None or not found.stored.any() else {"stored": int(found.stored.sum())}),
            )
        else:
            self._count(read_numbers(row["values"]), _reasons(row))
        self._clock.score(read_numbers(row["seconds"]), row.get("stored", 0))
        return Scores(read_numbers(row["values"]), read_numbers(row["seconds"]), _reasons(row), stored=stored)

    def remember(self, row: Row) -> None:
        """Cache the scores of an earlier run's line, which was charged."""
        self._count(read_numbers(row["values"]), _reasons(row))
        if not self._scorer.of_sets and self.context is not None:
            space = self.context.space.name
            names = [_digest(self.measured(Architecture(space, key)).key) for key in row["architectures"]]
            self._remember(names, read_numbers(row["values"]), _reasons(row))

    def _remember(self, names: Sequence[int], values: Any, reasons: Mapping[int, str]) -> None:
        self._known.update(zip(names, np.asarray(values).tolist(), strict=True))
        for place, why in reasons.items():
            if len(self._why) < _REASONS:
                self._why[names[place]] = why

    def _count(self, values: Any, reasons: Mapping[int, str]) -> None:
        """Reject a scorer without any score, before budget is spent on architectures that it should have chosen."""
        self._asked += len(values)
        self._given += int(np.isfinite(values).sum())
        if not self._given and self._asked >= TRIED:
            why = next(iter(reasons.values()), "it returned none")
            raise InvalidInputError(
                f"the scorer {self.label} has no score for any of {many(self._asked, 'architecture')} and cannot help "
                f"the search: {why}"
            )


def written_as(scorer: Scorer) -> str:
    """Return the name of a scorer in a ledger; scoring an architecture among others has another name."""
    return f"{scorer.label} among others" if isinstance(scorer, AmongOthers) else scorer.label


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")


def _reasons(row: Row) -> dict[int, str]:
    return {int(place): why for place, why in row["reasons"].items()}


def _written(values: Any) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in np.asarray(values, np.float64).tolist()]


def read_numbers(values: Sequence[float | None]) -> Any:
    """Return the numbers of a line ``(n,)``; nan where it has none."""
    return np.array([math.nan if value is None else value for value in values], np.float64)
