"""Complete curves of a task, from which predictors learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.curves._context import Context, Floats
from zcbench.errors import InvalidInputError


def need_fit(name: str, curves: Sequence[Context], least: int) -> list[Context]:
    """Return complete curves if there are enough.

    Raises:
        InvalidInputError: fewer than ``least`` curves have a point.
    """
    known = [one for one in curves if len(one)]
    if len(known) < least:
        raise InvalidInputError(
            f"{name} needs at least {least} complete curve{'s' * (least > 1)} of the task, and has {len(known)}: "
            "give them to fit."
        )
    return known


def at_times(curves: Sequence[Context], times: Floats) -> Floats:
    """Return values at times ``(curves, times)``, linear between points and constant beyond them."""
    return np.array([np.interp(times, one.times, one.values) for one in curves])
