"""NATS-Bench, every epoch of a few networks: the complete records that its authors publish with their code.

Source: X. Dong, L. Liu, K. Musial, B. Gabrys, TPAMI 2021, arXiv:2009.00437. A row is a network, a data set, a part
of it and a number of epochs; its curves are those of the trainings from epoch 1 to the end, one for each seed. (The
whole tables, ``nasbench201`` and ``nats-size``, also have such curves if they are read from the official files.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import as_records, explained, read_parquet, single
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, integer, number, text_of
from zcbench.types import Target

TARGETS = {
    "accuracy": Target("accuracy", "nats", True, "accuracy at the last epoch, percent"),
    "loss": Target("loss", "nats", False, "cross-entropy at the last epoch, nats"),
}
_FIELDS = ("space", "arch_index", "hp", "dataset", "seed", "split", "epoch", "acc", "loss")
_MOST_EPOCHS = 1_000
#: a network's place in both halves of NATS-Bench
_HALF = 10**6


def convert(folder: Path) -> Table:
    """Read the table in ``ZCBENCH_DATA``."""
    return read(folder / "nats_fixtures" / "curves.parquet")


def read(path: Path) -> Table:
    """Read a table with a row for each epoch and the columns of ``_FIELDS``; epochs from 0.

    Raises:
        DataCorruptError: it lacks a column, or has an invalid value.
    """
    frame = read_parquet(path, list(_FIELDS))
    with explained(path) as at:
        runs: dict[tuple[str, int, str, str, int], dict[int, dict[int, tuple[float, float]]]] = {}
        for at.row, row in enumerate(as_records(frame), 1):
            run, seed, epoch, values = _point(row)
            if runs.setdefault(run, {}).setdefault(seed, {}).setdefault(epoch, values) is not values:
                raise OddValueError("the epoch occurs twice")
        at.row = None
        # Measured only at the end, or after a single epoch: this is not a curve.
        return _table({run: seeds for run, seeds in runs.items() if max(map(len, seeds.values())) > 1}, str(path))


def _point(row: Mapping[str, Any]) -> tuple[tuple[str, int, str, str, int], int, int, tuple[float, float]]:
    """Parse a row: half, network, data set, split and epochs; seed; epoch; accuracy and loss."""
    space = text_of(row["space"], "space")
    if space not in ("tss", "sss"):
        raise OddValueError(f"the space is {space!r}, which is neither tss nor sss")
    hp = text_of(row["hp"], "hp")
    if not (hp.isascii() and hp.isdecimal() and 1 <= int(hp[:9]) <= _MOST_EPOCHS and len(hp) < 9):
        raise OddValueError(f"hp is {hp!r}, not a number of epochs from 1 to {_MOST_EPOCHS:,}")
    network, seed = integer(row["arch_index"], "arch_index", 0, _HALF - 1), integer(row["seed"], "seed")
    epoch = integer(row["epoch"], "epoch", 0, _MOST_EPOCHS - 1)
    values = (number(row["acc"], "acc", 0, 100), number(row["loss"], "loss", 0))
    return (
        (space, network, text_of(row["dataset"], "dataset"), text_of(row["split"], "split"), int(hp)),
        seed,
        epoch,
        values,
    )


def _table(
    runs: Mapping[tuple[str, int, str, str, int], Mapping[int, Mapping[int, tuple[float, float]]]], source: str
) -> Table:
    if not runs:
        raise OddValueError("there is no curve of two epochs")
    order = sorted(runs)
    trainings = max(len(seeds) for seeds in runs.values())
    seen = max(epoch for seeds in runs.values() for of in seeds.values() for epoch in of) + 1
    longest = max(seen, *(run[4] for run in runs))  # a run may lack its last epochs
    curves = {name: np.full((len(order), trainings, longest), math.nan) for name in TARGETS}
    for place, run in enumerate(order):
        for column, seed in enumerate(sorted(runs[run])):
            for epoch, values in runs[run][seed].items():
                for name, value in zip(TARGETS, values, strict=True):
                    curves[name][place, column, epoch] = value
    tasks = {task: float(n) for n, task in enumerate(dict.fromkeys((space, *rest) for space, _, *rest in order))}
    ends = [run[4] - 1 for run in order]
    return Table(
        [f"{space}-{network:06d} {dataset} {split} {epochs}ep" for space, network, dataset, split, epochs in order],
        tuple(TARGETS.values()),
        {name: curve[np.arange(len(order)), :, ends] for name, curve in curves.items()},
        curves=curves,
        facts={
            "network": np.array([network + _HALF * (space == "sss") for space, network, *_ in order], np.float64),
            "task": np.array([tasks[space, *rest] for space, _, *rest in order], np.float64),
            "epochs": np.array([run[4] for run in order], np.float64),
        },
        source=source,
    )


register_benchmark(
    BenchmarkInfo(
        name="nats-records",
        space="table",
        summary="every epoch of three networks of each half of NATS-Bench, curves",
        rows=141,
        targets=len(TARGETS),
        licence="MIT",
        reference="Dong et al., TPAMI 2021, arXiv:2009.00437",
        read=single(read),
        convert=convert,
        tasks="task",
        undivided="network",
        by_hand="write the records in fake_torch_dir of github.com/D-X-Y/NATS-Bench as a table, a row for each epoch",
    ),
)
