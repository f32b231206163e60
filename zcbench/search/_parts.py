"""A space as parts that are chosen independently, over which sums are taken."""

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
    """The parts of a space: every combination of one option for each part is an architecture.

    Attributes:
        space: the space.
        options: for each part, its options.
        read: from an architecture to the option of each part.
        write: from one option for each part to the architecture.
        features: for each part, ``(options, numbers)`` of which the contributions of its options are linear functions;
            None if every option has a separate contribution.
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
        """Return the option numbers of each architecture ``(architectures, parts)``."""
        rows = [
            [numbers[option] for numbers, option in zip(self._numbers, self.read(one), strict=True)]
            for one in architectures
        ]
        return np.array(rows, np.intp).reshape(-1, len(self))

    def architecture(self, numbers: Iterable[int]) -> Architecture:
        """Return the architecture with the options of these numbers ``(parts,)``."""
        return self.write([options[int(i)] for options, i in zip(self.options, numbers, strict=True)])

    def draw(self, rng: np.random.Generator, count: int) -> Whole:
        """Draw option numbers uniformly ``(count, parts)``."""
        return np.stack([rng.integers(len(options), size=count) for options in self.options], 1)

    def leading(self, part: int) -> list[int]:
        """Return the options of a part whose contributions determine all others, without its first option."""
        if self.features is None:
            return list(range(1, len(self.options[part])))
        from scipy.linalg import qr

        rows = self.features[part]
        _, triangle, order = qr((rows - rows[0]).T, mode="economic", pivoting=True)
        size = np.abs(np.diag(triangle))
        return [int(i) for i in order[: len(size)][size > 1e-9 * max(1.0, size.max(initial=0.0))]]

    def spread(self, part: int, leading: Sequence[int], found: Floats) -> Floats:
        """Return the contributions of all options of a part, relative to its first, from those of the leading ones."""
        if self.features is None:
            whole = np.zeros(len(self.options[part]))
            whole[list(leading)] = found
            return whole
        rows = self.features[part] - self.features[part][0]
        weights = np.linalg.lstsq(rows[list(leading)], found, rcond=None)[0]
        contributions: Floats = rows @ weights
        return contributions


def parts_of(space: SearchSpace) -> Parts | None:
    """Return the parts of a space; None if its choices depend on one another.

    A space has parts if it has ``options`` (the options of each choice), ``choices(architecture)`` and
    ``from_choices(choices)``, as :class:`zcbench.spaces.ChoiceSpace` has. The parts of once-for-all are its stages.
    """
    if isinstance(space, OFAMobileNetV3Space):
        return _stages(space)
    options = getattr(space, "options", None)
    reading, writing = getattr(space, "choices", None), getattr(space, "from_choices", None)
    if not options or not callable(reading) or not callable(writing):
        return None
    return Parts(space, tuple(tuple(choice) for choice in options), reading, writing)


def _stages(space: OFAMobileNetV3Space) -> Parts:
    """Return the stages; their options are sequences of layers, with contributions by kernel, expansion and place."""
    from zcbench.spaces.ofa import DEPTHS, STAGES, stage_options

    options = tuple(stage for depth in DEPTHS for stage in stage_options(depth))
    layers = sorted({layer for stage in options for layer in stage})
    features = np.zeros((len(options), max(DEPTHS), len(layers)))
    for row, stage in zip(features, options, strict=True):
        for place, layer in enumerate(stage):
            row[place, layers.index(layer)] = 1
    flat = features.reshape(len(options), -1)
    return Parts(space, (options,) * STAGES, space.stages, space.from_stages, (flat,) * STAGES)
