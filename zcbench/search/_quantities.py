"""Numbers of architectures for constraints: facts of a table, scores, counts, and the user's functions."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many, plain
from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, shortened
from zcbench.scorers import Context, Scorer, Scores, as_scorer, measures_time
from zcbench.scorers.ensemble import AmongOthers
from zcbench.scorers.table import TableScorer, needs_training
from zcbench.search._additive import Additive, NotAdditiveError
from zcbench.search._base import Floats
from zcbench.search._clock import Clock, unbuilt
from zcbench.search._ledger import Ledger
from zcbench.search._metered import Metered
from zcbench.search._parts import parts_of
from zcbench.types import Architecture, SearchSpace

#: largest number of cached values of one quantity
KEPT = 200_000
#: architectures beyond which a quantity is fitted as a sum over choices instead of being computed for each
MANY = 50
#: number of architectures to which a scorer of sets compares each
OTHERS = 100


class Quantity:
    """A number of every architecture, computed once for each; its seconds are added up.

    An expensive number, for example one that needs the network to be built, is first fitted as a sum over choices. If
    it is such a sum, like the number of parameters, it is computed from the choices; :meth:`true` computes it exactly.

    Args:
        label: its name in messages.
        function: from architectures ``(n,)`` to :class:`zcbench.scorers.Scores`.
        free: whether it is read from a table, and costs nothing.
        cheap: whether it can be computed for all architectures of a table; the user's functions are assumed to be
            cheap.
        timed: the scorer, if it measures times. Times are not sums over choices and differ between runs, so that a
            search records them (:meth:`meter`).

    Attributes:
        seconds: seconds since they were last taken.
        stored: number of values so far that were read from a store.
        missing: architectures without a number so far.
        example: one of them, and the reason; "" if there is none.
    """

    def __init__(
        self,
        label: str,
        function: Callable[[Sequence[Architecture]], Scores],
        *,
        free: bool = False,
        cheap: bool = False,
        timed: Scorer | None = None,
    ) -> None:
        self.label, self._function, self.free, self.cheap = label, function, free, free or cheap
        self.timed, self._charged = timed, False
        self.seconds = 0.0
        self.stored = 0
        self.missing: set[str] = set()
        self.example = ""
        self._known: dict[str, float] = {}
        self._sum: Additive | str | None = "" if timed is None else None  # "" until it is tried

    def __repr__(self) -> str:
        return brief(f"<Quantity {plain(self.label, 60)}>")

    def true(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the exact numbers ``(n,)``; nan where there is none."""
        new = list({one.key: one for one in architectures if one.key not in self._known}.values())
        if new:
            if len(self._known) + len(new) > KEPT:
                self._known.clear()
                new = list({one.key: one for one in architectures}.values())
            scores = self._function(new)
            values = np.asarray(scores, np.float64)
            self.stored += 0 if scores.stored is None else int(scores.stored.sum())
            if not (self.free or self._charged):
                self.seconds += float(np.nansum(scores.seconds))
            for place, (one, value) in enumerate(zip(new, values.tolist(), strict=True)):
                self._known[one.key] = value if math.isfinite(value) else math.nan
                if not math.isfinite(value):
                    self._miss(one.key, scores.reasons.get(place) or f"it is {value}")
        return np.array([self._known[one.key] for one in architectures], np.float64)

    def _miss(self, key: str, reason: str) -> None:
        if len(self.missing) < KEPT:
            self.missing.add(key)
        if not self.example:
            self.example = shortened(f"{plain(key, 100)}: {reason.rstrip('.')}")

    def values(self, architectures: Sequence[Architecture], space: SearchSpace) -> Floats:
        """Return the numbers ``(n,)``; those of many architectures are computed from choices if that is equivalent."""
        if self.free or (self._sum == "" and len(self._known) + len(architectures) <= MANY):
            return self.true(architectures)
        additive = self.as_sum(space)
        return self.true(architectures) if additive is None else additive.values(architectures)

    def as_sum(self, space: SearchSpace) -> Additive | None:
        """Return the number as a sum over choices; None if it is not one. This is determined once."""
        if isinstance(self._sum, str):
            self._sum = None
            if not self.free and parts_of(space) is not None:
                began = time.perf_counter()
                before = self.seconds
                try:
                    self._sum = Additive.fit(space, self.true, name=self.label, sample=MANY, tolerance=1e-9)
                    if self._sum.reach == (0.0, 0.0):  # also a predicate that is false for all tried architectures
                        self._sum = None
                except NotAdditiveError:
                    self._sum = None
                if not self.free:
                    self.seconds = before + time.perf_counter() - began
        return self._sum

    def drop_sum(self) -> None:
        """Compute the number for every architecture from now on."""
        self._sum = None

    def meter(self, metered: Callable[[Scorer], Scorer]) -> None:
        """Record and charge times from now on; earlier measurements are discarded."""
        if self.timed is not None:
            paid = self.timed.mapped(metered) if self.timed.parts else metered(self.timed)
            self._function, self._charged = paid.score, True
            self._known.clear()

    def take_seconds(self) -> float:
        """Return the seconds since the last call."""
        taken, self.seconds = self.seconds, 0.0
        return taken


