"""digits-201: cells of NAS-Bench-201 trained by this project on handwritten digits; the embedded default.

``tools/train_digits201.py`` made the table; ``docs/cards/digits-201.md`` describes its limitations.
"""

from __future__ import annotations

from zcbench.datasets._digits_table import digits_table, digits_targets
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._table import Table

TARGETS = digits_targets(12)


def load() -> Table:
    """Read the committed table.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    return digits_table("digits201.npz", TARGETS, "tools/train_digits201.py")


register_benchmark(
    BenchmarkInfo(
        name="digits-201",
        space="digits-201",
        summary="NAS-Bench-201 cells on handwritten digits, trained by this project; three seeds, curves",
        rows=4_930,
        targets=len(TARGETS),
        licence="Apache-2.0 (digits: CC BY 4.0)",
        reference="tools/train_digits201.py",
        classes={"digits": 10},
        embedded=load,
    ),
)
