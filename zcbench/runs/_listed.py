"""Plans that list what they want: each item is there from the beginning, without its result."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self, TypeVar

from zcbench._workers import Work
from zcbench.records import SearchTrace, Store, Trial, Writer
from zcbench.runs._resume import Left, Plan
from zcbench.types import Status

L = TypeVar("L", Trial, SearchTrace)


class Listed(Plan[L]):
    """A plan of items that are known but for their results: trials of predictors, traces of searches.

    A subclass names the ``kind`` of its items and writes :meth:`stored` and :meth:`append`.

    Args:
        benchmark: name of the benchmark.
        work: what workers do; its results are named tuples with fields of the items.
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
        """The plan of some of the keys, which knows nothing yet."""
        found, kept = copy.copy(self), set(keys)
        found._want({name: item for name, item in self._wanted.items() if name[0] in kept})
        return found

    @property
    def done(self) -> dict[tuple[str, str], L]:
        """Wanted items that are known, by key and part."""
        found = {name: self._known.get(item.key) for name, item in self._wanted.items()}
        return {name: item for name, item in found.items() if item is not None}

    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[L]]:
        """Keys of items that do not agree, and these."""
        return store.disagreeing(self.benchmark, self.kind)

    def status(self, item: L) -> Status:
        """What became of an item."""
        return item.status

    def take(self, item: L) -> None:
        """Note an item."""
        self._known[item.key] = item

    def skip(self, key: Hashable) -> None:
        """Note a key of which several items do not agree."""
        self._known[key] = None

    def left(self) -> Left[L]:
        """Tasks with the parts that nothing is known of, in the order in which they are wanted."""
        by_key: dict[str, list[str]] = {}
        for (key, part), item in self._wanted.items():
            if item.key not in self._known:
                by_key.setdefault(key, []).append(part)
        return Left([(key, tuple(parts)) for key, parts in by_key.items()])

    def items(self, key: str, part: str, result: Any, environment: str) -> Iterator[L]:
        """The wanted item with its result."""
        yield replace(self._wanted[key, part], **result._asdict(), environment=environment)

    def write(self, writer: Writer, item: L) -> None:
        """Append an item, which is known then."""
        self.append(writer, item)
        self.take(item)

    @abstractmethod
    def append(self, writer: Writer, item: L) -> None:
        """Append an item to the store."""
