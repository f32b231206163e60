"""Comparisons of curve predictors are those of slow arithmetic; nothing that failed is a number."""

import json
import math

import numpy as np
import pytest
from toys import forecast

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import compare_forecasts, forecasts_of
from zcbench.evaluation._forecasts import won
from zcbench.records import Store
from zcbench.types import Status


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("chars-rnn")


def made(label, density, *, context="0.1", seed=0, **further):
    metrics = {"curves": 10.0, "log_density": density, "median_log_density": density, "mse": 0.5, "coverage_90": 0.8}
    metrics |= {"impossible": 0.0, "tau": 0.5, "predict_seconds": 0.1, "fit_seconds": 0.1, **further}
    fields = {"benchmark": "chars-rnn@1", "curve": "valid_nll", "context": context, "seed": seed}
    return forecast(f"{label}@1", density, **fields, **{"metrics": metrics})


rng = np.random.default_rng(3)
DENSITIES = {
    (label, context, seed): rng.normal(better)
    for label, better in (("mine", 1.0), ("last_value", 0.0), ("other", 0.9))
    for context in ("0.1", "0.5")
    for seed in range(5)
}
TRIALS = [made(label, value, context=context, seed=seed) for (label, context, seed), value in DENSITIES.items()]


def test_means_intervals_and_pairs(table):
    found = compare_forecasts(TRIALS, table)
    assert found.contexts == (0.1, 0.5) and found.parts == 4 and found.lower_is_better
    for point in found.points:
        own = [DENSITIES[point.label, f"{point.context:g}", seed] for seed in range(5)]
        estimate = point.metrics["log_density"]
        half = 2.776445105 * np.std(own, ddof=1) / math.sqrt(5)
        assert (estimate.value, estimate.high) == pytest.approx((np.mean(own), np.mean(own) + half))
        assert point.curves == 50 and point.seconds == pytest.approx(5 * 0.2 / 50)
    for context in ("0.1", "0.5"):
        means = {
            label: np.mean([DENSITIES[label, context, seed] for seed in range(5)])
            for label in ("mine", "last_value", "other")
        }
        best = max(means, key=means.get)
        for label in means:
            point = found.point(label, float(context))
            behind = [DENSITIES[best, context, seed] - DENSITIES[label, context, seed] for seed in range(5)]
            assert point.behind.value == pytest.approx(np.mean(behind))
            assert point.tied_with_best == (label == best or point.behind.low <= 0)


def test_tasks_won_are_counted_one_by_one(table):
    found = compare_forecasts(TRIALS, table)
    for label in ("mine", "other"):
        ahead = [
            DENSITIES[label, context, seed] > DENSITIES["last_value", context, seed]
            for context in ("0.1", "0.5")
            for seed in range(5)
        ]
        assert found.won[label]["last_value"].value == pytest.approx(np.mean(ahead))
        assert found.won["last_value"][label].value == pytest.approx(1 - np.mean(ahead))
        assert found.won[label]["last_value"].n == 10
        over_parts = [np.mean(ahead[seed::5]) for seed in range(5)]
        half = 2.776445105 * np.std(over_parts, ddof=1) / math.sqrt(5)
        share = found.won[label]["last_value"]
        assert (share.low, share.high) == pytest.approx((max(0, np.mean(ahead) - half), min(1, np.mean(ahead) + half)))


def test_a_tie_is_half_and_tasks_of_other_curves_do_not_count():
    one = [made("a", 1.0, seed=0), made("a", 1.0, seed=1), made("a", 9.0, seed=2, curves=9.0)]
    other = [made("b", 1.0, seed=0), made("b", 2.0, seed=1), made("b", 0.0, seed=2), made("b", 0.0, seed=3)]
    assert (won(one, other).value, won(one, other).n) == (0.25, 2)


def test_what_was_held_to_be_impossible_loses_and_has_no_mean(table):
    bold = [made("bold", 5.0, seed=seed, impossible=float(seed == 0)) for seed in range(5)]
    found = compare_forecasts([*TRIALS, *bold], table)
    point = found.point("bold", 0.1)
    assert point.metrics["log_density"].value == -math.inf and not point.tied_with_best and point.impossible == 1
    assert found.won["bold"]["last_value"].value == pytest.approx(0.8)
    assert found.won_by_median["bold"]["last_value"].value == 1
    assert (
        "-∞" in found.to_text()
        and "bold at 10 %: 1 observed value had the predicted density zero." in found.footnotes()
    )
    rows = json.loads(found.to_json())["forecasts"]
    assert [row["log_density"] for row in rows if row["curve_predictor"] == "bold"] == [None]


