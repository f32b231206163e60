"""elastic-mobilenet: the subnets of a small supernet, each trained alone on handwritten digits by this project.

``tools/train_elastic.py`` made the table; ``docs/cards/elastic-mobilenet.md`` describes its limitations.
"""

from __future__ import annotations

from zcbench.datasets._digits_table import digits_table, digits_targets
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._table import Table

TARGETS = digits_targets(20)


def load() -> Table:
    """Read the committed table.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    return digits_table("elastic-mobilenet.npz", TARGETS, "tools/train_elastic.py")


register_benchmark(
    BenchmarkInfo(
        name="elastic-mobilenet",
        space="elastic-mobilenet",
        summary="subnets of a small MobileNet on handwritten digits, each trained alone; four seeds, curves",
        rows=1_296,
        targets=len(TARGETS),
        licence="Apache-2.0 (digits: CC BY 4.0)",
        reference="tools/train_elastic.py",
        classes={"digits": 10},
        embedded=load,
    ),
)
