"""A supernet's search space for scorers, whose networks are built by the supernet's own function."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from zcbench.types import Architecture, Batch, SearchSpace, Supernet


class _Build:
    """Builds the networks of a space by a function of the architecture."""

    def __init__(self, function: Callable[[Architecture], Any]) -> None:
        self.function = function

    def __call__(self, architecture: Architecture, *, num_classes: int = 10) -> Any:
        return self.function(architecture)


def space_of(supernet: Supernet) -> SearchSpace:
    """Return the space with the supernet's ``build``, so that sizes and proxies are those of its networks.

    A supernet without a ``build`` uses that of its space. The networks have new initial weights.
    """
    space, build = supernet.space, getattr(supernet, "build", None)
    if not callable(build) or getattr(build, "__self__", None) is space:
        return space
    found: Any = copy.copy(space)
    found.build = _Build(build)
    return found  # type: ignore[no-any-return]


def data_of(supernet: Supernet, size: int) -> Batch | None:
    """Return the first samples that evaluate the supernet, else the first that calibrate it; None without any."""
    held_out, calibration = getattr(supernet, "held_out", None), getattr(supernet, "calibration", None)
    if held_out is not None:
        return Batch(*held_out)[:size]
    if isinstance(calibration, list) and calibration:
        return Batch(calibration[0])[:size]
    return None
