"""Values of the wrong kind in official files: the message names file, row and value."""

import numpy as np
import pytest
from official_tables import OFFICIAL

from zcbench.datasets import _load, benchmark_info
from zcbench.datasets._values import OddValueError, column, decimal, integer, number, numbers
from zcbench.errors import DataCorruptError


@pytest.mark.parametrize(
    ("name", "file", "change", "message"),
    [
        (
            "hwnasbench",
            "HW-NAS-Bench-v1_0.pickle",
            lambda c: c["nasbench201"]["cifar10"].update(fpga_energy=[1.0, None, 2.0]),
            "fpga_energy of cifar10 is None, not a number",
        ),
        (
            "hwnasbench",
            "HW-NAS-Bench-v1_0.pickle",
            lambda c: c["nasbench201"]["cifar10"].update(fpga_energy=[1.0, 2.0]),
            "fpga_energy of cifar10 has 2 entries, not 3",
        ),
        (
            "transnasbench101-micro",
            "zc_transbench101_micro.json",
            lambda c: next(iter(c["jigsaw"].values())).update(val_accuracy=101),
            "val_accuracy is 101, outside of 0 to 100",
        ),
        (
            "nasbenchmr",
            "cls-10c.pkl",
            lambda c: c[1].update(embedding=[8, 8.5, 8]),
            "row 2: an entry of the embedding is 8.5",
        ),
        ("nasbenchmr", "cls-10c.pkl", lambda c: c[1].update(embedding=[8, 8]), "row 2: the embedding has 2 entries"),
        ("nasbenchmr", "cls-10c.pkl", lambda c: c[1].update(embedding=[16, 32, 1]), "row 2: the embedding .* twice"),
        ("nasbenchmr", "cls-10c.pkl", lambda c: c[0].update(top1="80"), "row 1: top1 is '80', not a number"),
        ("nasbenchmr", "cls-10c.pkl", lambda c: c[0].update(params=True), "row 1: params is True, not a number"),
        ("nasbenchgraph", "cora.bench", lambda c: c["456"].update(perf=[0.5]), r"row 2: perf is \[0\.5\], not a"),
        (
            "nasbenchgraph",
            "cora.bench",
            lambda c: c["456"].update(perf=float("nan")),
            "row 2: perf is nan, not a finite number",
        ),
        (
            "autoformer-32",
            "results.zip",
            lambda c: c["results/a/samples.json"][1].update(layer_num="12"),
            "layer_num is '12'",
        ),
        (
            "autoformer-32",
            "results.zip",
            lambda c: c["results/a/samples.json"][1]["mlp_ratio"].append(4.0),
            "12 numbers of",
        ),
        (
            "autoformer-32",
            "results.zip",
            lambda c: c["results/a/samples.json"][1]["mlp_ratio"].__setitem__(0, 3.96),
            "ratios",
        ),
        (
            "nasbench101",
            "nasbench_only108.tfrecord",
            lambda c: c[3].__setitem__(1, 7),
            "row 4: 7 epochs are not one of",
        ),
        (
            "nasbench101",
            "nasbench_only108.tfrecord",
            lambda c: c.extend([c[0], c[0]]),
            "row 14: 'aa' occurs more than 3",
        ),
        ("nasbench101", "nasbench_only108.tfrecord", lambda c: c[0].__setitem__(2, "0110101100010000"), "diagonal"),
        (
            "nasbench101",
            "nasbench_only108.tfrecord",
            lambda c: c[0][4][0][1].__setitem__(4, 90.0),
            "row 1: the accuracy is 90",
        ),
        (
            "hwnasbench",
            "HW-NAS-Bench-v1_0.pickle",
            lambda c: c["nasbench201"]["cifar100"]["config"].reverse(),
            "different orders",
        ),
        (
            "hwnasbench",
            "HW-NAS-Bench-v1_0.pickle",
            lambda c: c["nasbench201"]["cifar10"]["config"][0].update(arch_str=1),
            "is 1, not a text",
        ),
        ("hwnasbench, csv", "hw_cifar100.csv", lambda c: c.reverse() or c.insert(0, c.pop()), "different orders"),
        (
            "hwnasbench, csv",
            "hw_cifar100.csv",
            lambda c: c[2].__setitem__(5, "1_0"),
            "line 3: edgetpu_latency is '1_0', not",
        ),
        (
            "ofa-mbv3",
            "mbnv3w10_evoga_acc.csv",
            lambda c: c[2].__setitem__(5, "nan"),
            "line 3: .* is 'nan', not a number",
        ),
        (
            "ofa-mbv3",
            "mbnv3w10_evoga_acc.csv",
            lambda c: c[2].__setitem__(0, "{'ks': 3}"),
            "row 2: .* is not an architecture",
        ),
        ("darts-swap", "DARTS_archs_CIFAR10.csv", lambda c: c[2].__setitem__(1, ""), "row 3: the accuracy is '', not"),
        ("nds", "DARTS.json", lambda c: c["mid"][0].update(test_ep_top1=[50.0, None]), "row 3: test_ep_top1 is None"),
        (
            "nasbenchnlp",
            "logs.zip",
            lambda c: c["logs/1.json"].update(test_losses=[1.0]),
            "row 2: .* 3 validation and 1 test",
        ),
        (
            "flexibert",
            "BERT_benchmark.json",
            lambda c: c[2]["scores"].update(cola="70"),
            "row 3: cola is '70', not a number",
        ),
        (
            "nasbenchmacro",
            "nas-bench-macro_cifar10.json",
            lambda c: c["00012110"].update(test_acc=[1, 2]),
            "row 2: test_acc has 2",
        ),
        (
            "timm",
            "results-imagenet.csv",
            lambda c: c[1].__setitem__(6, "1,30"),
            "line 2: param_count is '1,30', not a number",
        ),
        (
            "transnasbench101-micro",
            "zc_transbench101_micro.json",
            lambda c: next(iter(c["jigsaw"].values())).update(val_accuracy="9"),
            "jigsaw, .*: val_accuracy is '9'",
        ),
    ],
)
def test_values_of_the_wrong_kind_name_file_and_row(name, file, change, message, tmp_path):
    files = OFFICIAL[name]()
    change(files.files[file])
    contents = {other: files.write(content) for other, content in files.files.items()}
    with pytest.raises(DataCorruptError, match=message) as caught:
        _load.read_source(benchmark_info(files.benchmark), files.place(tmp_path, contents))
    assert str(tmp_path) in str(caught.value)