def test_failures_are_counted_and_never_numbers(table):
    failed = [
        forecast("broken@1", None, benchmark="chars-rnn@1", curve="valid_nll", seed=seed, detail="no idea")
        for seed in range(5)
    ]
    found = compare_forecasts([*TRIALS, *failed], table)
    assert found.labels[-1] == "broken" and found.point("broken", 0.1).failures == {"no idea": 5}
    assert "broken has no forecast of 5 tasks: no idea" in found.footnotes()
    assert found.cells()[-1][1] == "–" and "broken" not in found.won
    assert found.point("broken", 0.5) is None


@pytest.mark.parametrize("word", ["skipped", "left out"])  # the second is in stores of earlier versions
def test_curves_without_a_forecast_are_counted_by_reason(table, word):
    metrics = {"curves": 6.0, "log_density": 1.5, "mse": 0.25, "predict_seconds": 0.5, "left_out": 2.0}
    some = [
        forecast(
            "picky@1",
            benchmark="chars-rnn@1",
            curve="valid_nll",
            seed=seed,
            metrics=metrics,
            detail=f"2 curves {word} because it needs 4 values of a curve.",
        )
        for seed in range(5)
    ]
    found = compare_forecasts([*TRIALS, *some], table)
    assert found.point("picky", 0.1).left_out == {"it needs 4 values of a curve.": 10}
    assert "picky: 10 curves skipped because it needs 4 values of a curve." in found.footnotes()


def test_predictors_without_a_spread_are_judged_by_what_they_have(table):
    metrics = {"curves": 10.0, "mse": 0.2, "tau": 0.4, "predict_seconds": 0.0, "fit_seconds": 0.0}
    plain = [
        forecast("sums@1", 0.0, benchmark="chars-rnn@1", curve="valid_nll", seed=seed, metrics=metrics)
        for seed in range(5)
    ]
    found = compare_forecasts([*TRIALS, *plain], table)
    assert found.labels[-1] == "sums" and found.point("sums", 0.1).metrics["tau"].value == 0.4
    assert found.showing("mse").cells()[-1][1] == "0.2 ± 0"
    with pytest.raises(UnknownNameError, match="metric"):
        found.showing("accuracy")


def test_forecasts_of_different_curves_are_not_mixed(table):
    with pytest.raises(InvalidInputError, match="cannot be compared"):
        compare_forecasts([*TRIALS, forecast(benchmark="chars-rnn@1", curve="other")], table)
    with pytest.raises(InvalidInputError, match="zcbench run chars-rnn --curve-predictors"):
        compare_forecasts([], table)


def test_of_a_store_each_set_of_curves_is_a_table(table, tmp_path):
    store = Store(tmp_path)
    others = [
        forecast("last_value@1", 0.1, benchmark="chars-rnn@1", curve="valid_nll", complete=3, seed=s) for s in (0, 1)
    ]
    old = forecast("last_value@1", 0.1, benchmark="chars-rnn@7", curve="valid_nll")
    with store.writer("chars-rnn") as writer:
        for trial in (*others, *TRIALS, old):
            writer.forecast(trial)
    first, second = forecasts_of(store, table)
    assert (len(first.labels), second.labels, second.complete) == (3, ["last_value"], 3)
    assert "of chars-rnn@7 was excluded" in " ".join(first.notes)
    (chosen,) = forecasts_of(store, table, curve_predictors=["mi*"], contexts=[0.5], complete=20)
    assert (chosen.labels, chosen.contexts, chosen.baseline) == (["mine"], (0.5,), "")
    assert forecasts_of(store, table, curve="test_nll") == []


def test_the_latest_version_is_shown(table):
    from dataclasses import replace

    newer = [replace(trial, curve_predictor="mine@2") for trial in TRIALS if trial.label == "mine"]
    found = compare_forecasts([*TRIALS, *newer], table)
    assert {point.version for point in found.points if point.label == "mine"} == {2}
    assert any("version 2 is shown" in note for note in found.notes)
    assert all(trial.status is Status.OK for trial in TRIALS)
