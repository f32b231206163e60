"""The tables of a comparison of searchers: text, rows, JSON."""

import csv
import io
import json
import math

import numpy as np
import pytest
from boards import HOSTILE
from searched import KNOWN, TABLE, trace, traces

from zcbench.evaluation import Known, KnownFront, Trace, compare_searches
from zcbench.evaluation._searches_table import cost, measured
from zcbench.metrics import Estimate


def estimate(value, low=math.nan, high=math.nan):
    return Estimate(value, low, high, 2)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (estimate(94.0211, 93.91, 94.13), "94.02 ± 0.11"),
        (estimate(0.00123, 0.00101, 0.00145), "0.00123 ± 0.00022"),
        (estimate(1234.5, 1000, 1469), "1234 ± 234"),
        (estimate(94.02), "94.02"),
        (estimate(math.nan), "–"),
        (estimate(5, 5, 5), "5 ± 0"),
        (estimate(1, 1 - 1e-12, 1 + 1e-12), "1.00000000 ± 0.00000000"),
    ],
)
def test_a_mean_has_the_digits_of_its_interval(given, text):
    assert measured(given) == text


@pytest.mark.parametrize(
    ("value", "by", "text"),
    [
        (34, "evaluations", "34"),
        (3.5, "evaluations", "3.5"),
        (4712.5, "evaluations", "4,712"),
        (math.inf, "seconds", "∞"),
        (12000, "seconds", "12,000 s"),
        (0.25, "seconds", "0.25 s"),
    ],
)
def test_costs_are_counts_or_seconds(value, by, text):
    assert cost(value, by) == text


def test_the_table_says_what_was_found_at_what_cost():
    found = compare_searches(traces(), KNOWN, guide="valid")
    assert found.headline() == (
        "toys@1: test of the result of each searcher, chosen by valid, after 20 evaluations; mean and 95 % interval "
        "over "
        "12 seeds. The best of 1,000 architectures has 99.9, the average 49.95."
    )
    titles = [title for title, _ in found.titles()]
    assert titles == ["searcher", "test", "regret", "rank", "RI, %", "to best 1 %", "to best 0.1 %",
                      "speed-up, 1 %", "speed-up, 0.1 %"]  # fmt: skip
    first, second = found.cells()
    assert first[0] == "skilled@1" and first[1].endswith("*") and not second[1].endswith("*")
    assert all(len(row) == len(titles) for row in (first, second)) and second[-1] == "–"


def test_a_goal_beyond_the_searches_is_written_as_a_bound():
    never = [Trace("random", seed, np.arange(5.0), np.arange(1, 6) * 100.0, {"test": np.zeros(5)}) for seed in range(4)]
    some = [
        Trace("lucky", seed, np.arange(5.0), np.arange(1, 6) * 100.0, {"test": np.full(5, 99.9 if seed else 0)})
        for seed in range(4)
    ]
    lucky, random = compare_searches([*never, *some], KNOWN).cells()
    assert random[5:] == ["never", "never", "–", "–"]
    assert lucky[5].startswith("1 [1, ") and lucky[5].endswith("(75 %)") and lucky[-1].startswith(">5 [")
    half = [t for t in some if t.seed < 2]
    assert compare_searches([*never, *half], KNOWN).cells()[0][5] == "∞ [1, >5] (50 %)".replace("∞", ">5")
    one = compare_searches([some[1]], KNOWN).cells()[0]
    assert one[1:6] == ["99.9*", "0", "1", "100", "1"]


def test_csv_json_and_pandas_have_every_number():
    found = compare_searches(traces(), KNOWN, guide="valid")
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert float(rows[0]["value"]) == found.searched[0].value[-1].value
    assert float(rows[0]["to_best_0.01_reached"]) == found.searched[0].reach[0.01].share
    assert float(rows[0]["speed_up_0.01"]) == found.searched[0].ratio[0.01].value and rows[1]["speed_up_0.01"] == ""
    content = json.loads(found.to_json())
    assert len(content["progress"]) == 10 and content["best"] == 99.9 and content["front"] is None
    assert content["searchers"][1]["searcher"] == "random@1"
    frame = pytest.importorskip("pandas") and found.progress().to_pandas()
    assert list(frame["evaluations"][:5]) == [1, 2, 5, 10, 20]
    horizon = float(rows[0]["to_best_0.01_mean_up_to"])
    costs = found.searched[0].reach[0.01].costs
    assert float(rows[0]["to_best_0.01_mean"]) == pytest.approx(np.minimum(costs, horizon).mean())


def test_progress_has_a_column_per_cost():
    found = compare_searches(traces(), KNOWN, by="seconds", grid=[500, 5000])
    board = found.progress("rank")
    assert [title for title, _ in board.titles()] == ["searcher", "500 s", "5,000 s"]
    assert board.headline() == (
        "toys@1: median rank by test of the result against time on the search's clock, with 95 % intervals over seeds."
    )
    assert board.cells()[0][0] == "skilled@1" and "[" in board.cells()[0][1]


def test_the_reference_of_a_hypervolume_is_told():
    front = KnownFront(("test", "flops"), np.column_stack([TABLE, -TABLE]), (True, False), np.array([0.0, 1.0]))
    several = [
        Trace(t.label, t.seed, t.guide, t.seconds, {**t.reported, "flops": -t.reported["test"]}) for t in traces(2)
    ]
    found = compare_searches(several, KNOWN, front=front)
    assert found.titles()[1] == ("hypervolume", True)
    assert any("the reference point test 0, flops 1." in note for note in found.footnotes())
    assert json.loads(found.to_json())["front"]["reference"] == [0, 1]
    assert (
        found.progress("volume").headline().startswith("toys@1: share of the known front's hypervolume of the result")
    )


def test_names_of_strangers_command_nothing():
    rows = trace(HOSTILE, 0)
    found = compare_searches(
        [Trace(HOSTILE, 0, rows.guide, rows.seconds, {HOSTILE: rows.reported["test"]})],
        Known(HOSTILE, TABLE, True, HOSTILE), guide=HOSTILE, notes=[HOSTILE],
    )  # fmt: skip
    for text in (found._repr_html_(), found.progress()._repr_html_()):
        assert "<img" not in text and "<script" not in text
    assert "<img" not in found.to_markdown() and repr(found).isprintable()
