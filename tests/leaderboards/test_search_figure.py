"""Figures of searches."""

import sys

import numpy as np
import pytest
from searched import KNOWN, report, traces

from zcbench.errors import MissingDependencyError
from zcbench.evaluation import KnownFront, Trace, compare_searches
from zcbench.leaderboards import draw_comparison, draw_search
from zcbench.leaderboards._search_figure import view

SEVERAL = {"names": ("valid", "flops"), "objectives": {"valid": False, "flops": False}}


def drawn(draw, what, path):
    draw(what, path)
    return path.read_text()


def test_a_search(tmp_path):
    text = drawn(draw_search, report(), tmp_path / "a.svg")
    for label in ("valid", "test", "evaluations", "random search, on average", "the best of the table"):
        assert f"<!-- {label} -->" in text
    assert "seconds on the search" in text
    assert drawn(draw_search, report(), tmp_path / "again.svg") == text
    draw_search(report(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_several_objectives_show_the_known_front(tmp_path):
    text = drawn(draw_search, report(**SEVERAL), tmp_path / "a.svg")
    assert "<!-- the known front -->" in text and "random search" not in text
    assert "hypervolume" not in drawn(draw_search, report(**SEVERAL, table={}), tmp_path / "b.svg")


@pytest.mark.parametrize(
    "odd",
    [
        report(rows=()),
        report(rows=(1,), values={"valid": np.array([np.nan])}),
        report(rows=(1,)),
        report(table={}, directions={}, seconds=np.zeros(5)),
        report(rows=(1,), **SEVERAL, values={"valid": np.array([np.nan]), "flops": np.array([1.0])}),
        report(rows=(), **SEVERAL),
    ],
)
def test_odd_searches_are_drawn(odd, tmp_path):
    draw_search(odd, tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 1000


def test_a_comparison(tmp_path):
    text = drawn(draw_comparison, compare_searches(traces(), KNOWN), tmp_path / "a.svg")
    assert "<!-- skilled@1 -->" in text and "<!-- regret in test -->" in text
    front = KnownFront(("test", "flops"), np.column_stack([KNOWN.values, KNOWN.values]), (True, False))
    several = [
        Trace(t.label, t.seed, t.guide, t.seconds, {**t.reported, "flops": t.reported["test"]}) for t in traces(3)
    ]
    assert "hypervolume" in drawn(draw_comparison, compare_searches(several, KNOWN, front=front), tmp_path / "b.svg")


def test_the_worst_tenth_is_left_outside():
    values = np.append(np.arange(100.0), np.nan)
    low, high = view(values, True)
    assert 0 < low < 10 and high > 99
    low, high = view(values, False)
    assert low < 0 and 89 < high < 99
    low, high = view(values, None)
    assert low < 0 and high > 99
    assert view(np.array([np.nan]), True) is None and view(np.array([5.0]), True) == (4.75, 5.25)


def test_matplotlib_may_be_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="a figure needs the package 'matplotlib'"):
        draw_search(report(), tmp_path / "a.svg")
