"""A run computes what is missing and nothing else; its result is that of an uninterrupted run."""

import dataclasses
import os
import sys
from pathlib import Path

import pytest
import torch
from toys import calls, registry_as_it_was, toy

import zcbench
from zcbench._imports import import_file, space_named
from zcbench.batches import get_batch
from zcbench.errors import InvalidInputError, UnknownNameError, UnsupportedModelError, ZcbenchError
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
    assert {(r.benchmark, r.seed, r.batch) for r in found} == {("toy@1", 0, get_batch("digits", 8, 0).provenance)}
    assert [done for done, _, _ in seen] == list(range(13))
    assert {total for _, total, _ in seen} == {12}
    assert seen[0][2] is None
    assert [latest.key for _, _, latest in seen[1:]] == [r.key for r in found]
    assert {r.environment for r in found} == set(store.environments("toy"))


def test_nothing_is_computed_twice(store, plugin):
    go(store)
    before = [path.read_bytes() for path in store.files("toy")]
    go(store)
    assert len(calls(plugin)) == 4
    assert [path.read_bytes() for path in store.files("toy")] == before


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


def moody(probe):
    """Fails until the variable T_GOOD is set."""
    if "T_GOOD" not in os.environ:
        raise RuntimeError("no luck")
    return 3.0


def nan_at_first(probe):
    """Not a number until the variable T_GOOD is set."""
    return 4.0 if "T_GOOD" in os.environ else float("nan")


def unsupported_at_first(probe):
    """Does not apply until the variable T_GOOD is set."""
    if "T_GOOD" not in os.environ:
        raise UnsupportedModelError("not yet.")
    return 5.0


@pytest.mark.parametrize(
    ("retry", "done"),
    [
        (("failed", "timed-out"), {"t-moody"}),
        ("non-finite", {"t-odd"}),
        (["unsupported"], {"t-shy"}),
        (("failed", "non-finite", "unsupported"), {"t-moody", "t-odd", "t-shy"}),
        ("disagreeing", set()),
    ],
)
def test_what_failed_is_kept_until_a_retry_asks_for_its_status(store, plugin, monkeypatch, retry, done):
    functions = {"t-moody": moody, "t-odd": nan_at_first, "t-shy": unsupported_at_first}
    for name, function in functions.items():
        zcbench.register_proxy(name)(function)
    names = [*functions, "t-count"]
    go(store, names=names, limit=2)
    before = store.records("toy")
    monkeypatch.setenv("T_GOOD", "1")
    go(store, names=names, limit=2)
    assert store.records("toy") == before
    assert {(r.proxy, r.score.status) for r in before if r.proxy != "t-count@1"} == {
        ("t-moody@1", "failed"),
        ("t-odd@1", "non-finite"),
        ("t-shy@1", "unsupported"),
    }
    go(store, names=names, limit=2, retry=retry)
    again = {(r.architecture, r.proxy): r for r in store.records("toy")}
    assert len(again) == len(before) == 8
    for record in again.values():
        redone = record.proxy.partition("@")[0] in done
        assert record.attempt == int(redone)
        assert (record.score.status == "ok") == (redone or record.proxy == "t-count@1")
    assert len(calls(plugin)) == 2
    go(store, names=names, limit=2, retry=retry)  # nothing is left to retry
    assert store.records("toy") == list(again.values())


def test_a_second_retry_counts_on(store, plugin):
    zcbench.register_proxy("t-moody", override=True)(moody)
    for attempt in range(3):
        go(store, names=["t-moody"], limit=1, retry="failed")
        (record,) = store.records("toy")
        assert (record.attempt, record.score.status) == (attempt, "failed")


def test_scores_that_disagree_are_settled_by_a_retry_alone(store, plugin):
    go(store, names=["t-count"])
    first, *others = store.records("toy")
    with store.writer("toy") as writer:
        writer.record(dataclasses.replace(first, score=dataclasses.replace(first.score, value=-7.0)))
    assert len(store.records("toy")) == 3
    steps = []
    go(store, names=["t-count"], progress=steps.append)  # neither of the two is taken, nor a third one written
    assert len(calls(plugin)) == 4
    assert len(store.disagreeing("toy")) == 1
    assert "--retry disagreeing" in " ".join(steps[0].notes)
    go(store, names=["t-count"], retry="disagreeing")
    assert len(calls(plugin)) == 5
    found = {r.architecture: r for r in store.records("toy")}
    assert found[first.architecture] == dataclasses.replace(first, attempt=1, score=found[first.architecture].score)
    assert found[first.architecture].score.value == first.score.value
    assert all(found[r.architecture] == r for r in others)
    assert not store.disagreeing("toy")


