"""NAS-Bench-MR: 2,507 multi-resolution networks on eight tasks of classification, segmentation and video.

Source: M. Ding, Y. Huo, H. Lu et al., "Learning Versatile Neural Architectures by Propagating Network Codes", ICLR
2022, arXiv:2103.13253; github.com/dingmyu/NCP. Networks are named by their code of 27 numbers; zcbench does not build
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._pickles import read_pickle
from zcbench.datasets._read import Place, as_records, bare_stem, explained, read_parquet
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, integer, list_of, mapping_of, number, text_of
from zcbench.errors import DataCorruptError
from zcbench.types import Target

#: by task: the metric of its ranking, and the description of the metric
TASKS = {
    "cls-50-1000": ("top1", "top-1 accuracy, ImageNet, 50 classes, 1,000 images each, percent"),
    "cls-50-100": ("top1", "top-1 accuracy, ImageNet, 50 classes, 100 images each, percent"),
    "cls-10-1000": ("top1", "top-1 accuracy, ImageNet, 10 classes, 1,000 images each, percent"),
    "cls-10c": ("top1", "top-1 accuracy, ImageNet, 10 classes, 10 epochs, percent"),
    "seg": ("mIoU", "mean intersection over union, Cityscapes, percent"),
    "seg-4x": ("mIoU", "mean intersection over union, Cityscapes at a quarter of the resolution, percent"),
    "video": ("top1", "top-1 accuracy, HMDB51, percent"),
    "video-p": ("top1", "top-1 accuracy, HMDB51, pre-trained, percent"),
}


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "nasbenchmr" / "nasbenchmr.parquet"
    frame = read_parquet(path, ["task", "embedding", "top1", "mIoU", "params", "flops"])
    rows = as_records(frame)
    with explained(path) as at:
        return _table(((row["task"], json.loads(row["embedding"]), row) for row in rows), str(path), at)


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' pickles, whose folder or name contains their task: ``cls-50-1000/trainval.pkl``.

    Raises:
        DataCorruptError: one is damaged, of another format, or requests forbidden objects.
    """
    found = []
    for path in paths:
        task = next((name for name in (bare_stem(path), path.parent.name) if name in TASKS), None)
        if task is None:
            raise DataCorruptError(
                f"{path} does not name a task: keep the authors' folders, cls-50-1000/trainval.pkl …."
            )
        content: Any = read_pickle(path)
        with explained(path) as at:
            entries = list(content.values()) if isinstance(content, Mapping) else list_of(content, "the content")
            for at.row, entry in enumerate(entries, 1):
                mapping_of(entry, "an entry")
                found.append((task, _listed(entry["embedding"]), entry))
            at.row = None
            _table(found[len(found) - len(entries) :], str(path), at)  # so that an error names this file and its row
    with explained(paths) as at:
        return _table(found, ", ".join(map(str, paths)), at)


def _listed(embedding: Any) -> Any:
    return embedding.tolist() if isinstance(embedding, np.ndarray) else embedding


def _table(rows: Iterable[tuple[Any, Any, Any]], source: str, at: Place) -> Table:
    values: dict[str, dict[str, float]] = {}
    facts: dict[str, tuple[float, float]] = {}
    length = None
    for at.row, (task, embedding, row) in enumerate(rows, 1):
        if text_of(task, "the task") not in TASKS:
            raise OddValueError(f"{shown(task)} is not one of the tasks")
        code = [integer(entry, "an entry of the embedding") for entry in list_of(embedding, "the embedding")]
        length = length or len(code)
        if not code or len(code) != length:
            raise OddValueError(f"the embedding has {len(code)} entries, that of the first row {length}")
        key = json.dumps(code)
        if key in values.setdefault(task, {}):
            raise OddValueError(f"the embedding {shown(key)} occurs twice for {task}")
        values[task][key] = number(row[TASKS[task][0]], TASKS[task][0], 0, 100)
        facts.setdefault(key, (number(row["params"], "params", 0), number(row["flops"], "flops", 0)))
    at.row = None
    present = [task for task in TASKS if task in values]
    return Table(
        list(facts),
        tuple(Target(task, task, True, f"validation {TASKS[task][1]}") for task in present),
        {task: np.asarray([[values[task].get(key, np.nan)] for key in facts]) for task in present},
        facts={
            "params_M": np.asarray([params for params, _ in facts.values()]),
            "flops_G": np.asarray([flops for _, flops in facts.values()]),
        },
        source=source,
    )


_FILES = (
    ("cls-50-1000", "ce6588f4ee339b49b2fa2acf2ca55fa92a75bd813b5590796f5a5fc7cc280a6c", 1118011),
    ("cls-50-100", "f6c7f8d67c84abc3aa226f5c5115c6c35adf576f41dd4d157b683148486f559b", 1118011),
    ("cls-10-1000", "423e0a511b72b47587fb418f91122b8a7b0e6ea6d89e029a2703374916fca4ca", 1118011),
    ("cls-10c", "99d8e31680794790ef6e01dc65d7ba714786b3c15cbf97ee25cf61ea2bef34d6", 1118011),
    ("seg", "1854e1ec044c8416cc53d4068cdef4d019a24bcd1e72d07020255550f56ea729", 1145600),
    ("seg-4x", "c111b4ad884e63fd16a1fd2d91fe5eb25ef39a9f3c8b5534a34b025aed06d434", 1145600),
    ("video", "ec40f09230374c5cb80fa689b16e8c0767060dac7312fb3a6c48610972df2e4d", 1118011),
    ("video-p", "f004d8a270712858ea166a609f619e577287c5fabe8f46979364565bdddbb1b0", 1118011),
)
_COMMIT = "5259acdf9876c3adf4b8b1133afc3ac0d1077d65"

register_benchmark(
    BenchmarkInfo(
        name="nasbenchmr",
        space="nasbenchmr",
        summary="multi-resolution networks on eight tasks",
        rows=2_507,
        targets=len(TASKS),
        licence="BSD",
        reference="Ding et al., ICLR 2022, arXiv:2103.13253",
        read=read,
        convert=convert,
        remotes=tuple(
            github("dingmyu/NCP", _COMMIT, f"data/{task}/trainval.pkl", sha256, size, name=f"{task}.pkl")
            for task, sha256, size in _FILES
        ),
    ),
)
