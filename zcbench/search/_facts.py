"""Columns of a table that are known without training, as scorers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.datasets import Benchmark
from zcbench.scorers import Scorer, Scores
from zcbench.types import Architecture


class Fact(Scorer):
    """A fact of a benchmark's table as a scorer without cost.

    Args:
        benchmark: the benchmark.
        name: name of the fact.
    """

    def __init__(self, benchmark: Benchmark, name: str) -> None:
        self.label = name
        self._column = benchmark.facts[name]
        self._row = {architecture: row for row, architecture in enumerate(benchmark.architectures)}

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Read the table's values of the architectures."""
        values = self._column[[self._row[one] for one in architectures]]
        return Scores(np.array(values, np.float64), np.zeros(len(values)))
