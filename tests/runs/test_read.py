"""What has been run, by the names of benchmarks and tracks; and that no torch is needed to read it."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.proxies import STANDARD
from zcbench.records import Record, Store, Trial
from zcbench.runs import Track, efficiency, get_track, leaderboard
from zcbench.runs._read import proxies_of
from zcbench.types import Score, Status

TABLE = zcbench.get_benchmark("digits-201")
RNG = np.random.default_rng(0)


def lines(proxy, limit, seed=0, size=64, **changes):
    """Records of a run on digits-201."""
    batch = f"digits/train/{size} of 500/seed {seed}"
    return [
        Record(TABLE.identifier, a.key, proxy, seed, batch, Score(float(RNG.normal()), Status.OK, 0.1), **changes)
        for a in TABLE.sample(limit, seed, TABLE.default_target)
    ]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Versions and codes of proxies, seeds, batches, an architecture that nobody knows; predictors."""
    place = Store(tmp_path_factory.mktemp("store"))
    every = [
        *(
            lines("params@1", 40)
            + lines("gradsign@2", 40)
            + lines("gradsign@1", 40)
            + lines("mine@1", 40, code="a" * 64)
        ),
        *(lines("mine@1", 20, code="b" * 64) + lines("params@1", 30, seed=1) + lines("params@1", 10, size=8)),
        dataclasses.replace(lines("params@1", 1)[0], architecture="nowhere"),
    ]
    trials = [
        Trial(TABLE.identifier, "test_nll", "", f"{p}@{v}", 300, n, 0, s, Status.OK, {"tau": 0.5 + s / 50}, data="a-b")
        for p, v in (("gp", 1), ("gp", 2), ("mean", 1))
        for n in (10, 50)
        for s in range(3)
    ]
    with place.writer("digits-201") as writer:
        for record in every:
            writer.record(record)
        for trial in trials:
            writer.trial(trial)
    return place


def test_a_benchmark(store):
    first, second, third = leaderboard("digits-201", store)
    assert [(e.seed, e.total) for e in (first, second, third)] == [(0, 40), (1, 30), (0, 10)]
    assert {(e.proxy, e.version, e.code[:1], e.total) for e in first.entries} == {
        ("params", 1, "", 40),
        ("gradsign", 1, "", 40),
        ("mine", 1, "b", 20),
    }
    assert leaderboard(TABLE, str(store.folder), seed=1)[0].content()["entries"] == second.content()["entries"]
    assert leaderboard("digits-201", store, target="test_accuracy")[0].target.name == "test_accuracy"
    together, *_ = leaderboard("digits-201", store, seed=0, ensembles="mean_rank(params+gradsign)", common=True)
    assert {e.n for e in together.entries} == {20}
    assert len(together.entries) == 4


def test_a_track_asks_for_exactly_what_it_says(store, tmp_path):
    (found,) = leaderboard("standard", store)
    assert {e.proxy for e in found.entries} == {"params", "gradsign"}
    assert found.notes[-1] == "The track standard requests 1,000 architectures, of which 40 have been run."
    track = Track(name="mine", benchmarks=("digits-201",), limit=10, batch_size=8, proxies=("par*",))
    (found,) = leaderboard(track, store)
    assert [(e.proxy, e.total) for e in found.entries] == [("params", 10)]
    assert "requests" not in "".join(found.notes)
    path = tmp_path / "small.toml"
    path.write_text(
        'benchmark = "digits-201"\nlimit = 5\nproxies = ["mine", "params"]\nensembles = ["vote(mine+params)"]\n'
    )
    (found,) = leaderboard(str(path), store)
    assert {(e.proxy, e.total) for e in found.entries} == {("mine", 5), ("params", 5), ("vote(mine+params)", 5)}
    assert leaderboard(Track(name="any", proxies=("all",)), store, benchmarks="digits-201")[0].total == 40


def test_a_track_on_another_benchmark(store):
    track = Track(name="mine", benchmarks=("chars-rnn",), limit={"chars-rnn": 7}, proxies=("params",))
    (found,) = leaderboard(track, store, benchmarks=["digits-201"])
    assert (found.benchmark, found.total) == ("digits-201@1", 40)


def test_proxies_of_a_track():
    assert proxies_of(Track()) == STANDARD
    assert proxies_of(Track(proxies=("mine", "standard", "params"))) == ("mine", *STANDARD)
    assert proxies_of(Track(proxies=("all",))) == ("*",)


