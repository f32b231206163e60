"""What the report of one search says."""

import csv
import io
import json
import math

import numpy as np
from boards import HOSTILE
from searched import report

SEVERAL = {"names": ("valid", "flops"), "objectives": {"valid": False, "flops": False}}


def test_the_table_has_a_row_per_column_the_guide_first():
    found = report()
    assert found.headline() == "evolution@1 on toys@1, seed 3: the best of 5 evaluations by valid is net-4."
    assert [title for title, _ in found.titles()] == [
        *("column", "found", "rank", "best", "average", "random search", "RI, %")
    ]
    guide, test = found.cells()
    assert guide[:5] == ["valid", "0.1", "1 of 10", "0.1", "1.65"] and guide[6] == "93.9"
    assert test[:3] == ["test", "0.11", "1 of 10"]


def test_cost_end_and_meaning_are_told():
    notes = report(spent={"training": 50.0, "scoring": 2.0, "thinking": 0.5, "waiting": 0.0}, scored=7).footnotes()
    assert notes[0] == (
        "Cost: 52.00 s (training 50.00 s, scoring 2.00 s); 5 evaluations of 7 proposals (2 equal to "
        "another one); 7 scores; in addition the searcher itself took 0.50 s."
    )
    assert notes[1] == "Ended: the budget is spent: 5 evaluations."
    assert "The search used only valid; test of its choice is reported." in notes
    real = report(spent={"training": 1.0, "thinking": 0.5}, table={}, ended="").footnotes()
    assert real[0].startswith("Cost: 1.50 s (training 1.00 s, thinking 0.50 s)")
    assert real[1] == "The search has not ended."
    assert report(spent={}).footnotes()[0].startswith("Cost: no seconds are known; 5 evaluations")


def test_scorers_are_told_by_role():
    notes = report(scorers={"warm-start": ["synflow@1"], "filter": ["naswot@1"]}).footnotes()
    assert "Scorers: warm-start synflow@1; filter naswot@1." in notes


def test_a_guide_that_is_reported_itself_is_told():
    assert any("valid guides and is reported" in note for note in report(names=("valid",)).footnotes())


def test_what_gave_nothing_and_what_was_trained_in_part_is_counted():
    found = report(
        epochs=np.array([3, math.nan, math.nan, math.nan, math.nan]),
        values={"valid": np.array([0.5, math.nan, 0.3, 0.2, 0.1])},
    )
    notes = found.footnotes()
    assert "1 of 4 evaluations gave no valid." in notes
    assert "1 of 5 evaluations were of trainings in part." in notes


def test_without_a_table_there_is_what_was_found_alone():
    found = report(table={}, directions={})
    assert [title for title, _ in found.titles()] == ["column", "found"]
    assert found.cells() == [["valid", "0.1"], ["test", "0.11"]]


def test_nothing_found_is_said():
    assert report(rows=()).headline() == "evolution@1 on toys@1, seed 3: nothing was found in 0 evaluations."
    assert report(rows=()).cells() == [] and json.loads(report(rows=()).to_json())["best"] is None
    assert report(rows=()).to_csv() == "\n"


def test_several_objectives_have_a_row_per_architecture_of_the_front():
    found = report(**SEVERAL)
    assert "a front of 4 architectures in valid × flops from 5 evaluations, 100.0 % of the known" in found.headline()
    assert found.cells()[0] == ["net-4", "0.1", "30"]
    assert any("hypervolumes are measured from the point valid" in note for note in found.footnotes())
    assert "hypervolume" not in report(**SEVERAL, table={}).headline()


def test_a_long_front_is_cut_and_said_so():
    n = 30
    values = {"valid": np.arange(n) / 10, "flops": -np.arange(n) / 10}
    found = report(rows=tuple(range(5)) * 6, **SEVERAL, values=values)
    assert len(found.cells()) == 20 and len(json.loads(found.to_json())["front"]) == 30
    assert "10 more architectures of the front are in the CSV and the JSON." in found.footnotes()


def test_csv_and_json_have_every_evaluation():
    found = report(epochs=np.array([3, math.nan, math.nan, math.nan, math.nan]))
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["best"] for row in rows] == ["False", "True", "True", "False", "True"]
    assert rows[0]["epochs"] == "3" and rows[1]["epochs"] == "" and float(rows[4]["valid"]) == 0.1
    content = json.loads(found.to_json())
    assert content["best"] == {
        "number": 5, "architecture": "net-4", "values": {"valid": 0.1, "test": 0.11}, "seconds": 50
    }  # fmt: skip
    assert content["known"]["test"]["rank"] == 1 and content["known"]["valid"]["regret"] == 0
    assert len(content["evaluations"]) == 5 and content["objectives"] == ["-valid"]


def test_names_of_strangers_command_nothing():
    values = {HOSTILE: np.arange(2.0)}
    found = report(
        rows=(0, 1), values=values, objectives={HOSTILE: True}, searcher=HOSTILE, evaluate=HOSTILE,
        architectures=(HOSTILE, HOSTILE + "2"), ended=HOSTILE, notes=(HOSTILE,), constraints=(HOSTILE,),
        spent={HOSTILE: 1.0},
    )  # fmt: skip
    assert "<img" not in found._repr_html_() and "<script" not in found._repr_html_()
    assert "<img" not in found.to_markdown() and repr(found).isprintable()


def test_proposals_that_were_not_evaluated_are_no_equal_ones():
    cost = report(asks=500, equal=20).footnotes()[0]
    assert "5 evaluations of 500 proposals (20 equal to another one, 475 not evaluated)." in cost
    assert "5 evaluations of 5 proposals." in report(asks=5, equal=0).footnotes()[0]


def test_a_search_of_nothing_tells_of_no_table():
    notes = report(rows=(), asks=1, equal=0, ended="the budget is spent: 0 s.").footnotes()
    assert notes == [
        "Cost: no seconds are known; 0 evaluations of 1 proposal (1 not evaluated).",
        "Ended: the budget is spent: 0 s.",
    ]
