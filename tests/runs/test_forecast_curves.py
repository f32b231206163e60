"""Forecasts as a fourth kind of work: a kill loses nothing, shards are parts, a stranger's class takes part."""

import json
import textwrap

import numpy as np
import pytest
from runs.test_curve_set import falling, table
from toys import registry_as_it_was

import zcbench
from zcbench.curves import CurvePredictor, Normals, register_curve_predictor
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import ForecastComparison
from zcbench.records import CurveTrial, Store
from zcbench.runs import Run, Track, forecasts
from zcbench.runs.forecast_curves import curve_plan, run_curves


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def track(**fields):
    return Track(**({"curve_predictors": "last_value", "contexts": (0.2, 0.5), "seeds": 3} | fields))


def test_what_was_forecast_is_not_forecast_again(store, monkeypatch):
    made = table(falling(12))
    first = run_curves(track(), made, store).trials
    assert [(trial.seed, trial.context) for trial in first] == [(s, c) for s in range(3) for c in ("0.2", "0.5")]
    assert len(store.forecasts("made")) == 6
    more = run_curves(track(contexts=(0.2, 0.5, 0.8)), made, store).trials
    assert len(store.forecasts("made")) == 9
    assert {trial.key: trial for trial in more} | {trial.key: trial for trial in first} == {t.key: t for t in more}
    monkeypatch.setattr("zcbench.runs._forecasting.CurveForecasting.trial", None)
    assert run_curves(track(), made, store).trials == first


def test_forecasts_that_a_kill_cut_off_are_those_of_an_undisturbed_run(store, tmp_path):
    made = table(falling(12))
    other = Store(tmp_path / "killed")
    steps = []

    def stop(step):
        steps.append(step.done)
        if step.done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_curves(track(), made, other, progress=stop)
    assert len(other.forecasts("made")) == 3
    again = run_curves(track(), made, other, progress=lambda step: steps.append(step.done)).trials
    assert steps == [0, 1, 2, 3, 3, 4, 5, 6]
    assert list(map(_timeless, again)) == list(map(_timeless, run_curves(track(), made, store).trials))


def _timeless(trial):
    return trial.key, {name: value for name, value in trial.metrics.items() if not name.endswith("_seconds")}


@pytest.mark.parametrize(
    "changed", [{"complete": 3}, {"seeds": 2}, {"limit": 10}, {"bounds": (0, 2)}, {"curve_predictors": "sotl"}]
)
def test_another_task_is_another_forecast(store, changed):
    made = table(falling(12))
    keys = {trial.key for trial in run_curves(track(), made, store).trials}
    assert not keys & {trial.key for trial in run_curves(track(**changed), made, store).trials}


def test_shards_are_parts_and_make_the_whole(store):
    made, several = table(falling(12)), track(curve_predictors=["last_value", "sotl*"], seeds=6)
    whole = curve_plan(several, made).keys
    shards = [zcbench.runs.parse_shard(f"{n}/3") for n in (1, 2, 3)]
    parts = [curve_plan(several, made, shard=shard).keys for shard in shards]
    assert sorted(key for part in parts for key in part) == sorted(whole)
    for number in (1, 2, 3):
        run = Run(track=several.with_fields(benchmarks="made"), store=str(store.folder), shard=f"{number}/3")
        run.on("made", table=made)
    assert run_curves(several, made, store, progress=_nothing_left).trials


def _nothing_left(step):
    assert step.done == step.total == 48


def test_a_curve_predictor_that_fails_stops_no_other(store):
    made = table(falling(12, noise=0))
    with registry_as_it_was():

        @register_curve_predictor("t-broken")
        class Broken(CurvePredictor):
            """Raises."""

            def predict(self, contexts, times):
                raise ValueError("no idea")

        @register_curve_predictor("t-mine")
        class Mine(CurvePredictor):
            """A stranger's, which knows where these curves go."""

            def predict(self, contexts, times):
                first = np.array([[one.values[0]] for one in contexts])
                return Normals.single(1 - (1 - first) / times, np.full(times.shape, 0.01))

        run = Run(
            track=track(benchmarks="made", curve_predictors=["t-broken", "t-mine", "last_value"]),
            store=str(store.folder),
        )
        found = run.on("made", table=made)
    assert found.failed and found.result.labels == ["t-mine", "last_value", "t-broken"]
    assert found.result.won["t-mine"]["last_value"].value == 1
    assert found.result.point("t-mine", 0.5).metrics["mse"].value < 1e-20
    assert "t-broken has no forecast of 6 tasks: ValueError: no idea" in found.result.footnotes()
    codes = {trial.label: trial.code for trial in store.forecasts("made")}
    assert codes["last_value"] == "" and len(codes["t-mine"]) > 8


