"""What machines read says the same as the evaluation, digit for digit."""

import csv
import html
import io
import json
import math
import re

import pytest
from toys import records, toy

from zcbench.errors import InvalidInputError
from zcbench.evaluation import COLUMNS, Board, footnotes, summarize
from zcbench.evaluation._columns import ranks

ESTIMATES = ("tau", "rho", "of_ceiling", "over_params")


def rows(evaluation):
    return list(csv.DictReader(io.StringIO(evaluation.to_csv())))


def number(text):
    return math.nan if text in ("", None) else float(text)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_csv_in_full_precision(which, request):
    evaluation = request.getfixturevalue(which)
    parsed = rows(evaluation)
    assert [r["proxy"] for r in parsed] == [e.proxy for e in evaluation.entries]
    ranked = sum(not math.isnan(e.tau.value) for e in evaluation.entries)
    assert [r["rank"] for r in parsed] == [str(i + 1) if i < ranked else "" for i in range(len(parsed))]
    assert [r["standing"] for r in parsed] == [e.standing for e in evaluation.entries]
    for row, entry in zip(parsed, evaluation.entries, strict=True):
        for name in ESTIMATES:
            estimate = getattr(entry, name)
            for suffix, value in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)):
                assert same(number(row[name + suffix]), value), (entry.proxy, name + suffix)
        assert same(number(row["seconds"]), entry.seconds)
        assert (row["scored"], row["tried"]) == (str(entry.n), str(entry.total))
        assert (row["benchmark"], row["target"], row["seed"]) == ("toy@1", "quality", "0")
        assert (row["batch"], row["version"]) == (evaluation.batch, str(entry.version))
        assert row["tied_with_best"] == str(entry.tied_with_best)


def test_csv_counts_failures(odd):
    found = {r["proxy"]: r["failures"] for r in rows(odd)}
    assert found["failed"] == "4 failed"
    assert found["constant"] == ""


def test_architectures_without_a_target_are_counted_everywhere():
    benchmark = toy([1, math.inf, 3, math.nan, 5, 6])
    evaluation = summarize(records(benchmark, range(6)), benchmark)
    assert evaluation.without_target == 2
    assert {row["without_target"] for row in rows(evaluation)} == {"2"}
    content = json.loads(evaluation.to_json())
    assert content["without_target"] == 2
    few, note = content["notes"]
    assert few.startswith("mine: fewer than 10 architectures have a score and a target.")
    assert note.startswith("2 of 6 architectures cannot be ranked by quality (1 infinite, 1 missing)")
    assert f"- {note}" in evaluation.to_markdown()
    assert note in evaluation._repr_html_()


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_json(which, request):
    evaluation = request.getfixturevalue(which)

    def forbidden(text):
        raise AssertionError(f"{text} is no JSON")

    content = json.loads(evaluation.to_json(), parse_constant=forbidden)
    assert content["benchmark"] == evaluation.benchmark
    assert content["architectures"] == evaluation.total
    assert content["higher_is_better"] is evaluation.target.higher_is_better
    assert content["notes"] == footnotes(evaluation)
    for flat, entry in zip(content["entries"], evaluation.entries, strict=True):
        assert flat["proxy"] == entry.proxy
        assert same(math.nan if flat["tau"] is None else flat["tau"], entry.tau.value)
        assert (flat["tau"] is None) == math.isnan(entry.tau.value)
    assert set(content["entries"][0]) == set(rows(evaluation)[0])


def cells(line):
    """Cells of a Markdown row as they are shown; an escaped bar separates nothing."""
    found = [c.strip() for c in line.replace(r"\|", "\0").strip("|").split("|")]
    return [html.unescape(re.sub(r"\\(?=[^\w\s])", "", c.replace("\0", "|"))) for c in found]


@pytest.mark.parametrize("which", ["plain", "odd"])
def test_markdown(which, request):
    evaluation = request.getfixturevalue(which)
    lines = evaluation.to_markdown().splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 2 + len(evaluation.entries)
    assert {len(cells(line)) for line in table} == {len(COLUMNS)}
    assert cells(table[0]) == [column.title for column in COLUMNS]
    shown = ranks(evaluation.entries)
    for line, rank, entry in zip(table[2:], shown, evaluation.entries, strict=True):
        assert cells(line) == [column.text(rank, entry) for column in COLUMNS]
    assert sum(line.startswith("- ") for line in lines) == len(footnotes(evaluation))
    # Nothing but the headline, the table and the list: no note spills over its line.
    assert all(line.startswith(("|", "- ")) for line in lines[2:] if line)


@pytest.mark.parametrize("path", ["", 3, b"x.csv", "a\0.csv"])
def test_what_is_no_path_is_refused(plain, path):
    for write in (plain.to_csv, plain.to_json, plain.to_markdown):
        with pytest.raises(InvalidInputError, match=r"the file .*: give a path, as text or pathlib\.Path"):
            write(path)


def test_plain_text_is_aligned_and_has_no_marks_of_markdown():
    class Two(Board):
        def headline(self):
            return "a headline of |odd~0| names " + "word " * 30

        def titles(self):
            return [("name", False), ("value", True)]

        def cells(self):
            return [["|a~0|", "1.5"], ["longer\x1b[31m", "12"]]

        def footnotes(self):
            return ["a note " * 20]

    lines = Two().to_text().splitlines()
    assert lines[0].startswith("a headline of |odd~0| names") and max(map(len, lines)) <= 80
    rows = [line for line in lines if line.startswith(("name", "|a~0|", "longer"))]
    assert rows[0].endswith("value") and rows[1].endswith("  1.5") and rows[2].endswith("   12")
    assert len({len(row) for row in rows}) == 1 and "\x1b" not in Two().to_text()
