"""Plans that list their items from the beginning, without results."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar

from zcbench._workers import Work
from zcbench.records import CurveTrial, SearchTrace, Store, Trial, Writer
from zcbench.runs._resume import Left, Plan
from zcbench.types import Status

L = TypeVar("L", Trial, SearchTrace, CurveTrial)


class Listed(Plan[L]):
    """A plan of items that are known except for their results: trials of predictors, traces of searches, forecasts.

    A subclass declares the ``kind`` of its items and implements :meth:`stored` and :meth:`append`.

    Args:
        benchmark: name of the benchmark.
        work: the work of workers; its results are named tuples with fields of the items.
        wanted: items without results, by key and part of their tasks.
    """

    kind: ClassVar[type[Any]]

    def __init__(self, benchmark: str, work: Work, wanted: Mapping[tuple[str, str], L]) -> None:
        self.benchmark, self.work = benchmark, work
        self._want(wanted)

    def _want(self, wanted: Mapping[tuple[str, str], L]) -> None:
        self._wanted: dict[tuple[str, str], L] = dict(wanted)
        self._known: dict[Hashable, L | None] = {}  # None for a key that is skipped
        self.total = len(self._wanted)

    @property
    def keys(self) -> list[str]:
        """Keys of the tasks, each once."""
        return list(dict.fromkeys(key for key, _ in self._wanted))

    def only(self, keys: Iterable[str]) -> Self:
        """Return the plan of some of the keys, without stored results."""
        found, kept = copy.copy(self), set(keys)
        found._want({name: item for name, item in self._wanted.items() if name[0] in kept})
        return found

    @property
    def done(self) -> dict[tuple[str, str], L]:
        """Known items, by key and part."""
        found = {name: self._known.get(item.key) for name, item in self._wanted.items()}
        return {name: item for name, item in found.items() if item is not None}

    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[L]]:
        """Return the keys of items that disagree, and these items."""
        return store.disagreeing(self.benchmark, self.kind)

    def status(self, item: L) -> Status:
        """Return the status of an item."""
        return item.status

    def take(self, item: L) -> None:
        """Add a known item."""
        self._known[item.key] = item

    def skip(self, key: Hashable) -> None:
        """Mark a key whose items disagree."""
        self._known[key] = None

    def left(self) -> Left[L]:
        """Return tasks with their missing parts, in the order of the plan."""
        by_key: dict[str, list[str]] = {}
        for (key, part), item in self._wanted.items():
            if item.key not in self._known:
                by_key.setdefault(key, []).append(part)
        return Left([(key, tuple(parts)) for key, parts in by_key.items()])

    def items(self, key: str, part: str, result: Any, environment: str) -> Iterator[L]:
        """Yield the item with its result."""
        yield replace(self._wanted[key, part], **result._asdict(), environment=environment)

    def write(self, writer: Writer, item: L) -> None:
        """Append an item, which is then known."""
        self.append(writer, item)
        self.take(item)

    @abstractmethod
    def append(self, writer: Writer, item: L) -> None:
        """Append an item to the store."""
