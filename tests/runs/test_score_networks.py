"""A run computes what is missing and nothing else; its result is that of an uninterrupted run."""

import pytest
import torch
from toys import calls, toy

import zcbench
from zcbench.batches import load_batch
from zcbench.errors import InvalidInputError, StoreError, UnknownNameError
from zcbench.records import Store
from zcbench.runs import Track, collect, evaluate, run_scores

NAMES = ["t-count", "params", "random"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def track(names=NAMES, **changes):
    return Track(**{"benchmarks": "toy", "batch_size": 8, "proxies": tuple(names)} | changes)


def values(store, name="toy"):
    """Everything but durations."""
    return {r.key: (r.score.value, r.score.status, r.score.detail, r.network) for r in store.records(name)}


def go(store, benchmark=None, names=NAMES, **options):
    settings = {k: options.pop(k) for k in ("limit", "seed", "batch_size", "target") if k in options}
    run_scores(track(names, **settings), benchmark or toy(), store, **options)


def test_every_score_of_the_track(store, plugin):
    seen = []
    go(store, progress=lambda step: seen.append((step.done, step.total, step.latest)))
    found = store.records("toy")
    assert {(r.architecture, r.proxy) for r in found} == {
        (a.key, zcbench.get_proxy(name).identifier) for a in toy().architectures for name in NAMES
    }
    assert {(r.benchmark, r.seed, r.batch) for r in found} == {("toy@1", 0, load_batch("digits", 8, 0).provenance)}
    assert [done for done, _, _ in seen] == list(range(13))
    assert {total for _, total, _ in seen} == {12}
    assert seen[0][2] is None
    assert [latest.key for _, _, latest in seen[1:]] == [r.key for r in found]
    assert {r.environment for r in found} == set(store.environments("toy"))


def test_nothing_is_computed_twice(store, plugin):
    go(store)
    before = store.path("toy").read_bytes()
    go(store)
    assert len(calls(plugin)) == 4
    assert store.path("toy").read_bytes() == before


def test_a_new_proxy_computes_only_itself(store, plugin):
    go(store)
    go(store, names=[*NAMES, "num_layers"])
    assert len(calls(plugin)) == 4
    assert len(store.records("toy")) == 16


def test_a_larger_limit_keeps_the_scores_of_a_smaller(store, plugin):
    go(store, limit=2)
    small = values(store)
    assert len(calls(plugin)) == 2
    go(store, limit=3)
    assert len(calls(plugin)) == 3
    assert small.items() <= values(store).items()


def test_a_track_gets_exactly_its_sample(store, plugin):
    go(store)
    benchmark = toy()
    for limit in (1, 3, None):
        evaluation = collect(track(limit=limit), benchmark, store)
        expected = {a.key for a in benchmark.sample(limit, 0)}
        assert evaluation.total == len(expected)
        for entry in evaluation.entries:
            assert set(entry.architectures) == expected
    assert [e.proxy for e in collect(track(["params"]), benchmark, store).entries] == ["params"]


@pytest.mark.parametrize("change", [{"seed": 1}, {"batch_size": 16}])
def test_other_seeds_and_batches_are_other_scores(store, plugin, change):
    go(store, limit=2)
    first = values(store)
    go(store, limit=2, **change)
    assert len(calls(plugin)) == 4
    assert first.items() <= values(store).items()
    for settings in ({}, change):
        evaluation = collect(track(limit=2, **settings), toy(), store)
        assert {e.n for e in evaluation.entries} == {2}
        assert evaluation.seed == settings.get("seed", 0)


def test_other_versions_of_the_table_are_other_scores(store, plugin):
    go(store)
    changed = toy(version=2)
    go(store, changed)
    assert len(calls(plugin)) == 8
    assert [e.n for e in collect(track(), changed, store).entries] == [4] * 3
    go(store)
    assert len(calls(plugin)) == 8


def test_other_versions_of_a_proxy_are_other_scores(store, plugin):
    go(store)
    zcbench.register_proxy("t-count", version=2, override=True)(lambda probe: -1.0)
    go(store)
    assert len(store.records("toy")) == 16
    evaluation = collect(track(["t-count"]), toy(), store)
    assert evaluation["t-count"].version == 2
    assert evaluation["t-count"].scores.tolist() == [-1.0] * 4


def test_failed_scores_are_kept_until_asked_for(store, plugin):
    names = ["t-raises", "t-nan", "t-count"]
    go(store, names=names, limit=2)
    zcbench.register_proxy("t-raises", override=True)(lambda probe: 3.0)
    zcbench.register_proxy("t-nan", override=True)(lambda probe: 4.0)
    go(store, names=names, limit=2)
    assert {r.score.status for r in store.records("toy") if r.proxy == "t-raises@1"} == {"failed"}
    go(store, names=names, limit=2, retry=("failed", "timed-out"))
    by_proxy = {r.proxy: r.score for r in store.records("toy")}
    assert by_proxy["t-raises@1"].value == 3.0
    assert by_proxy["t-nan@1"].status == "non-finite"  # a result, not an accident
    assert len(calls(plugin)) == 2


def equals():
    """Two cells that are one network, and the toy benchmark of both."""
    space = toy().space
    for cell in list(space)[1500:]:
        if (network := space.canonical(cell)) != cell:
            return toy([0.1, 0.2], keys=[cell.key, network.key])
    raise AssertionError


def test_equal_networks_are_measured_once(store, plugin):
    go(store, equals())
    assert len(calls(plugin)) == 1
    found = store.records("toy")
    assert len(found) == 6
    assert len({r.score.value for r in found if r.proxy == "t-count@1"}) == 1
    copy, network = equals().architectures
    assert {r.architecture: r.network for r in found} == {copy.key: network.key, network.key: ""}


def test_an_equal_network_gets_the_stored_score(store, plugin):
    go(store, equals(), limit=1)
    assert len(store.records("toy")) == 3
    go(store, equals())
    assert len(calls(plugin)) == 1
    assert len(store.records("toy")) == 6
    assert len({r.score.value for r in store.records("toy") if r.proxy == zcbench.get_proxy("random").identifier}) == 1


def test_odd_proxies_cost_their_own_scores(store, plugin):
    odd = ["t-raises", "t-none", "t-nan", "t-inf", "t-tensors", "t-tensor"]
    go(store, names=[*odd, *NAMES])
    evaluation = collect(track([*odd, *NAMES]), toy(), store)
    assert {e.proxy: (e.n, e.total) for e in evaluation.entries} == {
        **dict.fromkeys(odd, (0, 4)),
        **dict.fromkeys(["t-tensor", *NAMES], (4, 4)),
    }
    assert evaluation["t-raises"].failures[0].example == "RuntimeError: no luck \\udc80"


def test_scores_do_not_depend_on_workers(store, tmp_path, plugin):
    names = ["t-count", "t-raises", "t-nan", "random", "grad_norm", "naswot", "synflow"]
    go(store, names=names)
    done = len(calls(plugin))
    parallel = Store(tmp_path / "parallel")
    threads = torch.get_num_threads()
    go(parallel, names=names, workers=2, imports=[plugin])
    assert values(parallel) == values(store)
    assert len(calls(plugin)) == 2 * done
    assert torch.get_num_threads() == threads


def test_an_interrupt_leaves_a_good_store(store, plugin):
    names = ["t-count", "t-interrupt", "params"]
    with pytest.raises(KeyboardInterrupt):
        go(store, names=names)
    assert len(store.records("toy")) == 4
    plugin_calls = len(calls(plugin))
    assert plugin_calls == 2
    zcbench.register_proxy("t-interrupt", override=True)(lambda probe: 1.0)
    go(store, names=names)
    assert len(store.records("toy")) == 12
    assert len(calls(plugin)) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limit": 0}, "limit 0: choose at least 1."),
        ({"limit": -3}, "limit -3: choose at least 1."),
        ({"seed": -1}, "seed -1: choose a number from 0 to 4294967295."),
        ({"seed": 2**32}, "seed 4294967296"),
        ({"batch_size": 0}, "batch_size 0: choose at least 1."),
        ({"batch_size": 10**6}, "digits has only"),
        ({"workers": -1}, "-1 workers: choose 0"),
    ],
)
def test_settings_out_of_range(store, change, message):
    with pytest.raises(InvalidInputError, match=message):
        go(store, names=["params"], **change)
    assert not store.path("toy").exists()


