"""What a worker does with a curve predictor: figures as by hand, and failures with reasons."""

import numpy as np
import pytest
from runs.test_curve_set import falling, table
from scipy import stats
from toys import registry_as_it_was

from zcbench.curves import CurvePredictor, Normals, get_curve_predictor, register_curve_predictor
from zcbench.runs._curve_set import curve_set
from zcbench.runs._forecasting import CurveForecasting
from zcbench.types import Status


@pytest.fixture
def registry():
    with registry_as_it_was():
        yield


def work(curves=None, parts=2, complete=5, **further):
    return CurveForecasting(curve_set(table(falling(10) if curves is None else curves, **further)), parts, complete)


def outcome(forecasting, label, share="0.5", part=0):
    ((_, result),) = forecasting.results(f"{part} {label}", [share])
    return result


def test_figures_are_those_of_extrapolating_each_curve_by_itself():
    """Means over curves of means over values, in the metric's units; ranks over means of a network's trainings."""
    forecasting = work()
    curves = forecasting.curves
    result = outcome(forecasting, "last_value")
    rows = curves.tested(0, 2)
    densities, squared, ends = [], [], {}
    for row in rows:
        values = curves.values[row]
        prepared = curves.prepared(row, 3)
        later = np.arange(4.0, 7)
        forecast = get_curve_predictor("last_value").predict([prepared.context], prepared.axis.times(later)[None])
        mean = prepared.scale.metric(forecast.means[0, :, 0])
        spread = forecast.spreads[0, :, 0] / abs(prepared.scale.factor)
        densities.append(
            np.mean([stats.norm(m, s).logpdf(v) for m, s, v in zip(mean, spread, values[3:], strict=True)])
        )
        squared.append(np.mean((mean - values[3:]) ** 2))
        ends.setdefault(curves.network[row], []).append((mean[-1], values[5]))
    predicted, true = np.mean([ends[network] for network in sorted(ends)], 1).T
    metrics = result.metrics
    assert result.status is Status.OK and metrics["curves"] == len(rows) == 10
    assert metrics["log_density"] == pytest.approx(np.mean(densities))
    assert metrics["median_log_density"] == pytest.approx(np.median(densities))
    assert metrics["mse"] == pytest.approx(np.mean(squared))
    assert metrics["tau"] == pytest.approx(stats.kendalltau(predicted, true).statistic)
    assert metrics["rho"] == pytest.approx(stats.spearmanr(predicted, true).statistic)


def test_ranks_are_within_tasks():
    facts = {"task": np.repeat([0.0, 1.0], 5)}
    curves = falling(10, 1)
    curves[5:] *= 100
    forecasting = work(curves, parts=1, facts=facts, tasks="task")
    whole = forecasting.curves
    expected = [
        stats.kendalltau(whole.values[whole.task == task, 2], whole.values[whole.task == task, 5]).statistic
        for task in (0, 1)
    ]
    metrics = outcome(forecasting, "last_value").metrics
    assert metrics["tau"] == pytest.approx(np.mean(expected)) and metrics["ranked"] == 2


def test_curves_of_other_lengths_are_asked_for_their_own_epochs(registry):
    asked = []

    @register_curve_predictor("t-noted")
    class Noted(CurvePredictor):
        """Notes what it is asked."""

        def predict(self, contexts, times):
            asked.extend(zip(contexts, times, strict=True))
            return Normals.single(np.full(times.shape, 0.5), np.ones(times.shape))

    curves = falling(4, 1, 8)
    curves[:2, 0, 4:] = np.nan
    forecasting = work(curves, parts=1, facts={"task": np.array([0.0, 0, 1, 1])}, tasks="task")
    result = outcome(forecasting, "t-noted")
    assert result.metrics["curves"] == 4
    ends = [(context.end, len(context), times.max()) for context, times in asked]
    assert sorted(ends) == [(4, 2, 4), (4, 2, 4), (8, 4, 8), (8, 4, 8)]


