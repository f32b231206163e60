"""What several commands share: renamed options, tables in any width, bars."""

import argparse
import io
import re
import sys

import pytest

from zcbench.cli import _shared
from zcbench.evaluation import Board


class Wide(Board):
    """A name, eight columns of numbers, a note of the result and one of the table."""

    table_notes = ("of the table",)

    def __init__(self, repeated=0):
        self.repeated = repeated

    def headline(self):
        return "headline"

    def titles(self):
        return [("name", False), *((f"column {i}", True) for i in range(8))]

    def cells(self):
        return [[f"row {r}", *(f"{r}{i}0.00 [0.00]" for i in range(8))] for r in "xy"]

    def footnotes(self):
        return ["of the result", *self.table_notes]


@pytest.fixture
def shown(monkeypatch, capsys):
    """What is printed at a width."""

    def at(width, *boards):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        monkeypatch.setenv("TERM", "dumb")
        _shared.print_boards(boards)
        return capsys.readouterr().out

    return at


def test_columns_without_room_are_named(shown):
    out = shown(80, Wide())
    assert all(len(line) <= 80 for line in out.splitlines())
    (note,) = (line for line in shown(200, Wide()).splitlines() if "of the result" in line)
    assert len(note) < 200  # not padded
    assert "Dropped at 80 columns: column " in out
    assert "Dropped" not in shown(200, Wide())
    assert "of the result" in out
    assert "of the table" not in out  # it was told before


class Named(Wide):
    """Ranks, names of some lengths, and three columns of numbers."""

    NAMES = (
        "params",
        "ntk_cond:batch_norm=eval,samples=16",
        "mean_rank(" + "+".join(f"p{i:03}" for i in range(40)) + ")",
    )

    def titles(self):
        return [("#", True), ("proxy", False), ("tau [95 % CI]", True), ("rho [95 % CI]", True), ("over params", True)]

    def cells(self):
        return [[f"{i}=", name, *(f"-0.{i}{k} [-0.50, -0.40]" for k in range(3))] for i, name in enumerate(self.NAMES)]


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_names_are_never_cut(shown, width):
    lines = shown(width, Named()).splitlines()
    assert all(len(line) <= width for line in lines)
    for i, name in enumerate(Named.NAMES):
        start = next(place for place, line in enumerate(lines) if line.startswith(f"{i}=  "))
        assert f"-0.{i}0 [-0.50, -0.40]" in lines[start]
        folded = "".join(line[4:].split("  ")[0].strip() for line in lines[start:] if line[:4] in (f"{i}=  ", "    "))
        assert folded.startswith(name)
    assert any("Dropped at" in line for line in lines) == (width < 160)


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_a_table_in_parts_has_all_columns(shown, width):
    out = shown(width, Wide(repeated=1))
    lines = out.splitlines()
    assert all(len(line) <= width for line in lines)
    assert [out.count(f"column {i}") for i in range(8)] == [1] * 8
    assert [out.count(f"{r}{i}0.00 [0.00]") for r in "xy" for i in range(8)] == [1] * 16
    parts = sum(line.startswith("name") for line in lines)
    assert parts == {30: 8, 60: 3, 80: 2, 200: 1}[width] or parts > 1
    assert out.count("row x") == out.count("row y") == parts
    assert out.count("headline") == out.count("of the result") == 1


def test_an_empty_line_between_two(shown):
    first, second = shown(200, Wide(), Wide()).split("\n\n")
    assert first.split() == second.split()


def test_a_renamed_option_says_a_line(capsys):
    parser = argparse.ArgumentParser()
    parser.add_argument("--track", metavar="NAME")
    _shared.add_renamed(parser, "--suite", "--track")
    assert parser.parse_args(["--suite", "quick"]).track == "quick"
    said = "zcbench: the option --suite is called --track now; the next release removes the old name.\n"
    assert capsys.readouterr().err == said
    assert parser.parse_args(["--track", "quick"]).track == "quick"
    assert parser.parse_args([]).track is None
    assert capsys.readouterr().err == ""
    assert "suite" not in parser.format_help()


def test_a_bar_without_work_is_not_drawn(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    drawn = {}
    for idle in (True, False):
        monkeypatch.setattr(sys, "stderr", Terminal())
        with _shared.progress_bar("first", idle=idle), _shared.progress_bar("second", "trials") as report:
            report(1, 2, None)
        drawn[idle] = sys.stderr.getvalue()
    assert "first" in drawn[True]
    assert "first" not in drawn[False]
    assert "1/2 trials" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", drawn[False])


def test_a_line_of_progress_tells_how_long_it_will_take(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    clock = iter([1000.0, 1020.0, 1040.0, 1100.0])
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    with _shared.progress_bar("train", "steps") as report:
        for done in (600, 610, 640, 1200):
            report(done, 1200, None)
    assert capsys.readouterr().err.splitlines() == [
        "train: 600/1200 steps",
        "train: 610/1200 steps, about 20 min left",
        "train: 640/1200 steps, about 9 min left",
        "train: 1200/1200 steps",
    ]


def test_empty_columns_are_dropped_first_and_not_named(shown):
    class Empty(Named):
        NAMES = ("params",)

        def cells(self):
            return [["1", "params", "0.50 [0.40, 0.60]", "0.60 [0.50, 0.70]", "–"]]

    assert "over params" in shown(80, Empty())
    narrow = shown(58, Empty())
    assert "rho" in narrow and "over params" not in narrow and "Dropped" not in narrow