def test_a_run_is_a_comparison_and_stays_in_the_store(tmp_path):
    found = zcbench.run(
        "chars-bert", store=tmp_path, curve_predictors=["last_value", "sotl_e"], contexts=[0.2, 0.5], limit=20, seeds=4
    )
    assert isinstance(found, ForecastComparison) and found.pool == 20 and found.labels == ["last_value", "sotl_e"]
    (again,) = forecasts("chars-bert", tmp_path)
    assert json.loads(again.to_json()) == json.loads(found.to_json())
    assert Store(tmp_path).benchmarks(CurveTrial) == ["chars-bert"]


def test_parts_are_no_more_than_networks(store):
    assert {trial.parts for trial in run_curves(track(seeds=99), table(falling(5)), store).trials} == {5}


def test_ahead_tells_what_is_left(store):
    made = table(falling(12))
    run = Run(track=track(benchmarks="made"), store=str(store.folder))
    (before,) = run.ahead("made", made)
    run.on("made", table=made)
    (after,) = run.ahead("made", made)
    assert (before.what, before.total, before.left, after.left) == ("forecasts", 6, 6, 0)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"curve": "los"}, UnknownNameError, "loss"),
        ({"curve_predictors": "last_valu"}, UnknownNameError, "last_value"),
        ({"contexts": (0.5, 1.0)}, InvalidInputError, "between 0 and 1"),
        ({"bounds": (1, 0)}, InvalidInputError, "smallest and the largest"),
        ({"budget": "12"}, InvalidInputError, "budget applies to searchers"),
        ({"searchers": "random"}, InvalidInputError, "two kinds of work"),
    ],
)
def test_odd_plans_are_refused(store, fields, error, message):
    with pytest.raises(error, match=message):
        run_curves(track(**fields), table(falling(6)), store)


def test_a_table_of_ones_own_on_the_command_line(tmp_path, monkeypatch, capsys):
    from zcbench.cli import main

    monkeypatch.chdir(tmp_path)
    curves = falling(10, 1, 8)[:, 0]
    rows = [f"net{n},{1 - row[-1]:.4f}," + ",".join(f"{value:.5f}" for value in row) for n, row in enumerate(curves)]
    header = "model,acc," + ",".join(f"valid_loss_{epoch}" for epoch in range(1, 9))
    (tmp_path / "my.csv").write_text("\n".join([header, *rows]) + "\n")
    (tmp_path / "mine.py").write_text(
        textwrap.dedent(
            '''
            import numpy as np
            import zcbench.curves as curves

            @curves.register_curve_predictor("half")
            class Half(curves.CurvePredictor):
                """Everything ends in the middle."""

                def predict(self, contexts, times):
                    return curves.Normals.single(np.full(times.shape, 0.5), np.ones(times.shape))
            '''
        )
    )
    asked = [
        "run",
        "my.csv",
        "--target",
        "acc",
        "--curve",
        "valid_loss_*",
        "--lower",
        "valid_loss",
        "--import",
        "mine.py",
    ]
    asked += [
        "--curve-predictors",
        "last_value,half",
        "--contexts",
        ".25,.5",
        "--seeds",
        "2",
        "--workers",
        "0",
        "--json",
    ]
    with registry_as_it_was():
        assert main(asked) == 0
    content = json.loads(capsys.readouterr().out)
    assert (content["curve"], content["lower_is_better"], content["pool"]) == ("valid_loss", True, 10)
    assert {row["curve_predictor"] for row in content["forecasts"]} == {"last_value", "half"}
