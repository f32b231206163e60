"""Traces made by hand: random search in a made-up table, and the same with an eye for the guide."""

import numpy as np

from zcbench.evaluation import Known, Trace

TABLE = np.random.default_rng(0).permutation(1000) / 10
GUIDE = TABLE + np.random.default_rng(1).normal(size=1000)
KNOWN = Known("test", TABLE, True, "toys@1")


def trace(label, seed, skill=0, n=20):
    """Random search, or with skill the best by the guide of so many."""
    rng = np.random.default_rng([seed, skill])
    rows = [max(rng.integers(1000, size=skill + 1), key=lambda row: GUIDE[row]) for _ in range(n)]
    return Trace(label, seed, GUIDE[rows], np.cumsum(np.full(n, 100.0)), {"test": TABLE[rows]})


def traces(seeds=12):
    return [trace(label, seed, skill) for label, skill in (("random@1", 0), ("skilled@1", 9)) for seed in range(seeds)]
