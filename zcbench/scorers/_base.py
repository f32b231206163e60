"""One protocol for everything that ranks architectures: a proxy, a predictor, a column of a table."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import shown
from zcbench._code import code_digest
from zcbench._display import brief, many
from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError, StoreError, ZcbenchError
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench._notation import Sum
    from zcbench.scorers._context import Context

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores of several architectures; ``numpy.asarray`` returns the values.

    Attributes:
        values: ``(n,)``; nan where there is no score.
        seconds: ``(n,)`` total cost of each score. A score that was read from a store has the cost of its measurement;
            known values, such as a column of a table, cost 0.
        reasons: by position, the reason for a missing score.
        std: ``(n,)`` standard deviation of each value, from scorers that estimate it; None from others.
        stored: ``(n,)`` scores that were read from a store: their seconds exclude building the network, because records
            do not contain it; None for none.
    """

    values: Floats
    seconds: Floats
    reasons: Mapping[int, str] = field(default_factory=dict)
    std: Floats | None = None
    stored: NDArray[np.bool_] | None = None

    def __repr__(self) -> str:
        return brief(f"<Scores of {many(len(self), 'architecture')}, {len(self.reasons)} without>")

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Floats:
        return np.array(self.values, dtype=dtype, copy=copy)  # type: ignore[call-overload,no-any-return]


