"""Sample efficiency as a table, CSV and JSON."""

import csv
import io
import json
import math

import pytest
from toys import toy

from zcbench.errors import UnknownNameError
from zcbench.evaluation import sample_efficiency
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
    return sample_efficiency(rows, toy())


def test_rows(found):
    titles, rows = [title for title, _ in found.titles()], found.cells()
    assert titles == ["predictor", "10", "20"]
    assert [row[0] for row in rows] == ["good", "bad", "broken"]
    assert rows[0][1] == "0.620 ± 0.050*"
    assert rows[1][2] == "0.000*" or rows[1][2] == "0.000"
    assert rows[2] == ["broken", "–", "–"]
    assert found.showing("rho").cells()[0][1] == "0.720 ± 0.050"
    assert found.showing("coverage").cells() == []  # nobody says how sure it is


def test_notes_say_what_is_odd(found):
    notes = "\n".join(found.footnotes())
    assert "bad at 20: all predictions were the same in 1 trial;" in notes
    assert "broken at 10: no predictions in 2 trials: no such thing" in notes
    assert "of 100 architectures" in found.headline()
    with pytest.raises(UnknownNameError, match="unknown metric"):
        found.showing("accuracy")


def test_exports_agree(found):
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    points = json.loads(found.to_json())["points"]
    assert len(rows) == len(points) == 5
    for row, point in zip(rows, points, strict=True):
        assert row["tau"] == ("" if point.get("tau") is None else str(point["tau"]))
        assert row["seconds"] == ""  # the toy does not say what training took
    markdown = found.to_markdown()
    assert markdown.count("\n| ") == 4
    assert "| good | 0.620 ± 0.050* |" in markdown
    assert all(math.isnan(point.seconds) for point in found.points)
