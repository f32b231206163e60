"""Small files in the official formats of NAS-Bench-201 (.pth) and NATS-Bench (-simple folder or tar)."""

from __future__ import annotations

import ast
import bz2
import gzip
import json
import pickle
import random
import tarfile
from pathlib import Path

import torch

CELLS = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|none~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|nor_conv_1x1~1|none~2|",
]
#: (data set, sets measured after every epoch, sets measured after the last)
DATASETS = [
    ("cifar10-valid", ("x-valid", "ori-test"), ()),
    ("cifar10", ("ori-test",), ()),
    ("cifar100", ("ori-test",), ("x-valid", "x-test")),
    ("ImageNet16-120", ("ori-test",), ("x-valid", "x-test")),
]
SEEDS = {"12": (777,), "200": (777, 888)}


def run(dataset: str, every: tuple[str, ...], last: tuple[str, ...], seed: int, epochs: int, cell: str, number: int):
    """One training, as ResultsCount.state_dict() gives it."""
    rng = random.Random(f"{dataset}{seed}{epochs}{cell}")
    names = [*every, *last]
    accuracies, losses, times = {}, {}, {}
    for epoch in range(epochs):
        for name in names:
            times[f"{name}@{epoch}"] = 2.5  # for every epoch, or the packages' own summaries raise
            if name in every or epoch == epochs - 1:
                accuracies[f"{name}@{epoch}"] = rng.uniform(10, 95)
                losses[f"{name}@{epoch}"] = rng.uniform(0.1, 2)
    return {
        "name": dataset,
        "net_state_dict": None,
        "train_acc1es": {epoch: rng.uniform(10, 100) for epoch in range(epochs)},
        "train_acc5es": {epoch: rng.uniform(50, 100) for epoch in range(epochs)},
        "train_losses": {epoch: rng.uniform(0.1, 2) for epoch in range(epochs)},
        "train_times": dict.fromkeys(range(epochs), 7.0 + number),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": cell, "class_num": 10},
        "params": 0.1 + number,
        "flop": 15.5 + number,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.01],
        "eval_names": names,
        "eval_acc1es": accuracies,
        "eval_losses": losses,
        "eval_times": times,
    }


def state(cell: str, number: int, epochs: str):
    """All trainings of a cell, as ArchResults.state_dict() gives it."""
    results = {
        (dataset, seed): run(dataset, every, last, seed, int(epochs), cell, number)
        for dataset, every, last in DATASETS
        for seed in SEEDS[epochs]
    }
    return {
        "arch_index": number,
        "arch_str": cell,
        "all_results": results,
        "dataset_seed": {dataset: list(SEEDS[epochs]) for dataset, _, _ in DATASETS},
        "clear_net_done": True,
    }


def states(cells=CELLS):
    """By cell number, by epochs."""
    return {number: {epochs: state(cell, number, epochs) for epochs in SEEDS} for number, cell in enumerate(cells)}


def write_pth(path: Path, records, cells=CELLS, **options) -> Path:
    """The official .pth."""
    content = {
        "meta_archs": list(cells),
        "arch2infos": {number: {"less": r["12"], "full": r["200"]} for number, r in records.items()},
        "evaluated_indexes": set(records),
    }
    torch.save(content, path, **options)
    return path


def dump(path: Path, content) -> None:
    """A compressed pickle."""
    with bz2.open(path, "wb") as file:
        pickle.dump(content, file)


def write_simple(folder: Path, records, cells=CELLS) -> Path:
    """A NATS-Bench -simple folder."""
    folder.mkdir()
    dump(folder / "meta.pickle.pbz2", {"meta_archs": list(cells), "evaluated_indexes": set(records)})
    for number, record in records.items():
        dump(folder / f"{number:06d}.pickle.pbz2", record)
    return folder


def write_tar(path: Path, records, cells=CELLS) -> Path:
    """The same as it is downloaded: a tar of the folder."""
    with tarfile.open(path, "w") as archive:
        archive.add(write_simple(path.with_name(f"{path.stem}-folder"), records, cells), path.stem)
    return path


def real_records(fixtures: Path):
    """The authors' own records of three cells, and their list of cells."""
    prefix = "NATS-tss-v1_0-3ffb9-simple__"
    cells = json.loads(gzip.decompress((fixtures / f"{prefix}meta_archs.json.gz").read_bytes()))
    records = {}
    for path in sorted(fixtures.glob(f"{prefix}0*.json.gz")):
        record = json.loads(gzip.decompress(path.read_bytes()))
        for part in record.values():
            part["all_results"] = {ast.literal_eval(key): value for key, value in part["all_results"].items()}
            for training in part["all_results"].values():
                for name in ("train_acc1es", "train_acc5es", "train_losses", "train_times"):
                    if training[name] is not None:
                        training[name] = {int(epoch): value for epoch, value in training[name].items()}
        records[int(path.name.removeprefix(prefix)[:6])] = record
    return records, cells["meta_archs"] if isinstance(cells, dict) else cells
