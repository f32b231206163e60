"""Tables and their cache: kept whole, damaged, replaced."""

import subprocess
import sys

import numpy as np
import pytest

from zcbench.datasets import _load, benchmark_info, list_benchmarks
from zcbench.datasets._table import Table, load_table, save_table, with_repeats
from zcbench.errors import DataCorruptError, StoreError
from zcbench.types import Target

pytestmark = pytest.mark.usefixtures("nothing_kept")
BENCHMARKS = {name: benchmark_info(name) for name in list_benchmarks()}
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