def test_an_unknown_status_is_no_retry(store):
    with pytest.raises(UnknownNameError, match="unknown status to retry 'faild': did you mean 'failed'"):
        go(store, names=["params"], retry="faild")


FORMULA = """
import zcbench
@zcbench.register_proxy("t-edited", cost="static")
def edited(probe):
    return {value}
"""


def test_an_edited_formula_is_not_mixed_with_its_old_scores(store, tmp_path):
    path = tmp_path / "edited.py"
    for value, expected in ((1.0, 4), (2.0, 8), (1.0, 8)):
        path.write_text(FORMULA.format(value=value))
        with registry_as_it_was():
            forget(path)
            import_file(str(path))
            go(store, names=["t-edited"])
            assert len(store.records("toy")) == expected
            evaluation = collect(track(["t-edited"]), toy(), store)
            assert evaluation["t-edited"].scores.tolist() == [value] * 4
    assert "4 scores by other code of these proxies or networks were excluded." in evaluation.notes


def test_workers_do_not_run_what_was_edited_meanwhile(store, tmp_path):
    """The scores of the new formula would be stored under the digest of the old one."""
    path = tmp_path / "edited.py"
    path.write_text(FORMULA.format(value=1.0))
    with registry_as_it_was():
        import_file(str(path))
        go(store, names=["t-edited"], workers=1, imports=[str(path)])
        path.write_text(FORMULA.format(value=2.0))
        with pytest.raises(ZcbenchError, match="the code of t-edited, or code that it uses, is not"):
            go(store, benchmark=toy((1, 2, 3, 4, 5)), names=["t-edited"], workers=1, imports=[str(path)])
    assert {float(r.score) for r in store.records("toy")} == {1.0}


def forget(path):
    """As in another process."""
    for name in [name for name, module in list(sys.modules.items()) if getattr(module, "__file__", None) == str(path)]:
        del sys.modules[name]


def test_networks_of_other_code_are_other_scores(store, tmp_path):
    path = tmp_path / "nets.py"
    for width, expected in ((4, 3), (5, 6)):
        path.write_text(
            f"from torch import nn\ndef build(name):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, {width}))\n"
        )
        forget(path)
        space = space_named(f"{path}:build")
        keys = ("a", "b", "c")
        table = dataclasses.replace(
            toy([0.1, 0.2, 0.3]), space=space, architectures=tuple(space.parse(key) for key in keys)
        )
        go(store, table, names=["params"])
        assert len(store.records("toy")) == expected
        values = collect(track(["params"]), table, store)["params"].scores.tolist()
        assert values == [65.0 * width] * 3


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
    with Path(plugin).with_name("calls").open("a") as file:  # a third line: it does not press again
        file.write("one\n")
    go(store, names=names)
    assert len(store.records("toy")) == 12
    assert len(calls(plugin)) == 5


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
    assert not store.files("toy")


def test_the_largest_seed(store):
    go(store, names=["params"], limit=1, seed=2**32 - 1)
    assert len(store.records("toy")) == 1


def test_two_runs_on_one_store(store, tmp_path, plugin):
    with store.writer("toy") as writer:  # of another run, which goes on
        go(store)
        writer.record(store.records("toy")[0])
    assert len(store.records("toy")) == 12
    assert store.notes("toy") == []


def test_a_part_of_the_architectures_and_a_list_of_them(store, plugin):
    chosen = toy().architectures[1:3]
    go(store, architectures=chosen, sample="0" * 64)
    found = store.records("toy")
    assert {r.architecture for r in found} == {a.key for a in chosen}
    assert {r.sample for r in found} == {"0" * 64}
    evaluation = collect(track(), toy(), store, architectures=chosen)
    assert {e.n for e in evaluation.entries} == {2}
    go(store)  # the rest of the track
    assert len(calls(plugin)) == 4
    assert {r.sample for r in store.records("toy")} == {"0" * 64, ""}


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
