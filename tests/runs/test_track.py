"""A track says one thing in one way, and what is wrong with one in one sentence that names the field."""

import pickle
import subprocess
import sys

import pytest

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.runs import Track, read_track
from zcbench.runs._track import DEFAULTS, PER_BENCHMARK, track_of

SMALL = """
version = 3
summary = "Two proxies."
benchmarks = ["digits-201", "nasbench201"]
limit = 50
proxies = ["params", "ntk_cond:batch_norm=eval"]
[batch_size]
nasbench201 = 16
[target]
digits-201 = "valid_nll"
"""


def test_a_file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    track = read_track(path)
    assert (track.name, track.identifier, track.kind) == ("small", "small@3", "scores")
    assert track.settings("digits-201")[:3] == ("valid_nll", 50, 64)
    assert track.settings("nasbench201")[:3] == (None, 50, 16)
    one = track.for_benchmark("nasbench201")
    assert (one.benchmark, one.batch_size, one.target, one.limit) == ("nasbench201", 16, None, 50)
    with pytest.raises(UnknownNameError, match="'nasbench101': did you mean 'nasbench201'"):
        track.for_benchmark("nasbench101")
    with pytest.raises(InvalidInputError, match="the track small has 2 benchmarks"):
        _ = track.benchmark


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    for track in (
        read_track(path),
        Track(),
        Track(predictors=["gp"], tuned=[0, 5], transfer_from="a/b", train_sizes=7),
    ):
        assert track_of(track.fields(), "x") == track
        assert pickle.loads(pickle.dumps(track)) == track


def test_the_kind_follows_from_what_is_given():
    assert track_of({"kind": "predictors", "predictors": "gp"}, "x").kind == "predictors"
    assert track_of({"kind": "scores", "benchmark": "a"}, "x").benchmarks == ("a",)
    assert Track(proxies="naswot").proxies == ("naswot",)  # one name, never letters


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"limits": 5}, "unknown field of a track 'limits': did you mean 'limit'?"),
        ({"limit": 0}, "limit 0: choose at least 1."),
        ({"limit": 2.5}, "limit 2.5: choose a whole number."),
        ({"limit": True}, "limit True: choose a whole number."),
        ({"limit": {"a": "5"}}, "limit of a '5': choose a whole number."),
        ({"seed": -1}, "seed -1: choose a number from 0 to 4294967295."),
        ({"batch_size": {"b": 5}, "benchmark": "a"}, "unknown benchmark in batch_size 'b': known: a."),
        ({"target": ["a"]}, "target must be text, not ['a']."),
        ({"proxies": 5}, "proxies 5: give names, one text or several in a list."),
        ({"proxies": ["params", 5]}, "proxies: 5 is not a name: give texts."),
        ({"benchmarks": ["a", " "]}, "benchmarks ['a', ' ']: a name is empty."),
        ({"benchmark": "a", "benchmarks": ["b"]}, "give benchmark or benchmarks, not both."),
        ({"version": "1"}, "version must be a positive integer up to 1000000000, not '1'."),
        ({"summary": "a\nb"}, "summary must be one line of text, not 'a\\nb'."),
        ({"kind": "plots"}, "kind: unknown kind 'plots'; known: scores, predictors, searches, curves."),
        ({"kind": "predictors"}, "kind 'predictors' needs predictors."),
        ({"kind": "scores", "predictors": "gp"}, "kind 'scores' needs no predictors."),
        ({"kind": "searches"}, "kind 'searches' needs searchers."),
        ({"kind": "scores", "searchers": "random"}, "kind 'scores' needs no searchers."),
        ({"searchers": "random", "predictors": "gp"}, "predictors and searchers are two kinds of work: choose one."),
        ({"searchers": "random", "proxies": "params"}, "proxies does not apply to searchers."),
        ({"searchers": "random", "limit": 5}, "limit does not apply to searchers."),
        ({"searchers": "random", "tuned": 5}, "tuned applies to predictors."),
        ({"seeds": 5}, "seeds applies to predictors, searchers or curve predictors."),
        ({"predictors": "gp", "budget": 50}, "budget applies to searchers."),
        ({"searchers": "random", "budget": 0}, "budget 0: choose at least 1."),
        ({"searchers": "random", "budget": ["1"]}, "budget must be text, not ['1']."),
        ({"searchers": "random", "cost": -1}, "cost -1: choose at least 0."),
        ({"predictors": "gp", "proxies": "params"}, "proxies does not apply to predictors."),
        ({"predictors": "gp", "seed": 1}, "seed does not apply to predictors."),
        ({"tuned": 5}, "tuned applies to predictors."),
        ({"predictors": "gp", "train_sizes": []}, "train_sizes: give at least one number."),
        ({"predictors": "gp", "train_sizes": [10, 0]}, "train_sizes 0: choose at least 1."),
        ({"predictors": "gp", "train_sizes": "10,20"}, "train_sizes '10,20': choose a whole number."),
        ({"predictors": "gp", "seeds": 0}, "seeds 0: choose at least 1."),
        ({"predictors": "gp", "transfer_from": 5}, "transfer_from must be text, not 5."),
        ({"name": "mine", "seeds": 0}, "track 'mine': seeds 0: choose at least 1."),
        ({"proxies": {"params": 1}}, "proxies {'params': 1}: give names, one text or several in a list."),
        ({"benchmarks": {"a": 1}}, "benchmarks {'a': 1}: give names, one text or several in a list."),
    ],
)
def test_what_is_wrong_in_one_sentence(fields, message):
    with pytest.raises(InvalidInputError) as caught:
        track_of(fields, "mine.toml")
    assert str(caught.value) == f"mine.toml: {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory): give a track's TOML file."),
        (b"limit = ", "is not TOML: Invalid value (at end of document)."),
        (b"\xff", "is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte."),
        (b"limit = 5\nlimit = 6", "is not TOML: Cannot overwrite a value (at end of document)."),
        (b"limit = " + b"[" * 50_000, "is not a track: its brackets are nested too deeply."),
        (b"limit = -1", "limit -1: choose at least 1."),
        (b"[limit]\ndigits-201 = 0", "limit of digits-201 0: choose at least 1."),
    ],
)
def test_files_that_hold_none(tmp_path, content, message):
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInputError) as caught:
        read_track(path)
    assert str(caught.value).removeprefix(str(path)).lstrip(": ").removeprefix("track 'mine': ") == message


