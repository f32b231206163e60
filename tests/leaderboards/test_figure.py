"""A figure of sample efficiency, the same file each time."""

import dataclasses
import sys

import numpy as np
import pytest
from toys import records, toy, trial

from zcbench.errors import MissingDependencyError
from zcbench.evaluation import sample_efficiency, summarize
from zcbench.leaderboards import draw_efficiency


@pytest.fixture
def found():
    rows = [trial(f"{p}@1", n / 50 + s / 20, train_size=n, seed=s) for p in "ab" for n in (10, 20) for s in range(3)]
    table = dataclasses.replace(toy(), facts={"train_seconds": np.ones(4)})
    return sample_efficiency(rows, table, summarize(records(toy(), [1, 2, 4, 3], "zero@1"), toy()))


def test_figures(found, tmp_path):
    for suffix in ("svg", "png"):
        draw_efficiency(found, tmp_path / f"figure.{suffix}")
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 5000
    text = (tmp_path / "figure.svg").read_text()
    assert all(f"<!-- {label} -->" in text for label in ("a", "b", "zero", "trained networks"))
    draw_efficiency(found, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text
    draw_efficiency(found, tmp_path / "one.svg", ["a"])
    assert "<!-- b -->" not in (tmp_path / "one.svg").read_text()


def test_matplotlib_may_be_absent(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="a figure needs the package 'matplotlib'"):
        draw_efficiency(found, tmp_path / "figure.svg")
