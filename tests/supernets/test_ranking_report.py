"""The table of a ranking: best first, names whole at 80 columns, failures named, honest about ties."""

import csv
import io
import json
import math

import pytest
from rankings import ranking, row

from zcbench.cli._shared import _fitting
from zcbench.supernets._ranking_report import in_order


def test_it_says_who_is_above_the_parameters():
    report = ranking()
    assert [one.name for one in report.above()] == ["inherited(naswot)"]  # trainings themselves are no scorer
    notes = " ".join(report.footnotes())
    assert "Above params by its interval, of 5 scorers: inherited(naswot) by 0.05 [0.01, 0.10]." in notes
    assert "of this many, about 0.1 are above by chance" in notes
    assert "test_nll" in report.headline() and "0.73 [0.70, 0.76]" in report.headline()
    none = ranking(scorers=(row("params"), row("naswot", over=(0.1, -0.1, 0.3))))
    assert "of 2 scorers: none." in " ".join(none.footnotes())


def test_what_is_not_listed_is_named():
    report = ranking()
    assert [one.name for one in report.listed] == [cells[0] for cells in report.cells()]
    assert {one.name for one in report.scorers} - {one.name for one in report.listed} == {
        "inherited(params)", "head_confidence"
    }  # fmt: skip
    notes = " ".join(report.footnotes())
    for text in (
        "Not shown, failed: head_confidence.",
        "Not shown, the same scores as with new weights: inherited(params).",
        "Excluded: 1 subnet without a result",
        "Measured only on the first 40 subnets: ntk_cond",
    ):
        assert text in notes
    assert "quick form" not in notes and "quick form" in " ".join(ranking(plan={"quick": True}).footnotes())


def test_scores_of_some_subnets_are_marked_and_of_few_are_not_listed():
    report = ranking(subnets=tuple("abcdef"), scorers=(row("params", n=6), row("slow"), row("odd", failures=6, n=2)))
    assert [cells[0] for cells in report.cells()] == ["params", "slow, 4 subnets"]
    assert "Not shown, failed, only 2 scores: odd." in report.footnotes()


def test_names_are_whole_and_costs_stand_at_80_columns():
    report = ranking()
    titles, rows, hidden = _fitting(report.titles(), report.cells(), 80)
    assert [title for title, _ in titles][:4] == ["scorer", "tau [95 % CI]", "minus params", "all-in"]
    assert "seeds" in hidden and all(a[0] == b[0] for a, b in zip(rows, report.cells(), strict=True))


def test_rows_for_programs():
    report = ranking()
    found = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert len(found) == 7 and found[0]["scorer"] == "one stand-alone training"
    assert found[0]["standing"] == "above" and found[3]["standing"] == "tied" and found[4]["standing"] == "below"
    assert (found[1]["failed"], found[1]["ok"], found[6]["tau"]) == ("2", "6", "")
    content = json.loads(report.to_json())
    assert content["rows"][6]["tau"] is None and content["ceiling"] == 0.73 and len(content["subnets"]) == 4
    assert report["params"].tau == 0.65 and str(report).startswith("Scorers that rank 4 subnets")
    with pytest.raises(KeyError):
        report["nobody"]


def test_order():
    rows = [row("a", tau=0.1), row("b", failures=8), row("c", tau=0.3)]
    assert [one.name for one in in_order(rows)] == ["c", "a", "b"]
    assert math.isnan(rows[1].tau) and "0.10" in repr(rows[0])
