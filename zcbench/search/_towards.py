"""How an architecture that keeps the constraints is found where few do: step by step towards the bounds."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np

from zcbench.search._base import Floats
from zcbench.types import Architecture, SearchSpace

#: steps towards the bounds, and steps at random among what is allowed
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
    """Change an architecture until it keeps the constraints, then at random as long as it does.

    Args:
        start: where to begin.
        space: what says which are one change away.
        violations: how far architectures are outside of the bounds ``(n,)``; 0 where they keep them.
        rng: random numbers: which of equally good changes is taken, and the last steps.
        known: the only architectures that there are; None for the whole space.
        further: steps at random at the end.

    Returns:
        Architectures that keep the constraints, one for each step at random and the first; none where no change came
        nearer.
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
