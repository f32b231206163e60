"""timm's results: ImageNet accuracies of published weights, on the validation set and on harder test sets.

Source: R. Wightman, github.com/huggingface/pytorch-image-models, folder ``results`` (Apache-2.0). Each row is a model
*with its weights*: training data, resolution and recipe differ from row to row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import bare_name, explained, read_csv
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError, decimal
from zcbench.errors import DataCorruptError, DataMissingError
from zcbench.types import Target

#: description of the images by name of the authors' file
SETS = {
    "imagenet": "the ImageNet validation set",
    "imagenet-real": "ImageNet with reassessed labels (ReaL)",
    "imagenetv2-matched-frequency": "ImageNet-V2, matched frequency",
    "sketch": "ImageNet-Sketch",
    "imagenet-a": "ImageNet-A (natural adversarial examples)",
    "imagenet-r": "ImageNet-R (renditions)",
}
_SPEED = "benchmark-infer-amp-nchw-pt240-cu124-rtx4090"


def target(name: str) -> Target:
    """Describe the column of a set of images."""
    return Target(f"top1_{name}", "imagenet", True, f"top-1 accuracy of published weights on {SETS[name]}, percent")


def convert(folder: Path) -> Table:
    """Read the files in ``ZCBENCH_DATA``."""
    files = [folder / "timm" / f"results-{name}.csv.gz" for name in SETS]
    if not files[0].is_file():
        raise DataMissingError(f"no table at {files[0]}.")
    return read([file for file in [*files, folder / "timm" / f"{_SPEED}.csv.gz"] if file.is_file()])


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' CSV files by their names, compressed or not: ``results-imagenet.csv`` at least.

    Raises:
        DataCorruptError: one is damaged, lacks a column, or is not one of the authors' files.
    """
    columns: dict[str, dict[str, float]] = {}
    facts: dict[str, dict[str, float]] = {"params_M": {}, "image_size": {}, "gmacs": {}, "images_per_second": {}}
    rows: dict[str, None] = {}
    seen: set[tuple[str, str, str]] = set()
    for path in paths:
        stem = bare_name(path).removesuffix(".csv")
        with explained(path) as at:
            images = stem.removeprefix("results-")
            if not stem.startswith("benchmark-infer") and (images == stem or images not in SETS):
                raise DataCorruptError(
                    f"{path} is not one of timm's results: keep their names, results-imagenet.csv …."
                )
            for line, row in read_csv(path):
                at.row, model = f"line {line}", row["model"]
                if stem.startswith("benchmark-infer"):
                    # Speeds belong to networks: all weights of one name share them.
                    facts["gmacs"][model.split(".")[0]] = _number(row, "infer_gmacs")
                    facts["images_per_second"][model.split(".")[0]] = _number(row, "infer_samples_per_sec")
                    continue
                # Some models are listed at two resolutions, of which the last counts.
                if (images, model, row["img_size"]) in seen:
                    raise OddValueError(f"the model {shown(model)} occurs twice at {shown(row['img_size'])} pixels")
                seen.add((images, model, row["img_size"]))
                columns.setdefault(images, {})[model] = _number(row, "top1")
                if stem == "results-imagenet":
                    rows[model] = None
                    facts["params_M"][model] = _number(row, "param_count")
                    facts["image_size"][model] = _number(row, "img_size")
    if not rows:
        names = ", ".join(map(str, paths))
        raise DataCorruptError(f"{names}: results-imagenet.csv is missing or empty: give it with the others.")
    present = [name for name in SETS if name in columns]
    return Table(
        list(rows),
        tuple(target(name) for name in present),
        {target(name).name: np.asarray([[columns[name].get(row, np.nan)] for row in rows]) for name in present},
        facts={
            name: np.asarray([column.get(row, column.get(row.split(".")[0], np.nan)) for row in rows])
            for name, column in facts.items()
            if column
        },
        source=str(paths[0].parent),
    )


def _number(row: Mapping[str, str], name: str) -> float:
    return decimal(re.sub(r",(?=[0-9]{3}(,|\.|$))", "", row[name]), name)


_FILES = (
    ("results-imagenet", "30972bf7c7ab451bbd4480ec6116b13d0a84441c57bbc946896fd312264acfcd", 123104),
    ("results-imagenet-real", "e94696aed665475e4d0235195733775c5e1b3f36d6f5f7de99f4386e7ed11630", 150724),
    (
        "results-imagenetv2-matched-frequency",
        "1d066d8897c40224b14f3cf1d02029c49ebdc56b761ba9a3841bd3bdd3bd0a8e",
        152771,
    ),
    ("results-sketch", "f3176de38d4a26aa808b3d0cc1fee4261268d70b2be7c9d43e65cb03b3864f46", 156199),
    ("results-imagenet-a", "89471dcea0cd98b56211e2b808cb6bbf7b3c8bb4fe691ba58fec1f198e3fcf91", 155354),
    ("results-imagenet-r", "2dcc1f3dea098ffc1080ad04309b11477646f6f25837b041ce6075610f863209", 156142),
    (
        "benchmark-infer-amp-nchw-pt240-cu124-rtx4090",
        "3ead09bcdd508312cd52f69eeefca1e7edae714b2fd55e2daec5d32e2325f396",
        84400,
    ),
)
_COMMIT = "aa4b5850c1543fa488abf260f18390eda46cf85d"

register_benchmark(
    BenchmarkInfo(
        name="timm",
        space="timm",
        summary="published weights on ImageNet and five harder test sets",
        rows=1_266,
        targets=len(SETS),
        licence="Apache-2.0",
        reference="github.com/huggingface/pytorch-image-models, Wightman",
        classes={"imagenet": 1000},
        batches={"imagenet": "cifar100@224"},
        read=read,
        convert=convert,
        remotes=tuple(
            github("huggingface/pytorch-image-models", _COMMIT, f"results/{name}.csv", sha256, size)
            for name, sha256, size in _FILES
        ),
    ),
)
