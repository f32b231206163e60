"""Every benchmark from the columns in ZCBENCH_DATA and from the authors' own formats, made here in small."""

import base64
import bz2
import csv
import gzip
import json
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import zcbench
from zcbench.datasets import _load, benchmark_info, import_benchmark, list_benchmarks
from zcbench.datasets._table import Table, load_table, save_table, with_repeats
from zcbench.datasets.nasbench101 import _masked_crc32c
from zcbench.errors import DataCorruptError, DataMissingError, StoreError
from zcbench.spaces import get_space
from zcbench.types import Target

pytestmark = pytest.mark.usefixtures("nothing_kept")

BENCHMARKS = {name: benchmark_info(name) for name in list_benchmarks()}
TABLES = [name for name, info in BENCHMARKS.items() if info.convert]


def sample(space, count=3, seed=0):
    rng = np.random.default_rng(seed)
    return [get_space(space).sample(rng) for _ in range(count)]


# -- all of them -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_from_the_data_folder(name, data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    table, info = zcbench.load_benchmark(name), BENCHMARKS[name]
    assert 0 < len(table) <= max(info.rows, len(table.architectures))
    assert table.space is get_space(info.space)
    for target in table.targets:
        values = table.values[target]
        assert values.shape[0] == len(table)
        assert np.isfinite(values).any()
        assert table.targets[target].description
    assert all(len(column) == len(table) for column in table.facts.values())
    for architecture in table.architectures[:: max(1, len(table) // 20)]:
        assert table.space.parse(architecture.key) == architecture


@pytest.mark.parametrize("name", TABLES)
def test_the_cache_gives_the_same(name, data_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    before = zcbench.load_benchmark(name)
    save_table(BENCHMARKS[name].convert(data_folder), _load.cache_path(name))
    _load._load.cache_clear()
    monkeypatch.delenv("ZCBENCH_DATA")
    after = zcbench.load_benchmark(name)
    assert before.targets == after.targets
    assert dict(before.seeds) == dict(after.seeds)
    for group in ("values", "facts", "curves"):
        ours, theirs = getattr(after, group), getattr(before, group)
        assert set(ours) == set(theirs)
        assert all(np.array_equal(ours[column], theirs[column], equal_nan=True) for column in theirs)


def test_what_every_benchmark_declares():
    for name, info in BENCHMARKS.items():
        assert info.name == name
        assert info.summary and info.licence and info.reference
        assert info.embedded or (info.read and (info.remotes or info.by_hand))
        assert set(info.batches) <= set(info.classes)
        cards = Path(__file__).parents[2] / "docs" / "cards"
        card = (cards / f"{name}.md").read_text(encoding="utf8")
        assert card.startswith(f"# {name}\n")
        assert name == "digits-201" or f"| {info.licence} |" in card
        assert f"cards/{name}.md" in (cards.parents[1] / "README.md").read_text(encoding="utf8")
        for remote in info.remotes:
            assert len(remote.sha256) == 64
            assert all(url.startswith("https://") for url in remote.urls)


# -- the authors' formats ----------------------------------------------------------------------


def record(content):
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", _masked_crc32c(head)) + content + b"\0\0\0\0"


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def evaluation(*numbers):
    body = b"".join(bytes([field << 3 | 1]) + struct.pack("<d", number) for field, number in enumerate(numbers, 1))
    return b"\x0a" + varint(len(body)) + body


def tfrecord(path, rows):
    """Rows (hash, epochs, bits, operations, parameters, valid, test) as NAS-Bench-101 writes them."""
    content = b""
    for name, epochs, bits, operations, parameters, valid, test in rows:
        metrics = evaluation(0, 0, 0.1, 0.1, 0.1) + evaluation(epochs, 1000.0 * epochs, 1, valid, test)
        metrics += b"\x10" + varint(parameters) + b"\x19" + struct.pack("<d", 5.0)
        row = [name, epochs, bits, operations, base64.encodebytes(metrics).decode()]
        content += record(json.dumps(row).encode())
    path.write_bytes(content)
    return path


CELL = ("aa", 108, "0110001100010000", "input,conv3x3-bn-relu,maxpool3x3,output")


def test_the_checksum_of_tfrecord_by_known_answers():
    # RFC 3720, B.4: CRC32C of 32 zeros is 8a9136aa; masked as TensorFlow's record writer does.
    crc = 0x8A9136AA
    assert _masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_nas_bench_101_from_its_tfrecord(tmp_path):
    small = ("bb", 108, "0100", "input,output")
    rows = [(*CELL, 8_555_530, 0.9, 0.89), (*small, 300_000, 0.5, 0.49), (*CELL, 8_555_530, 0.92, 0.91)]
    table = zcbench.load_benchmark("nasbench101", tfrecord(tmp_path / "nasbench_only108.tfrecord", rows))
    assert [a.key for a in table.architectures] == ["110111:02", "1:"]
    assert table.default_target == "test_accuracy_108ep"
    np.testing.assert_allclose(table.values["valid_accuracy_108ep"], [[0.9, 0.92, np.nan], [0.5, np.nan, np.nan]])
    np.testing.assert_allclose(table.truth(), [0.9, 0.49])
    assert table.facts["params_M"].tolist() == [8.55553, 0.3]
    assert table.facts["train_seconds"].tolist() == [108_000, 108_000]


@pytest.mark.parametrize("damage", ["cut", "head", "html", "empty", "length", "json"])
def test_damaged_tfrecords(tmp_path, damage):
    path = tfrecord(tmp_path / "x.tfrecord", [(*CELL, 1, 0.9, 0.8)] * 3)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "head": whole + b"\0" * 5,
            "html": b"<!DOCTYPE html><html>Quota exceeded</html>",
            "empty": b"",
            "length": b"\xff" * 12 + whole[12:],
            "json": record(b"not json"),
        }[damage]
    )
    with pytest.raises(DataCorruptError, match=r"x\.tfrecord"):
        zcbench.load_benchmark("nasbench101", path)


def test_suite_zero(tmp_path):
    cells = sample("transnasbench101-micro")
    tuples = [str(tuple("0123".index(d) for d in a.key.split("-")[2].replace("_", ""))) for a in cells]
    content = {
        task: {t: {"params": {"score": 2.5, "time": 1}, "val_accuracy": 10 + i} for i, t in enumerate(tuples)}
        for task in ("class_scene", "jigsaw")
    }
    path = tmp_path / "zc_transbench101_micro.json"
    path.write_text(json.dumps(content))
    table = zcbench.load_benchmark("transnasbench101-micro", path)
    assert table.architectures == tuple(cells)
    assert table.truth("jigsaw").tolist() == [10, 11, 12]
    assert table.facts["params_M"].tolist() == [2.5] * 3
    darts = sample("nasbench301")
    lists = []
    for architecture in darts:
        order = get_space("nasbench301").operations
        cells_of = get_space("nasbench301").cells_of(architecture)
        lists.append(str([[(source, order.index(name)) for name, source in cell] for cell in cells_of]))
    path.write_text(json.dumps({"cifar10": {t: {"val_accuracy": 90 + i} for i, t in enumerate(lists)}}))
    assert zcbench.load_benchmark("nasbench301", path).architectures == tuple(darts)
    path.write_text(json.dumps({"mnist": {}}))
    with pytest.raises(DataCorruptError, match="holds none of the data sets cifar10"):
        zcbench.load_benchmark("nasbench301", path)


def test_transnas_bench_from_its_pth(tmp_path):
    cells = [a.key for a in sample("transnasbench101-macro", 2)]
    metrics = {
        "class_scene": {"valid_top1": [1.0, 5.0, 4.0]},
        "room_layout": {"valid_neg_loss": [-2.0, -1.0, -1.5]},
        "segmentsemantic": {"valid_acc": [50.0, 60.0, 55.0]},
    }
    info = {"encoder_params": 7.5e6, "encoder_FLOPs": 1e9}
    tasks = {task: {"metrics": values, "model_info": info, "total_epochs": 3} for task, values in metrics.items()}
    content = {"data": {"macro": dict.fromkeys(cells, tasks)}, "metrics_dict": {}, "info_names": [], "task_list": []}
    torch.save(content, tmp_path / "transnas.pth")
    table = zcbench.load_benchmark("transnasbench101-macro", tmp_path / "transnas.pth")
    assert [a.key for a in table.architectures] == cells
    assert table.truth("class_scene").tolist() == [5, 5]
    assert table.truth("room_layout").tolist() == [-1, -1]
    assert np.isnan(table.truth("jigsaw")).all()
    assert table.curves["class_scene"].tolist() == [[[1, 5, 4]]] * 2
    assert table.facts["encoder_params"].tolist() == [7.5e6] * 2
    with pytest.raises(DataCorruptError, match="lacks 'data' with 'micro'"):
        zcbench.load_benchmark("transnasbench101-micro", tmp_path / "transnas.pth")


def test_nas_bench_macro_from_its_json(tmp_path):
    entry = {"test_acc": [90.0, 91.0, 92.0], "mean_acc": 91.0, "std": 0.8, "params": 890_666, "flops": 47_327_744}
    (tmp_path / "m.json").write_text(json.dumps({"02012100": entry, "22222222": {**entry, "test_acc": [1, 2, 3]}}))
    table = zcbench.load_benchmark("nasbenchmacro", tmp_path / "m.json")
    assert table.values["test_accuracy"].tolist() == [[90, 91, 92], [1, 2, 3]]
    assert table.noise_ceiling().value == 1
    assert table.facts["params_M"][0] == 0.890666


def test_hw_nas_bench_from_pickle_and_csv(tmp_path):
    cells = [a.key for a in sample("nasbench201")]
    metrics = ["edgegpu_latency", "fpga_energy"]
    datasets = ("cifar10", "cifar100", "ImageNet16-120")
    tables = {
        d: {"config": [{"arch_str": c} for c in cells], **{m: np.arange(3) + 10.0 * i for m in metrics}}
        for i, d in enumerate(datasets)
    }
    for content in tables.values():
        content["edgetpu_latency"] = [0.5, -1, 2.0]  # the second network does not run there
    (tmp_path / "HW.pickle").write_bytes(pickle.dumps({"nasbench201": tables, "fbnet": {}}))
    table = zcbench.load_benchmark("hwnasbench", tmp_path / "HW.pickle")
    assert table.truth("fpga_energy_cifar100").tolist() == [10, 11, 12]
    assert not table.target("edgegpu_latency_cifar10").higher_is_better
    assert np.array_equal(table.truth("edgetpu_latency_cifar100"), [0.5, np.nan, 2.0], equal_nan=True)
    from zcbench.datasets.hwnasbench import METRICS

    paths = []
    for dataset in datasets:
        path = tmp_path / f"hw_{dataset}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["index", "arch_str", *METRICS])
            writer.writerows([i, cell, *(i + place for place in range(len(METRICS)))] for i, cell in enumerate(cells))
        paths.append(path)
    import_benchmark("hwnasbench", paths)
    assert zcbench.load_benchmark("hwnasbench").truth("raspi4_latency_ImageNet16-120").tolist() == [2, 3, 4]
    with pytest.raises(DataCorruptError, match=r"give HW-NAS-Bench-v1_0\.pickle"):
        import_benchmark("hwnasbench", paths[:2])


def test_once_for_all_from_csv(tmp_path):
    one, two = sample("ofa-mbv3", 2)

    def settings(architecture):
        ks, e, d = [], [], []
        for stage in get_space("ofa-mbv3").stages(architecture):
            padded = [*stage, *[(7, 6)] * (4 - len(stage))]
            ks += [k for k, _ in padded]
            e += [x for _, x in padded]
            d.append(len(stage))
        return str({"wid": None, "ks": ks, "e": e, "d": d, "r": [224]})

    path = tmp_path / "log.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Sub-network", "Date", "Model Parameters", "Latency (ms)", "MACs", "Top-1 Acc (%)"])
        writer.writerows([settings(a), "x", 5e6, 0, 2e8, top1] for a, top1 in ((one, 75.0), (two, 76.0), (one, 75.0)))
    table = zcbench.load_benchmark("ofa-mbv3", path)
    assert table.architectures == (one, two)
    assert table.truth().tolist() == [75, 76]
    assert table.facts["macs_M"].tolist() == [200, 200]
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataCorruptError, match="KeyError: 'Sub-network'"):
        zcbench.load_benchmark("ofa-mbv3", path)


