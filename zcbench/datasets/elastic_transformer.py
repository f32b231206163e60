"""elastic-transformer: subnets of a small transformer supernet, each trained alone on handwritten digits.

``tools/train_elastic.py`` made the table; ``docs/cards/elastic-transformer.md`` describes its limitations.
"""

from __future__ import annotations

from zcbench.datasets._digits_table import digits_table, digits_targets
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._table import Table

TARGETS = digits_targets(40)


def load() -> Table:
    """Read the committed table.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    return digits_table("elastic-transformer.npz", TARGETS, "tools/train_elastic.py")


register_benchmark(
    BenchmarkInfo(
        name="elastic-transformer",
        space="elastic-transformer",
        summary="subnets of a small transformer on handwritten digits, each trained alone; four seeds, curves",
        rows=225,
        targets=len(TARGETS),
        licence="Apache-2.0 (digits: CC BY 4.0)",
        reference="tools/train_elastic.py",
        classes={"digits": 10},
        embedded=load,
    ),
)