class Scorer:
    """Returns a number for every architecture, or the reason why it has none.

    A subclass defines :meth:`value`, for one architecture at a time, or :meth:`score`, for many at once. A registered
    subclass (:func:`zcbench.register_scorer`) receives the texts in brackets after its name as positional arguments of
    its constructor, and settings as keyword-only arguments with defaults.

    Attributes:
        label: the name of the scorer; equal labels mean equal scores.
        higher_is_better: direction.
        context: the task, after :meth:`begin` was called.
    """

    #: whether a score depends on the architectures that are scored together, as a rank does
    of_sets: ClassVar[bool] = False
    #: whether a score is a measured time: it varies between calls, and it is computed last
    timed: ClassVar[bool] = False
    #: raised whenever scores may change
    version: ClassVar[int] = 1

    label: str = ""
    higher_is_better: bool = True
    context: Context | None = None

    def __repr__(self) -> str:
        return brief(f"<Scorer {self.label or type(self).__name__}>")

    # -- what subclasses write -----------------------------------------------------------------

    @classmethod
    def read(cls, inside: Sum | None, **settings: Any) -> Scorer:
        """Create a scorer from the sum in brackets after its name, and settings; default: the texts in the brackets."""
        return cls(*(() if inside is None else inside.labels), **settings)

    def begin(self, context: Context) -> None:
        """Receive the task: space, benchmark, samples, store. Called before anything is scored.

        Raises:
            InvalidInputError: the scorer cannot be used for this task; the message says why.
        """
        self.context = context

    def value(self, architecture: Architecture) -> float:
        """Return the score of one architecture. If it raises, the exception becomes the reason for a missing score."""
        raise InvalidInputError(f"the scorer {self.label or type(self).__name__} defines neither value nor score.")

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Score architectures ``(n,)``, in order."""
        values, seconds = np.full(len(architectures), np.nan), np.zeros(len(architectures))
        reasons: dict[int, str] = {}
        for place, architecture in enumerate(architectures):
            began = time.perf_counter()
            with Foreign() as call:
                values[place] = _number(self.value(architecture))
            seconds[place] = time.perf_counter() - began
            if call.kind is not None:
                reasons[place] = call.said
        return Scores(values, seconds, reasons)

    def measured(self, architecture: Architecture) -> Architecture:
        """Return the architecture that is measured: those with the same one are charged once. Default: the argument."""
        return architecture

    @property
    def parts(self) -> tuple[Scorer, ...]:
        """The scorers that it combines; empty if it scores itself."""
        return ()

    def with_parts(self, parts: Sequence[Scorer]) -> Self:
        """Return a copy with other parts, which replace its own in their order."""
        return self

    @property
    def truth(self) -> tuple[str, ...]:
        """Columns of training results that it reads, which only an oracle may know."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.truth))

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns of the benchmark's table that it reads."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.columns))

    @property
    def identifier(self) -> str:
        """Text that identifies all inputs of its scores: label, version, samples, seed, a digest of user code."""
        if self.parts:
            return f"{self.label} of {'; '.join(part.identifier for part in self.parts)}"
        code = code_digest(type(self))
        return f"{self.label}@{self.version}" + (f" code {code}" if code else "")

    # -- what others call ----------------------------------------------------------------------

    def good(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the values ``(n,)`` with the sign such that higher is better; nan where there is none."""
        values = np.asarray(self.score(architectures), np.float64)
        return values if self.higher_is_better else -values

    def leaves(self) -> Iterator[Scorer]:
        """Yield the scorers without parts from which it is made; yield itself if it has no parts."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()

    def units(self) -> Iterator[Scorer]:
        """Yield the scorers from which it is made, decomposed until no score depends on other architectures."""
        if not (self.of_sets and self.parts):
            yield self
        else:
            for part in self.parts:
                yield from part.units()

    def mapped(self, change: Callable[[Scorer], Scorer]) -> Scorer:
        """Return the same scorer with ``change`` applied to each of its :meth:`leaves`."""
        if not self.parts:
            return change(self)
        return self.with_parts([part.mapped(change) for part in self.parts])


def _number(given: Any) -> float:
    value = getattr(given, "item", lambda: given)() if np.size(given) == 1 else given
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInputError(f"it returned {shown(given)}, which is not a real number.")
    return float(value)


def measures_time(scorer: Scorer) -> bool:
    """Return whether a scorer, or one of its parts, measures times."""
    return scorer.timed or any(map(measures_time, scorer.parts))


def asked(scorer: Scorer, architectures: Sequence[Architecture]) -> Scores:
    """Call a scorer for architectures ``(n,)`` and validate the result; errors become reasons.

    The scorer may be user code.

    If it raises, or returns an array of another shape, no architecture has a score; a value that is not finite is not a
    score. If it returns no seconds, the elapsed time is divided equally.
    """
    began = time.perf_counter()
    given: Any = None
    kept: StoreError | None = None
    with Foreign(tidy=True) as call:
        try:
            given = scorer.score(architectures)
        except StoreError as error:  # a failure of the store ends the search, not the score
            kept = error
    spent = time.perf_counter() - began
    if kept is not None:
        raise kept
    if call.kind is not None:
        return _none(len(architectures), spent, call.said)
    try:
        return _checked(given, len(architectures), spent)
    except (TypeError, ValueError, ZcbenchError) as error:
        return _none(len(architectures), spent, str(error))


def _none(count: int, spent: float, why: str) -> Scores:
    return Scores(np.full(count, np.nan), np.full(count, spent / max(1, count)), dict.fromkeys(range(count), why))


def _checked(given: Any, count: int, spent: float) -> Scores:
    scores = given.values if isinstance(given, Scores) else given
    if np.iscomplexobj(scores):
        raise InvalidInputError("it returned complex numbers, which have no order.")
    values = np.array(scores, np.float64)
    if values.shape != (count,):
        raise InvalidInputError(f"it returned scores of shape {values.shape} for {count} architectures.")
    seconds = np.full(count, spent / max(1, count))
    reasons: dict[int, str] = {}
    std = stored = None
    if isinstance(given, Scores):
        seconds = np.maximum(np.nan_to_num(np.broadcast_to(np.asarray(given.seconds, np.float64), (count,))), 0.0)
        reasons = {int(place): str(why) for place, why in given.reasons.items()}
        std = None if given.std is None else np.array(np.broadcast_to(given.std, (count,)), np.float64)
        stored = None if given.stored is None else np.array(np.broadcast_to(given.stored, (count,)), np.bool_)
    for place in np.flatnonzero(~np.isfinite(values)).tolist():
        reasons.setdefault(place, "it has no score." if math.isnan(values[place]) else f"its score is {values[place]}.")
        values[place] = np.nan
    missing = {place: why for place, why in reasons.items() if math.isnan(values[place])}
    return Scores(values, np.array(seconds), missing, std, stored)
