"""Options for many machines: what they say, and what they refuse."""

import json
import os
import subprocess
import sys

import pytest

RUN = ["run", "digits-201", "--limit", "12", "--proxies", "params,num_layers", "--workers", "0"]


def records(store="runs"):
    from zcbench.records import Store

    return list(Store(store).records("digits-201"))


def test_three_shards_are_the_whole(cli):
    found = []
    for number in (1, 2, 3):
        before = len(records())
        told = json.loads(cli(*RUN, "--shard", f"{number}/3", "--dry-run", "--json").out)
        assert told["shard"] == f"{number}/3"
        assert len(records()) == before  # nothing was computed
        out = json.loads(cli(*RUN, "--shard", f"{number}/3", "--json").out)
        assert len(records()) - before == told["left"] == 2 * told["architectures"]
        assert {entry["scored"] for entry in out["entries"]} == {told["architectures"]}
        found.append(told["architectures"])
    assert sum(found) == 12
    assert min(found) > 0
    names = [(r.architecture, r.proxy) for r in records()]
    assert len(names) == len(set(names)) == 24
    told = json.loads(cli(*RUN, "--dry-run", "--json").out)
    assert (told["scores"], told["known"], told["left"], told["architectures_left"]) == (24, 24, 0, 0)


def test_a_shard_without_networks_is_done(cli):
    result = cli("run", "digits-201", "--limit", 2, "--proxies", "params", "--workers", 0, "--shard", "1/50")
    assert (result.status, result.out) == (0, "")
    assert "no architecture of digits-201 belongs to the shard 1/50" in result.err
    words = ("run", "digits-201", "--limit", 1, "--proxies", "params", "--workers", 0)
    told = "digits-201: 1 architecture with 1 score; 0 known, 1 left on 1 architecture.\n"
    assert cli(*words, "--dry-run").out == told
    assert cli(*words).out.startswith("digits-201@1: 1 architecture against test_nll (")
    assert cli(*words, "--dry-run").out == "digits-201: 1 architecture with 1 score; 1 known, none left.\n"
    words = [
        "run",
        "digits-201",
        "--limit",
        "20",
        "--predictors",
        "bayesian_ridge",
        "--train-sizes",
        "5",
        "--seeds",
        "1",
    ]
    statuses = [cli(*words, "--workers", 0, "--shard", f"{number}/2") for number in (1, 2)]
    assert [result.status for result in statuses] == [0, 0]
    assert sum("no trial on digits-201" in result.err for result in statuses) == 1


def test_a_table_without_networks_has_no_shards(cli, place):
    (place / "my.csv").write_text("arch,acc,x\na,1,2\nb,2,3\nc,3,1\n")
    for words in (["--shard", "1/2"], ["--sample-manifest", "my.csv"], ["--executor", "submitit:cluster=local"]):
        assert "no networks" in cli("run", "my.csv", "--target", "acc", *words).sentence


def test_what_is_missing_is_said_and_computed(cli):
    cli(*RUN, "--shard", "1/3")
    done = len(records())
    result = cli(*RUN, "--missing")
    assert f"{24 - done} of 24 scores are missing, on {12 - done // 2} of 12 architectures" in result.err
    assert len(records()) == 24
    assert "no scores are missing" in cli(*RUN, "--missing").err


def test_what_one_shard_left_is_dealt_out_to_all(cli):
    wide = [*RUN, "--limit", "60"]
    for number in (1, 2):
        cli(*wide, "--shard", f"{number}/3")
    left = 120 - len(records())
    halves = [
        json.loads(cli(*wide, "--missing", "--shard", f"{number}/2", "--dry-run", "--json").out)["left"]
        for number in (1, 2)
    ]
    assert sum(halves) == left
    assert min(halves) > 0


