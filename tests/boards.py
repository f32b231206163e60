"""Evaluations made by hand: a plain one, and one with everything that goes wrong."""

import numpy as np
from toys import record, records, toy

from zcbench.evaluation import summarize

HOSTILE = "</script><img src=x onerror=alert(1)><!--<script>|`*[a](http://evil)"


def plain_evaluation():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(30, 3)) / 10 + np.linspace(0, 1, 30)[:, None]
    benchmark = toy(truth)
    rows = [
        *records(benchmark, truth.mean(1) + rng.normal(size=30), "third@1"),
        *records(benchmark, -truth.mean(1) - rng.normal(size=30) / 3, "falling@2", higher_is_better=False),
        *records(benchmark, truth.mean(1), "first@1", seconds=1 / 3000),
        *records(benchmark, rng.normal(size=30), "params@1"),
    ]
    return summarize(rows, benchmark)


def odd_evaluation():
    """A hostile name, a constant, one score, no score, few architectures; a loss as target, no repeats."""
    benchmark = toy([0.4, 0.3, 0.2, 0.1], higher_is_better=False)
    rows = [
        *records(benchmark, [1, 2, 3, None], f"{HOSTILE}@1", detail=HOSTILE),
        *records(benchmark, [7, 7, 7, 7], "constant@1"),
        *records(benchmark, [None] * 4, "failed@1", detail="two\nlines | and a bar"),
        record(benchmark.architectures[0].key, 1.0, "single@1"),
    ]
    rows = [r if r.score.value is None else record(r.architecture, r.score.value, r.proxy) for r in rows]
    return summarize(rows, benchmark)
