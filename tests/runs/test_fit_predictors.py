"""Predictors on splits by equivalence class: nothing leaks, nothing is lost, everything compares."""

import dataclasses
import json
import math
import os
import warnings

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr
from toys import registry_as_it_was, table

import zcbench
from zcbench._imports import import_file
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import sample_efficiency
from zcbench.records import Store, Trial
from zcbench.runs import Track, run_predictors
from zcbench.runs._fitting import PredictorFitting
from zcbench.runs._pool import pool_of
from zcbench.runs._track import DEFAULTS
from zcbench.types import Status


def sweep(store, benchmark=None, predictors=("gp", "random_forest:trees=10"), **changes):
    """Trials on a benchmark; ``transfer_from`` is a table and its column."""
    fields = {"predictors": predictors, "train_sizes": (8, 20), "seeds": 3}
    fields |= {name: changes.pop(name) for name in list(changes) if name in DEFAULTS and name != "transfer_from"}
    if other := changes.pop("transfer_from", None):
        fields["transfer_from"], changes["transfer_from"] = f"{other[0].name}/{other[1]}", other[0]
    return run_predictors(Track(**fields), benchmark or table(), store, **changes)


# -- trials ------------------------------------------------------------------------------------


def test_metrics_are_those_of_the_unseen(tmp_path):
    benchmark = table()
    (trial,) = sweep(Store(tmp_path), benchmark, ["bayesian_ridge"], train_sizes=(20,), seeds=1)
    pool = pool_of(benchmark)
    order = pool.order(0)
    a = pool.architectures
    predictor = zcbench.get_predictor("bayesian_ridge", seed=0).fit([a[i] for i in order[:20]], pool.truth[order[:20]])
    test = [a[i] for i in order[20:]]
    predicted, truth = predictor.predict(test), pool.truth[order[20:]]
    assert trial.metrics["tau"] == pytest.approx(kendalltau(predicted, truth).statistic)
    assert trial.metrics["rho"] == pytest.approx(spearmanr(predicted, truth).statistic)
    best = np.argsort(-predicted)[:10]
    assert trial.metrics["regret@10"] == pytest.approx(truth.max() - truth[best].max())
    assert trial.metrics["precision@10"] == pytest.approx(len(set(best) & set(np.argsort(-truth)[:10])) / 10)
    deviation = predictor.predict_std(test)
    assert trial.metrics["coverage"] == pytest.approx(np.mean(np.abs(predicted - truth) < 1.96 * deviation))
    assert {"nll", "fit_seconds", "predict_seconds", "encode_seconds"} <= set(trial.metrics)
    assert (trial.pool, trial.train_size, trial.seed, trial.predictor) == (60, 20, 0, "bayesian_ridge@1")


def test_losses_are_turned(tmp_path):
    up = sweep(Store(tmp_path / "up"), table())
    mirrored = table(higher_is_better=False)
    mirrored = dataclasses.replace(mirrored, values={"quality": -mirrored.values["quality"]})
    down = sweep(Store(tmp_path / "down"), mirrored)
    for a, b in zip(up, down, strict=True):
        if a.predictor.startswith("gp"):
            assert a.metrics["tau"] == pytest.approx(b.metrics["tau"], abs=0.02)
        assert b.metrics["tau"] > 0.15


def test_a_second_run_computes_nothing_and_a_larger_one_the_rest(tmp_path, monkeypatch):
    store, done = Store(tmp_path), []
    first = sweep(store)
    assert len(first) == 2 * 2 * 3
    real = PredictorFitting._trial
    monkeypatch.setattr(PredictorFitting, "_trial", lambda self, *a: done.append(a) or real(self, *a))
    again = sweep(store)
    assert [x.key for x in again] == [x.key for x in first]
    assert [x.metrics for x in again] == [x.metrics for x in first]
    assert not done
    sweep(store, seeds=4)
    assert len(done) == 4
    sweep(store, limit=40, seeds=1)  # another pool: nothing of it is known
    assert len(done) == 8


def test_workers_change_nothing_but_the_time(tmp_path):
    here, there = sweep(Store(tmp_path / "a")), sweep(Store(tmp_path / "b"), workers=2)
    for a, b in zip(here, there, strict=True):
        assert a.key == b.key
        assert {k: v for k, v in a.metrics.items() if "seconds" not in k} == pytest.approx(
            {k: v for k, v in b.metrics.items() if "seconds" not in k}
        )


