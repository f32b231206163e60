"""The architectures that a search may propose: a space or the rows of a table, within constraints."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Container, Iterable, Sequence
from contextlib import suppress

import numpy as np

from zcbench._display import brief
from zcbench.errors import UnsupportedModelError
from zcbench.search._constraints import Constraints
from zcbench.search._functional import FunctionalHash
from zcbench.search._rows import NEAR, Rows
from zcbench.search._towards import towards
from zcbench.types import Architecture, SearchSpace

#: draws after which the search for an allowed and new architecture stops
TRIES = 1_000
#: the same if all architectures can be enumerated afterwards
FEW_TRIES = 50
#: walks towards the bounds in a row without a new architecture after which the search for one stops
WALKS = 20
#: largest number of architectures that one call finds by such walks
APPROACHED = 100
#: largest size of a space that is enumerated
COUNTABLE = 200_000
#: rows of a table among which an allowed neighbour is searched
FAR = 256
#: number of architectures whose keys are cached
REMEMBERED = 50_000


class Domain:
    """The architectures that can be proposed, and operations on them.

    Every returned architecture is allowed: it is one of the candidates and satisfies the constraints. The search for
    such an architecture ends after :data:`TRIES` draws.

    Args:
        space: the search space.
        candidates: the only architectures to choose from (rows of a table); None for the whole space.
        equal: from an architecture to a text that equal networks share; default the string of the canonical form.
        allows: from architectures to whether each satisfies the constraints, in order; None for no constraints.
        constraints: the constraints, in place of ``allows``; they also give the direction towards their bounds.
    """

    def __init__(
        self,
        space: SearchSpace,
        candidates: Sequence[Architecture] | None = None,
        equal: Callable[[Architecture], str] | None = None,
        allows: Callable[[Sequence[Architecture]], Sequence[bool]] | None = None,
        constraints: Constraints | None = None,
    ) -> None:
        self.space = space
        self.candidates = None if candidates is None else tuple(candidates)
        self._rows = None if self.candidates is None else Rows.of(space, self.candidates)
        self._equal = equal
        self._key = functools.lru_cache(maxsize=REMEMBERED)(self._found_key)
        self.constraints = constraints if constraints else None
        self._allows = allows if self.constraints is None else self.constraints.allows

    def __repr__(self) -> str:
        return brief(f"<Domain in {self.space!r}>")

    def key(self, architecture: Architecture) -> str:
        """Return the text that equal networks share."""
        return self._key(architecture)

    def _found_key(self, architecture: Architecture) -> str:
        if self._equal is not None:
            return self._equal(architecture)
        return (self.space if self._rows is None else self._rows).canonical(architecture).key

    def allowed(self, architectures: Iterable[Architecture]) -> list[Architecture]:
        """Return the candidates that satisfy the constraints, in order."""
        found = list(architectures)
        if self.candidates is not None:
            found = [one for one in found if one in self._known]
        if self._allows is None or not found:
            return found
        return [one for one, may in zip(found, self._allows(found), strict=True) if may]

    def allows(self, architecture: Architecture) -> bool:
        """Return whether an architecture is a candidate and satisfies the constraints."""
        return bool(self.allowed([architecture]))

    def confirms(self, architecture: Architecture) -> bool:
        """Return whether an allowed architecture satisfies the constraints by numbers computed for it individually."""
        return self.constraints is None or self.constraints.keeps(architecture)

    def take_seconds(self) -> dict[str, float]:
        """Return the seconds spent on constraints and on the comparison of networks since the last call, by purpose."""
        spent = {
            "constraints": 0.0 if self.constraints is None else self.constraints.take_seconds(),
            "comparing": self._equal.take_seconds() if isinstance(self._equal, FunctionalHash) else 0.0,
        }
        return {what: seconds for what, seconds in spent.items() if seconds}

    def notes(self) -> list[str]:
        """Return sentences that a reader of the result needs to know."""
        hashed = self._equal.notes() if isinstance(self._equal, FunctionalHash) else []
        return hashed if self.constraints is None else [*self.constraints.notes(), *hashed]

    @property
    def _known(self) -> Collection[Architecture]:
        return frozenset() if self._rows is None else self._rows.known

    def everything(self) -> list[Architecture] | None:
        """Return all allowed architectures, one for each equal network; None if the space is too large to enumerate."""
        return None if self._everything is None else list(self._everything.values())

    @functools.cached_property
    def _countable(self) -> bool:
        """Whether all architectures can be enumerated."""
        if self.constraints is not None and not self.constraints.cheap:
            return False
        return self.candidates is not None or (self.space.size is not None and self.space.size <= COUNTABLE)

    @functools.cached_property
    def _everything(self) -> dict[str, Architecture] | None:
        if not self._countable:
            return None
        every = iter(self.space) if self.candidates is None else iter(self.candidates)
        first: dict[str, Architecture] = {}
        for architecture in self.allowed(every):
            first.setdefault(self.key(architecture), architecture)
        return first

    def sample(self, rng: np.random.Generator, count: int = 1, seen: Container[str] = ()) -> list[Architecture]:
        """Draw random architectures whose networks differ from each other and from those in ``seen``.

        Args:
            rng: random numbers.
            count: largest number of architectures; fewer are returned if no more are found.
            seen: keys of networks to exclude.
        """
        found: dict[str, Architecture] = {}
        patience, failed = (TRIES if self._drawn_freely else FEW_TRIES), 0
        while len(found) < count and failed < patience:
            before, drawn = len(found), self._draw(rng, count - len(found))
            for architecture in self.allowed(drawn):
                if (key := self.key(architecture)) not in seen:
                    found.setdefault(key, architecture)
            failed = 0 if len(found) > before else failed + max(1, len(drawn))
        if len(found) < count and self._everything is not None:
            left = [(key, one) for key, one in self._everything.items() if key not in seen and key not in found]
            for place in rng.permutation(len(left))[: count - len(found)].tolist():
                found.setdefault(*left[place])
        elif len(found) < count and self.constraints is not None:
            self._approach(rng, count, seen, found)
        return list(found.values())

    @property
    def _drawn_freely(self) -> bool:
        """Whether drawing is the only way to find an architecture, and cheap."""
        return not self._countable and (self.constraints is None or self.constraints.cheap)

    def _approach(
        self, rng: np.random.Generator, count: int, seen: Container[str], found: dict[str, Architecture]
    ) -> None:
        """Find more where few are allowed, by changing random architectures step by step towards the bounds."""
        assert self.constraints is not None  # the caller has checked
        known = None if self.candidates is None else self._known
        failed = 0
        most = min(count, len(found) + APPROACHED)
        while len(found) < most and failed < WALKS and (start := next(iter(self._draw(rng, 1)), None)) is not None:
            before = len(found)
            with suppress(UnsupportedModelError):  # names without a space cannot be changed
                for one in towards(start, self.space, self.constraints.violations, rng, known=known):
                    if len(found) < most and (key := self.key(one)) not in seen:
                        found.setdefault(key, one)
            failed = 0 if len(found) > before else failed + 1

    def _draw(self, rng: np.random.Generator, count: int) -> list[Architecture]:
        if self._rows is None:
            return [self.space.sample(rng) for _ in range(count)]
        return self._rows.draw(rng, count)

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return the allowed architectures one change away; if a table has none of them, the nearest allowed rows."""
        if self._rows is None:
            return self.allowed(self.space.neighbors(architecture))
        near = self.allowed(self._rows.neighbors(architecture))
        if near or self._allows is None:
            return near
        return self.allowed(self._rows.nearest(architecture, FAR))[:NEAR]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture | None:
        """Return a random neighbour; None if none is allowed."""
        options = self.neighbors(architecture)
        return options[int(rng.integers(len(options)))] if options else None

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture | None:
        """Return a combination of two parents; None if no allowed one is found.

        If a table does not contain the combination, the nearest row replaces it.
        """
        if self._rows is not None:
            mixtures = (self.allowed(self._rows.mixed(a, b, rng)) for _ in range(FEW_TRIES))
            return next((found[0] for found in mixtures if found), None)
        for _ in range(TRIES if self.constraints is None or self.constraints.cheap else FEW_TRIES):
            child = self.space.crossover(a, b, rng)
            if self.allows(child):
                return child
        return None
