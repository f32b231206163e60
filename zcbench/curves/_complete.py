"""Complete curves of a task, as predictors learn from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.curves._context import Context, Floats
from zcbench.errors import InvalidInputError


def need_fit(name: str, curves: Sequence[Context], least: int) -> list[Context]:
    """Complete curves, if there are enough.

    Raises:
        InvalidInputError: there are fewer than ``least`` that have a point.
    """
    known = [one for one in curves if len(one)]
    if len(known) < least:
        raise InvalidInputError(
            f"{name} learns from {least} complete curve{'s' * (least > 1)} of the task at least, and has {len(known)}: "
            "give them to fit."
        )
    return known


def at_times(curves: Sequence[Context], times: Floats) -> Floats:
    """Values of curves at times ``(curves, times)``, linear between points, and constant beyond the first and last."""
    return np.array([np.interp(times, one.times, one.values) for one in curves])