def test_what_goes_wrong_is_a_trial(tmp_path, monkeypatch):
    trials = sweep(Store(tmp_path), predictors=["gp:kernel=cubic", "tabpfn", "gp"], seeds=1, train_sizes=(8,))
    assert [x.status for x in trials] == ["failed", "failed", "ok"]
    assert trials[0].detail == "kernel='cubic': choose one of rbf, matern."
    assert "needs the package 'tabpfn'" in trials[1].detail
    found = sample_efficiency(trials, table())
    assert found.predictors[0] == "gp"
    asked = []
    real = PredictorFitting._trial
    monkeypatch.setattr(PredictorFitting, "_trial", lambda self, *a: asked.append(a[0]) or real(self, *a))
    again = {"predictors": ["gp:kernel=cubic", "gp"], "seeds": 1, "train_sizes": (8,)}
    sweep(Store(tmp_path), **again)
    assert not asked
    retried = sweep(Store(tmp_path), retry=("failed", "timed-out"), **again)
    assert asked == ["gp:kernel=cubic"]
    assert retried[0].status is Status.FAILED


HOSTILE = """
import sys, warnings, numpy as np, zcbench

class Mute(Exception):
    def __str__(self): raise RuntimeError

class Base(zcbench.VectorPredictor):
    def _learn(self, x, y): self.y_ = y
    def _value(self, x): return np.arange(len(x), dtype=float)

@zcbench.register_predictor("t-fine")
class Fine(Base):
    pass

@zcbench.register_predictor("t-leaves")
class Leaves(Base):
    def _learn(self, x, y): sys.exit(0)

@zcbench.register_predictor("t-stops")
class Stops(Base):
    def _value(self, x): raise KeyboardInterrupt("not yours")

@zcbench.register_predictor("t-mute")
class Silent(Base):
    def _learn(self, x, y): raise Mute

@zcbench.register_predictor("t-warns")
class Warns(Base):
    def _value(self, x):
        warnings.simplefilter("error")
        return super()._value(x)

@zcbench.register_predictor("t-hangs")
class Hangs(Base):
    def _learn(self, x, y): sum(range(10**13))

@zcbench.register_encoding("t-odd")
def odd(space, architecture):
    raise GeneratorExit("gone")
"""


def test_what_foreign_predictors_do_costs_their_own_trials(tmp_path):
    path = tmp_path / "hostile.py"
    path.write_text(HOSTILE)
    expected = {
        "t-leaves": ("failed", "SystemExit: 0"),
        "t-stops": ("failed", "KeyboardInterrupt: not yours"),
        "t-mute": ("failed", "Mute: (its message cannot be read: RuntimeError)"),
        "t-fine:encoding=t-odd": ("failed", "GeneratorExit: gone"),
        "t-warns": ("ok", ""),
        "t-fine": ("ok", ""),
    }
    with registry_as_it_was():
        import_file(str(path))
        filters = warnings.filters[:]
        plan = {"seeds": 1, "train_sizes": (8,), "imports": [str(path)]}
        here = sweep(Store(tmp_path / "here"), predictors=[*expected], **plan)
        assert {trial.label: (trial.status, trial.detail) for trial in here} == expected
        assert warnings.filters[:] == filters
        last = {"t-hangs": ("timed-out", "it was not finished within 8 s.")}
        labels = [*list(expected)[:3], *last, *list(expected)[3:]]
        there = sweep(Store(tmp_path / "there"), predictors=labels, timeout=8, **plan)
        assert {trial.label: (trial.status, trial.detail) for trial in there} == expected | last
        numbers = [{t.label: t.metrics["tau"] for t in trials if t.status == "ok"} for trials in (here, there)]
        assert numbers[0] == numbers[1]


def test_a_constant_prediction_is_flagged_and_counts_as_nothing(tmp_path):
    benchmark = table()
    values = np.ones_like(benchmark.values["quality"])
    values[pool_of(benchmark).order(0)[-3:]] = 2.0  # never trained on
    benchmark = dataclasses.replace(benchmark, values={"quality": values})
    (trial,) = sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(8,), seeds=1)
    assert trial.metrics["tau"] == trial.metrics["rho"] == 0
    assert "all predictions are the same" in trial.detail
    assert math.isnan(trial.metrics["nll"])
    assert trial.metrics["precision@10"] == pytest.approx(10 / 52)  # what chance gives
    point = sample_efficiency([trial], benchmark).points[0]
    assert point.constant == 1


