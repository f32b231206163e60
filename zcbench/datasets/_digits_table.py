"""Tables of networks that this project trained on scikit-learn's digits: one format, one reader."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from zcbench.datasets._digits import TEST, VALID
from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, first_line
from zcbench.types import Target


def digits_targets(epochs: int) -> tuple[Target, ...]:
    """Return the targets: losses and accuracies after the last epoch."""
    when = f"after {epochs} epochs"
    return (
        Target("test_nll", "digits", False, f"test negative log-likelihood {when}, nats, 1,000 images"),
        Target("test_accuracy", "digits", True, f"test accuracy {when}, fraction of 1,000 images"),
        Target("valid_nll", "digits", False, f"validation negative log-likelihood {when}, nats, 297 images"),
        Target("valid_accuracy", "digits", True, f"validation accuracy {when}, fraction of 297 images"),
    )


def digits_table(file: str, targets: tuple[Target, ...], maker: str) -> Table:
    """Read a committed table.

    Args:
        file: its name in the package.
        targets: the result of :func:`digits_targets`.
        maker: the script that made the table.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    resource = files("zcbench.datasets") / "data" / file
    try:
        with resource.open("rb") as opened, np.load(opened, allow_pickle=False) as data:
            table = {key: data[key] for key in data.files}
    except Exception as error:  # a damaged file can raise nearly any exception
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
        targets=targets,
        values={name: curve[:, :, -1] for name, curve in curves.items()},
        seeds=dict.fromkeys(curves, seeds),
        curves=curves,
        facts={"train_seconds": table["seconds"].astype(np.float64)},
        source=f"embedded; trained by {maker}",
    )
