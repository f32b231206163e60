"""``zcbench run --out`` writes what the command that shows it writes."""

import pytest

TRACK = """
benchmarks = ["digits-201", "elastic-mobilenet"]
proxies = ["params", "num_layers"]
limit = 4
batch_size = 8
"""


def files(folder):
    """Content by name; the page says when it was written, and a figure is the same for the same numbers."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def table(place):
    rows = [f"net{i},{i},{(i * 7) % 5}" for i in range(16)]
    (place / "my.csv").write_text("arch,acc,score\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize(
    ("words", "shows", "names"),
    [
        (("my.csv", "--target", "acc"), ("leaderboard", "my.csv"), {"csv", "md", "html"}),
        (
            ("my.csv", "--target", "acc", "--predictors", "bayesian_ridge", "--train-sizes", "5", "--seeds", "2"),
            ("efficiency", "own-my"),
            {"csv", "md", "svg"},
        ),
    ],
)
def test_tables_of_users(cli, place, table, words, shows, names):
    assert cli("run", *words, "--workers", 0, "--out", "first").status == 0
    assert cli(*shows, "--out", "second").status == 0
    assert files(place / "first") == files(place / "second")
    assert {name.rpartition(".")[2] for name in files(place / "first")} == names
    assert all(name.startswith("own-my") for name in files(place / "first"))


def test_benchmarks(cli, place):
    words = ("--proxies", "params,num_layers", "--batch-size", 8, "--workers", 0)
    assert cli("run", "digits-201", *words, "--limit", 4).status == 0
    assert cli("run", "digits-201", *words, "--limit", 3, "--seed", 1, "--out", "first", "--json").status == 0
    assert cli("leaderboard", "digits-201", "--out", "second").status == 0
    assert files(place / "first") == files(place / "second")
    assert len((place / "first" / "digits-201.csv").read_text().splitlines()) == 5


def test_tracks(cli, place):
    (place / "two.toml").write_text(TRACK)
    assert cli("run", "two.toml", "--workers", 0, "--out", "first").status == 0
    assert cli("leaderboard", "two.toml", "--out", "second").status == 0
    assert files(place / "first") == files(place / "second")
    assert {*files(place / "first")} == {"two.csv", "two.md", "two.html"}


def test_searches_and_curves(cli, place):
    words = ("--searchers", "random", "--budget", 5, "--seeds", 2, "--workers", 0)
    assert cli("run", "digits-201", *words, "--out", "found").status == 0
    assert {*files(place / "found")} == {f"digits-201-searches.{suffix}" for suffix in ("csv", "md", "html", "svg")}
    words = ("--curve-predictors", "last_value", "--seeds", 2, "--limit", 20, "--workers", 0)
    assert cli("run", "digits-201", *words, "--out", "first").status == 0
    assert cli("leaderboard", "digits-201", "--out", "second").status == 0
    assert files(place / "first") == files(place / "second")
    assert {*files(place / "first")} == {f"digits-201-curves.{suffix}" for suffix in ("csv", "md", "html")}


def test_nothing_is_written_of_what_failed(cli, place, table):
    assert cli("run", "my.csv", "--target", "nothing", "--out", "first").status != 0
    assert not (place / "first").exists()
