"""Tracks are registered as everything else is; ours name what exists."""

from pathlib import Path

import pytest

import zcbench
from zcbench.curves import resolve_curve_predictors
from zcbench.datasets import benchmark_info
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.predictors import resolve_predictors
from zcbench.proxies import resolve
from zcbench.runs import Track, _register, get_track, list_tracks, register_track, track_info
from zcbench.search import get_searcher

CURVES = [
    f"curves-{name}" for name in ("chars-bert", "chars-rnn", "digits201", "lcdb", "nasbenchnlp", "nats", "nats-loss")
]
OURS = [
    *CURVES,
    *("everywhere", "graphs", "published", "quick", "sample-efficiency"),
    *("search-digits201", "search-nasbench201", "standard", "transfer"),
]


@pytest.fixture(autouse=True)
def as_it_was():
    list_tracks()
    before = dict(_register._TRACKS._entries)
    yield
    _register._TRACKS._entries.clear()
    _register._TRACKS._entries.update(before)


def test_ours_name_what_exists():
    assert list_tracks() == OURS
    for name in OURS:
        track = track_info(name)
        assert track == get_track(name)
        assert track.summary.endswith(".")
        for benchmark in track.benchmarks:
            assert benchmark_info(benchmark).name == benchmark
        if track.predictors:
            assert resolve_predictors(track.predictors)
            assert track.seeds >= 10
        elif track.searchers:
            assert all(get_searcher(text).label_ == text for text in track.searchers) and track.seeds >= 50
        elif track.curve_predictors:
            assert resolve_curve_predictors(track.curve_predictors) and track.seeds >= 5 and track.curve is not None
        else:
            assert resolve(track.proxies)
    assert get_track("standard").benchmarks == ("digits-201",)
    assert len(get_track("everywhere").benchmarks) == 16
    assert get_track("everywhere").settings("nasbenchnlp")[:3] == (None, 100, 4)


def test_they_are_files_of_the_package():
    folder = Path(_register.__file__).parent / "tracks"
    assert sorted(path.stem for path in folder.glob("*.toml")) == OURS


def test_one_s_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('benchmark = "digits-201"\nlimit = 20\n')
    assert get_track(str(path)) == Track(name="mine", benchmarks="digits-201", limit=20)
    register_track(path, Track(name="other", limit=3))
    assert get_track("mine").limit == 20
    assert list_tracks("mi*", "other") == ["mine", "other"]
    with pytest.raises(DuplicateNameError, match="a track named 'mine' exists already"):
        register_track(Track(name="more"), Track(name="mine"))
    with pytest.raises(UnknownNameError, match="'more'"):
        get_track("more")  # all or none
    register_track(Track(name="mine", limit=5), override=True)
    assert track_info("mine").limit == 5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Track(limit=5), "'' cannot name a track"),
        (Track(name="My Track"), "'My Track' cannot name a track: use lower-case letters"),
        (5, "5 is not a Track: give a zcbench.runs.Track or a TOML file."),
        ("absent.toml", "absent.toml cannot be read"),
    ],
)
def test_what_is_no_track(given, message):
    with pytest.raises(InvalidInputError, match=message):
        register_track(given)
    assert list_tracks() == OURS


def test_names_that_nobody_knows():
    with pytest.raises(UnknownNameError, match="unknown track 'quik': did you mean 'quick'"):
        get_track("quik")
    with pytest.raises(InvalidInputError, match="the name of a track must be text, not 5"):
        get_track(5)
    with pytest.raises(InvalidInputError, match=r"absent\.toml cannot be read"):
        get_track("absent.toml")
    assert zcbench.list_benchmarks()  # the registries do not meet
