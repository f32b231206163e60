"""Contents of many dictionaries, lists and sets, stored to detect and undo changes in place."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain
from operator import is_
from typing import Any

#: Containers with more entries are stored, but not searched for other containers.
_SEARCHED = 1000
_DEPTH = 4
#: Types of immutable objects, so that an equal object is as good.
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_KINDS = (dict, list, set, deque)


class Containers:
    """The present entries of some containers: the objects in them, but not the contents of these objects.

    Containers inside of these containers are found, down to four levels. Most of a module's containers are empty; they
    are stored separately, because their comparison takes no time.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._empty: list[Any] = []
        self._filled: list[Any] = []
        self._copies: list[Any] = []
        self._labels: list[tuple[str, str]] = []

    def add(self, container: Any, owner: str = "", key: str = "", depth: int = 0) -> None:
        """Store a container and those in it.

        Args:
            container: a dictionary, list, set or deque.
            owner: name of the object that has it.
            key: name of its attribute.
            depth: number of containers that contain it.
        """
        if not container:
            self._empty.append(container)
            return
        if id(container) in self._seen:
            return
        self._seen.add(id(container))
        self._filled.append(container)
        self._copies.append(container.copy())
        self._labels.append((owner, key))
        if depth == _DEPTH or len(container) > _SEARCHED:
            return
        entries = container.values() if isinstance(container, dict) else container
        inner = [entry for entry in entries if isinstance(entry, _KINDS)]
        self._empty += [entry for entry in inner if not entry]
        if any(inner):
            for name, entry in container.items() if isinstance(container, dict) else enumerate(container):
                if isinstance(entry, _KINDS) and entry:
                    self.add(entry, owner, key or str(name), depth + 1)

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Yield the entries of all containers with their place: the attribute with its owner."""
        for container, (owner, key) in zip(self._filled, self._labels, strict=True):
            for name, entry in container.items() if isinstance(container, dict) else enumerate(container):
                place = key or str(name)
                yield f"{owner}.{place}" if owner else place, entry

    def seal(self) -> None:
        """Prepare the comparison, after all containers were added."""
        self._dicts = [container for container in self._filled if isinstance(container, dict)]
        self._rows = [container for container in self._filled if isinstance(container, (list, deque))]
        pairs = zip(self._filled, self._copies, strict=True)
        self._sets = [(container, copy) for container, copy in pairs if isinstance(container, set)]
        self._lengths = list(map(len, self._filled))
        self._keys = list(chain.from_iterable(self._dicts))
        self._values = list(self._present())

    def _present(self) -> Iterator[Any]:
        return chain(chain.from_iterable(map(dict.values, self._dicts)), chain.from_iterable(self._rows))

    def unchanged(self) -> bool:
        """Return whether every container has the same objects in the same order; microseconds for hundreds of them."""
        return (
            not any(self._empty)
            and list(map(len, self._filled)) == self._lengths
            and all(map(is_, self._present(), self._values))
            and list(chain.from_iterable(self._dicts)) == self._keys
            and all(container == copy for container, copy in self._sets)
        )

    def restore(self, report: Callable[[str, str, Any], None] | None = None) -> None:
        """Restore the containers.

        Args:
            report: called with owner, key and the entry's own key for everything that differs from its stored value.
        """
        if self.unchanged():
            return
        for container in filter(None, self._empty):
            if report is not None:
                report(*self._label(container), next(iter(container)))
            container.clear()
        for container, copy, (owner, key) in zip(self._filled, self._copies, self._labels, strict=True):
            if _identical(container, copy):
                continue
            if report is not None:
                for entry in _differences(container, copy):
                    report(owner, key, entry)
            container.clear()
            (container.extend if isinstance(container, (list, deque)) else container.update)(copy)

    def _label(self, empty: Any) -> tuple[str, str]:
        """Return owner and key of a container that was empty."""
        for copy, (owner, key) in zip(self._copies, self._labels, strict=True):
            if isinstance(copy, dict):
                for name, entry in copy.items():
                    if entry is empty:
                        return owner, key or str(name)
            elif any(entry is empty for entry in copy):
                return owner, key
        return "", ""


def _identical(a: Any, b: Any) -> bool:
    if len(a) != len(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(is_, a.values(), b.values()))
    return bool(a == b) if isinstance(a, set) else all(map(is_, a, b))


def _differences(now: Any, before: Any) -> list[Any]:
    """Return the keys of a dictionary, or "" for other containers, whose entries differ."""
    if isinstance(before, dict):
        missing = object()
        keys = dict.fromkeys((*before, *now))
        return [key for key in keys if not _equal(now.get(key, missing), before.get(key, missing))]
    if isinstance(before, set):
        return [] if now == before else [""]
    same = len(now) == len(before) and all(map(_equal, now, before))
    return [] if same else [""]


def _equal(a: object, b: object) -> bool:
    return a is b or (type(a) is type(b) and isinstance(a, _PLAIN) and a == b)
