"""The ledger of a probe: every signal is computed once, and what it cost is charged to everyone who uses it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from zcbench import devices
from zcbench.errors import message_of
from zcbench.probe._handed import Handed

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of work.

    Attributes:
        cpu: of the processor, by the thread that runs; on an accelerator, which is waited for, by the clock.
        wall: by the clock.
    """

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.cpu - other.cpu, self.wall - other.wall)


def now(device: torch.device) -> Spent:
    """What both clocks show, when the work that was given to an accelerator is done."""
    wall = time.perf_counter()
    if device.type == devices.CPU:
        return Spent(time.thread_time(), wall)
    with suppress(Exception):  # of work that failed: whoever needs its results is told, too
        wall = devices.now(device)
    return Spent(wall, wall)


@dataclass
class Measured:
    """A cached signal: its value or the error that it raised, and what it cost."""

    value: Any = None
    error: Exception | None = None
    spent: Spent = Spent()  # without the signals it is made of
    memory: float = math.nan  # most bytes in use on an accelerator meanwhile
    parts: set[str] = field(default_factory=set)  # all signals it is made of, itself included
    notes: dict[str, None] = field(default_factory=dict)  # what is to be said of it
    handed: Handed | None = None  # what it was when it was measured
    stale: bool = False  # to be measured again, because what it is made of was changed
    freed: bool = False  # to be measured again, because the graph behind it was given up: what it cost still counts


@dataclass
class Frame:
    """Bookkeeping of one running computation."""

    inner: Spent = Spent()  # of what is charged to others
    parts: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # signals that it asked for by itself
    notes: dict[str, None] = field(default_factory=dict)  # what is to be said of its value, in order


class Stopwatch:
    """What a block costs as if it ran alone: signals that it shares with others count in full. To be asked afterwards.

    Args:
        frame: what runs in the block.
        measured: all signals.
        now: the clock.
    """

    def __init__(self, frame: Frame, measured: dict[str, Measured], now: Callable[[], Spent]) -> None:
        self._frame, self._measured, self._now = frame, measured, now
        self._started = now()
        self._finished: Spent | None = None
        self._memory = math.nan

    def stop(self, memory: float) -> None:
        """The block is over; it had so many bytes in use."""
        self._finished, self._memory = self._now(), memory

    def __call__(self) -> float:
        """Seconds of the processor, by this thread; on an accelerator by the clock."""
        return self._spent().cpu

    @property
    def wall(self) -> float:
        """Seconds by the clock."""
        return self._spent().wall

    def _spent(self) -> Spent:
        own = (self._finished or self._now()) - self._started - self._frame.inner
        return sum((one.spent for one in self._parts()), own)

    @property
    def memory(self) -> float:
        """Most bytes in use on an accelerator, network and batch included; nan elsewhere."""
        return max((self._memory, *(one.memory for one in self._parts() if one.memory > self._memory)))

    def _parts(self) -> list[Measured]:
        return [self._measured[name] for name in sorted(self._frame.parts) if name in self._measured]


class Ledger:
    """What was measured, and what runs now.

    Args:
        device: where it is measured. Its clock is read when all work that was given to it is done.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._peak = devices.Peak(device)
        self._measured: dict[str, Measured] = {}
        self._frames: list[Frame] = []
        self._ours = False  # whether what runs now is a signal of ours, or else code of a proxy
        self._used: set[str] = set()  # signals of the last stopwatch
        self._asked: set[str] = set()  # those of them that were asked for by what was timed
        self._notes: dict[str, None] = {}  # what is to be said of its value

    def _now(self) -> Spent:
        return now(self.device)

    def _as_given(self, *, ours: bool) -> AbstractContextManager[None]:
        """Around a signal that a proxy asks for."""
        raise NotImplementedError

    def _measure(self, name: str, compute: Callable[[], T], *, ours: bool = False) -> T:
        measured = self._measured.get(name)
        if measured is None or measured.stale or measured.freed:
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
        asked, frame, measured = self._now(), Frame(), Measured()
        nested, self._ours = self._ours, ours
        try:
            with nullcontext() if nested else self._as_given(ours=ours):
                started = self._now()
                self._frames.append(frame)
                self._peak.begin()
                try:
                    measured.value = compute()
                except Exception as error:
                    measured.error = error
                    if devices.is_out_of_memory(
                        type(error), message_of(error)
                    ):  # its frames hold what fills the memory
                        measured.error = error.with_traceback(None)
                        error.__context__ = error.__cause__ = None
                finally:
                    self._frames.pop()
                    measured.memory = self._peak.end()
                elapsed = self._now() - started
        finally:
            self._ours = nested
        measured.spent = elapsed - frame.inner
        measured.parts, measured.notes = frame.parts | {name}, frame.notes
        if not name.startswith("_") and measured.error is None:
            measured.handed = Handed(measured.value)
        self._measured[name] = measured
        if self._frames and not ours:
            self._frames[-1].asked |= frame.asked
        if self._frames:  # checks are nobody's cost
            self._frames[-1].inner += self._now() - asked
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
    def stopwatch(self) -> Iterator[Stopwatch]:
        """Time a block as if it ran alone: signals that it shares with others count in full.

        Yields:
            what gives the seconds when it is called after the block.
        """
        frame, outer, peak = Frame(), self._frames, self._peak
        watch = Stopwatch(frame, self._measured, self._now)
        self._frames = [*outer, frame]  # a list of its own: a proxy may have emptied it by the end
        peak.begin()
        try:
            yield watch
        finally:
            watch.stop(peak.end())
            self._frames = outer
            self._used, self._asked, self._notes = frame.parts, frame.asked, frame.notes