def test_swap_from_csv(tmp_path, data_folder):
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(data_folder / "nasbench301" / "swap_darts_cifar10.parquet").slice(0, 5).to_pylist()
    path = tmp_path / "DARTS_archs_CIFAR10.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["genotype", "valid_acc"])
        writer.writerows([row["genotype"], row["valid_acc"]] for row in rows)
    assert zcbench.load_benchmark("darts-swap", path).truth().tolist() == [row["valid_acc"] for row in rows]
    path.write_text("genotype,valid_acc\n")
    with pytest.raises(DataCorruptError, match="has no rows with a genotype"):
        zcbench.load_benchmark("darts-swap", path)


def test_autoformer_from_its_zip(tmp_path):
    entry = {
        **{"optimizer": "drnas", "img_size": 32, "prior": False, "acc1": 65.5, "params": 6e6, "flops": 1.5},
        **{"layer_num": 12, "embed_dim": 216, "mlp_ratio": [3.5, 4.0] * 7, "num_heads": [3, 4] * 7},
    }
    with zipfile.ZipFile(tmp_path / "results.zip", "w") as archive:
        archive.writestr("results/a/samples.json", str([entry, {**entry, "optimizer": "gdas"}]))
        archive.writestr("results/b/samples.json", str([{**entry, "prior": True, "acc1": 66.5, "img_size": 32}]))
    table = zcbench.load_benchmark("autoformer-32", tmp_path / "results.zip")
    assert [a.key for a in table.architectures] == ["216|" + "|".join(["3x3.5", "4x4.0"] * 6)]
    assert table.truth("top1_drnas").tolist() == [65.5]
    assert table.truth("top1_drnas_prior").tolist() == [66.5]
    assert np.isnan(table.truth("top1_darts")).all()


