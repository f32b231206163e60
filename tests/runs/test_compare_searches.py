"""Searches as a third kind of work: each is the search that Python does, once, whoever asks and however often."""

import json
from dataclasses import replace

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import SearchComparison
from zcbench.records import SearchTrace, Store
from zcbench.runs import Run, Track
from zcbench.runs.compare_searches import compared, plan_of, run_searches
from zcbench.search._clock import unbuilt
from zcbench.types import Status


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("digits-201")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def track(**fields):
    return Track(**({"searchers": "random", "budget": 12, "seeds": 2} | fields))


def test_a_search_of_a_track_is_the_search_of_its_seed(table, store):
    traces = run_searches(track(searchers=["random", "evolution:population=5"]), table, store)
    assert list(traces) == [f"{s} {label} | none" for s in (0, 1) for label in ("random", "evolution:population=5")]
    for key, trace in traces.items():
        seed, _, what = key.partition(" ")
        found = zcbench.search(
            table, searcher=what.partition(" | ")[0], seed=int(seed), budget=12, objectives="valid_nll"
        )
        assert [table.architectures[row] for row in trace.rows] == list(found.architectures)
        assert trace.clock == pytest.approx(found.seconds, rel=1e-8)
        assert trace.status is Status.OK and trace.guide == "valid_nll" and trace.budget == "12 evaluations"


def test_what_was_searched_is_not_searched_again(table, store, monkeypatch):
    first = run_searches(track(), table, store)
    more = run_searches(track(seeds=3), table, store)
    assert {key: more[key] for key in first} == first and len(more) == 3
    assert len(store.searches("digits-201")) == 3
    again = []
    monkeypatch.setattr(zcbench.runs._searching, "search", lambda *a, **k: again.append(k))
    assert run_searches(track(seeds=3), table, store) == more and not again


@pytest.mark.parametrize(
    "changed",
    [{"budget": 13}, {"guide": "valid_accuracy"}, {"constraints": "train_seconds<=1"}, {"cost": 2}],
)
def test_another_task_is_another_search(table, store, changed):
    run_searches(track(), table, store)
    run_searches(track(**changed), table, store)
    assert len(store.searches("digits-201")) == 4


def test_scores_are_measured_first_and_cost_every_search_the_same(table, store, monkeypatch):
    some = table.sample(60, 0)
    small = replace(
        table, architectures=some, curves={}, values=_rows(table, "values", some), facts=_rows(table, "facts", some)
    )
    with registry_as_it_was():
        calls = []

        @zcbench.register_proxy("t-counted")
        def counted(probe):
            calls.append(1)
            return float(len(calls))

        both = track(scorers=["none", "filter=t-counted"], budget=3)
        traces = run_searches(both, small, store)
        assert len(calls) == len({small.space.canonical(one) for one in some})
        assert len(store.records("digits-201")) >= len(calls)
        helped = {key: trace for key, trace in traces.items() if trace.scorers}
        assert all(trace.metrics["scored"] == trace.metrics["stored"] > 0 for trace in helped.values())
        assert not any(trace.metrics["stored"] for key, trace in traces.items() if key not in helped)
        assert unbuilt("Scores") in compared(traces, small, both).notes
        alone = {key: trace for key, trace in traces.items() if key not in helped}
        assert not any("store" in note for note in compared(alone, small, both).notes)
        seconds = dict(zip(store.records("digits-201").values, store.records("digits-201").seconds, strict=True))
        assert all(trace.metrics["scoring_seconds"] <= sum(seconds.values()) + 1e-6 for trace in helped.values())
        other = Store(store.folder.with_name("other"))
        other.merge(store, "digits-201")
        assert run_searches(both, small, other) == traces and len(calls) == len(seconds)


def _rows(table, field, some):
    rows = table.rows(some)
    return {name: np.asarray(values)[rows] for name, values in getattr(table, field).items()}


def test_shards_are_parts(table, store):
    whole = Run(track=track(benchmarks="digits-201", seeds=6), store=str(store.folder))
    parts = [plan_of(whole.track, table, store, shard=zcbench.runs.parse_shard(f"{n}/3")).keys for n in (1, 2, 3)]
    assert sorted(key for part in parts for key in part) == sorted(plan_of(whole.track, table, store).keys)


def test_a_searcher_that_fails_costs_its_own_searches(table, store):
    with registry_as_it_was():

        @zcbench.register_searcher("t-broken")
        class Broken(zcbench.Searcher):
            """Raises at the second question."""

            def ask(self, count):
                if len(self.problem.history):
                    raise ValueError("no idea")
                return [zcbench.search.Proposal(one) for one in self.problem.initial(1)]

            def tell(self, answers):
                pass

            def state(self):
                return {}

            def restore(self, state):
                pass

        run = Run(track=track(benchmarks="digits-201", searchers=["t-broken", "random"]), store=str(store.folder))
        outcome = run.on("digits-201", table=table)
        assert outcome.failed
        assert [one.label for one in outcome.result.searched] == ["random"]
        assert "t-broken failed with 2 seeds: t-broken failed in ask: ValueError: no idea" in outcome.result.notes
        codes = {trace.searcher: trace.code for trace in store.searches("digits-201")}
        assert codes["random@1"] == "" and len(codes["t-broken@1"]) > 8


def test_the_result_is_a_comparison_by_the_test_column(table, store):
    found = zcbench.run("digits-201", store=store.folder, searchers=["random"], budget=12, seeds=3)
    assert isinstance(found, SearchComparison)
    content = json.loads(found.to_json())
    assert "test_nll" in json.dumps(content) and "valid_nll" in json.dumps(content)
    by_seconds = zcbench.run("digits-201", store=store.folder, searchers="random", budget="20s", seeds=2)
    assert by_seconds.by == "seconds"


def test_ahead_tells_scores_and_searches(table, store):
    run = Run(track=track(benchmarks="digits-201", scorers="filter=params"), store=str(store.folder))
    scores, searches = run.ahead("digits-201", table)
    assert (scores.what, searches.what, searches.total, searches.left) == ("scores", "searches", 2, 2)
    assert scores.total == len(table)


@pytest.mark.parametrize(
    ("fields", "error", "message"),
    [
        ({"searchers": "randm"}, UnknownNameError, "unknown searcher 'randm': did you mean 'random'"),
        ({"searchers": "random:size=3"}, UnknownNameError, "unknown setting of random 'size'"),
        ({"scorers": "params"}, InvalidInputError, "write  ROLE=SCORER,  e.g. warm-start=naswot"),
        ({"scorers": "filter=parms"}, UnknownNameError, "parms"),
        ({"budget": "soon"}, InvalidInputError, "cannot be read: write 100 or 12000s"),
        ({"guide": "nll"}, UnknownNameError, "nll"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(table, store, fields, error, message):
    with pytest.raises(error) as caught:
        run_searches(track(**fields), table, store)
    assert message in str(caught.value)
    assert not store.searches("digits-201")


def test_traces_travel(table, store):
    (trace, *_) = run_searches(track(seeds=1), table, store).values()
    assert isinstance(trace, SearchTrace) and store.searches("digits-201")[0] == trace


def test_searches_that_stop_trainings_are_compared_by_seconds(table, store):
    found = Run(track=track(benchmarks="digits-201", searchers=["random", "halving"]), store=str(store.folder))
    compared = found.on("digits-201", table=table).result
    assert compared.by == "seconds"
    alone = Run(track=track(benchmarks="digits-201"), store=str(store.folder)).on("digits-201", table=table).result
    assert alone.by == "evaluations"
