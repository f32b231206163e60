"""Columns of numbers that several tests draw."""

from __future__ import annotations

import math

import numpy as np

import zcbench
from zcbench.encodings import ColumnEncoding, Feed


def columns(x, names=None):
    """An encoding of as many cells as the matrix has rows, and the cells."""
    space = zcbench.get_space("digits-201")
    architectures = [architecture for architecture, _ in zip(space, x, strict=False)]
    names = names or [f"c{i}" for i in range(x.shape[1])]
    return architectures, ColumnEncoding(names).fed([Feed(architectures, dict(zip(names, x.T, strict=True)))])


def correlated(n: int, *, ties: bool = False, seed: int = 0, rho: float = 0.6):
    """Two columns with a correlation, rounded if there are to be ties."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    y = rho * x + math.sqrt(1 - rho**2) * noise
    return (np.round(x), np.round(2 * y)) if ties else (x, y)