def test_flexibert_from_its_json(tmp_path):
    layer = {"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4}
    layer |= {"feed_forward_dimension": 1024, "num_feed_forward": 3}
    fourier = {**layer, "operation_type": "LT", "operation_parameter": "DFT"}
    tasks = ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst", "sts", "glue")
    entries = [
        {
            "completed": done,
            "time_to_train": 10.0,
            "scores": dict.fromkeys(tasks, score),
            "hparams": {
                "model_hparam_overrides": {"hidden_size": 256, "nas_config": {"encoder_layers": [layer, fourier]}}
            },
        }
        for done, score in ((True, 70.0), (False, 1.0), (True, 71.0))
    ]
    (tmp_path / "BERT.json").write_text(json.dumps(entries))
    table = zcbench.load_benchmark("flexibert", tmp_path / "BERT.json")
    assert [a.key for a in table.architectures] == ["256|SA-WMA-4-1024x3|LT-DFT-2-1024x3"]
    assert table.values["glue"].tolist() == [[70, 71]]


def test_nas_bench_nlp_from_its_zip(tmp_path):
    recipe = {"a": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": {"op": "activation_tanh", "input": ["a"]}}
    renamed = {"b": {"op": "linear", "input": ["h_prev_0", "x"]}, "h_new_0": {"op": "activation_tanh", "input": ["b"]}}
    log = {"num_params": 1e6, "wall_times": [10.0] * 3, "val_losses": [5.0, 4.0, 4.5], "test_losses": [5.1, 4.1, 4.4]}
    runs = [
        {**log, "recepie": json.dumps(recipe), "status": "OK"},
        {**log, "recepie": json.dumps(renamed), "status": "OK", "val_losses": [3.0], "test_losses": [3.5]},
        {**log, "recepie": json.dumps(recipe), "status": "loss is nan!"},
    ]
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        for i, run in enumerate(runs):
            archive.writestr(f"logs/{i}.json", json.dumps(run))
    table = zcbench.load_benchmark("nasbenchnlp", tmp_path / "logs.zip")
    assert table.values["test_nll"].tolist() == [[4.1, 3.5]]  # at the best validation loss; one network, two trainings
    assert table.curves["valid_nll"].shape == (1, 1, 50)
    assert table.facts["train_seconds"].tolist() == [30]


def test_timm_from_csv(tmp_path):
    head = "model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation\n"
    imagenet = tmp_path / "results-imagenet.csv"
    imagenet.write_text(
        head + 'vit.a,224,80.5,19.5,95,5,"1,305.08",1,bicubic\nresnet.b,160,70.0,30,90,10,25.5,1,bicubic\n'
    )
    real = tmp_path / "results-imagenet-real.csv.gz"
    real.write_bytes(gzip.compress((head + "vit.a,224,85.5,14.5,95,5,1,1,bicubic\n").encode()))
    path = import_benchmark("timm", [imagenet, real])
    assert path.name == "timm.npz"
    table = zcbench.load_benchmark("timm")
    assert table.truth("top1_imagenet").tolist() == [80.5, 70]
    assert table.facts["params_M"].tolist() == [1305.08, 25.5]
    assert np.isnan(table.truth("top1_imagenet-real")).tolist() == [False, True]
    with pytest.raises(DataCorruptError, match=r"results-imagenet\.csv is missing or empty"):
        import_benchmark("timm", [real])


def test_nas_bench_mr_and_graph_from_pickles(tmp_path):
    entry = {"embedding": [16, 32, 1], "top1": 80.0, "params": 5.0, "flops": 2.0}
    (tmp_path / "cls-10c.pkl").write_bytes(pickle.dumps([entry, {**entry, "embedding": [8, 8, 8], "top1": 70.0}]))
    table = zcbench.load_benchmark("nasbenchmr", tmp_path / "cls-10c.pkl")
    assert table.truth("cls-10c").tolist() == [80, 70]
    assert table.space.encode(table.architectures[0]).tolist() == [16, 32, 1]
    row = {"valid_perf": 0.8, "perf": 0.7, "latency": 0.01, "para": 1.5}
    (tmp_path / "cora.bench").write_bytes(pickle.dumps({"123": row, "456": {**row, "perf": 0.6}}))
    table = zcbench.load_benchmark("nasbenchgraph", tmp_path / "cora.bench")
    assert table.truth("cora_test").tolist() == [0.7, 0.6]
    for name, file in (("nasbenchmr", "other.pkl"), ("nasbenchgraph", "other.bench")):
        (tmp_path / file).write_bytes(pickle.dumps([]))
        with pytest.raises(DataCorruptError, match="keep the authors'"):
            zcbench.load_benchmark(name, tmp_path / file)


def test_nds_from_its_json(tmp_path):
    entry = {
        "net": {"width": 16},
        "optim": {"base_lr": 0.1},
        "params": 1e6,
        "flops": 2e6,
        "test_ep_top1": [50.0, 10.0, 12.0],
    }
    other = {**entry, "net": {"width": 32}, "test_ep_top1": [40.0, 5.0, 6.0]}
    path = tmp_path / "DARTS.json"
    path.write_text(json.dumps({"top": [entry, other], "mid": [{**entry, "test_ep_top1": [50.0, 20.0, 14.0]}]}))
    table = zcbench.load_benchmark("nds", path)
    assert len(table) == 2
    np.testing.assert_allclose(table.values["test_accuracy"], [[88, 86], [94, np.nan]])
    np.testing.assert_allclose(table.values["test_accuracy_best"], [[90, 86], [95, np.nan]])
    assert table.curves["test_accuracy"].shape == (2, 2, 3)
    assert table.facts["flops_M"].tolist() == [2, 2]


def test_nats_size_from_its_folder(tmp_path, data_folder):
    """The authors' own records, in the folder's format."""
    import ast

    folder = tmp_path / "NATS-sss-v1_0-50262-simple"
    folder.mkdir()
    fixtures = data_folder / "nats_fixtures"
    archs = json.loads(gzip.decompress((fixtures / "NATS-sss-v1_0-50262-simple__meta_archs.json.gz").read_bytes()))
    archs = archs["meta_archs"] if isinstance(archs, dict) else archs
    (folder / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"meta_archs": archs, "total_archs": 32768})))
    for path in fixtures.glob("NATS-sss-*__0*.json.gz"):
        content = json.loads(gzip.decompress(path.read_bytes()))
        for part in content.values():
            part["all_results"] = {ast.literal_eval(key): value for key, value in part["all_results"].items()}
            for run in part["all_results"].values():
                for name in ("train_losses", "train_times", "train_acc1es"):
                    run[name] = {int(epoch): value for epoch, value in run[name].items()}
        number = path.name.split("__")[1].split(".")[0]
        (folder / f"{number}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(content)))
    table = zcbench.load_benchmark("nats-size", folder)
    assert [a.key for a in table.architectures] == ["8:8:8:8:8", "8:8:8:16:32", "8:8:40:32:40"]
    assert table.default_target == "cifar10_test_accuracy_90ep"
    assert table.facts["params_M"].tolist() == [0.011714, 0.049202, 0.144834]
    assert {t.rsplit("_", 1)[1] for t in table.targets} == {"1ep", "12ep", "90ep"}
    monkey = BENCHMARKS["nats-size"].convert(data_folder)
    published = dict(zip(monkey.architectures, monkey.values["cifar10_test_accuracy_90ep"][:, 0], strict=True))
    for architecture, accuracy in zip(table.architectures, table.truth(), strict=True):
        assert accuracy == pytest.approx(published[architecture.key], abs=0.35)
    with tarfile.open(tmp_path / "NATS-sss-v1_0-50262-simple.tar", "w") as archive:
        archive.add(folder, folder.name)
    as_downloaded = zcbench.load_benchmark("nats-size", tmp_path / "NATS-sss-v1_0-50262-simple.tar")
    assert as_downloaded.architectures == table.architectures
    np.testing.assert_array_equal(as_downloaded.truth(), table.truth())
    with pytest.raises(DataCorruptError, match="is no tar: give NATS-sss"):
        zcbench.load_benchmark("nats-size", folder / "meta.pickle.pbz2")


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("name", "file"), [("nasbenchmr", "cls-10c.pkl"), ("nasbenchgraph", "cora.bench"), ("hwnasbench", "HW.pickle")]
)
def test_pickles_that_ask_for_code_are_refused_by_name(tmp_path, monkeypatch, name, file):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_bytes(pickle.dumps([{"embedding": Evil()}]))
    with pytest.raises(DataCorruptError, match=r"it asks for posix\.system"):
        zcbench.load_benchmark(name, tmp_path / file)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", [n for n, i in BENCHMARKS.items() if i.read])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"{}", b"\x80\x04N.", b"PK\x03\x04nothing", b"a,b\n1,2\n"]
)
def test_any_other_file_gets_a_sentence(tmp_path, name, content):
    suffix = {"ofa-mbv3": ".csv", "hwnasbench": ".pickle", "timm": ".csv"}.get(name, ".json")
    path = tmp_path / f"results-imagenet{suffix}"
    path.write_bytes(content)
    with pytest.raises((DataCorruptError, DataMissingError)) as caught:
        zcbench.load_benchmark(name, path)
    assert str(tmp_path) in str(caught.value)