def test_sizes_and_seeds_out_of_range(tmp_path):
    for changes, message in (
        ({"train_sizes": (59,)}, "59 networks: toy has only 58 to spare"),
        ({"train_sizes": (0,)}, "train_sizes 0: choose at least 1"),
        ({"seeds": 0}, "seeds 0: choose at least 1"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            sweep(Store(tmp_path), **changes)


def test_proxies_as_features_are_measured_once_and_stored(tmp_path):
    store, benchmark = Store(tmp_path), table(12)
    encoding = "proxies(params+num_layers)"
    trials = sweep(store, benchmark, [f"bayesian_ridge:encoding={encoding}"], train_sizes=(6,), seeds=2, batch_size=8)
    assert {x.status for x in trials} == {"ok"}
    records = store.records("toy")
    assert len(records) == 24
    pool = pool_of(benchmark)
    fitting = PredictorFitting(dataclasses.replace(pool, scores={"params": np.arange(12.0), "num_layers": np.ones(12)}))
    (given,) = fitting.fed(zcbench.get_predictor(f"gp:encoding={encoding}")).encodings()
    assert given.rows(pool.architectures)[3].tolist() == [3.0, 1.0]
    assert trials[0].metrics["proxy_seconds"] > 0


def shy(probe):
    """Fails on a third of the networks until the variable T_GOOD is set."""
    size = sum(p.numel() for p in probe.parameters.values())
    if size % 3 == 0 and "T_GOOD" not in os.environ:
        raise RuntimeError("no luck")
    return size


def test_a_retry_is_one_of_the_features_too(tmp_path, monkeypatch):
    store, benchmark, label = Store(tmp_path), table(12), "random_forest:encoding=proxies(t-shy):trees=5"
    with registry_as_it_was():
        zcbench.register_proxy("t-shy", cost="static")(shy)
        options = {"predictors": [label], "train_sizes": (6,), "seeds": 1, "batch_size": 8}
        (first,) = sweep(store, benchmark, **options)
        failed = sum(r.score.status == "failed" for r in store.records("toy"))
        assert 0 < failed < 12
        monkeypatch.setenv("T_GOOD", "1")
        assert sweep(store, benchmark, **options) == [first]
        (second,) = sweep(store, benchmark, **options, retry="failed")
        assert {(r.score.status, r.attempt) for r in store.records("toy")} == {("ok", 0), ("ok", 1)}
        assert second.data != first.data  # it sees other features, and is another trial


def test_what_was_learned_from_other_data_is_no_result(tmp_path):
    store, first = Store(tmp_path), table()
    mended = dataclasses.replace(first, values={**first.values, "quality": first.values["quality"][::-1]})
    before, after = (sweep(store, benchmark, ["gp"], seeds=1) for benchmark in (first, mended))
    assert {x.data for x in before}.isdisjoint(x.data for x in after)
    assert [x.metrics["tau"] for x in before] != [x.metrics["tau"] for x in after]
    found = sample_efficiency(store.trials("toy"), mended)  # the old ones are not mixed in
    assert [p.metrics["tau"].value for p in found.points] == [x.metrics["tau"] for x in after]
    small = table(12)
    label = "gp:encoding=proxies(grad_norm)"
    one, two = (sweep(store, small, [label], train_sizes=(6,), seeds=1, batch_size=size)[0] for size in (4, 8))
    assert one.data.partition("-")[0] == two.data.partition("-")[0]
    assert one.data != two.data


def test_what_only_ranks_learns_that_high_is_good(tmp_path, monkeypatch):
    seen = {}
    for name in ("gp", "lightgbm_ranker", "mean"):
        make = type(zcbench.get_predictor(name))
        real = make.fit
        monkeypatch.setattr(make, "fit", lambda self, a, t, real=real: seen.update({type(self): t}) or real(self, a, t))
    benchmark = table(higher_is_better=False)
    trials = sweep(Store(tmp_path), benchmark, ["gp", "lightgbm_ranker", "mean:members=(random_forest)"], seeds=1)
    assert min(x.metrics["tau"] for x in trials if x.train_size == 20) > 0.3
    signs = {make.__name__: np.sign(targets.sum()) for make, targets in seen.items()}
    assert signs == {"GaussianProcess": 1, "LightGBMRanker": -1, "Mean": -1}


def test_default_sizes_fit_what_is_left(tmp_path):
    trials = sweep(Store(tmp_path), predictors=["bayesian_ridge"], train_sizes=None, limit=45, seeds=1)
    assert [x.train_size for x in trials] == [10, 20]


def test_sizes_are_checked_before_anything_is_measured(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(InvalidInputError, match="11 networks: toy has only 10 to spare"):
        sweep(store, table(12), ["gp:encoding=proxies(params)"], train_sizes=(11,))
    assert not store.records("toy")


def test_members_see_what_the_table_has(tmp_path):
    benchmark = table()
    losses = (10 - benchmark.values["quality"])[:, :, None] + np.exp(-np.arange(5))
    facts = {"hint": benchmark.values["quality"][:, 0], "train_seconds": np.full(60, 50.0)}
    benchmark = dataclasses.replace(benchmark, curves={"loss": losses}, facts=facts)
    labels = [
        "mean:members=(sotl:encoding=curve(loss/2)+gp:encoding=columns(hint))",
        "fbnetv3:encoding=columns(hint):statistics=columns(hint):pretraining=5",
    ]
    trials = sweep(Store(tmp_path), benchmark, labels, train_sizes=(20,), seeds=1)
    assert [x.status for x in trials] == ["ok", "ok"]
    assert trials[0].metrics["proxy_seconds"] == 2 * 10.0
    assert trials[0].metrics["tau"] > 0.8
    across = sweep(
        Store(tmp_path), benchmark, labels[:1], train_sizes=(20,), seeds=1, transfer_from=(benchmark, "other")
    )
    assert across[0].status == "ok"


def test_curves_as_features(tmp_path):
    benchmark = table()
    shape = np.exp(-np.arange(5))
    losses = (10 - benchmark.values["quality"])[:, :, None] + shape
    benchmark = dataclasses.replace(benchmark, curves={"loss": losses}, facts={"train_seconds": np.full(60, 50.0)})
    trials = sweep(Store(tmp_path), benchmark, ["sotl:encoding=curve(loss/2)"], train_sizes=(8,), seeds=1)
    assert trials[0].metrics["tau"] == pytest.approx(1.0)
    assert trials[0].metrics["proxy_seconds"] == 2 * 10.0  # two of five epochs
    point = sample_efficiency(trials, benchmark).points[0]
    assert point.seconds == pytest.approx(8 * 50 + 60 * 20, rel=0.05)
    with pytest.raises(UnknownNameError, match="learning curve 'nll'"):
        sweep(Store(tmp_path), benchmark, ["sotl:encoding=curve(nll/2)"])


def test_columns_of_ones_own_table(tmp_path):
    benchmark = table()
    facts = {"a": benchmark.values["quality"][:, 0] ** 2, "noise": np.random.default_rng(0).normal(size=60)}
    trials = sweep(
        Store(tmp_path),
        dataclasses.replace(benchmark, facts=facts),
        ["random_forest:encoding=columns(a+noise)"],
        seeds=1,
    )
    assert trials[1].metrics["tau"] > 0.6


# -- transfer ----------------------------------------------------------------------------------


def test_fit_on_one_target_test_on_another(tmp_path):
    benchmark = table()
    reverse = dataclasses.replace(benchmark, values={**benchmark.values, "other": -benchmark.values["quality"]})
    trials = sweep(
        Store(tmp_path), reverse, ["gp"], train_sizes=(20,), tuned=(0, 10), transfer_from=(reverse, "other"), seeds=2
    )
    zero = [x.metrics["tau"] for x in trials if x.tuned_size == 0]
    assert max(zero) < -0.5  # what it learned is the opposite
    assert {x.transfer_from for x in trials} == {"toy@1/other"}
    copy = dataclasses.replace(benchmark, name="copy")
    same = sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(20,), transfer_from=(copy, "quality"), seeds=2)
    assert min(x.metrics["tau"] for x in same) > 0.5
    with pytest.raises(InvalidInputError, match="transfer_from names the tested column, toy/quality"):
        sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(20,), transfer_from=(benchmark, "quality"))
    with pytest.raises(InvalidInputError, match="61 networks: toy has only 60"):
        sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(61,), transfer_from=(benchmark, "other"))


