"""SoTL, SoTL-E and SoTL-EMA."""

from __future__ import annotations

import numpy as np
import pytest

from zcbench.curves import Context, get_curve_predictor

VALUES = np.array([0.1, 0.4, 0.2, 0.6])
CURVE = Context(np.arange(1, 5.0), VALUES, 10.0)


def slow_average(memory: float) -> float:
    """The moving average as one weighted sum."""
    weights = [memory**3] + [(1 - memory) * memory ** (3 - epoch) for epoch in range(1, 4)]
    return sum(w * v for w, v in zip(weights, VALUES, strict=True))


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("sotl", VALUES.sum() / 4),
        ("sotl_e", 0.6),
        ("sotl_e:last=3", 1.2 / 3),
        ("sotl_e:last=100", VALUES.sum() / 4),
        ("sotl_ema", slow_average(0.9)),
        ("sotl_ema:memory=0.5", slow_average(0.5)),
        ("sotl_ema:memory=0.0", 0.6),
    ],
)
def test_scores(name: str, right: float) -> None:
    predictor = get_curve_predictor(name)
    assert not predictor.spread
    found = predictor.predict([CURVE], np.array([[5.0, 10.0]]))
    assert found.mean()[0].tolist() == pytest.approx([right, right])


def test_ranks_are_those_of_the_sum() -> None:
    """Of losses that are turned round, as units are."""
    losses = np.random.default_rng(0).uniform(0, 3, (20, 7))
    curves = [Context(np.arange(1, 8.0), 1 - row / 3, 10.0) for row in losses]
    found = get_curve_predictor("sotl").predict(curves, np.full((20, 1), 10.0)).mean()[:, 0]
    assert (np.argsort(-found) == np.argsort(losses.sum(1))).all()