def test_a_list_of_architectures_is_the_sample(cli, place):
    printed = cli(*RUN, "--print-sample")
    assert printed.status == 0
    lines = [line for line in printed.out.splitlines() if not line.startswith("#")]
    assert len(lines) == 12
    chosen = [lines[7], lines[2], lines[2]]
    (place / "mine.txt").write_text("# mine\n" + "\n".join(chosen) + "\n")
    result = cli("run", "digits-201", "--sample-manifest", "mine.txt", "--proxies", "params", "--workers", 0, "--json")
    assert {entry["scored"] for entry in json.loads(result.out)["entries"]} == {2}
    assert "line 4 (as 3) names an architecture again" in result.err
    digest = subprocess.run(["sha256sum"], input="".join(f"{a}\n" for a in chosen[:2]).encode(), capture_output=True)
    assert {r.sample for r in records()} == {digest.stdout.split()[0].decode()}
    assert {r.architecture for r in records()} == set(chosen)
    # Other contents of the store do not matter.
    cli(*RUN)
    again = cli("run", "digits-201", "--sample-manifest", "mine.txt", "--proxies", "params", "--workers", 0, "--json")
    assert {entry["scored"] for entry in json.loads(again.out)["entries"]} == {2}


def test_trials_are_dealt_out_by_seed_and_predictor(cli):
    words = ["run", "digits-201", "--predictors", "bayesian_ridge", "--train-sizes", "5,10", "--seeds", "6"]
    words += ["--limit", "60", "--workers", "0"]
    told = [json.loads(cli(*words, "--shard", f"{number}/2", "--dry-run", "--json").out) for number in (1, 2)]
    assert sum(one["trials"] for one in told) == 12
    assert all(one["trials"] == 2 * one["splits"] for one in told)
    for number in (1, 2):
        assert cli(*words, "--shard", f"{number}/2").status == 0
    assert json.loads(cli(*words, "--dry-run", "--json").out)["left"] == 0


def test_features_of_other_shards_are_waited_for(cli):
    words = ["run", "digits-201", "--predictors", "bayesian_ridge:encoding=proxies(params+num_layers)", "--limit", "20"]
    words += ["--train-sizes", "5", "--seeds", "2", "--workers", "0"]
    first = cli(*words, "--shard", "1/2")
    assert first.status == 1 and "belong to other shards" in first.sentence
    told = json.loads(cli(*words, "--dry-run", "--json").out)
    assert [one.get("scores", one.get("trials")) for one in told] == [40, 2]
    assert cli(*words, "--shard", "2/2").status == 0
    assert cli(*words, "--shard", "1/2").status == 0
    assert [one["left"] for one in json.loads(cli(*words, "--dry-run", "--json").out)] == [0, 0]


def test_the_printed_script_runs_as_it_is(cli, place):
    words = ["run", "digits-201", "--limit", "8", "--proxies", "params", "--store", "my runs", "--shard", "*/2"]
    script = cli(*words, "--print-sbatch")
    assert script.status == 0
    assert script.out == cli(*[w for w in words if w not in ("--shard", "*/2")], "--print-sbatch", "--shards", 2).out
    (place / "job.sh").write_text(script.out)
    for task in ("1", "2"):
        environment = {**os.environ, "SLURM_ARRAY_TASK_ID": task, "PYTHONPATH": ":".join(sys.path)}
        subprocess.run(["bash", place / "job.sh"], check=True, cwd="/", env=environment, capture_output=True)
    assert len(records("my runs")) == 8


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--shard", "4/3"], "shard"),
        (["--shard", "*/3"], "shard"),
        (["--shards", "3"], "--print-sbatch"),
        (["--print-sbatch"], "--shards"),
        (["--print-sbatch", "--shard", "1/3"], "--shards"),
        (["--print-sbatch", "--shards", "3", "--executor", "submitit"], "choose one"),
        (["--sample-manifest", "none.txt", "--limit", "3"], "choose one"),
        (["--executor", "mars"], "unknown executor"),
        (["--executor", "local:jobs=3"], "local"),
        (["--executor", "dask://nowhere"], "dask://HOST:PORT"),
    ],
)
def test_what_does_not_go_together(cli, words, said):
    assert said in cli("run", "digits-201", "--proxies", "params", "--workers", 0, *words).sentence


def test_a_missing_package_is_one_sentence(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert 'pip install "zcbench[submitit]"' in cli(*RUN, "--executor", "submitit").sentence
    assert 'pip install "zcbench[dask]"' in cli(*RUN, "--executor", "dask://h:1").sentence