def test_what_was_learned_from_is_not_tested(tmp_path, monkeypatch):
    benchmark, asked = table(), []
    real = type(zcbench.get_predictor("gp")).predict
    monkeypatch.setattr(
        type(zcbench.get_predictor("gp")), "predict", lambda self, a: asked.append(list(a)) or real(self, a)
    )
    sweep(
        Store(tmp_path),
        benchmark,
        ["gp"],
        train_sizes=(20,),
        tuned=(0, 10),
        transfer_from=(benchmark, "other"),
        seeds=1,
    )
    pool = pool_of(benchmark)
    first = {pool.keys[i] for i in pool.order(0)[:20]}
    assert [len(rows) for rows in asked] == [40, 30]
    assert not first & {a.key for rows in asked for a in rows}
    (trial,) = sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(59,), transfer_from=(benchmark, "other"), seeds=1)
    assert "too few for 0 more and a test" in trial.detail


def test_a_source_whose_direction_differs(tmp_path):
    benchmark = table()
    loss = dataclasses.replace(
        table(higher_is_better=False), name="losses", values={"quality": -benchmark.values["quality"]}
    )
    trials = sweep(Store(tmp_path), benchmark, ["gp"], train_sizes=(30,), transfer_from=(loss, "quality"), seeds=1)
    assert trials[0].metrics["tau"] > 0.5
    back = sweep(Store(tmp_path), loss, ["gp"], train_sizes=(30,), transfer_from=(benchmark, "quality"), seeds=1)
    assert back[0].metrics["tau"] > 0.5


