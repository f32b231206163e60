"""The ledger of a probe: every signal is computed once, and what it cost is charged to everyone who uses it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from zcbench.probe._handed import Handed

T = TypeVar("T")


@dataclass
class Measured:
    """A cached signal: its value or the error that it raised, and what it cost."""

    value: Any = None
    error: Exception | None = None
    seconds: float = 0.0  # without the signals it is made of
    parts: set[str] = field(default_factory=set)  # all signals it is made of, itself included
    notes: dict[str, None] = field(default_factory=dict)  # what is to be said of it
    handed: Handed | None = None  # what it was when it was measured
    stale: bool = False  # to be measured again, because what it is made of was changed


@dataclass
class Frame:
    """Bookkeeping of one running computation."""

    inner_seconds: float = 0.0
    parts: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # signals that it asked for by itself
    notes: dict[str, None] = field(default_factory=dict)  # what is to be said of its value, in order


class Ledger:
    """What was measured, and what runs now."""

    def __init__(self) -> None:
        self._measured: dict[str, Measured] = {}
        self._frames: list[Frame] = []
        self._ours = False  # whether what runs now is a signal of ours, or else code of a proxy
        self._used: set[str] = set()  # signals of the last stopwatch
        self._asked: set[str] = set()  # those of them that were asked for by what was timed
        self._notes: dict[str, None] = {}  # what is to be said of its value

    def _as_given(self, *, ours: bool) -> AbstractContextManager[None]:
        """Around a signal that a proxy asks for."""
        raise NotImplementedError

    def _measure(self, name: str, compute: Callable[[], T], *, ours: bool = False) -> T:
        measured = self._measured.get(name)
        if measured is None or measured.stale:
            measured = self._first(name, compute, ours=ours)
        if self._frames:
            self._frames[-1].parts |= measured.parts
            self._frames[-1].notes |= measured.notes
            if ours:
                self._frames[-1].asked.add(name)
        if measured.error is not None:
            raise measured.error
        value: T = measured.value
        return value

    def _first(self, name: str, compute: Callable[[], object], *, ours: bool) -> Measured:
        asked, frame, measured = time.perf_counter(), Frame(), Measured()
        nested, self._ours = self._ours, ours
        try:
            with nullcontext() if nested else self._as_given(ours=ours):
                started = time.perf_counter()
                self._frames.append(frame)
                try:
                    measured.value = compute()
                except Exception as error:
                    measured.error = error
                finally:
                    self._frames.pop()
                elapsed = time.perf_counter() - started
        finally:
            self._ours = nested
        measured.seconds = elapsed - frame.inner_seconds
        measured.parts, measured.notes = frame.parts | {name}, frame.notes
        if not name.startswith("_") and measured.error is None:
            measured.handed = Handed(measured.value)
        self._measured[name] = measured
        if self._frames and not ours:
            self._frames[-1].asked |= frame.asked
        if self._frames:  # checks are nobody's cost
            self._frames[-1].inner_seconds += time.perf_counter() - asked
        return measured

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """A proxy's own signal: ``compute()`` at the first call, the same result afterwards, its cost on record.

        Names are of the module that ``compute`` is defined in: others can use the same for something else.
        """
        return self._measure(f"{getattr(compute, '__module__', '')}: {name}", compute)

    def note(self, text: str) -> None:
        """Say something of the score that is being computed, in a sentence: what was left out, say.

        It stands in ``Score.detail`` of every proxy that uses what is computed now.
        """
        if self._frames:
            self._frames[-1].notes[text] = None

    @contextmanager
    def stopwatch(self) -> Iterator[Callable[[], float]]:
        """Time a block as if it ran alone: signals that it shares with others count in full.

        Yields:
            a function that returns the seconds, to be called after the block.
        """
        frame, started, finished, outer = Frame(), time.perf_counter(), None, self._frames
        self._frames = [*outer, frame]  # a list of its own: a proxy may have emptied it by the end

        def seconds() -> float:
            own = (finished or time.perf_counter()) - started - frame.inner_seconds
            return own + sum(self._measured[name].seconds for name in frame.parts if name in self._measured)

        try:
            yield seconds
        finally:
            finished = time.perf_counter()
            self._frames = outer
            self._used, self._asked, self._notes = frame.parts, frame.asked, frame.notes
