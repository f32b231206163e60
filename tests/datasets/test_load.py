"""Where tables are looked for, and readers and tables of strangers."""

import numpy as np
import pytest
from official import states, write_pth, write_simple

import zcbench
from zcbench.datasets import BenchmarkInfo, Table, _load, import_benchmark
from zcbench.errors import (
    DataCorruptError,
    DataMissingError,
    InvalidArchitectureError,
    InvalidInputError,
    MissingDependencyError,
    UnknownNameError,
)
from zcbench.types import Target


def test_source_before_cache_before_data_folder(nowhere, monkeypatch):
    folder = write_simple(nowhere / "simple", states())
    fewer = states()
    del fewer[2]
    kept = import_benchmark("nasbench201", [write_pth(nowhere / "fewer.pth", fewer)])
    assert kept == nowhere / "cache" / "nasbench201.npz"
    assert len(zcbench.get_benchmark("nasbench201")) == 2
    assert len(zcbench.get_benchmark("nasbench201", folder)) == 3
    kept.unlink()
    _load._load.cache_clear()
    with pytest.raises(
        DataMissingError, match=r"is not on this machine: get the authors' file .+ and run  zcbench data import"
    ):
        zcbench.get_benchmark("nasbench201")
    monkeypatch.setenv("ZCBENCH_DATA", str(nowhere))
    with pytest.raises(DataMissingError, match=r"zcbench data import .* \(no table at .*nb201_accuracies\.parquet"):
        zcbench.get_benchmark("nasbench201")


def test_what_was_imported_is_read_back(nowhere, capsys):
    from zcbench.cli import main

    folder = write_simple(nowhere / "simple", states())
    assert main(["data", "import", "nasbench201", str(folder)]) == 0
    imported, direct = zcbench.get_benchmark("nasbench201"), zcbench.get_benchmark("nasbench201", folder)
    assert imported.architectures == direct.architectures
    for name in direct.targets:
        np.testing.assert_array_equal(imported.values[name], direct.values[name])
    assert imported.source == str(folder)


def test_names_and_sources():
    assert set(zcbench.list_benchmarks()[:3]) == {"digits-201", "chars-rnn", "chars-bert"}
    with pytest.raises(UnknownNameError, match="unknown benchmark 'nasbench102': did you mean 'nasbench101'"):
        zcbench.get_benchmark("nasbench102")
    with pytest.raises(InvalidInputError, match="digits-201 is part of zcbench: it has no source"):
        zcbench.get_benchmark("digits-201", "file")
    assert zcbench.get_benchmark("digits-201") is zcbench.get_benchmark("digits-201")


pytestmark = pytest.mark.usefixtures("nothing_kept")


def stranger(read):
    return BenchmarkInfo("theirs", "table", "a stranger's", 2, 1, "CC0", "theirs", read=read)


def table(**changes):
    target = Target("accuracy", "digits", True, "accuracy, percent")
    fields = {"architectures": ["a", "b"], "targets": (target,), "values": {"accuracy": np.ones((2, 1))}}
    return Table(**{**fields, "source": "their.txt", **changes})


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("x"),
        KeyError("accuracy"),
        StopIteration(),
        RecursionError("deep"),
        MemoryError(),
        OSError(5, "I/O"),
        UnicodeDecodeError("utf8", b"", 0, 1, "bad"),
        AssertionError(),
        InvalidArchitectureError("no cell"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_strangers_reader_raises_names_the_file(error, tmp_path):
    def broken(paths):
        raise error

    path = tmp_path / "their.txt"
    path.write_text("x")
    with pytest.raises(DataCorruptError, match=r"their\.txt") as caught:
        _load.read_source(stranger(broken), [path])
    assert caught.value.__cause__ is error


def test_errors_that_say_what_to_do_pass(tmp_path):
    path = tmp_path / "their.txt"
    path.write_text("x")
    for error in (MissingDependencyError("h5py", "hdf", "reading it"), DataCorruptError(f"{path} is old.")):

        def broken(paths, error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            _load.read_source(stranger(broken), [path])
        assert caught.value is error

    def gone(paths):
        return (tmp_path / "second.txt").read_text()

    with pytest.raises(DataMissingError, match=r"second\.txt does not exist"):
        _load.read_source(stranger(gone), [path])


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (None, "returned None, not a Table"),
        (table(architectures=["a", "a"]), "twice, in rows 1 and 2"),
        (table(architectures=["a", 3]), "row 2: an architecture is 3, not a text"),
        (table(architectures=["a", "b\nc"]), "row 2: .* is not a name"),
        (table(architectures=[]), "no architectures"),
        (table(values={"accuracy": np.ones((3, 1))}), "columns of different lengths"),
        (table(values={"accuracy": np.ones(2)}), "columns of different lengths"),
        (table(values={"accuracy": np.array([["1"], ["2"]])}), "'accuracy' is not of numbers"),
        (table(values={"accuracy": np.array([[True], [False]])}), "'accuracy' is not of numbers"),
        (table(values={"accuracy": np.array([[1], [[]]], object)}), "'accuracy' is not of numbers"),
        (table(values={"accuracy": [[1.0], [2.0]]}), r"their\.txt"),
        (table(values={"accuracy": np.array([[1.0], [np.inf]])}), "row 2: accuracy is infinite"),
        (table(values={}), "targets and columns differ"),
        (table(targets=()), "no target"),
        (table(seeds={"accuracy": (1, 2)}), "has 1 trainings and 2 seeds"),
        (table(facts={"size": np.ones((2, 2))}), "columns of different lengths"),
        (table(curves={"accuracy": np.ones((2, 1))}), "columns of different lengths"),
        (table(curves={"loss": np.ones((2, 1, 3))}), "'loss', which is not a target"),
    ],
)
def test_tables_that_are_none(made, message, tmp_path):
    path = tmp_path / "their.txt"
    path.write_text("x")
    with pytest.raises(DataCorruptError, match=message):
        _load.read_source(stranger(lambda paths: made), [path])


def test_of_many_rows_the_two_equal_ones_are_found(tmp_path):
    rows = 60_000  # comparing all pairs would take minutes
    names = [f"network {i}" for i in range(rows - 1)]
    path = tmp_path / "their.txt"
    path.write_text("x")
    many = table(architectures=[*names, names[-1]], values={"accuracy": np.ones((rows, 1))})
    with pytest.raises(DataCorruptError, match=f"'network 59998' occurs twice, in rows {rows - 1} and {rows}"):
        _load.read_source(stranger(lambda paths: many), [path])