@pytest.mark.parametrize(
    "name", ["../../mine", "a/b", "a\\b", ".", "..", ".mine", " mine", "a\x1b[31mb", "a\u202eb", "m" * 81]
)
def test_results_are_written_under_the_name_and_nowhere_else(name):
    with pytest.raises(InvalidInputError, match="choose a name of at most 80 characters that a file can have"):
        Track(name=name)


def test_the_mark_of_byte_order_that_windows_writes(tmp_path):
    path = tmp_path / "My track 2.toml"
    path.write_bytes(b"\xef\xbb\xbflimit = 5\r\n")
    assert read_track(path) == Track(name="My track 2", limit=5)


@pytest.mark.parametrize("path", [3, None, b"mine.toml", "", "a\0.toml", ["mine.toml"]])
def test_paths_that_are_none(path):
    with pytest.raises(InvalidInputError, match=r"a track's TOML file .*: give a path, as text or pathlib\.Path"):
        read_track(path)


def test_another_benchmark_is_a_change():
    track = Track(name="both", benchmarks=["a", "b"], batch_size={"a": 4, "b": 8})
    assert track.changes(track.with_fields(benchmarks="b")) == {}
    assert track.changes(track.with_fields(benchmarks=["b", "c"])) == {"benchmarks": ("b", "c")}
    assert Track(name="open").changes(Track(benchmarks="c")) == {}


def test_other_fields():
    track = Track(name="both", benchmarks=["a", "b"], batch_size={"a": 4, "b": 8}, limit=5)
    one = track.with_fields(benchmarks="b", limit=7)
    assert (one.benchmarks, one.batch_size, one.limit) == (("b",), {"b": 8}, 7)
    assert track.changes(one) == {"limit": 7}
    assert track.changes(track.with_fields(batch_size=8)) == {"batch_size": 8}
    assert track.with_fields(benchmarks="c").settings("c").batch_size == 64
    with pytest.raises(UnknownNameError, match="unknown field of a track 'limt': did you mean 'limit'"):
        track.with_fields(limt=3)


def test_every_field_has_a_rule_and_is_documented():
    from zcbench.runs._track import _RULES, KINDS, OF_KINDS

    assert set(_RULES) == set(DEFAULTS)
    assert set(PER_BENCHMARK) <= set(DEFAULTS)
    assert set(OF_KINDS) <= set(DEFAULTS)
    assert {kind for kinds in OF_KINDS.values() for kind in kinds} == set(KINDS)
    for name in DEFAULTS:
        assert f"\n        {name}: " in Track.__doc__


def test_tracks_are_read_without_torch():
    code = (
        "import sys; from zcbench.runs import get_track, list_tracks; print([get_track(n).name for n in list_tracks()])"
    )
    code += "; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "everywhere" in done.stdout
