"""Tables: how they are found and read, what they answer, what is said when they are not there."""

import builtins
import math

import numpy as np
import pytest
from official import CELLS, states, write_pth, write_simple
from toys import toy

import zcbench
from zcbench.datasets import _load, digits201, get_benchmark, import_benchmark
from zcbench.datasets._digits import load_digits
from zcbench.datasets._paths import cache_folder, cached, data_folder
from zcbench.errors import (
    DataCorruptError,
    DataMissingError,
    InvalidInputError,
    MissingDependencyError,
    StoreError,
    UnknownNameError,
)


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No table anywhere, nothing loaded yet."""
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    _load._load.cache_clear()
    yield tmp_path
    _load._load.cache_clear()


# -- a benchmark -------------------------------------------------------------------------------


def test_truth_is_the_mean_of_what_was_measured():
    benchmark = toy([[1, 2, 6], [math.nan, 4, 5], [math.nan] * 3])
    np.testing.assert_array_equal(benchmark.truth(), [3, 4.5, math.nan])
    assert benchmark.truth("other").tolist()[0] != benchmark.truth().tolist()[0]


def test_repeats_only_where_seeds_are_told_apart():
    benchmark = toy([[1, 2], [3, 4]])
    np.testing.assert_array_equal(benchmark.repeats(), [[1, 2], [3, 4]])
    assert benchmark.repeats("other") is None
    assert toy([1, 2]).repeats() is None


def test_a_larger_sample_begins_with_the_smaller():
    benchmark = zcbench.load_benchmark("digits-201")
    small, large, whole = (benchmark.sample(limit, 3) for limit in (10, 50, None))
    assert small == large[:10] == whole[:10]
    assert len(set(whole)) == len(whole) == len(benchmark)
    assert benchmark.sample(10, 4) != small
    assert benchmark.sample(10**9, 3) == whole


def test_rows_and_targets_by_name():
    benchmark = toy([1, 2, 3])
    assert benchmark.rows(benchmark.architectures[::-1]).tolist() == [2, 1, 0]
    assert benchmark.identifier == "toy@1"
    assert benchmark.target().name == "quality"
    with pytest.raises(UnknownNameError, match="unknown target 'qualty': did you mean 'quality'"):
        benchmark.truth("qualty")
    stranger = zcbench.get_space("digits-201").parse(CELLS[0])
    with pytest.raises(InvalidInputError, match="is not in the table of toy"):
        benchmark.rows([stranger])


# -- digits-201 --------------------------------------------------------------------------------


def test_the_embedded_table_is_whole():
    table = zcbench.load_benchmark("digits-201")
    assert len(table) == 4930
    assert len({table.space.functional_key(a) for a in table.architectures}) == len(table)
    for name, target in table.targets.items():
        curve = table.curves[name]
        assert table.seeds[name] == (0, 1, 2)
        assert curve.shape == (len(table), 3, 12)
        assert np.isfinite(curve).all()
        np.testing.assert_array_equal(curve[:, :, -1], table.values[name])
        if target.higher_is_better:
            assert 0 <= curve.min() <= curve.max() <= 1
            images = 1000 if name.startswith("test") else 297
            np.testing.assert_allclose(curve * images, np.round(curve * images), atol=1e-6)
        else:
            assert curve.min() > 0
    assert (table.facts["train_seconds"] > 0).all()


def test_seeds_are_not_copies_and_networks_learn():
    table = zcbench.load_benchmark("digits-201")
    nll = table.curves["test_nll"]
    assert all((nll[:, a] != nll[:, b]).any(1).all() for a, b in ((0, 1), (0, 2), (1, 2)))
    assert (nll[:, :, -1] < nll[:, :, 0]).mean() > 0.99
    assert np.median(table.truth("test_accuracy")) > 0.8
    assert np.corrcoef(table.truth("test_nll"), table.truth("valid_nll"))[0, 1] > 0.95


def test_a_damaged_table_is_said_to_be_one(monkeypatch, tmp_path):
    monkeypatch.setattr(digits201, "files", lambda _: tmp_path)
    tmp_path.joinpath("data").mkdir()
    for content in (None, b"", b"PK\3\4 not really", b"text"):
        if content is not None:
            tmp_path.joinpath("data", "digits201.npz").write_bytes(content)
        with pytest.raises(DataCorruptError, match="install zcbench again"):
            digits201.load()


def test_the_split_of_the_digits():
    from sklearn.datasets import load_digits as raw

    digits = load_digits()
    sizes = {part: len(images.targets) for part, images in digits.items()}
    assert sizes == {"train": 500, "valid": 297, "test": 1000}
    rows = np.concatenate([images.inputs for images in digits.values()])
    assert len(np.unique(rows.reshape(1797, -1), axis=0)) == len(np.unique(raw().images.reshape(1797, -1), axis=0))
    train = digits["train"].inputs
    assert (train.mean(), train.std()) == pytest.approx((0, 1), abs=1e-5)
    assert train.dtype == np.float32
    grey = np.sort(np.unique(rows))
    assert len(grey) == 17  # one scale for all parts
    labels = np.concatenate([images.targets for images in digits.values()])
    assert np.bincount(labels).tolist() == np.bincount(raw().target).tolist()


def test_digits_need_scikit_learn(monkeypatch):
    load_digits.cache_clear()
    before = builtins.__import__

    def without(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return before(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"pip install .*zcbench\[digits\]"):
        load_digits()


# -- where tables are looked for ---------------------------------------------------------------


def test_source_before_cache_before_data_folder(nowhere, monkeypatch):
    folder = write_simple(nowhere / "simple", states())
    fewer = states()
    del fewer[2]
    kept = import_benchmark("nasbench201", [write_pth(nowhere / "fewer.pth", fewer)])
    assert kept == nowhere / "cache" / "nasbench201.npz"
    assert len(zcbench.load_benchmark("nasbench201")) == 2
    assert len(zcbench.load_benchmark("nasbench201", folder)) == 3
    kept.unlink()
    _load._load.cache_clear()
    with pytest.raises(
        DataMissingError, match=r"is not on this machine: get the authors' file .+ and run  zcbench data import"
    ):
        zcbench.load_benchmark("nasbench201")
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataMissingError, match=r"zcbench data import .* \(no table at .*nb201_accuracies\.parquet"):
        zcbench.load_benchmark("nasbench201")


def test_what_was_imported_is_read_back(nowhere, capsys):
    from zcbench.cli import main

    folder = write_simple(nowhere / "simple", states())
    assert main(["data", "import", "nasbench201", str(folder)]) == 0
    imported, direct = zcbench.load_benchmark("nasbench201"), zcbench.load_benchmark("nasbench201", folder)
    assert imported.architectures == direct.architectures
    for name in direct.targets:
        np.testing.assert_array_equal(imported.values[name], direct.values[name])
    assert imported.source == str(folder)


def test_the_columns_of_the_data_folder(nowhere, data_folder, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    table = zcbench.load_benchmark("nasbench201")
    frame = pq.read_table(data_folder / "nasbench201" / "nb201_accuracies.parquet").to_pydict()
    assert len(table) == 15_625
    assert [a.key for a in table.architectures] == frame["arch_str"]
    assert table.default_target == "cifar10_test_accuracy_200ep"
    np.testing.assert_array_equal(table.truth(), frame["cifar10_test_acc_200ep"])
    np.testing.assert_array_equal(
        table.truth("cifar10-valid_test_accuracy_200ep"), frame["cifar10_validtrained_test_acc_200ep"]
    )
    assert table.repeats() is None
    best = table.architectures[int(np.nanargmax(table.truth()))]
    assert table.truth().max() == pytest.approx(94.37, abs=0.01)  # paper, table 5: the optimum
    assert "nor_conv_3x3" in best.key
    assert table.truth("cifar100_test_accuracy_200ep").max() == pytest.approx(73.51, abs=0.01)
    assert table.truth("ImageNet16-120_test_accuracy_200ep").max() == pytest.approx(47.31, abs=0.01)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>"])
def test_a_damaged_parquet_table(nowhere, monkeypatch, content):
    pytest.importorskip("pyarrow")
    path = nowhere / "nasbench201" / "nb201_accuracies.parquet"
    path.parent.mkdir()
    path.write_bytes(content)
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataCorruptError, match=r"nb201_accuracies\.parquet (cannot be read \(.+\)|is a web page)"):
        zcbench.load_benchmark("nasbench201")


def test_a_parquet_table_of_something_else(nowhere, monkeypatch):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    path = nowhere / "nasbench201" / "nb201_accuracies.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"arch_str": CELLS}), path)
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataCorruptError, match="lacks the column 'cifar10_test_acc_200ep'"):
        zcbench.load_benchmark("nasbench201")


def test_names_and_sources():
    assert set(zcbench.list_benchmarks()[:3]) == {"digits-201", "chars-rnn", "chars-bert"}
    with pytest.raises(UnknownNameError, match="unknown benchmark 'nasbench102': did you mean 'nasbench101'"):
        zcbench.load_benchmark("nasbench102")
    with pytest.raises(InvalidInputError, match="digits-201 comes with zcbench: it takes no source"):
        zcbench.load_benchmark("digits-201", "file")
    assert zcbench.load_benchmark("digits-201") is zcbench.load_benchmark("digits-201")


def test_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    assert data_folder() == tmp_path
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataMissingError, match="absent, which is not a folder: correct the path"):
        data_folder()
    monkeypatch.delenv("ZCBENCH_DATA")
    with pytest.raises(DataMissingError, match="ZCBENCH_DATA is not set"):
        data_folder()
    monkeypatch.delenv("ZCBENCH_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "zcbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "zcbench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the specification forbids
    assert cache_folder() == tmp_path / ".cache" / "zcbench"
    monkeypatch.setenv("ZCBENCH_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


@pytest.fixture
def no_home(monkeypatch):
    """A user without an entry in the list of users, and without HOME: a container with --user 12345."""
    import pwd

    def absent(*_):
        raise KeyError("uid not found")

    for name in ("HOME", "XDG_CACHE_HOME", "ZCBENCH_CACHE", "ZCBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", absent)
    monkeypatch.setattr(pwd, "getpwnam", absent)
    _load._load.cache_clear()
    yield
    _load._load.cache_clear()


def test_no_home(no_home, monkeypatch, tmp_path):
    assert len(zcbench.load_benchmark("digits-201"))  # needs no cache
    with pytest.raises(
        DataMissingError, match="the table of nasbenchmacro is not on this machine: run  zcbench data get"
    ):
        zcbench.load_benchmark("nasbenchmacro")
    with pytest.raises(StoreError, match="this user has no home folder: set ZCBENCH_CACHE to a folder for tables"):
        get_benchmark("nasbenchmacro")
    for variable, folder in (("ZCBENCH_CACHE", cache_folder), ("ZCBENCH_DATA", data_folder)):
        monkeypatch.setenv(variable, "~stranger/x")
        with pytest.raises(DataMissingError, match=rf"{variable} is ~stranger/x, and there is no such home folder"):
            folder()
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path))
    assert cached("x.npz") is None
    (tmp_path / "x.npz").write_text("")
    assert cached("x.npz") == tmp_path / "x.npz"


def test_a_cache_that_cannot_be_looked_at(monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / ("x" * 300)))
    with pytest.raises(StoreError, match=r"cannot read .*: File name too long\. Set ZCBENCH_CACHE to another folder\."):
        zcbench.load_benchmark("nasbenchmacro")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "file"))
    assert cached("x.npz") is None
