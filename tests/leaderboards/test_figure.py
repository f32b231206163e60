"""A figure of sample efficiency, the same file each time."""

import dataclasses
import re
import sys

import numpy as np
import pytest
from scipy.optimize import minimize
from toys import records, toy, trial

from zcbench.errors import MissingDependencyError
from zcbench.evaluation import sample_efficiency, summarize
from zcbench.leaderboards import _figure, draw_efficiency
from zcbench.leaderboards._figure import spread


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


def test_at_most_eight_colours_and_a_label_for_each_line(tmp_path):
    names = [f"p{i:02}" for i in range(12)]
    rows = [
        trial(f"{p}@1", 0.9 - i / 20 + s / 50, train_size=n, seed=s)
        for i, p in enumerate(names)
        for n in (10, 20)
        for s in range(3)
    ]
    draw_efficiency(sample_efficiency(rows, toy()), tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text()
    assert all(text.count(f"<!-- {name} -->") == 1 for name in names)
    colours = set(re.findall(r"stroke: (#\w{6})", text)) - {_figure._INK.lower(), _figure._OTHER.lower()}
    assert len(colours - {"#b0b0b0"}) == 8  # that of the grid
    assert "fill: #ffffff" not in text  # no background


def test_labels_are_moved_as_little_as_possible():
    rng = np.random.default_rng(0)
    for n, high in ((1, 1.0), (2, 1.0), (5, 1.0), (9, 1.0), (9, 0.2)):
        heights = np.sort(1 - high * rng.random(n))
        found = spread(heights.tolist(), 0.1)
        assert (np.diff(found) > 0.1 - 1e-9).all() and min(found) >= 0 and max(found) <= 1 + 1e-9
        apart = {"type": "ineq", "fun": lambda x: np.diff(x) - 0.1} if n > 1 else ()
        start, ends = np.arange(n) / 10, [(0, 1)] * n
        best = minimize(lambda x, h=heights: ((x - h) ** 2).sum(), start, bounds=ends, constraints=apart).x
        np.testing.assert_allclose(found, best, atol=1e-3)
    assert spread([], 0.1) == []
    assert np.diff(spread([0.5] * 50, 0.1)) == pytest.approx(1 / 49)  # more than find room


def test_matplotlib_may_be_absent(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="a figure needs the package 'matplotlib'"):
        draw_efficiency(found, tmp_path / "figure.svg")