def test_the_largest_seed(store):
    go(store, names=["params"], limit=1, seed=2**32 - 1)
    assert len(store.records("toy")) == 1


def test_a_store_in_use(store):
    with store.writer("toy"):
        with pytest.raises(StoreError, match="another run is writing"):
            go(store, names=["params"])


# -- evaluate ----------------------------------------------------------------------------------


def test_evaluate_as_documented():
    result = zcbench.evaluate("digits-201", ["params", "num_layers"], limit=20)
    assert [entry.n for entry in result.entries] == [20, 20]
    assert {entry.proxy for entry in result.entries} == {"params", "num_layers"}
    assert result.total == 20
    assert result.benchmark.startswith("digits-201@")


def test_evaluate_takes_a_loaded_benchmark_a_target_and_a_folder(tmp_path, plugin):
    arguments = {"target": "other", "limit": 3, "batch_size": 8, "store": tmp_path / "here"}
    first = evaluate(toy(), "t-count", **arguments)
    second = evaluate(toy(), ["t-c*"], **arguments)
    assert len(calls(plugin)) == 3
    assert first.target.name == "other"
    assert first["t-count"].scores.tolist() == second["t-count"].scores.tolist()
    assert Store(tmp_path / "here").benchmarks() == ["toy"]


def test_evaluate_leaves_no_files_unless_told(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    evaluate(toy(), ["params"], limit=1)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_is_the_same_every_time():
    first, second = (evaluate(toy(), ["random", "grad_norm"], batch_size=8) for _ in range(2))
    for a, b in zip(first.entries, second.entries, strict=True):
        assert (a.proxy, a.scores.tolist(), a.tau) == (b.proxy, b.scores.tolist(), b.tau)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("digits-20",), UnknownNameError, "unknown benchmark 'digits-20': did you mean 'digits-201'"),
        (("digits-201", ["naswt"]), UnknownNameError, "unknown proxy 'naswt': did you mean 'naswot'"),
        (("digits-201", []), InvalidInputError, "no proxy was chosen"),
    ],
)
def test_evaluate_says_what_is_wrong(arguments, error, message):
    with pytest.raises(error, match=message):
        evaluate(*arguments)
    with pytest.raises(UnknownNameError, match="unknown target 'acc'"):
        evaluate("digits-201", ["params"], target="acc")
