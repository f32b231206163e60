"""The ledger of a probe: every signal is computed once, and its cost is charged to everyone who uses it."""

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
        cpu: CPU time of the running thread; on an accelerator, which is synchronised, wall time.
        wall: wall time.
    """

    cpu: float = 0.0
    wall: float = 0.0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.cpu + other.cpu, self.wall + other.wall)

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.cpu - other.cpu, self.wall - other.wall)


def now(device: torch.device) -> Spent:
    """Read both clocks after the accelerator has finished its work."""
    wall = time.perf_counter()
    if device.type == devices.CPU:
        return Spent(time.thread_time(), wall)
    with suppress(Exception):  # raised by work that failed: the users of its results receive the error, too
        wall = devices.now(device)
    return Spent(wall, wall)


@dataclass
class Measured:
    """A cached signal: its value or the error that it raised, and its cost."""

    value: Any = None
    error: Exception | None = None
    spent: Spent = Spent()  # without the signals that it uses
    memory: float = math.nan  # largest number of bytes in use on an accelerator meanwhile
    parts: set[str] = field(default_factory=set)  # all signals that it uses, including itself
    notes: dict[str, None] = field(default_factory=dict)  # notes on it
    handed: Handed | None = None  # its state when it was measured
    stale: bool = False  # to be measured again, because a signal that it uses was changed
    freed: bool = False  # to be measured again, because its graph was released; the earlier cost still counts


@dataclass
class Frame:
    """Bookkeeping of one running computation."""

    inner: Spent = Spent()  # cost that is charged to others
    parts: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # signals that it requested itself
    notes: dict[str, None] = field(default_factory=dict)  # notes on its value, in order


class Stopwatch:
    """The cost of a block as if it ran alone: shared signals count in full. To be read after the block.

    Args:
        frame: the computation in the block.
        measured: all signals.
        now: the clock.
    """

    def __init__(self, frame: Frame, measured: dict[str, Measured], now: Callable[[], Spent]) -> None:
        self._frame, self._measured, self._now = frame, measured, now
        self._started = now()
        self._finished: Spent | None = None
        self._memory = math.nan

    def stop(self, memory: float) -> None:
        """End the block, which had this many bytes in use."""
        self._finished, self._memory = self._now(), memory

    def __call__(self) -> float:
        """Return the CPU seconds of this thread; on an accelerator, seconds of wall time."""
        return self._spent().cpu

    @property
    def wall(self) -> float:
        """Seconds of wall time."""
        return self._spent().wall

    def _spent(self) -> Spent:
        own = (self._finished or self._now()) - self._started - self._frame.inner
        return sum((one.spent for one in self._parts()), own)

    @property
    def memory(self) -> float:
        """Largest number of bytes in use on an accelerator, network and batch included; nan elsewhere."""
        return max((self._memory, *(one.memory for one in self._parts() if one.memory > self._memory)))

    def _parts(self) -> list[Measured]:
        return [self._measured[name] for name in sorted(self._frame.parts) if name in self._measured]


class Ledger:
    """The measured signals and the running computations.

    Args:
        device: the device of the measurements. Its clock is read after all its work is finished.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._peak = devices.Peak(device)
        self._measured: dict[str, Measured] = {}
        self._frames: list[Frame] = []
        self._ours = False  # whether the running code is a built-in signal, and not a proxy
        self._used: set[str] = set()  # signals of the last stopwatch
        self._asked: set[str] = set()  # the signals among them that the timed code itself requested
        self._notes: dict[str, None] = {}  # notes on its value

    def _now(self) -> Spent:
        return now(self.device)

    def _as_given(self, *, ours: bool) -> AbstractContextManager[None]:
        """Surround a signal that a proxy requests."""
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
                    ):  # its frames hold the tensors that fill the memory
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
        if self._frames:  # checks are charged to no one
            self._frames[-1].inner += self._now() - asked
        return measured

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """Compute a proxy's own signal: ``compute()`` at the first call, the same result later; its cost is recorded.

        Names are local to the module that defines ``compute``, so other modules can use the same name.
        """
        return self._measure(f"{getattr(compute, '__module__', '')}: {name}", compute)

    def note(self, text: str) -> None:
        """Add a note, one sentence, to the score that is being computed, for example about excluded data.

        It appears in ``Score.detail`` of every proxy that uses the current computation.
        """
        if self._frames:
            self._frames[-1].notes[text] = None

    @contextmanager
    def stopwatch(self) -> Iterator[Stopwatch]:
        """Time a block as if it ran alone: shared signals count in full.

        Yields:
            an object that returns the seconds when it is called after the block.
        """
        frame, outer, peak = Frame(), self._frames, self._peak
        watch = Stopwatch(frame, self._measured, self._now)
        self._frames = [*outer, frame]  # a separate list: a proxy may have emptied it by the end
        peak.begin()
        try:
            yield watch
        finally:
            watch.stop(peak.end())
            self._frames = outer
            self._used, self._asked, self._notes = frame.parts, frame.asked, frame.notes
