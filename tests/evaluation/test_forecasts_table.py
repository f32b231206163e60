"""The table of curve predictors says what it shows, in every form."""

import csv
import io
import json

from evaluation.test_forecasts import TRIALS

import zcbench
from zcbench.evaluation import compare_forecasts
from zcbench.evaluation._forecasts_table import METRICS


def found():
    return compare_forecasts(TRIALS, zcbench.get_benchmark("chars-rnn"))


def test_every_form_has_every_curve_predictor():
    board = found()
    titles = [title for title, _ in board.titles()]
    assert titles == ["curve predictor", "10 %", "50 %", "median", "in 90 %", "tau", "won", "by median", "per curve"]
    assert all(len(row) == len(titles) for row in board.cells())
    rows = list(csv.DictReader(io.StringIO(board.to_csv())))
    assert len(rows) == 6 == len(json.loads(board.to_json())["forecasts"])
    assert {row["curve_predictor"] for row in rows} == {"mine", "last_value", "other"}
    for text in (board.to_text(), board.to_markdown(), board._repr_html_()):
        assert "mine" in text and "valid_nll" in text and "5 parts" not in text
    assert board.rows()[0]["mse"] == 0.5 and board.rows()[0]["crps"] is None


def test_every_metric_can_be_shown_and_says_what_is_better():
    board = found()
    for metric in METRICS:
        shown = board.showing(metric)
        assert METRICS[metric] in shown.headline()
        assert len(shown.titles()) == len(shown.cells()[0])
    assert "(less is better)" in board.showing("crps").headline()
    assert "better" not in board.showing("coverage_90").headline()
