"""TransNAS-Bench-101: cells and skeletons on seven tasks of Taskonomy.

Source: Y. Duan et al., CVPR 2021, arXiv:2105.11871. zcbench has no samples of Taskonomy: proxies use CIFAR-10 images
enlarged to a quarter of the tasks' resolution per side (64 pixels), and the networks' classifier.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._pickles import read_torch
from zcbench.datasets._read import Place, bare_name, explained, opened, read_parquet, single
from zcbench.datasets._suitezero import read_suite_zero
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import OddValueError, bounds_of, mapping_of, number, numbers
from zcbench.errors import DataCorruptError
from zcbench.types import Target

#: by task: the metric on the validation set, and its name in the authors' file
TASKS = {
    "class_scene": ("top-1 accuracy of 47 scenes, percent", "valid_top1"),
    "class_object": ("top-1 accuracy of 75 objects, percent", "valid_top1"),
    "jigsaw": ("top-1 accuracy of 1,000 permutations, percent", "valid_top1"),
    "room_layout": ("negative loss of the room layout", "valid_neg_loss"),
    "segmentsemantic": ("pixel accuracy of the segmentation, percent", "valid_acc"),
    "normal": ("structural similarity of surface normals", "valid_ssim"),
    "autoencoder": ("structural similarity of the image", "valid_ssim"),
}
TARGETS = {task: Target(task, task, True, f"validation {what}") for task, (what, _) in TASKS.items()}
#: number of outputs of the classifier for proxies; dense tasks have no classifier
CLASSES = {
    "class_scene": 47,
    "class_object": 75,
    "jigsaw": 1000,
    "room_layout": 9,
    "segmentsemantic": 17,
    "normal": 10,
    "autoencoder": 10,
}


def convert(folder: Path, half: str) -> Table:
    """Read the columns in ``ZCBENCH_DATA``: validation metric of each task."""
    path = folder / "transnasbench101" / f"tnb101_{half}.parquet"
    frame = read_parquet(path, ["arch", *TASKS])
    texts = frame.pop("arch")
    with explained(path):
        return Table(texts, tuple(TARGETS.values()), columns(frame), source=str(path))


def read(path: Path, half: str) -> Table:
    """Read the authors' ``.pth`` file, or NAS-Bench-Suite-Zero's JSON.

    Raises:
        DataCorruptError: it is neither.
    """
    if Path(bare_name(path)).suffix == ".json" or _is_json(path):
        return read_suite_zero(path, TARGETS)
    content = read_torch(path)
    with explained(path) as at:
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict) or half not in data:
            raise DataCorruptError(f"{path} is not a file of TransNAS-Bench-101: it lacks 'data' with {half!r}.")
        return _from_database(mapping_of(data[half], half), str(path), at)


def _is_json(path: Path) -> bool:
    with explained(path), opened(path) as file:
        return file.read(64).lstrip().startswith(b"{")


def _from_database(records: Mapping[str, Any], source: str, at: Place) -> Table:
    values = {task: np.full((len(records), 1), np.nan) for task in TASKS}
    curves: dict[str, list[list[float]]] = {task: [] for task in TASKS}
    params: list[float] = []
    flops: list[float] = []
    for row, (text, tasks) in enumerate(records.items()):
        at.row = shown(text)
        if not mapping_of(tasks, "the record"):
            raise OddValueError("there are no tasks")
        for task, (_, metric) in TASKS.items():
            low, high = bounds_of(TARGETS[task])
            points = numbers(tasks[task]["metrics"][metric], metric, low=low, high=high) if task in tasks else []
            curves[task].append(points)
            if points:
                values[task][row, 0] = max(points)  # the authors' "best"
        info = next(iter(tasks.values()))["model_info"]
        for fact, name in ((params, "encoder_params"), (flops, "encoder_FLOPs")):
            fact.append(number(info[name], name, 0) if name in info else np.nan)
    at.row = None
    facts = {"encoder_params": params, "encoder_flops": flops}
    return Table(
        list(records),
        tuple(TARGETS.values()),
        values,
        curves={
            task: np.asarray(curve)[:, None]
            for task, curve in curves.items()
            if len({len(points) for points in curve}) == 1 and curve[0]
        },
        facts={name: np.asarray(c, np.float64) for name, c in facts.items() if np.isfinite(c).any()},
        source=source,
    )


register_benchmark(
    *(
        BenchmarkInfo(
            name=f"transnasbench101-{half}",
            space=f"transnasbench101-{half}",
            summary=f"{what} on seven tasks of Taskonomy",
            rows=rows,
            targets=len(TASKS),
            licence="MIT",
            reference="Duan et al., CVPR 2021, arXiv:2105.11871",
            classes=CLASSES,
            # A classifier of room layouts has nine outputs: labels of ten classes would not fit.
            batches={**dict.fromkeys(TASKS, "cifar10@64"), "room_layout": "noise@64"},
            read=single(functools.partial(read, half=half)),
            convert=functools.partial(convert, half=half),
            by_hand=(
                "download transnas-bench_v10141024.pth from the folder drive.google.com/drive/folders/"
                "1HlLr2ihZX_ZuV3lJX_4i7q4w-ZBdhJ6o"
            ),
        )
        for half, rows, what in (("micro", 4_096, "cells"), ("macro", 3_256, "skeletons"))
    )
)