# -- tables and their cache --------------------------------------------------------------------

TARGET = Target("quality", "cifar10", True, "anything")


def small():
    return Table(
        ["a", "b", "a"],
        (TARGET,),
        {"quality": np.asarray([[1.0], [2.0], [3.0]])},
        curves={"quality": np.arange(12.0).reshape(3, 1, 4)},
        facts={"size": np.asarray([10.0, 20.0, 30.0])},
        source="here",
    )


def test_architectures_that_were_trained_again_are_repeats():
    table = with_repeats(small())
    assert table.architectures == ["a", "b"]
    np.testing.assert_array_equal(table.values["quality"], [[1, 3], [2, np.nan]])
    assert table.curves["quality"][:, 0, 0].tolist() == [0, 4]
    assert table.facts["size"].tolist() == [10, 20]
    assert table.seeds == {"quality": (0, 1)}


@pytest.mark.parametrize("part", [0, 0.3, 0.9, 0.99])
def test_a_truncated_cache(tmp_path, part):
    path = tmp_path / "x.npz"
    save_table(small(), path)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(DataCorruptError, match=r"delete it and get the benchmark again:  zcbench data get x"):
        load_table(path)


def test_a_cache_whose_curves_are_damaged_says_so_when_they_are_read(tmp_path):
    path = tmp_path / "x.npz"
    table = small()
    table.curves = {"quality": np.random.default_rng(0).random((3, 1, 4000))}
    save_table(table, path)
    content = bytearray(path.read_bytes())
    start = content.index(b"curves/quality")
    content[start + 2000 : start + 2010] = b"x" * 10
    path.write_bytes(bytes(content))
    loaded = load_table(path)
    assert loaded.facts["size"].tolist() == [10, 20, 30]
    with pytest.raises(DataCorruptError, match="cannot be read"):
        loaded.curves["quality"]


