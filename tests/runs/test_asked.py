"""``zcbench.run`` does in Python what the command line does."""

import warnings
from pathlib import Path

import pytest
from toys import calls, toy

import zcbench
from zcbench.errors import DataMissingError, InvalidInputError, UnknownNameError
from zcbench.evaluation import Evaluation
from zcbench.records import Store
from zcbench.runs import Track, run
from zcbench.runs._asked import make_run

pytestmark = pytest.mark.usefixtures("place")


def test_as_documented():
    result = zcbench.run("digits-201", proxies=["params", "num_layers"], limit=20)
    assert [entry.n for entry in result.entries] == [20, 20]
    assert isinstance(result, Evaluation)
    assert len(Store("runs").records("digits-201")) == 40


def test_a_track_an_override_and_a_second_run(place, plugin):
    place.joinpath("mine.toml").write_text(
        'benchmark = "digits-201"\nlimit = 5\nproxies = ["t-count"]\nbatch_size = 8\n'
    )
    first = run("mine.toml", store=place / "there")
    assert first.total == 5
    again = run("mine.toml", store=place / "there", limit=7)
    assert again.total == 7
    assert len(calls(plugin)) == 7
    other = run("digits-201", track="mine.toml", store="there", proxies="params", seed=3)
    assert (other.total, other.seed, [entry.proxy for entry in other.entries]) == (5, 3, ["params"])
    same = run(Track(benchmarks="digits-201", limit=5, proxies="t-count", batch_size=8), store="there")
    assert same["t-count"].scores.tolist() == first["t-count"].scores.tolist()
    assert len(calls(plugin)) == 7


def test_a_loaded_benchmark(plugin):
    result = run(toy(), proxies=["t-count"], batch_size=8, target="other", workers=1, imports=[plugin])
    assert (result.target.name, result["t-count"].n) == ("other", 4)
    with pytest.raises(InvalidInputError, match="toy is a benchmark, and another is given: choose one"):
        run(toy(), benchmark="digits-201")


