"""Mixtures by evidence: beginnings, weights, and parts that cannot be weighted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats
from toys import registry_as_it_was

from zcbench.curves import (
    Context,
    CurvePredictor,
    Forecast,
    Mixture,
    Normals,
    get_curve_predictor,
    register_curve_predictor,
)
from zcbench.curves._context import Floats
from zcbench.curves.evidence import Evidence, beginnings
from zcbench.errors import InvalidInputError

VALUES = np.array([0.2, 0.3, 0.35, 0.4, 0.5, 0.45, 0.5, 0.6, 0.55, 0.6, 0.6, 0.7])
CURVE = Context(np.arange(1, 13.0), VALUES, 20.0)


class Shifted(CurvePredictor):
    """The last value and something."""

    shift = 0.0

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """A normal distribution of spread .1."""
        last = np.array([[one.values[-1] + self.shift] for one in contexts])
        return Normals.single(np.broadcast_to(last, asked.shape), np.array(0.1))


class Up(Shifted):
    """Too high."""

    shift = 0.5


def test_beginnings_cover_a_curve_once() -> None:
    assert beginnings(12, 3) == [(3, 4), (4, 6), (6, 9), (9, 12)]
    assert beginnings(3, 3) == [] and beginnings(4, 3) == [(3, 4)]
    for length in (5, 17, 100):
        parts = beginnings(length, 3)
        assert [value for seen, until in parts for value in range(seen, until)] == list(range(3, length))


def test_evidence_by_hand() -> None:
    """Each part of a curve of twelve values is short enough to be asked for as a whole."""
    total = 0.0
    for seen, until in [(3, 4), (4, 6), (6, 9), (9, 12)]:
        total += sum(stats.norm(VALUES[seen - 1], 0.1).logpdf(value) for value in VALUES[seen:until])
    found = Evidence().evidence(Shifted(), [CURVE, CURVE.until(3), CURVE])
    assert found.tolist() == pytest.approx([total, 0.0, total])


def test_long_parts_are_sampled() -> None:
    times = np.arange(1, 101.0)
    straight = Context(times, np.full(100, 0.5), 100.0)
    each = stats.norm(0, 0.1).logpdf(0)
    assert Evidence().evidence(Shifted(), [straight])[0] == pytest.approx(97 * each)


def test_outliers_do_not_decide() -> None:
    wild = VALUES.copy()
    wild[-1] = 1e6
    found = Evidence().evidence(Shifted(), [Context(CURVE.times, wild, 20.0)])[0]
    assert np.isfinite(found)
    assert found == pytest.approx(Evidence().evidence(Shifted(), [CURVE.until(11)])[0] - 10, abs=15)


def test_who_forecasts_better_weighs_more() -> None:
    asked = np.array([[15.0, 20.0]])
    with registry_as_it_was():
        register_curve_predictor("t-last", reference="mine")(Shifted)
        register_curve_predictor("t-up", reference="mine")(Up)
        even = get_curve_predictor("evidence:parts=(t-last+3*t-up):power=0.0").predict([CURVE], asked)
        half, whole = (
            get_curve_predictor(f"evidence:parts=(t-last+t-up):power={power}").predict([CURVE], asked)
            for power in (0.5, 1.0)
        )
    assert isinstance(even, Mixture) and isinstance(half, Mixture) and isinstance(whole, Mixture)
    assert even.weights[0].tolist() == pytest.approx([0.25, 0.75])
    difference = Evidence().evidence(Shifted(), [CURVE])[0] - Evidence().evidence(Up(), [CURVE])[0]
    assert difference > 10
    for found, power in ((half, 0.5), (whole, 1.0)):
        assert np.log(found.weights[0, 0] / found.weights[0, 1]) == pytest.approx(power * difference)


@pytest.mark.parametrize("part", ["lcsvr", "sotl"])
def test_parts_that_cannot_be_weighed(part: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{part} cannot be weighted"):
        get_curve_predictor(f"evidence:parts=(last_value+{part})").predict([CURVE], np.array([[20.0]]))


def test_the_label_is_read_back() -> None:
    label = "evidence:parts=(last_value+0.5*(fits:criterion=bic))"
    assert get_curve_predictor(label).label_ == label