def test_numbers_and_what_is_none():
    assert number(3, "x") == 3.0 and type(number(np.float32(0.5), "x")) is float
    for value in (True, "3", None, [3], float("nan"), float("inf"), 10**400, b"3", np.bool_(True)):
        with pytest.raises(OddValueError, match=r"^x is "):
            number(value, "x")
    with pytest.raises(OddValueError, match="x is 101, outside of 0 to 100"):
        number(101, "x", 0, 100)
    assert integer(np.int64(3), "x") == 3
    for value in (3.0, True, "3", -1, 2**60):
        with pytest.raises(OddValueError, match=r"^x is "):
            integer(value, "x")
    assert numbers(np.array([1, 2]), "x", 2) == [1.0, 2.0]
    with pytest.raises(OddValueError, match="x has 2 entries, not 3"):
        numbers([1, 2], "x", 3)
    assert decimal(" -1.5e3 ", "x") == -1500
    for text in ("", "nan", "inf", "1_0", "1,5", "0x10", "१", "1e999", None):
        with pytest.raises(OddValueError, match=r"^x is "):
            decimal(text, "x")


def test_columns_of_numbers():
    np.testing.assert_array_equal(column([1, None, 2.5, np.float32(3)], "x"), [1, np.nan, 2.5, 3])
    for values in ([1.0, True], [1.0, "2"], [1.0, [2.0]], [1.0, float("inf")], [1.0, 10**400]):
        with pytest.raises(OddValueError, match="x of row 2 is"):
            column(values, "x")
