"""Finds architectures within tight constraints, by steps towards the bounds."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np

from zcbench.search._base import Floats
from zcbench.types import Architecture, SearchSpace

#: largest number of steps towards the bounds, and of random steps within them
STEPS, FURTHER = 200, 8
Violations = Callable[[Sequence[Architecture]], Floats]


def towards(
    start: Architecture,
    space: SearchSpace,
    violations: Violations,
    rng: np.random.Generator,
    *,
    known: Container[Architecture] | None = None,
    further: int = FURTHER,
) -> list[Architecture]:
    """Change an architecture until it satisfies the constraints, then at random within them.

    Args:
        start: the first architecture.
        space: determines the architectures one change away.
        violations: distance of architectures from the bounds ``(n,)``; 0 within them.
        rng: random numbers for the choice among equally good changes and for the random steps.
        known: the only architectures to choose from; None for the whole space.
        further: number of random steps at the end.

    Returns:
        Architectures that satisfy the constraints: the first one found and one for each random step; none if no change
        reduces the distance.
    """
    found = start
    left = float(violations([start])[0])
    for _ in range(STEPS):
        if left == 0:
            break
        options = _changes(found, space, known)
        if not options:
            return []
        distances = violations(options)
        if not distances.min() < left:
            return []
        left = float(distances.min())
        nearest = np.flatnonzero(distances == left)
        found = options[int(nearest[rng.integers(len(nearest))])]
    if left:
        return []
    way = [found]
    for _ in range(further):
        options = _changes(found, space, known)
        fine = np.flatnonzero(violations(options) == 0) if options else ()
        if not len(fine):
            break
        way.append(options[int(fine[int(rng.integers(len(fine)))])])
        found = way[-1]
    return way


def _changes(
    architecture: Architecture, space: SearchSpace, known: Container[Architecture] | None
) -> list[Architecture]:
    options = space.neighbors(architecture)
    return options if known is None else [one for one in options if one in known]
