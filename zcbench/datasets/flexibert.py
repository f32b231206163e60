"""500 encoders of the FlexiBERT space, pre-trained and evaluated on GLUE.

Source: A. Serianni, J. Kalita, ACL 2023, arXiv:2306.00288; github.com/aaronserianni/training-free-nas. (The published
counts of parameters are those of networks 256 wide with stacks 1,024 wide, for every architecture.)
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import github
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import explained, read_json, read_parquet, single
from zcbench.datasets._table import Table, columns, with_repeats
from zcbench.datasets._values import OddValueError, column, integer, list_of, number
from zcbench.spaces.flexibert import FlexiBERTSpace, LayerChoice
from zcbench.types import Target

TASKS = {
    "glue": "mean over eight GLUE tasks",
    "cola": "CoLA, Matthews correlation x 100",
    "mnli": "MNLI, accuracy, percent",
    "mrpc": "MRPC, F1 or accuracy x 100",
    "qnli": "QNLI, accuracy, percent",
    "qqp": "QQP, F1 or accuracy x 100",
    "rte": "RTE, accuracy, percent",
    "sst": "SST-2, accuracy, percent",
    "sts": "STS-B, correlation x 100",
}
TARGETS = tuple(Target(task, "glue", True, what) for task, what in TASKS.items())


def key_of(width: int, layers: Sequence[Mapping[str, Any]]) -> str:
    """Return the space's canonical string for the authors' description of an encoder."""
    choices = [
        LayerChoice(
            f"{layer['operation_type']}-{layer['operation_parameter']}",
            integer(layer["num_operation_heads"], "num_operation_heads"),
            integer(layer["feed_forward_dimension"], "feed_forward_dimension"),
            integer(layer["num_feed_forward"], "num_feed_forward"),
        )
        for layer in list_of(layers, "encoder_layers")
    ]
    space = FlexiBERTSpace()
    return space.canonical(space.parse(space.from_layers(integer(width, "hidden_size"), choices).key)).key


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``."""
    path = folder / "bert_nas" / "bert_benchmark_500.parquet"
    names = ["glue", *(f"glue_{task}" for task in TASKS if task != "glue")]
    frame = read_parquet(path, ["hidden_size", "layers", "time_to_train", *names])
    with explained(path) as at:
        texts = []
        for at.row, (width, layers) in enumerate(zip(frame["hidden_size"], frame["layers"], strict=True), 1):
            texts.append(key_of(width, json.loads(layers)))
        at.row = None
        return with_repeats(
            Table(
                texts,
                TARGETS,
                columns({t.name: frame[name] for t, name in zip(TARGETS, names, strict=True)}),
                facts={"train_seconds": column(frame["time_to_train"], "time_to_train")},
                source=str(path),
            )
        )


def read(path: Path) -> Table:
    """Read the authors' ``BERT_benchmark.json``; encoders whose training was not completed are excluded.

    Raises:
        DataCorruptError: it is damaged or of another format.
    """
    content = read_json(path)
    with explained(path) as at:
        texts: list[str] = []
        scores: dict[str, list[float]] = {task: [] for task in TASKS}
        seconds: list[float] = []
        for at.row, entry in enumerate(list_of(content, "the content"), 1):
            if not isinstance(entry["completed"], bool):
                raise OddValueError(f"completed is {shown(entry['completed'])}, not true or false")
            if not entry["completed"]:
                continue
            settings = entry["hparams"]["model_hparam_overrides"]
            texts.append(key_of(settings["hidden_size"], settings["nas_config"]["encoder_layers"]))
            for task in TASKS:
                scores[task].append(number(entry["scores"][task], task, -100, 100))
            seconds.append(number(entry["time_to_train"], "time_to_train", 0))
        at.row = None
        facts = {"train_seconds": np.asarray(seconds)}
        return with_repeats(Table(texts, TARGETS, columns(scores), facts=facts, source=str(path)))


register_benchmark(
    BenchmarkInfo(
        name="flexibert",
        space="flexibert",
        summary="encoders of unequal layers, pre-trained, on eight tasks of GLUE",
        rows=500,
        targets=len(TASKS),
        licence="CC BY 4.0",
        reference="Serianni and Kalita, ACL 2023, arXiv:2306.00288",
        # The networks of the pre-training, which predict hidden words.
        classes={"glue": 30_522},
        batches={"glue": "wikitext2-masked"},
        read=single(read),
        convert=convert,
        remotes=(
            github(
                "aaronserianni/training-free-nas",
                "2d76e01b9586cad7340e8268dadba3056efd070b",
                "data/BERT_benchmark.json",
                "fa2ff7198dcd71e0b8021ed2ace1c221672c33cc56931b6dff31fda3d044784f",
                453_164,
            ),
        ),
    ),
)
