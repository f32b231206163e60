"""The report is put together from columns: the baseline, twins, the better half."""

import math

import numpy as np

from zcbench.metrics import kendall_tau, noise_ceiling
from zcbench.supernets._ranking_columns import Columns
from zcbench.supernets._ranking_measures import Given
from zcbench.supernets._ranking_run import judged
from zcbench.supernets._ranking_truth import Truth
from zcbench.types import Architecture

KEYS = [f"k{n}" for n in range(12)]


def lines(values, name):
    return {
        key: {name: {"status": "ok", "value": float(value), "seconds": 0.1}}
        for key, value in zip(KEYS, values, strict=True)
    }


def test_the_baseline_is_the_number_of_parameters():
    rng = np.random.default_rng(0)
    mean = np.arange(12.0)
    values = mean[:, None] + rng.normal(size=(12, 3))
    params, other = mean + rng.normal(size=12), mean + 4 * rng.normal(size=12)
    columns = Columns(KEYS, values)
    known = Truth(tuple(Architecture("s", key) for key in KEYS), values, "test_nll", math.nan, 0)
    found = [
        columns.proxy("params", "params", "", [lines(params, "params")], []),
        columns.proxy("params", "inherited(params)", "given", [lines(params, "params")], [1.0]),
        columns.proxy("naswot", "naswot", "", [lines(other, "naswot")], []),
        columns.proxy("naswot", "inherited(naswot)", "given", [lines(params, "naswot")], [1.0]),
    ]
    report = judged("here", known, found, {}, Given([], math.nan))
    truth = values.mean(1)
    wanted = kendall_tau(other, truth).value - kendall_tau(params, truth).value
    assert math.isclose(report["naswot"].agreement.over.value, wanted) and report["params"].agreement.over.value == 0
    assert report["inherited(params)"].same_as == "params" and report["inherited(naswot)"].same_as == ""
    better = truth >= np.median(truth)
    assert report.half_ceiling == noise_ceiling(values[better]) and report.ceiling == noise_ceiling(values)
    assert math.isclose(report["naswot"].agreement.half.value, kendall_tau(other[better], truth[better]).value)
    assert report.shown["rows"] == [] and report.space == "s" and report.trainings == 3
