"""Curves as a table, CSV, JSON and a figure."""

import csv
import io
import json
import math

import pytest
from toys import toy

from zcbench.errors import UnknownNameError
from zcbench.evaluation import curves
from zcbench.leaderboards import (
    curve_headline,
    curve_notes,
    curve_rows,
    curves_to_csv,
    curves_to_json,
    curves_to_markdown,
    draw_curves,
)
from zcbench.records import Trial
from zcbench.types import Status


def trial(predictor, size, seed, tau=None, detail="", **more):
    metrics = {} if tau is None else {"tau": tau, "rho": tau + 0.1, "fit_seconds": 2.0, "predict_seconds": 1.0}
    status = Status.OK if tau is not None else Status.FAILED
    return Trial("toy@1", "quality", "", f"{predictor}@1", 100, size, 0, seed, status, {**metrics, **more}, detail)


@pytest.fixture
def found():
    rows = [trial("good", n, s, 0.5 + n / 100 + s / 50) for n in (10, 20) for s in range(3)]
    rows += [trial("bad", 10, s, 0.1 * s) for s in range(3)]
    rows += [trial("bad", 20, 0, 0.0, "all predictions are the same: tau and rho count as 0")]
    rows += [trial("broken", 10, s, None, "no such thing") for s in range(2)]
    return curves(rows, toy())


def test_rows(found):
    titles, rows = curve_rows(found)
    assert titles == ["predictor", "10", "20"]
    assert [row[0] for row in rows] == ["good", "bad", "broken"]
    assert rows[0][1] == "0.620 ± 0.050*"
    assert rows[1][2] == "0.000*" or rows[1][2] == "0.000"
    assert rows[2] == ["broken", "–", "–"]
    assert curve_rows(found, "rho")[1][0][1] == "0.720 ± 0.050"
    assert curve_rows(found, "coverage")[1] == []  # nobody says how sure it is


def test_notes_say_what_is_odd(found):
    notes = "\n".join(curve_notes(found))
    assert "bad at 20: all predictions were the same in 1 trial;" in notes
    assert "broken at 10: no predictions in 2 trials: no such thing" in notes
    assert "of 100 architectures" in curve_headline(found)
    with pytest.raises(UnknownNameError, match="unknown metric"):
        curve_headline(found, "accuracy")


def test_exports_agree(found, tmp_path):
    rows = list(csv.DictReader(io.StringIO(curves_to_csv(found))))
    points = json.loads(curves_to_json(found))["points"]
    assert len(rows) == len(points) == 5
    for row, point in zip(rows, points, strict=True):
        assert row["tau"] == ("" if point.get("tau") is None else str(point["tau"]))
        assert row["seconds"] == ""  # the toy does not say what training took
    markdown = curves_to_markdown(found)
    assert markdown.count("\n| ") == 4
    assert "| good | 0.620 ± 0.050* |" in markdown
    for suffix in ("svg", "png"):
        draw_curves(found, tmp_path / f"figure.{suffix}", ["good", "bad"])
        assert (tmp_path / f"figure.{suffix}").stat().st_size > 5000
    assert all(math.isnan(point.seconds) for point in found.points)
