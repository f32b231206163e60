"""A ranking of candidates as a table."""

import csv
import io
import json
import math

from zcbench.metrics import Estimate
from zcbench.runs._cross_validation import Choice
from zcbench.runs._deviations import Deviations
from zcbench.runs._predicted import Candidate, Prediction

TAU = Estimate(0.6, 0.3, 0.8, 20)


def prediction(**changed):
    given = {
        "candidates": (Candidate("=a", 0.91234, 0.0123, "line 4"), Candidate("b", math.nan, math.nan, "line 2")),
        "target": "acc",
        "lower_is_better": False,
        "trained": 20,
        "predictor": "gp",
        "source": "my.csv",
        "features": ("depth",),
        "choice": Choice("gp", TAU, 0.65, {"gp": 0.65, "one_column": 0.5}),
        "forced": False,
        "repeats": 3,
        "deviations": Deviations(1.2, math.nan, 0.93),
        "notes": ("A note.",),
        "column": "model",
    }
    return Prediction(**given | changed)


def test_the_table_that_people_read():
    found = prediction()
    assert (
        found.headline() == "2 candidates by predicted acc, highest first; learned from 20 trained networks of my.csv"
    )
    assert found.cells() == [["1", "=a", "0.912", "0.012"], ["2", "b", "–", "–"]]
    assert [title for title, _ in found.titles()] == ["rank", "model", "acc", "std"]
    assert found.footnotes() == [
        "gp was chosen by 5-fold cross-validation, 3 repeats. It ranks held-out networks with Kendall's tau 0.60 "
        "[0.30, 0.80] (95 % interval over 20 networks), corrected for the choice (before: 0.65).",
        "Tried, with tau before the correction: gp 0.65, one_column 0.50.",
        "std is gp's own times 1.2: ±1.96 std contain 93 % of held-out networks (95 % would be exact).",
        "A note.",
    ]
    assert all(len(line) <= 80 for line in found.to_text().splitlines())
    assert len(prediction(top=1).cells()) == 1


def test_what_is_odd_is_said():
    weak = Choice("gp", Estimate(0.1, -0.2, 0.4, 20), 0.2, {"gp": 0.2, "one_column": 0.1})
    assert "The interval includes 0: the order may be no better than chance." in prediction(choice=weak).footnotes()
    leak = Choice("gp", Estimate(0.97, 0.9, 0.99, 20), 0.97, {"gp": 0.97})
    assert "check that no feature is a result of the same training" in " ".join(prediction(choice=leak).footnotes())
    assert "below .005" in prediction(choice=leak).footnotes()[0]
    kept = Choice("average(gp)", TAU, 0.65, {"average(gp)": 0.65, "gp": 0.7})
    assert (
        "The average is kept unless another is better"
        in prediction(choice=kept, predictor="average(gp)").footnotes()[1]
    )
    forced = prediction(forced=True).footnotes()[0]
    assert forced == (
        "gp ranks held-out networks with Kendall's tau 0.60 [0.30, 0.80] (95 % interval over 20 networks; 5-fold "
        "cross-validation, 3 repeats; one_column: 0.50)."
    )
    same = prediction(deviations=Deviations(math.nan, 0.5, 0.9)).footnotes()[2]
    assert same.startswith("std is the root mean square of cross-validation errors, the same for all")


def test_the_files_that_programs_read():
    found = prediction()
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert rows == [
        {"rank": "1", "model": "'=a", "predicted_acc": "0.91234", "std": "0.0123", "line": "4"},
        {"rank": "2", "model": "b", "predicted_acc": "", "std": "", "line": "2"},
    ]
    content = json.loads(found.to_json())
    assert (content["tau"], content["tau_low"], content["tau_uncorrected"]) == (0.6, 0.3, 0.65)
    assert content["candidates"][0]["line"] == 4
    assert content["candidates"][1]["std"] is None


def test_nothing_is_told_of_few_networks():
    found = prediction(choice=None, deviations=None, trained=5)
    content = found.content()
    assert [content[key] for key in ("tau", "tau_low", "tried", "coverage", "std_is")] == [None] * 5
    assert found.footnotes()[0].startswith("With 5 trained networks it cannot be told how well gp ranks")
    assert not any("tau" in note for note in found.footnotes())


def test_columns_of_names_that_the_table_has_too():
    for column, name in (("line", "line"), ("std", "architecture"), ("rank", "architecture")):
        first = prediction(column=column).rows()[0]
        assert first[name] == "=a"
        assert (first["rank"], first["std"]) == (1, 0.0123)
        assert 4 in first.values()
