"""Small files in the official format of every benchmark: what they hold as plain Python, and how it is written."""

from __future__ import annotations

import base64
import bz2
import csv
import functools
import io
import json
import pickle
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import official
import torch

from zcbench.datasets._nasbench201_files import EPOCHS
from zcbench.datasets.hwnasbench import DATASETS, METRICS
from zcbench.datasets.nasbench101 import _masked_crc32c
from zcbench.spaces import get_space
from zcbench.types import Architecture


@dataclass(frozen=True)
class Official:
    """The files of a benchmark.

    Attributes:
        benchmark: its name.
        files: by name of the file, what it holds: lists, mappings, numbers and text.
        write: from what a file holds to its bytes; raises if the format cannot hold it.
        folder: name of the folder that is given instead of the files, for benchmarks that are read from one.
    """

    benchmark: str
    files: dict[str, Any]
    write: Callable[[Any], bytes]
    folder: str = ""

    def place(self, folder: Path, contents: dict[str, bytes]) -> list[Path]:
        """Write files and return what ``get_benchmark`` or ``import_benchmark`` is given."""
        folder = folder / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        return [folder] if self.folder else [folder / name for name in contents]


def drawn(space: str, count: int = 3, seed: int = 0) -> list[Architecture]:
    """Random architectures."""
    rng = np.random.default_rng(seed)
    return [get_space(space).sample(rng) for _ in range(count)]


def sample(space: str, count: int = 3, seed: int = 0) -> list[str]:
    """Their strings."""
    return [architecture.key for architecture in drawn(space, count, seed)]


# -- formats -----------------------------------------------------------------------------------


def as_json(content: Any) -> bytes:
    return json.dumps(content).encode()


def as_csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def as_zip(members: Any, write: Callable[[Any], str] = json.dumps) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, write(content))
    return file.getvalue()


