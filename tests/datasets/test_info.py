"""A stranger's benchmark in one file, and what is none."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zcbench
from zcbench.cli import main
from zcbench.datasets import BenchmarkInfo, _info, _load
from zcbench.errors import DuplicateNameError, InvalidInputError
from zcbench.spaces import _register

STRANGER = '''
from pathlib import Path
from torch import nn
import numpy as np
import zcbench
from zcbench.datasets import BenchmarkInfo, Table
from zcbench.spaces import ChoiceSpace
from zcbench.types import Target

class Widths(ChoiceSpace):
    """Two hidden layers."""
    def read(self, text): return tuple(text.split("-"))
    def write(self, choices): return "-".join(choices)
    def graph(self, architecture): raise NotImplementedError
    def build(self, architecture, *, num_classes=10):
        a, b = map(int, self.choices(architecture))
        layers = [nn.Linear(64, a), nn.ReLU(), nn.Linear(a, b), nn.ReLU(), nn.Linear(b, num_classes)]
        return nn.Sequential(nn.Flatten(), *layers)

SPACE = Widths("widths", [["4", "8", "16"]] * 2)
zcbench.register_space(SPACE)

def table():
    keys = [architecture.key for architecture in SPACE]
    target = Target("size", "digits", True, "made up")
    return Table(keys, (target,), {"size": np.arange(9.0)[:, None]}, source="made up")

zcbench.register_benchmark(BenchmarkInfo("widths", "widths", "Two widths", 9, 1, "none", "nobody",
                                         classes={"digits": 10}, embedded=table))
'''


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(STRANGER)
    zcbench.list_spaces(), zcbench.list_benchmarks()  # all of ours are there
    spaces, benchmarks = dict(_register._SPACES._entries), dict(_info._BENCHMARKS._entries)
    yield
    _register._SPACES._entries, _info._BENCHMARKS._entries = spaces, benchmarks
    _load._load.cache_clear()


@pytest.mark.parametrize("workers", ["0", "1"])
def test_it_runs_like_ours(stranger, capsys, workers):
    words = ["run", "widths", "--import", "mine.py", "--proxies", "params", "--json", "--workers", workers]
    assert main(words) == 0
    entry = json.loads(capsys.readouterr().out)["entries"][0]
    assert entry["scored"] == 9
    assert entry["tau"] > 0.5
    assert np.array_equal(zcbench.get_benchmark("widths").truth(), np.arange(9.0))


def test_the_example_of_the_guide_runs(stranger, tmp_path, capsys):
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "benchmark.md"
    code = guide.read_text(encoding="utf8").split('```python title="my_benchmark.py"\n')[1].split("```")[0]
    (tmp_path / "my_benchmark.py").write_text(code)
    (tmp_path / "results.txt").write_text("8-8 80\n8-16 85\n16-32 91\n32-32 90\n")
    words = ["run", "widths", "--import", "my_benchmark.py", "--source", "results.txt", "--proxies", "params", "--json"]
    assert main([*words, "--workers", "1"]) == 0
    entry = json.loads(capsys.readouterr().out)["entries"][0]
    assert entry["scored"] == 4
    assert entry["tau"] == pytest.approx(2 / 3)


def test_names_are_taken_once():
    with pytest.raises(DuplicateNameError, match="a search space named 'nasbench201' exists already"):
        zcbench.register_space(zcbench.get_space("nasbench201"))
    with pytest.raises(DuplicateNameError, match="a benchmark named 'nds' exists already"):
        zcbench.register_benchmark(zcbench.datasets.benchmark_info("nds"))
    with pytest.raises(InvalidInputError, match="cannot name a search space"):
        zcbench.register_space(type(zcbench.get_space("table"))("My Space"))


GOOD = BenchmarkInfo("t-bench", "t-space", "A table", 2, 1, "none", "nobody", read=lambda paths: None)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ("digits-201", "'digits-201' is not a BenchmarkInfo"),
        (replace(GOOD, read=None), "give a reader of its table: embedded, read or convert"),
        (replace(GOOD, name=5), "it has no name that is a string"),
        (replace(GOOD, name="T"), "cannot name a benchmark"),
        (replace(GOOD, space=None), "space must be text"),
        (replace(GOOD, summary=5), "summary must be text"),
        (replace(GOOD, rows=-1), "rows -1: choose at least 0"),
        (replace(GOOD, rows=1.5), "choose a whole number"),
        (replace(GOOD, targets=0), "targets 0: choose at least 1"),
        (replace(GOOD, licence=None), "licence must be text"),
        (replace(GOOD, version=1.5), "version must be a positive integer"),
        (replace(GOOD, classes=("digits", 10)), "classes must be a mapping"),
        (replace(GOOD, classes={"digits": 0}), "classes['digits'] 0: choose at least 1"),
        (replace(GOOD, classes={"digits": "10"}), "classes['digits'] '10': choose a whole number"),
        (replace(GOOD, batches={"digits": 5}), "batches['digits'] must be text"),
        (replace(GOOD, embedded=5), "embedded must be a function"),
        (replace(GOOD, read=lambda: None), "read is called with 1 argument"),
        (replace(GOOD, convert="file"), "convert must be a function"),
        (replace(GOOD, remotes="https://example.org"), "remotes must be a tuple"),
        (replace(GOOD, by_hand=None), "by hand must be text"),
    ],
)
def test_benchmarks_that_are_none(info, message):
    before = zcbench.list_benchmarks()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_benchmark(replace(GOOD, name="t-good"), info)
    assert zcbench.list_benchmarks() == before
    with pytest.raises(InvalidInputError, match="two benchmarks named 't-bench' were given"):
        zcbench.register_benchmark(GOOD, GOOD)
