"""Find the sample dimension of a tensor by passes with other samples, never by its size alone.

Networks have their samples first or second (sequences), fold positions, windows or heads into them, and compute values
without samples, such as positions. Two short passes, of samples (0, 1) and (1, 0, 2), show the layout: along the sample
dimension, the sizes of a tensor differ as the numbers of samples do. If the dimension contains more than samples, the
values show whether the rows of a sample are adjacent. Batch norm is off meanwhile, so that a sample's values do not
depend on other samples. A network that accepts whole batches only is run twice on the whole batch, the second time in
reverse order, and only the values are compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from zcbench.errors import first_line

K = TypeVar("K")

#: Tensors of one pass, by the name of the module or function, in the order in which they occur.
Seen: TypeAlias = dict[str, list[Tensor]]


@dataclass(frozen=True)
class Layout:
    """The position of samples in a tensor.

    Attributes:
        axis: the sample dimension.
        positions: number of rows that every sample has along it.
        together: whether the rows of a sample are adjacent; otherwise the rows of a position are.
    """

    axis: int
    positions: int = 1
    together: bool = True

    def first(self, x: Tensor) -> Tensor:
        """Return the tensor with samples first: ``(samples, …)``, or ``(samples, positions, …)`` with several rows."""
        x = x.movedim(self.axis, 0) if self.axis else x
        if self.positions == 1:
            return x
        if self.together:
            return x.reshape(-1, self.positions, *x.shape[1:])
        return x.reshape(self.positions, -1, *x.shape[1:]).transpose(0, 1)

    def back(self, x: Tensor) -> Tensor:
        """Invert :meth:`first`."""
        if self.positions > 1:
            x = (x if self.together else x.transpose(0, 1)).flatten(0, 1)
        return x.movedim(0, self.axis) if self.axis else x

    def rows(self, x: Tensor) -> Tensor:
        """Return the tensor ``(samples * positions, …)``, in which the rows of a sample are adjacent."""
        x = self.first(x)
        return x if self.positions == 1 else x.flatten(0, 1)

    def fits(self, x: Tensor, samples: int) -> bool:
        """Return whether a tensor of this many samples can have this layout."""
        return x.dim() > self.axis and x.shape[self.axis] == samples * self.positions


@dataclass
class Axes:
    """Layouts of the tensors that a watcher receives, in the order in which they occur.

    Attributes:
        layouts: by name of the source; None for a tensor that depends on no sample.
        problem: the reason why the layouts are unknown, in a sentence; empty if they are known.
    """

    layouts: dict[str, list[Layout | None]] = field(default_factory=dict)
    problem: str = ""

    def reader(self, samples: int) -> Callable[[Tensor, str], Layout | None]:
        """Return a function that gives the layout of the next tensor of a source in a pass of this many samples.

        It raises LookupError if the layout is unknown.
        """
        at = Counter[str]()

        def layout(x: Tensor, key: str) -> Layout | None:
            known, place = self.layouts.get(key, ()), at[key]
            at[key] += 1
            if place >= len(known):
                raise LookupError
            found = known[place]
            if found is not None and not found.fits(x, samples):
                raise LookupError
            return found

        return layout


def learn(run: Callable[[list[int]], Mapping[K, Seen]], samples: int, kinds: Iterable[K]) -> dict[K, Axes]:
    """Find the layouts of the tensors that several watchers receive from a network.

    Args:
        run: from numbers of samples to the tensors that each watcher receives while the network runs on them.
        samples: number of samples.
        kinds: the watchers.
    """
    kinds = list(kinds)
    few = ([0, 1], [1, 0, 2 % samples]) if samples > 1 else ([0], [0, 0])
    whole = (list(range(samples)), list(reversed(range(samples))))
    reason = ""
    for numbers in (few, whole):
        try:
            one, other = run(numbers[0]), run(numbers[1])
        except Exception as error:  # a network may raise anything for batches of other sizes
            reason = reason or first_line(error)
            continue
        return {kind: _compared(one[kind], other[kind], numbers) for kind in kinds}
    return {kind: Axes(problem=f"the network accepts no two samples alone ({reason}).") for kind in kinds}


def _compared(one: Seen, other: Seen, samples: tuple[Sequence[int], Sequence[int]]) -> Axes:
    """Find layouts from two passes; the first samples of the second pass are those of the first in reverse order."""
    few, more = len(samples[0]), len(samples[1])
    seen = {
        key: [_Event(a, b, few, more) for a, b in zip(one[key], other[key], strict=True)]
        for key in one
        if len(one[key]) == len(other.get(key, ()))  # otherwise the operations depend on the data or on their number
    }
    events = [event for several in seen.values() for event in several if event.distances]
    if events:  # one read for all: each read halts a GPU
        numbers = iter(torch.stack([distance for event in events for distance in event.distances]).tolist())
        for event in events:
            event.decide([next(numbers) for _ in event.distances])
    return Axes(
        {
            key: [event.found for event in several]
            for key, several in seen.items()
            if all(event.is_known for event in several)
        }
    )


#: Relative distance of values that are equal up to rounding, for every precision of the network.
_CLOSE = 1e-2


class _Event:
    """A tensor of both passes, and what its shapes and values show about its layout.

    Attributes:
        found: the layout; None if the tensor contains no samples.
        is_known: whether the layout can be determined.
        distances: distances between the samples' values, by possible layout.
    """

    def __init__(self, a: Tensor, b: Tensor, few: int, more: int) -> None:
        self._a, self._b, self._few, self._plain = a, b, few, False
        self._candidates: list[Layout] = []
        self.found: Layout | None = None
        self.is_known = a.dim() == b.dim()
        if self.is_known and not (a.shape == b.shape and (few != more or torch.equal(a, b))):
            self._suppose(few, more)
        self.distances = [_distance(layout.first(a), layout.first(b), few) for layout in self._candidates]

    def _suppose(self, few: int, more: int) -> None:
        axes = [
            axis
            for axis, (m, n) in enumerate(zip(self._a.shape, self._b.shape, strict=True))
            if m % few == 0 and n % more == 0 and m // few == n // more and m and (m != n or few == more)
        ]
        self.is_known = len(axes) == 1 or (len(axes) > 1 and few == more)
        if self.is_known:
            sizes = [(axis, self._a.shape[axis] // few) for axis in axes]
            self._plain = few != more and sizes[0][1] == 1
            self._candidates = [
                Layout(axis, rows, together)
                for axis, rows in sizes
                for together in ((True, False) if rows > 1 else (True,))
            ]

    def decide(self, distances: Sequence[float]) -> None:
        """Choose the layout with the smallest distance."""
        known = [math.inf if math.isnan(distance) else distance for distance in distances]
        best = min(range(len(known)), key=known.__getitem__)
        self.found = self._candidates[best]
        self.is_known = known[best] <= _CLOSE or (self._plain and not self._is_shuffled(self.found))

    def _is_shuffled(self, layout: Layout) -> bool:
        """Return whether the order of rows depends on the data, as when experts sort them.

        The rows of a sample differ, and one equals a row of another sample instead. If none does, samples are mixed.
        """
        a, b = layout.first(self._a), layout.first(self._b)
        return any(float(_distance(a[:1], b[row : row + 1], 1)) <= _CLOSE for row in range(len(b)))


def _distance(a: Tensor, b: Tensor, few: int) -> Tensor:
    """Return the distance between the rows of the samples that both have, relative to their values."""
    if a.shape[1:] != b.shape[1:]:
        return torch.full((), math.inf, device=a.device)
    x, y = (torch.view_as_real(one).float() if one.is_complex() else one.float() for one in (a[:few], b[:few].flip(0)))
    return (x - y).abs().sum() / x.abs().sum().clamp(min=torch.finfo(torch.float32).tiny)