def test_a_cache_of_another_layout(tmp_path, monkeypatch):
    from zcbench.datasets import _table

    monkeypatch.setattr(_table, "LAYOUT", 0)
    save_table(small(), tmp_path / "x.npz")
    monkeypatch.undo()
    with pytest.raises(DataCorruptError, match="was written by another version of zcbench"):
        load_table(tmp_path / "x.npz")


def test_a_full_disk_leaves_no_half_cache(tmp_path):
    from toys import disk_of

    table = small()
    table.curves = {"quality": np.random.default_rng(0).random((3, 1, 4000))}
    with disk_of(2000), pytest.raises(StoreError, match=r"cannot write to .*x\.npz: File too large\. Make room"):
        save_table(table, tmp_path / "cache" / "x.npz")
    assert list((tmp_path / "cache").iterdir()) == []


SAVE = """
import sys
from pathlib import Path
import numpy as np
from zcbench.datasets._table import Table, load_table, save_table
from zcbench.types import Target
path, number = Path(sys.argv[1]), float(sys.argv[2])
target = Target("quality", "digits", True, "how good")
values, curves = {"quality": np.full((3, 1), number)}, {"quality": np.full((3, 1, 9), number)}
table = Table(list("abc"), (target,), values, curves=curves)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(30):
    save_table(table, path)
    assert load_table(path).architectures == ["a", "b", "c"]
"""


