"""Tables that tell of trainings that were stopped early."""

from dataclasses import replace

import numpy as np
from toys import table

from zcbench.datasets import Benchmark
from zcbench.types import Target


def with_columns(levels=(4, 12, 36), rows=60) -> Benchmark:
    """Columns of trainings of so many epochs; the more epochs, the less noise. A whole one takes 36 seconds."""
    base = table(rows)
    truth, rng = base.truth(), np.random.default_rng(0)
    columns = {f"valid_accuracy_{k}ep": truth[:, None] + rng.normal(0, 4 / k, (rows, 2)) for k in levels}
    return replace(
        base,
        targets={name: Target(name, "digits", True, name) for name in columns},
        values=columns,
        curves={},
        seeds={},
        facts={"train_seconds": np.full(rows, 36.0), "params": np.arange(rows) * 1.0},
        default_target=f"valid_accuracy_{max(levels)}ep",
    )


def with_curves(epochs=9, rows=60) -> Benchmark:
    """A learning curve of each network, of two seeds. A whole training takes a second for each epoch."""
    base = table(rows)
    truth, rng = base.truth(), np.random.default_rng(0)
    steps = np.arange(1, epochs + 1)
    curve = truth[:, None, None] - 2 / steps + rng.normal(0, 0.2, (rows, 2, epochs))
    return replace(
        base,
        targets={"valid": Target("valid", "digits", True, "valid"), "test": Target("test", "digits", True, "test")},
        values={"valid": curve[:, :, -1], "test": curve[:, :, -1] + 1},
        curves={"valid": curve},
        seeds={"valid": (0, 1), "test": (0, 1)},
        facts={"train_seconds": np.full(rows, float(epochs)), "params": np.arange(rows) * 1.0},
        default_target="valid",
    )
