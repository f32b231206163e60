"""digits-201: cells of NAS-Bench-201 trained by this project on handwritten digits; the embedded default.

``tools/train_digits201.py`` made the table; ``docs/cards/digits-201.md`` says what it can and cannot tell.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from zcbench.datasets._digits import TEST, VALID
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, first_line
from zcbench.types import Target

TARGETS = (
    Target("test_nll", "digits", False, "test negative log-likelihood after 12 epochs, nats, 1,000 images"),
    Target("test_accuracy", "digits", True, "test accuracy after 12 epochs, fraction of 1,000 images"),
    Target("valid_nll", "digits", False, "validation negative log-likelihood after 12 epochs, nats, 297 images"),
    Target("valid_accuracy", "digits", True, "validation accuracy after 12 epochs, fraction of 297 images"),
)


def load() -> Table:
    """Read the committed table.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    resource = files("zcbench.datasets") / "data" / "digits201.npz"
    try:
        with resource.open("rb") as file, np.load(file, allow_pickle=False) as data:
            table = {key: data[key] for key in data.files}
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{resource} cannot be read ({first_line(error)}): install zcbench again.") from None
    curves = {
        "test_nll": table["test_nll"].astype(np.float64),
        "test_accuracy": table["test_hits"] / TEST,
        "valid_nll": table["valid_nll"].astype(np.float64),
        "valid_accuracy": table["valid_hits"] / VALID,
    }
    seeds = tuple(int(seed) for seed in table["seeds"])
    return Table(
        architectures=table["arch"].tolist(),
        targets=TARGETS,
        values={name: curve[:, :, -1] for name, curve in curves.items()},
        seeds=dict.fromkeys(curves, seeds),
        curves=curves,
        facts={"train_seconds": table["seconds"].astype(np.float64)},
        source="embedded; trained by tools/train_digits201.py",
    )


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
