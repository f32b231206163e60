"""Neighbourhoods among the rows of a table that contains few of a space's architectures."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from zcbench._display import brief, many
from zcbench.errors import ZcbenchError
from zcbench.search._base import Floats
from zcbench.types import Architecture, SearchSpace

#: least number of neighbours of an architecture, if the table has as many rows
NEAR = 16
#: number of architectures whose neighbours, and whose canonical forms, are cached
_REMEMBERED = 20_000, 50_000
#: number of tables whose distances are cached between searches
_TABLES = 4


class Rows:
    """The rows of a table and their distances.

    Neighbours of an architecture are its neighbours in the space that the table contains, possibly under another string
    of an equal network. If only some of them are rows, and fewer than :data:`NEAR`, the nearest rows by the space's
    encoding are added up to that number. The distance is the sum of absolute differences, with each column scaled to
    its range in the table. All rows are also arranged in a ring, in a fixed random order: among equally near rows,
    those that follow on the ring come first, and the next row on the ring is always a neighbour, so that every row can
    be reached. Rows without encoding are all equally near.

    Args:
        space: the search space.
        architectures: rows of the table ``(n,)``.
    """

    def __init__(self, space: SearchSpace, architectures: Sequence[Architecture]) -> None:
        self.space = space
        self.architectures = tuple(architectures)
        self.known = frozenset(self.architectures)
        self.neighbors = functools.lru_cache(maxsize=_REMEMBERED[0])(self._neighbors)
        self.canonical = functools.lru_cache(maxsize=_REMEMBERED[1])(space.canonical)

    @classmethod
    def of(cls, space: SearchSpace, architectures: Sequence[Architecture]) -> Rows:
        """Return the rows of a table, from the cache for the same space and the same tuple of architectures."""
        for place, known in enumerate(_recent):
            if known.space is space and known.architectures is architectures:
                _recent.append(_recent.pop(place))
                return known
        _recent.append(cls(space, architectures))
        del _recent[:-_TABLES]
        return _recent[-1]

    def __repr__(self) -> str:
        return brief(f"<Rows of {self.space!r}: {many(len(self.architectures), 'architecture')}>")

    def __len__(self) -> int:
        return len(self.architectures)

    def _neighbors(self, architecture: Architecture) -> tuple[Architecture, ...]:
        options: list[Architecture] = []
        with suppress(ZcbenchError):  # names have no neighbours
            options = self.space.neighbors(architecture)
        found = dict.fromkeys(self._as_row(one) for one in options)
        whole = bool(options) and None not in found
        found.pop(None, None)
        found.pop(architecture, None)
        own = [one for one in found if one is not None]
        if whole or len(own) >= NEAR:
            return tuple(own)
        nearest = [one for one in self.nearest(architecture, NEAR + len(own)) if one not in found]
        near = dict.fromkeys((*own, *nearest[: NEAR - len(own) - 1], self._next(architecture), *nearest))
        return tuple(one for one in near if one != architecture)[:NEAR]

    def _next(self, architecture: Architecture) -> Architecture:
        """Return the row that follows on the ring."""
        place = (self._place.get(architecture, -1) + 1) % len(self)
        return self.architectures[int(self._order[place])]

    def _as_row(self, architecture: Architecture) -> Architecture | None:
        """Return the row of an architecture or of an equal one; None if there is none."""
        if architecture in self.known:
            return architecture
        return self._by_canonical.get(self._canonical(architecture) or architecture)

    def _canonical(self, architecture: Architecture) -> Architecture | None:
        try:
            return self.canonical(architecture)
        except ZcbenchError:
            return None

    @functools.cached_property
    def _by_canonical(self) -> dict[Architecture, Architecture]:
        first: dict[Architecture, Architecture] = {}
        for one in self.architectures:
            first.setdefault(self._canonical(one) or one, one)
        return first

    # -- distances -----------------------------------------------------------------------------

    @functools.cached_property
    def _order(self) -> np.ndarray:
        """Rows ``(n,)`` in their order on the ring."""
        return np.random.default_rng(0).permutation(len(self))

    @functools.cached_property
    def _place(self) -> dict[Architecture, int]:
        """Position of each row on the ring."""
        return {self.architectures[row]: place for place, row in enumerate(self._order.tolist())}

    @functools.cached_property
    def _codes(self) -> tuple[Floats, Floats, Floats] | None:
        """Scaled encodings ``(n, columns)`` in the order of :attr:`_order`, minima, scales; None without encodings."""
        codes = [self._raw_code(self.architectures[row]) for row in self._order.tolist()]
        lengths = {len(code) for code in codes if code is not None}
        if len(lengths) != 1 or any(code is None for code in codes):
            return None
        matrix = np.asarray(codes, np.float64)
        low = matrix.min(0)
        scale = matrix.max(0) - low
        scale[scale == 0] = 1.0
        return (matrix - low) / scale, low, scale

    def _raw_code(self, architecture: Architecture) -> Floats | None:
        try:
            code = np.asarray(self.space.encode(architecture), np.float64).ravel()
        except ZcbenchError:
            return None
        return code if np.isfinite(code).all() else None

    def nearest(self, architecture: Architecture, count: int) -> list[Architecture]:
        """Return at most ``count`` other rows, near ones first."""
        found = self._nearest(self._scaled(architecture), count + 1, self._place.get(architecture, 0))
        return [one for one in found if one != architecture][:count]

    def _scaled(self, architecture: Architecture) -> Floats | None:
        code = self._raw_code(architecture) if self._codes is not None else None
        if self._codes is None or code is None or len(code) != self._codes[0].shape[1]:
            return None
        return np.asarray((code - self._codes[1]) / self._codes[2])

    def _nearest(self, code: Floats | None, count: int, start: int) -> list[Architecture]:
        """Return the rows nearest to an encoding; equally near ones in the ring's order from a place."""
        count = min(count, len(self))
        if code is None or self._codes is None:
            places = np.arange(start, start + count) % len(self)
        else:
            distances = np.abs(self._codes[0] - code).sum(1).round(9)
            places = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
            places = places[np.lexsort(((places - start) % len(self), distances[places]))][:count]
        return [self.architectures[row] for row in self._order[places].tolist()]

    # -- random rows ---------------------------------------------------------------------------

    def draw(self, rng: np.random.Generator, count: int) -> list[Architecture]:
        """Draw rows with replacement."""
        return [self.architectures[row] for row in rng.integers(len(self), size=count).tolist()] if len(self) else []

    def mixed(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> list[Architecture]:
        """Return combinations of two parents: the space's own if it is a row, else the rows nearest to it, in order."""
        child, code, start = None, None, int(rng.integers(len(self)))
        with suppress(ZcbenchError):  # names cannot be combined, but their encodings can
            child = self.space.crossover(a, b, rng)
        if child is not None:
            if (row := self._as_row(child)) is not None:
                return [row]
            code = self._scaled(child)
        elif (one := self._scaled(a)) is not None and (other := self._scaled(b)) is not None:
            code = np.where(rng.integers(2, size=len(one)) == 1, other, one)
        found = self._nearest(code, NEAR + 2, start)
        return [row for row in found if row not in (a, b)] or found


_recent: list[Rows] = []
