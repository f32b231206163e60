"""Figures of runs and their forecasts."""

import numpy as np
import pytest

from zcbench.curves import _figure
from zcbench.curves._figure import draw_runs
from zcbench.curves._runs import forecast_runs
from zcbench.curves._table import Observed
from zcbench.errors import InvalidInputError

pytest.importorskip("matplotlib")


def runs(count):
    epochs = np.arange(1.0, 6)
    return [Observed(f"run {k} $x$", epochs, 0.5 - 0.4 / epochs) for k in range(count)]


def test_a_figure(tmp_path):
    found = forecast_runs(runs(2), 10, predictor="last_value")
    svg = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for one in svg:
        draw_runs(found, one, title="curves", horizon=10)
    assert svg[0].read_bytes() == svg[1].read_bytes()
    assert svg[0].read_text().count('<g id="axes_') == 2


def test_more_runs_than_panels(tmp_path, monkeypatch):
    monkeypatch.setattr(_figure, "MOST", 1)
    path = tmp_path / "f.png"
    draw_runs(forecast_runs(runs(2), 10, predictor="last_value"), path, title="curves", horizon=10)
    assert path.read_bytes()[:4] == b"\x89PNG"


def test_nothing_to_draw(tmp_path):
    with pytest.raises(InvalidInputError, match="no run has a forecast"):
        draw_runs([], tmp_path / "f.png", horizon=10)