def quantity(given: Any, context: Context) -> Quantity:
    """Return the quantity of a name, a scorer or a function.

    Args:
        given: name of a fact of the benchmark, or text of a scorer (a proxy such as "params"); a scorer; a function
            from an architecture to a number. Scorers of sets, such as ranks, compare each architecture to the same
            :data:`OTHERS` architectures.
        context: the searched space, and the samples on which scorers measure.

    Raises:
        UnknownNameError: no fact and no scorer has this name.
        InvalidInputError: it is none of these, or it is a column of training results.
    """
    if isinstance(given, Quantity):
        return given
    if isinstance(given, str):
        table = context.benchmark
        if table is not None and given in table.facts and not needs_training(given):
            return _of_table(given, table, table.facts[given])
        given = as_scorer(given, context)
    if isinstance(given, Scorer):
        begun = as_scorer(given, context)
        if begun.of_sets:  # a bound must not depend on which other architectures are scored
            begun = AmongOthers(begun.mapped(_remembering) if begun.parts else begun, _others(context))
        return of_scorer(begun)
    if callable(given):
        return Quantity(getattr(given, "__name__", type(given).__name__), _each(given), cheap=True)
    raise InvalidInputError(f"a constraint on {rules.shown(given)}: give a name, a scorer or a function.")


def of_scorer(scorer: Scorer) -> Quantity:
    """Return the quantity of a scorer that has begun."""
    timed = scorer if measures_time(scorer) else None
    return Quantity(scorer.label, scorer.score, cheap=isinstance(scorer, TableScorer), timed=timed)


def _remembering(leaf: Scorer) -> Scorer:
    return leaf if leaf.of_sets else Metered(leaf, Ledger(None, {}), Clock())


def _others(context: Context) -> list[Architecture]:
    """Return the fixed architectures to which scorers of sets compare each: of the table, if there is one."""
    rng = np.random.default_rng(stable_seed("constraints"))
    if (table := context.benchmark) is not None:
        return [table.architectures[row] for row in rng.permutation(len(table))[:OTHERS].tolist()]
    drawn = (context.space.canonical(context.space.sample(rng)) for _ in range(10 * OTHERS))
    return list(itertools.islice(dict.fromkeys(drawn), OTHERS))


def _of_table(name: str, benchmark: Benchmark, column: Floats) -> Quantity:
    def look_up(architectures: Sequence[Architecture]) -> Scores:
        rows = benchmark.row_numbers([one.key for one in architectures])
        values = np.where(rows >= 0, column[rows], math.nan)
        odd = np.flatnonzero(~np.isfinite(values))
        return Scores(values, np.zeros(len(rows)), {int(i): "the table has no value" for i in odd})

    return Quantity(name, look_up, free=True)


def _each(function: Callable[[Architecture], Any]) -> Callable[[Sequence[Architecture]], Scores]:
    """Return a function of many architectures from a function of one; an exception is a missing number's reason."""

    def score(architectures: Sequence[Architecture]) -> Scores:
        values, seconds = np.full(len(architectures), math.nan), np.zeros(len(architectures))
        reasons: dict[int, str] = {}
        for place, one in enumerate(architectures):
            began = time.perf_counter()
            given = None
            with Foreign() as call:
                given = function(one)
                values[place] = _real(given)
            if call.kind is not None:
                reasons[place] = call.said
            seconds[place] = time.perf_counter() - began
        return Scores(values, seconds, reasons)

    return score


def _real(given: Any) -> float:
    number = given.item() if hasattr(given, "item") and np.size(given) == 1 else given
    if not isinstance(number, int | float):
        raise InvalidInputError(f"it returned {rules.shown(given)}, which is not a real number")
    return float(number)


def noted(quantity: Quantity) -> list[str]:
    """Return notes on architectures without a number, and on costs that the seconds do not include."""
    found = []
    if quantity.missing:
        count = many(len(quantity.missing), "architecture")
        found.append(f"{quantity.label} has no value for {count}, which were excluded ({quantity.example}).")
    if quantity.stored:
        found.append(unbuilt(f"{many(quantity.stored, 'value')} of {quantity.label}"))
    return found