@pytest.mark.parametrize(
    ("name", "words", "error", "message"),
    [
        ("digits-20", {}, UnknownNameError, "unknown benchmark or track 'digits-20': did you mean 'digits-201'"),
        ("standart", {}, UnknownNameError, "unknown benchmark or track 'standart': did you mean 'standard'"),
        ("quick", {}, InvalidInputError, "the track quick ranks predictors: see  zcbench efficiency --track quick"),
        (
            "everywhere",
            {"benchmarks": ["chars-rnn"]},
            InvalidInputError,
            "run  zcbench run everywhere --benchmark chars-rnn",
        ),
        ("own-x", {}, InvalidInputError, "the table own-x has not been run in"),
        (
            "digits-201",
            {"seed": 9},
            InvalidInputError,
            "no records of digits-201@1 on digits with seed 9 in .*: run  zcbench run",
        ),
        (Track(name="x"), {}, InvalidInputError, "the track x names no benchmark: say which"),
        ("digits-201", {"benchmarks": ["digits-201"]}, InvalidInputError, "the argument benchmarks applies to a track"),
        ("standard", {"seed": 1}, InvalidInputError, "a track has a seed: omit the argument seed"),
        (Track(), {}, InvalidInputError, "the track without a name names no benchmark"),
        ("digits-201", {"seed": "0"}, InvalidInputError, "the seed '0': choose a number"),
        ("digits-201", {"common": "no"}, InvalidInputError, "common must be True or False"),
    ],
)
def test_what_cannot_be_shown(store, name, words, error, message):
    with pytest.raises(error, match=message):
        leaderboard(name, store, **words)


def test_advice_names_the_file_of_a_track(store, tmp_path):
    scores, fits = tmp_path / "s.toml", tmp_path / "p.toml"
    scores.write_text("name = 'other'\nbenchmark = 'digits-201'\nproxies = ['params']\n")
    fits.write_text("predictors = ['gp']\n")
    assert leaderboard(scores, store)[0].total == 40
    with pytest.raises(InvalidInputError, match=f"see  zcbench efficiency --track {fits}"):
        leaderboard(str(fits), store)
    with pytest.raises(InvalidInputError, match=f"see  zcbench leaderboard {scores}"):
        efficiency("digits-201", store, tracks=scores)
    with pytest.raises(
        InvalidInputError, match=f"is a track, not a benchmark: zcbench efficiency BENCHMARK --track {fits}"
    ):
        efficiency(fits, store)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"pool": "60"}, "the pool '60': choose a whole number"),
        ({"transfer": "no"}, "transfer must be True or False"),
        ({"source": 3}, "the source 3: give a path"),
    ],
)
def test_arguments_of_the_wrong_type(store, words, message):
    with pytest.raises(InvalidInputError, match=message):
        efficiency("digits-201", store, **words)


def test_a_store_is_a_folder(tmp_path):
    with pytest.raises(InvalidInputError, match="the store 7: give the path of a folder"):
        leaderboard("digits-201", 7)
    with pytest.raises(InvalidInputError, match="no records"):
        leaderboard("digits-201", tmp_path)


def test_sample_efficiency(store):
    found = efficiency("digits-201", store)
    assert {(p.predictor, p.version, p.train_size) for p in found.points} == {
        (p, v, n) for p, v in (("gp", 2), ("mean", 1)) for n in (10, 50)
    }
    assert found.proxies.total == 40
    assert efficiency("digits-201", store, tracks="quick").predictors == ["gp"]
    assert efficiency(TABLE, store.folder, predictors="mean").predictors == ["mean"]
    with pytest.raises(InvalidInputError, match="the track standard ranks proxies: see  zcbench leaderboard standard"):
        efficiency("digits-201", store, tracks=["standard"])
    with pytest.raises(InvalidInputError, match="no trials"):
        efficiency("digits-201", store, pool=7)
    assert get_track("quick").kind == "predictors"


READ = """
import json, sys
import zcbench.records, zcbench.metrics, zcbench.evaluation, zcbench.leaderboards
from zcbench.cli import main
zcbench.leaderboard("digits-201", sys.argv[1])
zcbench.efficiency("digits-201", sys.argv[1])
status = [main([word.replace("STORE", sys.argv[1]) for word in words]) for words in json.loads(sys.argv[2])]
heavy = {"torch", "sklearn", "pandas", "transformers"}
print(json.dumps([status, sorted(heavy & {name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
"""


def test_what_reads_loads_no_torch(store, tmp_path):
    show = ("--store", "STORE")
    commands = [
        ["leaderboard", *show, "--ensembles", "mean_rank(params+gradsign)", "--out", str(tmp_path)],
        ["leaderboard", "standard", *show, "--json"],
        ["leaderboard", "everywhere", "digits-201", *show, "--common"],
        ["efficiency", *show, "--out", str(tmp_path)],
        ["efficiency", "digits-201", *show, "--track", "quick", "--metric", "rho", "--json"],
        ["env", "--json"],
        ["data"],
        ["list", "tracks"],
        ["store", "check", *show],
    ]
    words = [sys.executable, "-c", READ, str(store.folder), json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"}, check=True)
    assert json.loads(done.stderr.splitlines()[-1]) == [[0] * len(commands), []], done.stderr
    assert len(list(tmp_path.iterdir())) == 6
