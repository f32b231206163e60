"""Which rows of a table are near one another, where the table holds few of a space's architectures."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from zcbench._display import brief, many
from zcbench.errors import ZcbenchError
from zcbench.search._base import Floats
from zcbench.types import Architecture, SearchSpace

#: neighbours that an architecture has at least, where the table has as many rows
NEAR = 16
#: architectures whose neighbours, and whose canonical forms, are remembered
_REMEMBERED = 20_000, 50_000
#: tables whose distances are remembered from one search to the next
_TABLES = 4


class Rows:
    """The rows of a table and their distances.

    Neighbours are those of the space that the table holds, under whatever equal string. Where only some of them are
    rows, and fewer than :data:`NEAR`, the nearest rows by the space's code make them up to that number: distance is
    the sum of absolute differences, each column scaled to its range in the table. All rows stand on a ring, in a random
    order that is always the same; of equally near rows those come first that follow on the ring, and the next on it is
    always a neighbour, so that every row can be reached. Rows without code are all equally near.

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
        """The rows of a table; those of an earlier search in the same space and tuple of architectures, if any."""
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
        with suppress(ZcbenchError):  # names are not changed
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
        """The row that follows on the ring."""
        place = (self._place.get(architecture, -1) + 1) % len(self)
        return self.architectures[int(self._order[place])]

    def _as_row(self, architecture: Architecture) -> Architecture | None:
        """The row of an architecture or of its equal; None if there is none."""
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
        """Place on the ring."""
        return {self.architectures[row]: place for place, row in enumerate(self._order.tolist())}

    @functools.cached_property
    def _codes(self) -> tuple[Floats, Floats, Floats] | None:
        """Scaled codes ``(n, columns)`` in the order of :attr:`_order`, smallest values, scales; None without codes."""
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
        """At most ``count`` other rows, near ones first."""
        found = self._nearest(self._scaled(architecture), count + 1, self._place.get(architecture, 0))
        return [one for one in found if one != architecture][:count]

    def _scaled(self, architecture: Architecture) -> Floats | None:
        code = self._raw_code(architecture) if self._codes is not None else None
        if self._codes is None or code is None or len(code) != self._codes[0].shape[1]:
            return None
        return np.asarray((code - self._codes[1]) / self._codes[2])

    def _nearest(self, code: Floats | None, count: int, start: int) -> list[Architecture]:
        """Rows nearest to a code; of equally near ones those first that follow a place on the ring."""
        count = min(count, len(self))
        if code is None or self._codes is None:
            places = np.arange(start, start + count) % len(self)
        else:
            distances = np.abs(self._codes[0] - code).sum(1).round(9)
            places = np.flatnonzero(distances <= np.partition(distances, count - 1)[count - 1])
            places = places[np.lexsort(((places - start) % len(self), distances[places]))][:count]
        return [self.architectures[row] for row in self._order[places].tolist()]

    # -- drawn ---------------------------------------------------------------------------------

    def draw(self, rng: np.random.Generator, count: int) -> list[Architecture]:
        """Rows, drawn with replacement."""
        return [self.architectures[row] for row in rng.integers(len(self), size=count).tolist()] if len(self) else []

    def mixed(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> list[Architecture]:
        """Mixtures of two parents: the space's own if it is a row, else the rows nearest to it, near ones first."""
        child, code, start = None, None, int(rng.integers(len(self)))
        with suppress(ZcbenchError):  # names are not mixed, but their codes are
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
