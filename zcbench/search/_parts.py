"""A space as parts that are chosen independently of one another: what sums over choices are taken over."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.search._base import Floats
from zcbench.spaces import OFAMobileNetV3Space
from zcbench.types import Architecture, SearchSpace

Whole = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of a space: every combination of one option for each is an architecture.

    Attributes:
        space: the space.
        options: for each part, what can be chosen.
        read: from an architecture to the option of each part.
        write: from one option for each part to the architecture.
        features: for each part, ``(options, numbers)`` of which the contributions of its options are sums; None where
            every option has a contribution of its own.
    """

    space: SearchSpace
    options: tuple[tuple[Hashable, ...], ...]
    read: Callable[[Architecture], Sequence[Any]]
    write: Callable[[Sequence[Any]], Architecture]
    features: tuple[Floats, ...] | None = None

    def __len__(self) -> int:
        return len(self.options)

    @functools.cached_property
    def _numbers(self) -> tuple[dict[Hashable, int], ...]:
        return tuple({option: i for i, option in enumerate(options)} for options in self.options)

    def numbers(self, architectures: Iterable[Architecture]) -> Whole:
        """The number of the option that each architecture takes, ``(architectures, parts)``."""
        rows = [
            [numbers[option] for numbers, option in zip(self._numbers, self.read(one), strict=True)]
            for one in architectures
        ]
        return np.array(rows, np.intp).reshape(-1, len(self))

    def architecture(self, numbers: Iterable[int]) -> Architecture:
        """The architecture that takes the options of these numbers ``(parts,)``."""
        return self.write([options[int(i)] for options, i in zip(self.options, numbers, strict=True)])

    def draw(self, rng: np.random.Generator, count: int) -> Whole:
        """Numbers of options, drawn uniformly, ``(count, parts)``."""
        return np.stack([rng.integers(len(options), size=count) for options in self.options], 1)

    def leading(self, part: int) -> list[int]:
        """Options of a part from whose contributions all others follow, the first of its options left out."""
        if self.features is None:
            return list(range(1, len(self.options[part])))
        from scipy.linalg import qr

        rows = self.features[part]
        _, triangle, order = qr((rows - rows[0]).T, mode="economic", pivoting=True)
        size = np.abs(np.diag(triangle))
        return [int(i) for i in order[: len(size)][size > 1e-9 * max(1.0, size.max(initial=0.0))]]

    def spread(self, part: int, leading: Sequence[int], found: Floats) -> Floats:
        """Contributions of all options of a part beyond its first, from those of the leading ones."""
        if self.features is None:
            whole = np.zeros(len(self.options[part]))
            whole[list(leading)] = found
            return whole
        rows = self.features[part] - self.features[part][0]
        weights = np.linalg.lstsq(rows[list(leading)], found, rcond=None)[0]
        contributions: Floats = rows @ weights
        return contributions


def parts_of(space: SearchSpace) -> Parts | None:
    """The parts of a space; None if its choices depend on one another.

    A space has them if it has ``options`` (for each choice what can be chosen), ``choices(architecture)`` and
    ``from_choices(choices)``, as :class:`zcbench.spaces.ChoiceSpace` does. The parts of once-for-all are its stages.
    """
    if isinstance(space, OFAMobileNetV3Space):
        return _stages(space)
    options = getattr(space, "options", None)
    reading, writing = getattr(space, "choices", None), getattr(space, "from_choices", None)
    if not options or not callable(reading) or not callable(writing):
        return None
    return Parts(space, tuple(tuple(choice) for choice in options), reading, writing)


def _stages(space: OFAMobileNetV3Space) -> Parts:
    """A stage's options are sequences of layers, whose contributions are sums over kernel and expansion by place."""
    from zcbench.spaces.ofa import DEPTHS, STAGES, stage_options

    options = tuple(stage for depth in DEPTHS for stage in stage_options(depth))
    layers = sorted({layer for stage in options for layer in stage})
    features = np.zeros((len(options), max(DEPTHS), len(layers)))
    for row, stage in zip(features, options, strict=True):
        for place, layer in enumerate(stage):
            row[place, layers.index(layer)] = 1
    flat = features.reshape(len(options), -1)
    return Parts(space, (options,) * STAGES, space.stages, space.from_stages, (flat,) * STAGES)