# -- lines of a store --------------------------------------------------------------------------


BAD_TRIALS = [
    ({"proxy": "gp"}, "no field 'benchmark'"),
    ({"predictor": "drop"}, "no field 'predictor'"),
    ({"predictor": "gp@" + "9" * 5000}, "the field 'predictor' is not a name with a version, such as naswot@1"),
    ({"pool": True}, "the field 'pool' is not a whole number from 1"),
    ({"pool": 10**4000}, "the field 'pool' is not a whole number from 1"),
    ({"train_size": 0}, "the field 'train_size' is not a whole number from 1"),
    ({"tuned_size": -1}, "the field 'tuned_size' is not a whole number from 0"),
    ({"seed": 1.0}, "the field 'seed' is not a whole number from 0 to 4294967295"),
    ({"metrics": []}, "the field 'metrics' is not numbers by name"),
    ({"metrics": {"tau": "0.5"}}, "the field 'metrics' is not numbers by name"),
    ({"metrics": {"tau": 10**400}}, "the field 'metrics' is not numbers by name"),
    ({"metrics": {"tau": 0.5, "rho": math.inf}}, "the field 'metrics' is not numbers by name"),
    ({"metrics": {}}, "the status ok without a tau from -1 to 1"),
    ({"metrics": {"tau": None}}, "the status ok without a tau from -1 to 1"),
    ({"metrics": {"tau": 7}}, "the status ok without a tau from -1 to 1"),
    ({"status": "skipped"}, "the status 'skipped' is unknown to this zcbench"),
    ({"data": ["x"]}, "the field 'data' is not a text"),
]


def test_bad_lines_of_trials_hide_no_others(tmp_path):
    store = Store(tmp_path)
    done = sweep(store, predictors=["gp"], seeds=1)
    path = store.files("toy", Trial)[0]
    first, *lines = path.read_text().splitlines(keepends=True)
    good = json.loads(lines[-1])
    bad = [{**good, **change} if "proxy" not in change else {"schema": 1, "environment": "e", "predictor": "gp"}
           for change, _ in BAD_TRIALS]  # fmt: skip
    texts = [json.dumps({k: v for k, v in line.items() if v != "drop"}) + "\n" for line in bad]
    path.write_text("".join([first, *texts, *lines]))
    before = path.read_text()
    assert store.trials("toy") == done
    assert [(x.line, x.reason) for x in store.left_out("toy", Trial)] == [
        (number, reason) for number, (_, reason) in enumerate(BAD_TRIALS, 2)
    ]
    assert list(store.environments("toy")) == [done[0].environment]
    path.write_text(before + lines[-1][:40])  # cut by a kill
    assert store.trials("toy") == done
    assert len(sweep(store, predictors=["gp"], seeds=2)) == 4
    assert path.read_text().startswith(before)


def test_predictors_that_do_not_apply_are_left_out_and_named(tmp_path):
    notes = []
    trials = sweep(Store(tmp_path), predictors=("sotl", "bayesian_ridge"), train_sizes=(8,), seeds=1, notes=notes)
    assert [trial.predictor for trial in trials] == ["bayesian_ridge@1"]
    (note,) = notes
    assert note.startswith("sotl is excluded because it does not apply: ")
    assert "has no learning curves" in note
    with pytest.raises(InvalidInputError, match="has no learning curves"):
        sweep(Store(tmp_path), predictors=("sotl", "lcsvr"), train_sizes=(8,), seeds=1)