def test_who_learns_sees_complete_curves_of_other_networks(registry):
    seen = {}

    @register_curve_predictor("t-learner")
    class Learner(CurvePredictor):
        """Notes what it learns from."""

        learns = True

        def fit(self, curves):
            seen["learned"] = [tuple(curve.values) for curve in curves]
            return self

        def predict(self, contexts, times):
            seen.setdefault("tested", []).extend(tuple(context.values) for context in contexts)
            return Normals.single(np.full(times.shape, 0.5), np.ones(times.shape))

    forecasting = work()
    result = outcome(forecasting, "t-learner")
    curves = forecasting.curves
    tested = set(curves.unit[curves.tested(0, 2)])
    by_values = {tuple(curves.prepared(row).context.values): curves.unit[row] for row in range(len(curves))}
    assert len(seen["learned"]) == 5 == result.metrics["learned"] and all(len(curve) == 6 for curve in seen["learned"])
    assert not tested & {by_values[values] for values in seen["learned"]}
    assert all(len(values) == 3 for values in seen["tested"])
    alone = outcome(work(parts=1), "t-learner")
    assert alone.status is Status.UNSUPPORTED and "there are none outside of the part" in alone.detail


def test_joint_predictors_see_all_curves_of_a_part_at_once(registry, monkeypatch):
    sizes = []

    class Counted(CurvePredictor):
        """Notes how many curves it is asked for."""

        def predict(self, contexts, times):
            sizes.append(len(contexts))
            return Normals.single(np.full(times.shape, 0.5), np.ones(times.shape))

    register_curve_predictor("t-single")(Counted)
    register_curve_predictor("t-joint")(type("Joint", (Counted,), {"joint": True, "__doc__": "As counted."}))
    monkeypatch.setattr("zcbench.runs._forecasting._AT_ONCE", 4)
    forecasting = work()
    single = outcome(forecasting, "t-single")
    assert sizes == [4, 4, 2]
    joint = outcome(forecasting, "t-joint")
    assert sizes[3:] == [10]
    assert joint.metrics["mse"] == single.metrics["mse"] and joint.metrics["learned"] == 5


def raising(contexts, times):
    raise ValueError("no idea")


def misshapen(contexts, times):
    return Normals.single(np.zeros((1, 1)), np.ones((1, 1)))


def not_numbers(contexts, times):
    return Normals.single(np.full(times.shape, np.nan), np.ones(times.shape))


@pytest.mark.parametrize(
    ("wrong", "status", "message"),
    [
        (raising, Status.FAILED, "ValueError: no idea"),
        (misshapen, Status.FAILED, r"predict returned (1, 1)"),
        (lambda contexts, times: times, Status.FAILED, "it must return a Forecast"),
        (not_numbers, Status.UNSUPPORTED, "all of its forecasts are nan or infinite"),
    ],
)
def test_what_fails_has_a_reason_and_no_figures(registry, wrong, status, message):
    @register_curve_predictor("t-wrong")
    class Wrong(CurvePredictor):
        """Fails."""

        def predict(self, contexts, times):
            return wrong(contexts, times)

    result = outcome(work(), "t-wrong")
    assert (result.status, result.metrics) == (status, {}) and message in result.detail


def test_curves_that_cannot_be_forecast_are_counted(registry):
    @register_curve_predictor("t-picky")
    class Picky(CurvePredictor):
        """Needs four values, and fails at one curve."""

        least = 4

        def predict(self, contexts, times):
            means = np.full(times.shape, 0.5)
            means[0] = np.nan
            return Normals.single(means, np.ones(times.shape))

    curves = falling(4, 1, 10)
    curves[0, 0, 1:4] = np.nan
    result = outcome(work(curves, parts=1), "t-picky", "0.4")
    assert (result.metrics["curves"], result.metrics["left_out"]) == (2, 2)
    assert "1 curve skipped because it needs 4 values of a curve." in result.detail
    assert "1 curve skipped because its forecast is not a number." in result.detail
    few = outcome(work(curves, parts=1), "t-picky", "0.1")
    assert few.status is Status.UNSUPPORTED and "needs 4 values" in few.detail


def test_sums_are_judged_by_means_and_ranks():
    result = outcome(work(), "sotl_e")
    assert {"mse", "tau", "rho", "curves"} <= result.metrics.keys() and "log_density" not in result.metrics