def as_torch(content: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def as_packed_pickle(content: Any) -> bytes:
    return bz2.compress(pickle.dumps(content))


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def record(content: bytes) -> bytes:
    """A record of a TFRecord."""
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", _masked_crc32c(head)) + content + b"\0\0\0\0"


def evaluation(numbers: list[float]) -> bytes:
    body = b"".join(bytes([field << 3 | 1]) + struct.pack("<d", number) for field, number in enumerate(numbers, 1))
    return b"\x0a" + varint(len(body)) + body


def as_tfrecord(rows: Any) -> bytes:
    """Rows of hash, epochs, matrix, operations, and metrics (evaluations, parameters) as NAS-Bench-101 writes them."""
    content = b""
    for *start, metrics in rows:
        if isinstance(metrics, list) and len(metrics) == 2:
            evaluations, parameters = metrics
            packed = b"".join(map(evaluation, evaluations)) + b"\x10" + varint(parameters)
            metrics = base64.encodebytes(packed + b"\x19" + struct.pack("<d", 5.0)).decode()
        content += record(json.dumps([*start, metrics]).encode())
    return content


# -- benchmarks --------------------------------------------------------------------------------


def nasbench101() -> Official:
    cells = [
        ("aa", "0110001100010000", "input,conv3x3-bn-relu,maxpool3x3,output"),
        ("bb", "0100", "input,output"),
        ("cc", "010001000", "input,conv1x1-bn-relu,output"),
    ]
    rows = [
        [name, epochs, bits, operations, [[[0.0, 0.0, 0.1, 0.1, 0.1], [epochs, 90.0, 1.0, 0.9, 0.1 * i + 0.5]], 8555]]
        for i, (name, bits, operations) in enumerate(cells)
        for epochs in (108, 36)
        for _ in range(2)
    ]
    return Official("nasbench101", {"nasbench_only108.tfrecord": rows}, as_tfrecord)


def nasbench201_simple() -> Official:
    records = official.states(official.CELLS[:2])
    files = {"meta.pickle.pbz2": {"meta_archs": official.CELLS[:2], "evaluated_indexes": [0, 1]}}
    files |= {f"{number:06d}.pickle.pbz2": content for number, content in records.items()}
    return Official("nasbench201", files, as_packed_pickle, "NATS-tss-v1_0-3ffb9-simple")


def nasbench201_pth() -> Official:
    records = official.states(official.CELLS[:2])
    infos = {number: {"less": content["12"], "full": content["200"]} for number, content in records.items()}
    content = {"meta_archs": official.CELLS[:2], "arch2infos": infos, "evaluated_indexes": [0, 1]}
    return Official("nasbench201", {"NAS-Bench-201-v1_1-096897.pth": content}, as_torch)


def nats_size() -> Official:
    files: dict[str, Any] = {"meta.pickle.pbz2": {"meta_archs": ["8:8:8:8:8", "8:8:8:8:16"]}}
    for number in range(2):
        parts = {}
        for epochs in EPOCHS["size"]:
            results = {
                (dataset, 777): official.run(dataset, every, last, 777, int(epochs), "", number)
                for dataset, every, last in official.DATASETS
            }
            parts[epochs] = {"all_results": results}
        files[f"{number:06d}.pickle.pbz2"] = parts
    return Official("nats-size", files, as_packed_pickle, "NATS-sss-v1_0-50262-simple")


def suite_zero(benchmark: str, file: str, texts: list[str], datasets: tuple[str, ...]) -> Official:
    content = {
        name: {
            text: {"params": {"score": 2.5, "time": 1.0}, "val_accuracy": 80.0 + row} for row, text in enumerate(texts)
        }
        for name in datasets
    }
    return Official(benchmark, {file: content}, as_json)


def nasbench301() -> Official:
    space = get_space("nasbench301")
    texts = []
    for key in sample("nasbench301"):
        cells = space.cells_of(space.parse(key))
        texts.append(str([[(source, space.operations.index(name)) for name, source in cell] for cell in cells]))
    return suite_zero("nasbench301", "zc_nasbench301.json", texts, ("cifar10",))


def transnas_micro() -> Official:
    texts = [str(tuple(int(d) for d in key.split("-")[2].replace("_", ""))) for key in sample("transnasbench101-micro")]
    return suite_zero("transnasbench101-micro", "zc_transbench101_micro.json", texts, ("class_scene", "jigsaw"))


def transnas_pth() -> Official:
    metrics = {
        "class_scene": {"valid_top1": [1.0, 5.0, 4.0]},
        "room_layout": {"valid_neg_loss": [-2.0, -1.0, -1.5]},
        "segmentsemantic": {"valid_acc": [50.0, 60.0, 55.0]},
    }

    def tasks() -> dict[str, Any]:
        return {
            task: {"metrics": {k: list(v) for k, v in values.items()}, "model_info": {"encoder_params": 7.5e6}}
            for task, values in metrics.items()
        }

    content = {"data": {"macro": {key: tasks() for key in sample("transnasbench101-macro")}}, "metrics_dict": {}}
    return Official("transnasbench101-macro", {"transnas-bench_v10141024.pth": content}, as_torch)


def nasbenchmacro() -> Official:
    entries = {
        key: {
            "test_acc": [90.0, 91.0, 92.0 + row],
            "mean_acc": 91.0,
            "std": 0.8,
            "params": 890_666,
            "flops": 47_327_744,
        }
        for row, key in enumerate(("02012100", "00012110", "11111111"))
    }
    return Official("nasbenchmacro", {"nas-bench-macro_cifar10.json": entries}, as_json)


def hwnasbench_pickle() -> Official:
    cells = sample("nasbench201")
    tables = {
        dataset: {
            "config": [{"arch_str": cell} for cell in cells],
            **{metric: [1.0 * i, 2.0, 3.0] for i, metric in enumerate(METRICS)},
        }
        for dataset in DATASETS
    }
    return Official("hwnasbench", {"HW-NAS-Bench-v1_0.pickle": {"nasbench201": tables, "fbnet": {}}}, pickle.dumps)


def hwnasbench_csv() -> Official:
    rows = [[str(i), cell, *(f"{i + place}.5" for place in range(len(METRICS)))] for i, cell in enumerate(CELLS)]
    files = {f"hw_{dataset}.csv": [["index", "arch_str", *METRICS], *map(list, rows)] for dataset in DATASETS}
    return Official("hwnasbench", files, as_csv)


CELLS = sample("nasbench201")


def ofa() -> Official:
    def settings(key: str) -> str:
        space = get_space("ofa-mbv3")
        ks, e, d = [], [], []
        for stage in space.stages(space.parse(key)):
            padded = [*stage, *[(7, 6)] * (4 - len(stage))]
            ks += [k for k, _ in padded]
            e += [x for _, x in padded]
            d.append(len(stage))
        return str({"wid": None, "ks": ks, "e": e, "d": d, "r": [224]})

    rows = [["Sub-network", "Date", "Model Parameters", "Latency (ms)", "MACs", "Top-1 Acc (%)"]]
    rows += [[settings(key), "x", "5029656", "0", "255502624", f"7{i}.448"] for i, key in enumerate(sample("ofa-mbv3"))]
    return Official("ofa-mbv3", {"mbnv3w10_evoga_acc.csv": rows}, as_csv)


def darts_swap() -> Official:
    space = get_space("darts-zero")
    rows = [["genotype", "valid_acc"]]
    for i, key in enumerate(sample("darts-zero")):
        normal, reduce = (str(list(cell)) for cell in space.cells_of(space.parse(key)))
        concat = "[2, 3, 4, 5]"
        text = f"Genotype(normal={normal}, normal_concat={concat}, reduce={reduce}, reduce_concat={concat})"
        rows.append([text, f"8{i}.25"])
    return Official("darts-swap", {"DARTS_archs_CIFAR10.csv": rows}, as_csv)


def autoformer(size: int = 32) -> Official:
    entry = {
        **{"optimizer": "drnas", "img_size": size, "prior": False, "acc1": 65.5, "params": 6e6, "flops": 1.5},
        **{"layer_num": 12, "embed_dim": 216},
    }
    entries = [
        {**entry, "mlp_ratio": [3.5, 4.0] * 6, "num_heads": [3, 4] * 6},
        {**entry, "mlp_ratio": [4.0, 4.0] * 6, "num_heads": [3, 4] * 6},
    ]
    other = [{**entry, "mlp_ratio": [3.5, 4.0] * 6, "num_heads": [3, 4] * 6, "prior": True, "acc1": 66.5}]
    members = {"results/a/samples.json": entries, "results/b/samples.json": other}
    return Official(f"autoformer-{size}", {"results.zip": members}, functools.partial(as_zip, write=str))


def flexibert() -> Official:
    layer = {"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4}
    layer |= {"feed_forward_dimension": 1024, "num_feed_forward": 3}
    tasks = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst", "sts", "glue")
    entries = [
        {
            "completed": done,
            "time_to_train": 10.0,
            "scores": dict.fromkeys(tasks, 70.0 + width / 256),
            "hparams": {
                "model_hparam_overrides": {"hidden_size": width, "nas_config": {"encoder_layers": [layer] * depth}}
            },
        }
        for done, width, depth in ((True, 256, 2), (False, 128, 4), (True, 128, 2), (True, 256, 4))
    ]
    return Official("flexibert", {"BERT_benchmark.json": entries}, as_json)


def nasbenchnlp() -> Official:
    recipe = {"a": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}}
    other = {**recipe, "h_new_0": {"op": "activation_sigm", "input": ["a"]}}
    log = {"num_params": 1e6, "wall_times": [10.0] * 3, "val_losses": [5.0, 4.0, 4.5], "test_losses": [5.1, 4.1, 4.4]}
    runs = {
        "logs/0.json": {**log, "recepie": json.dumps(recipe), "status": "OK"},
        "logs/1.json": {**log, "recepie": json.dumps(other), "status": "OK"},
        "logs/2.json": {**log, "recepie": json.dumps(recipe), "status": "loss is nan!"},
    }
    return Official("nasbenchnlp", {"logs.zip": runs}, as_zip)


def timm() -> Official:
    head = ["model", "img_size", "top1", "top1_err", "top5", "top5_err", "param_count", "crop_pct", "interpolation"]
    models = (
        ("vit.a", "224", "80.5", "1,305.08"),
        ("resnet.b", "160", "70.0", "25.5"),
        ("vit.a", "384", "81", "1,305.08"),
    )
    rows = [[name, size, top1, "1", "95", "5", params, "1", "bicubic"] for name, size, top1, params in models]
    speed = [["model", "infer_samples_per_sec", "infer_gmacs"], ["vit", "100.5", "3.5"]]
    files = {
        "results-imagenet.csv": [head, *rows],
        "results-sketch.csv": [head, *rows[:1]],
        "benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv": speed,
    }
    return Official("timm", files, as_csv)


def nasbenchmr() -> Official:
    entry = {"embedding": [16, 32, 1], "top1": 80.0, "params": 5.0, "flops": 2.0}
    entries = [entry, {**entry, "embedding": [8, 8, 8], "top1": 70.0}]
    seg = [{**entry, "mIoU": 60.0}]
    return Official("nasbenchmr", {"cls-10c.pkl": entries, "seg.pkl": seg}, pickle.dumps)


def nasbenchgraph() -> Official:
    row = {"valid_perf": 0.8, "perf": 0.7, "latency": 0.01, "para": 1.5}
    files = {"cora.bench": {"123": row, "456": {**row, "perf": 0.6}}, "cs.bench": {"123": {**row, "perf": 0.5}}}
    return Official("nasbenchgraph", files, pickle.dumps)


def nds() -> Official:
    entry = {"net": {"width": 16}, "optim": {"base_lr": 0.1}, "params": 1e6, "flops": 2e6}
    entries = [
        {**entry, "test_ep_top1": [50.0, 10.0, 12.0]},
        {**entry, "net": {"width": 32}, "test_ep_top1": [40.0, 5.0, 6.0]},
    ]
    again = {**entry, "test_ep_top1": [50.0, 20.0, 14.0]}
    return Official("nds", {"DARTS.json": {"top": entries, "mid": [again]}}, as_json)


#: every reader of official files, and every format that it reads
def lcdb() -> Official:
    rng = random.Random(0)
    anchors, parts, learners = 137, 3, 28
    content = [
        [[[round(rng.random(), 3) for _ in range(parts)] for _ in range(anchors)] for _ in range(2)]
        for _ in range(learners)
    ]
    return Official("lcdb11", {"3.json": content}, as_json)


def as_parquet(rows: Any) -> bytes:
    import pyarrow
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(pyarrow.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def nats_records() -> Official:
    head = {"space": "tss", "arch_index": 11, "hp": "12", "dataset": "cifar10", "split": "train"}
    rows = [
        {**head, "seed": seed, "epoch": epoch, "acc": 20.0 + epoch, "loss": 1.5 - epoch / 10}
        for seed in (777, 888)
        for epoch in range(5)
    ]
    return Official("nats-records", {"curves.parquet": rows}, as_parquet)


OFFICIAL: dict[str, Callable[[], Official]] = {
    "autoformer-224": functools.partial(autoformer, 224),
    "autoformer-32": autoformer,
    "darts-swap": darts_swap,
    "flexibert": flexibert,
    "hwnasbench": hwnasbench_pickle,
    "hwnasbench, csv": hwnasbench_csv,
    "lcdb11": lcdb,
    "nasbench101": nasbench101,
    "nasbench201": nasbench201_simple,
    "nasbench201, pth": nasbench201_pth,
    "nasbench301": nasbench301,
    "nasbenchgraph": nasbenchgraph,
    "nasbenchmacro": nasbenchmacro,
    "nasbenchmr": nasbenchmr,
    "nasbenchnlp": nasbenchnlp,
    "nats-records": nats_records,
    "nats-size": nats_size,
    "nds": nds,
    "ofa-mbv3": ofa,
    "timm": timm,
    "transnasbench101-macro": transnas_pth,
    "transnasbench101-micro": transnas_micro,
}
