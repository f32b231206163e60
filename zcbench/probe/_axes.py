"""Which axis of a tensor counts samples: learned from passes of other samples, never from its size alone.

Networks put their samples first or second (sequences), fold positions, windows or heads into them, and compute things
that know nothing of samples, such as positions. Two short passes, of samples (0, 1) and (1, 0, 2), tell all of that:
along the axis of samples the sizes of a tensor differ as the numbers of samples do; where more than samples lie along
it, values tell whether the rows of a sample stand together. Batch norm is off meanwhile, so that a sample's values are
its own. A network that takes whole batches only is run twice on the whole, the second time in reverse order, and values
alone tell.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from zcbench.errors import first_line

K = TypeVar("K")

#: What is seen in one pass, by what sees it: tensors in the order in which they come.
Seen: TypeAlias = dict[str, list[Tensor]]


@dataclass(frozen=True)
class Layout:
    """Where samples are in a tensor.

    Attributes:
        axis: the axis that counts them.
        positions: rows that every sample has along it.
        together: whether the rows of a sample stand together; else those of a position do.
    """

    axis: int
    positions: int = 1
    together: bool = True

    def first(self, x: Tensor) -> Tensor:
        """The tensor with samples first: ``(samples, …)``, or ``(samples, positions, …)`` if there are several."""
        x = x.movedim(self.axis, 0) if self.axis else x
        if self.positions == 1:
            return x
        if self.together:
            return x.reshape(-1, self.positions, *x.shape[1:])
        return x.reshape(self.positions, -1, *x.shape[1:]).transpose(0, 1)

    def back(self, x: Tensor) -> Tensor:
        """The inverse of :meth:`first`."""
        if self.positions > 1:
            x = (x if self.together else x.transpose(0, 1)).flatten(0, 1)
        return x.movedim(0, self.axis) if self.axis else x

    def rows(self, x: Tensor) -> Tensor:
        """The tensor ``(samples * positions, …)`` with the rows of a sample together."""
        x = self.first(x)
        return x if self.positions == 1 else x.flatten(0, 1)

    def fits(self, x: Tensor, samples: int) -> bool:
        """Whether a tensor of so many samples can lie so."""
        return x.dim() > self.axis and x.shape[self.axis] == samples * self.positions


@dataclass
class Axes:
    """Layouts of what a watcher sees, in the order in which it comes.

    Attributes:
        layouts: by what sees it; None for what depends on no sample.
        problem: why nothing is known, in a sentence; empty if it is.
    """

    layouts: dict[str, list[Layout | None]] = field(default_factory=dict)
    problem: str = ""

    def reader(self, samples: int) -> Callable[[Tensor, str], Layout | None]:
        """A function that gives the layout of the next tensor that something sees in a pass of so many samples.

        It raises LookupError where that is not known.
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
    """Learn the layouts of what several watchers see of a network.

    Args:
        run: from numbers of samples to what each sees of the network while it runs on them.
        samples: how many there are.
        kinds: the watchers.
    """
    kinds = list(kinds)
    few = ([0, 1], [1, 0, 2 % samples]) if samples > 1 else ([0], [0, 0])
    whole = (list(range(samples)), list(reversed(range(samples))))
    reason = ""
    for numbers in (few, whole):
        try:
            one, other = run(numbers[0]), run(numbers[1])
        except Exception as error:  # whatever a network raises for batches that it was not made for
            reason = reason or first_line(error)
            continue
        return {kind: _compared(one[kind], other[kind], numbers) for kind in kinds}
    return {kind: Axes(problem=f"the network takes no two samples alone ({reason}).") for kind in kinds}


def _compared(one: Seen, other: Seen, samples: tuple[Sequence[int], Sequence[int]]) -> Axes:
    layouts: dict[str, list[Layout | None]] = defaultdict(list)
    for key in one:
        if len(one[key]) != len(other.get(key, ())):
            continue  # what is done depends on the data or on how many samples there are
        for a, b in zip(one[key], other[key], strict=True):
            found = _layout(a, b, samples)
            if found is _UNKNOWN:
                layouts.pop(key, None)
                break
            layouts[key].append(found)
    return Axes(dict(layouts))


_UNKNOWN = Layout(-1)


def _layout(a: Tensor, b: Tensor, samples: tuple[Sequence[int], Sequence[int]]) -> Layout | None:
    """Where samples are in two tensors; None if nothing of them is there, :data:`_UNKNOWN` if that cannot be told."""
    few, more = len(samples[0]), len(samples[1])
    if a.dim() != b.dim():
        return _UNKNOWN
    if a.shape == b.shape and (few != more or torch.equal(a, b)):
        return None
    axes = [
        axis
        for axis, (m, n) in enumerate(zip(a.shape, b.shape, strict=True))
        if m % few == 0 and n % more == 0 and m // few == n // more and m and (m != n or few == more)
    ]
    if len(axes) == 1 and few != more and a.shape[axes[0]] == few:
        layout = Layout(axes[0])
        return _UNKNOWN if _is_shuffled(layout.first(a), layout.first(b), samples) else layout
    candidates = [
        Layout(axis, a.shape[axis] // few, together)
        for axis in axes
        for together in ((True, False) if a.shape[axis] > few else (True,))
    ]
    if not candidates or (few != more and len(axes) > 1):
        return _UNKNOWN
    distances = [_distance(layout.first(a), layout.first(b), samples) for layout in candidates]
    best = min(range(len(candidates)), key=distances.__getitem__)
    return candidates[best] if distances[best] <= _CLOSE else _UNKNOWN


#: Relative distance of what is equal but for rounding, in whatever type the network computes.
_CLOSE = 1e-2


def _distance(a: Tensor, b: Tensor, samples: tuple[Sequence[int], Sequence[int]]) -> float:
    """How far the rows of the samples that both have are from each other, relative to what they hold."""
    places = {number: place for place, number in enumerate(samples[1])}
    common = [(place, places[number]) for place, number in enumerate(samples[0]) if number in places]
    mine, theirs = ([pair[side] for pair in common] for side in (0, 1))
    if a.shape[1:] != b.shape[1:]:
        return math.inf
    x, y = (torch.view_as_real(one).float() if one.is_complex() else one.float() for one in (a[mine], b[theirs]))
    found = float((x - y).abs().sum() / x.abs().sum().clamp(min=torch.finfo(torch.float32).tiny))
    return math.inf if math.isnan(found) else found


def _is_shuffled(a: Tensor, b: Tensor, samples: tuple[Sequence[int], Sequence[int]]) -> bool:
    """Whether rows come in an order that the data choose, as experts sort them.

    The rows of a sample differ, and one is that of another sample instead. Where no other is, samples are mixed.
    """
    if _distance(a, b, samples) <= _CLOSE:
        return False
    return any(_distance(a[:1], b[row : row + 1], ([0], [0])) <= _CLOSE for row in range(len(b)))