def test_several_benchmarks_one_of_which_is_not_here():
    track = Track(name="two", benchmarks=["digits-201", "nasbenchmacro", "chars-rnn"], limit=3, proxies="params",
                  batch_size={"chars-rnn": 4})  # fmt: skip
    with pytest.warns(UserWarning, match="nasbenchmacro: the table of nasbenchmacro is not on this machine"):
        found = run(track)
    assert {name: evaluation.total for name, evaluation in found.items()} == {"digits-201": 3, "chars-rnn": 3}
    batches = {name: {r.batch.split("/")[2].split(" ")[0] for r in Store("runs").records(name)} for name in found}
    assert batches == {"digits-201": {"64"}, "chars-rnn": {"4"}}
    with pytest.raises(DataMissingError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(track, benchmark="nasbenchmacro")


def test_predictors_a_transfer_and_what_failed():
    fields = {"predictors": "bayesian_ridge", "train_sizes": 10, "seeds": 2, "limit": 40}
    found = run("digits-201", **fields)
    assert [(p.train_size, p.metrics["tau"].n) for p in found.points] == [(10, 2)]
    across = run("digits-201", **fields, transfer_from="digits-201/valid_accuracy", tuned=[0, 5])
    assert {(p.transfer_from, p.tuned_size) for p in across.points} == {
        ("digits-201@1/valid_accuracy", 0), ("digits-201@1/valid_accuracy", 5)
    }  # fmt: skip
    with pytest.raises(InvalidInputError, match="the track transfer learns from another benchmark first: say which"):
        run("digits-201", track="transfer", limit=40)
    with pytest.raises(InvalidInputError, match="transfer_from names the tested column, digits-201/test_nll"):
        run("digits-201", **fields, transfer_from="digits-201/test_nll")
    (outcome,) = make_run("digits-201", predictors="gp:kernel=cubic", train_sizes=10, seeds=1, limit=40).each()
    assert outcome.failed
    assert len(Store("runs").trials("digits-201")) == 7


def test_paths_may_be_paths(place):
    place.joinpath("t.toml").write_text("benchmark = 'digits-201'\nproxies = ['params']\nlimit = 4\n")
    place.joinpath("my.csv").write_text("arch,acc,n\na,1,1\nb,2,3\nc,3,2\n")
    place.joinpath("mine.py").write_text("x = 1\n")
    assert run(Path("t.toml"), imports=Path("mine.py"), store=Path("runs")).total == 4
    assert run("digits-201", track=Path("t.toml"), imports=[Path("mine.py")], limit=5).total == 5
    assert run(Path("my.csv"), target="acc").total == 3


@pytest.mark.parametrize(
    ("what", "given", "error", "message"),
    [
        ("digits-20", {}, UnknownNameError, "unknown benchmark or track 'digits-20': did you mean 'digits-201'"),
        ("everywher", {}, UnknownNameError, "unknown benchmark or track 'everywher': did you mean 'everywhere'"),
        ("quick", {}, InvalidInputError, "the track quick has no benchmark: say which, --benchmark digits-201"),
        ("digits-201", {"limt": 3}, UnknownNameError, "unknown argument of a run 'limt': did you mean 'limit'"),
        ("digits-201", {"track": "quik"}, UnknownNameError, "unknown track 'quik': did you mean 'quick'"),
        ("quick", {"track": "graphs"}, InvalidInputError, "two tracks are given: choose one"),
        ("digits-201", {"train_sizes": 5}, InvalidInputError, "train_sizes applies to predictors"),
        ("digits-201", {"workers": -1}, InvalidInputError, "-1 workers: choose 0"),
        ("digits-201", {"timeout": "5"}, InvalidInputError, "the timeout '5': choose a finite number"),
        ("digits-201", {"retry": "faild"}, UnknownNameError, "unknown status to retry 'faild'"),
        ("digits-201", {"store": 5}, InvalidInputError, "the store 5: give a path"),
        ("digits-201", {"source": 5}, InvalidInputError, "the source 5: give a path"),
        ("digits-201", {"sample_manifest": 5}, InvalidInputError, "the list of architectures 5: give a path"),
        ("digits-201", {"imports": [5]}, InvalidInputError, "imports 5: give a path"),
        ("digits-201", {"track": 5}, InvalidInputError, "the name of a track must be text, not 5"),
        ("digits-201", {"shard": 1}, InvalidInputError, "the shard 1: write its number and the number of shards"),
        ("digits-201", {"missing": "yes"}, InvalidInputError, "missing must be True or False, not 'yes'"),
        ("digits-201", {"progress": 3}, InvalidInputError, "progress 3: give a function"),
        ("digits-201", {"executor": 3}, InvalidInputError, "executor 3: give its name, or an object with carry_out"),
        ("my.csv", {"factory": 3}, InvalidInputError, "factory must be text, not 3"),
        ("my.csv", {"classes": "x"}, InvalidInputError, "classes 'x': choose a whole number"),
        ("my.csv", {"data": 3}, InvalidInputError, "data must be text, not 3"),
        (
            "digits-201",
            {"data": "noise"},
            InvalidInputError,
            "data: these options apply to your own tables, and digits-201 is",
        ),
        ("digits-201", {"imports": "absent.py"}, InvalidInputError, "absent.py is not a file"),
        ("digits-201", {"space": "x", "factory": "y.py:f"}, InvalidInputError, "choose one"),
        ("everywhere", {"source": "x"}, InvalidInputError, "table of one benchmark, but the run has 16"),
        (5, {}, InvalidInputError, "the name of a track or benchmark must be text, not 5"),
        ("absent.toml", {}, InvalidInputError, "absent.toml cannot be read"),
        ("my.csv", {}, InvalidInputError, "say which column of my.csv to rank against: --target COLUMN"),
    ],
)
def test_what_is_wrong_in_one_sentence(place, what, given, error, message):
    with pytest.raises(error, match=message):
        run(what, **given)
    assert not place.joinpath("runs").exists()
