"""Traces made by hand: random search in a made-up table, and the same with an eye for the guide."""

import numpy as np

from zcbench.evaluation import Known, SearchReport, Trace

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


def report(rows=(3, 1, 2, 0, 4), names=("valid", "test"), objectives=None, **further):
    """A search of five architectures whose loss is 0.5, 0.4, … by the guide; the table has five more, far worse."""
    n = len(rows)
    valid = np.concatenate([np.arange(5, 0, -1) / 10, np.arange(1, 6.0)])
    columns = {"valid": valid, "test": -valid if further.pop("opposed", False) else valid + 0.01}
    columns["flops"] = np.concatenate([[5.0, 9, 6, 20, 30], np.full(5, 40.0)])
    given = {
        "searcher": "evolution@1",
        "evaluate": "toys@1",
        "seed": 3,
        "objectives": objectives or {"valid": False},
        "architectures": tuple(f"net-{row}" for row in rows),
        "epochs": np.full(n, np.nan),
        "values": {name: columns[name][list(rows)] for name in names},
        "seconds": np.arange(1.0, n + 1) * 10,
        "spent": {"training": 10.0 * n},
        "asks": n + 2,
        "equal": 2,
        "scored": 0,
        "ended": "the budget is spent: 5 evaluations.",
        "table": {name: columns[name] for name in names},
        "directions": dict.fromkeys(names, False),
    }
    return SearchReport(**given | further)