def test_processes_that_keep_one_table_at_once(tmp_path):
    """Nobody fails, and nothing but the table is left."""
    path = tmp_path / "new" / "cache" / "x.npz"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    others = [subprocess.Popen([sys.executable, "-c", SAVE, str(path), str(i)], **pipes) for i in range(4)]
    assert [other.stdout.readline() for other in others] == ["ready\n"] * 4
    for other in others:
        other.stdin.write("go\n")
        other.stdin.flush()
    assert [(other.communicate()[1], other.returncode) for other in others] == [("", 0)] * 4
    table = load_table(path)
    assert len({*table.values["quality"].ravel(), *table.curves["quality"].ravel()}) == 1
    assert [p.name for p in path.parent.iterdir()] == ["x.npz"]


def test_curves_of_a_cache_that_was_replaced_meanwhile_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    save_table(small(), path)
    early, late = load_table(path), load_table(path)
    assert early.curves["quality"].shape == (3, 1, 4)
    save_table(small(), path)
    assert early.curves["quality"].shape == (3, 1, 4)  # read before
    with pytest.raises(DataCorruptError, match=r"x\.npz was replaced while it was in use: start again\."):
        late.curves["quality"]


def test_columns_that_do_not_fit_are_refused(tmp_path):
    table = small()
    table.architectures = ["a", "b"]
    with pytest.raises(DataCorruptError, match="columns of different lengths"):
        _load.make_benchmark(BENCHMARKS["nds"], table)
