"""The last step of reading a pickle: records become arrays and numbers, and the form of the content is limited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from zcbench.datasets._inert import Array, RefusedError, Scalar, Shrunk, array, scalar

_PLAIN = frozenset({type(None), bool, int, float, str, bytes, Shrunk})
#: maximum depth of nested containers; authors' files need ten levels
DEPTH = 64


class Settler:
    """Replaces records by arrays and numbers anywhere in the content of a pickle, and limits its form.

    Shared parts are visited once. Afterwards all values are None, bool, int, float, str, bytes, list, tuple, dict, set,
    NumPy's numbers and arrays. No container contains itself, and a walk over the tree takes a time in proportion to
    ``parts``.

    Args:
        parts: maximum number of parts of the tree, in which a shared part counts at each occurrence.
        charge: called with the number of bytes that will be needed.
    """

    def __init__(self, parts: int, charge: Callable[[int], None]) -> None:
        self._parts, self._charge = parts, charge
        #: by identity: the container (kept alive, so that its identity stays unique), its replacement, parts and height
        self._done: dict[int, tuple[Any, Any, int, int]] = {}
        self._open: set[int] = set()

    def settle(self, value: Any) -> Any:
        """Return the value with records replaced; containers other than tuples are changed in place.

        Raises:
            RefusedError: it is too deep or too large, contains itself, or a record is invalid.
        """
        return self._settle(value, 1)[0]

    def _settle(self, value: Any, depth: int) -> tuple[Any, int, int]:
        """Return the replacement of a value, the parts of its tree, and its height."""
        kind = type(value)
        if kind in _PLAIN:
            return value, 1, 0
        number = id(value)
        if self._is_flat(value, kind):  # most are flat: they are not cached, and each visit is charged for
            new, parts, height = value, 1 + len(value), 1
        elif number in self._done:
            _, new, parts, height = self._done[number]
        else:
            if number in self._open:
                raise RefusedError("it contains itself")
            if depth > DEPTH:
                raise RefusedError("it is nested too deeply")
            self._open.add(number)
            new, parts, height = self._made(value, kind, depth)
            self._open.remove(number)
            self._done[number] = value, new, parts, height
        if parts > self._parts or depth + height > DEPTH:
            raise RefusedError("its parts are shared too often or nested too deeply")
        return new, parts, height

    def _is_flat(self, value: Any, kind: type) -> bool:
        """Return whether it is a container of plain data only."""
        if kind is list or kind is tuple:
            items = value
        elif kind is dict:
            items = value.values()
        else:
            return kind is set or kind is frozenset  # their keys are plain
        self._charge(8 + 8 * len(items))
        return set(map(type, items)) <= _PLAIN

    def _made(self, value: Any, kind: type, depth: int) -> tuple[Any, int, int]:
        if kind is Scalar:
            return scalar(value), 1, 0
        if kind is Array:
            return array(value, self._charge), 1, 0
        if kind is dict:
            return self._contents(value, value.values(), value.items(), depth)
        if kind is list:
            return self._contents(value, value, enumerate(value), depth)
        if kind is tuple:
            items = list(value)
            _, parts, height = self._contents(items, items, enumerate(items), depth)
            return tuple(items), parts, height
        if isinstance(value, (np.generic, np.ndarray)):  # made before, for a mapping that was freed
            return value, 1, 0
        raise RefusedError("it contains a class instead of data")

    def _contents(self, value: Any, values: Any, items: Any, depth: int) -> tuple[Any, int, int]:
        self._charge(250 + 8 * len(values))
        parts, height = 1 + len(values), 1
        for place, item in items:
            if type(item) in _PLAIN:
                continue
            new, more, above = self._settle(item, depth + 1)
            if new is not item:
                value[place] = new  # also for a mapping: no key is added, so that its order and size do not change
            parts += more
            height = max(height, above + 1)
        return value, parts, height
