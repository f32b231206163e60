"""NDS: sweeps over design spaces, tens of thousands of trainings on CIFAR-10 and ImageNet with their curves.

Source: I. Radosavovic, J. Johnson, S. Xie, W.-Y. Lo, P. Dollár, "On Network Design Spaces for Visual Recognition", ICCV
2019, arXiv:1905.13214; dl.fbaipublicfiles.com/nds/data.zip. Networks are named by the authors' own configuration;
zcbench does not build them (those of the DARTS files differ in depth, width and head).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import explained, read_json, single
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, list_of, mapping_of, number, numbers
from zcbench.errors import DataCorruptError
from zcbench.types import Target

TARGETS = (
    Target("test_accuracy", "nds", True, "top-1 test accuracy after the last epoch, percent"),
    Target("test_accuracy_best", "nds", True, "top-1 test accuracy of the best epoch, percent"),
)
#: maximum number of trainings of one network and recipe in any sweep
REPEATS = 100


def read(path: Path) -> Table:
    """Read one of the authors' JSON files, ``DARTS.json`` … ``ResNet.json``: a list of trainings, or "top" and "mid".

    A network that was trained with several seeds or recipes is one row per recipe (its optimiser is part of its name),
    with a column per seed.

    Raises:
        DataCorruptError: it is damaged or of another format.
    """
    content: Any = read_json(path)
    with explained(path) as at:
        if isinstance(content, Mapping):
            content = [*list_of(content["top"], "top"), *list_of(content["mid"], "mid")]
        if not list_of(content, "the content"):
            raise DataCorruptError(f"{path} contains no trainings: download it again.")
        rows: dict[str, list[Mapping[str, Any]]] = {}
        for at.row, entry in enumerate(content, 1):
            recipe = [mapping_of(entry[part], part) for part in ("net", "optim")]
            name = json.dumps(recipe, sort_keys=True, separators=(",", ":"))
            facts = {fact: number(entry[fact], fact, 0) for fact in ("params", "flops")}
            errors = numbers(entry["test_ep_top1"], "test_ep_top1", low=0, high=100)
            if not errors:
                raise OddValueError("test_ep_top1 is empty")
            rows.setdefault(name, []).append({**facts, "test_ep_top1": errors})
            if len(rows[name]) > REPEATS:
                raise OddValueError(f"one network occurs more than {REPEATS} times")
        at.row = None
        repeats = max(map(len, rows.values()))
        values = {target.name: np.full((len(rows), repeats), np.nan) for target in TARGETS}
        for row, runs in enumerate(rows.values()):
            for column, run in enumerate(runs):
                errors = run["test_ep_top1"]
                values["test_accuracy"][row, column] = 100 - errors[-1]
                values["test_accuracy_best"][row, column] = 100 - min(errors)
        epochs = {len(run["test_ep_top1"]) for runs in rows.values() for run in runs}
        curves: dict[str, Any] = {}
        if len(epochs) == 1:
            curve = np.full((len(rows), repeats, epochs.pop()), np.nan, np.float32)
            for row, runs in enumerate(rows.values()):
                for column, run in enumerate(runs):
                    curve[row, column] = 100 - np.asarray(run["test_ep_top1"], np.float32)
            curves["test_accuracy"] = curve
        first = [runs[0] for runs in rows.values()]
        return Table(
            list(rows),
            TARGETS,
            values,
            seeds={target.name: tuple(range(repeats)) for target in TARGETS},
            curves=curves,
            facts={
                "params_M": np.asarray([run["params"] / 1e6 for run in first]),
                "flops_M": np.asarray([run["flops"] / 1e6 for run in first]),
            },
            source=str(path),
        )


register_benchmark(
    BenchmarkInfo(
        name="nds",
        space="nds",
        summary="one of the authors' sweeps over DARTS, NASNet, Amoeba, PNAS, ENAS, ResNet, ResNeXt",
        rows=0,
        targets=len(TARGETS),
        licence="none stated",
        reference="Radosavovic et al., ICCV 2019, arXiv:1905.13214",
        read=single(read),
        by_hand="download dl.fbaipublicfiles.com/nds/data.zip, unpack it and choose a file, e.g. DARTS.json",
    ),
)
