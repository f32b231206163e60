"""``zcbench leaderboard``: what has been run, as tables and files; every gap is said in one sentence."""

import csv
import io
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from toys import disk_of

import zcbench
from zcbench.records import Record, Store
from zcbench.types import Score, Status

RUN = ("run", "digits-201", "--workers", 0, "--batch-size", 8, "--proxies", "params,num_layers,random")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store with a run of four architectures and, under seed 1, one of three."""
    from zcbench.cli import main

    folder = tmp_path_factory.mktemp("finished")
    for words in (["--limit", "4"], ["--limit", "3", "--seed", "1"]):
        assert main([*map(str, RUN), "--store", str(folder), "--json", *words]) == 0
    return folder


@pytest.fixture
def runs(finished, place):
    """A copy of it where commands look."""
    shutil.copytree(finished, place / "runs")
    return Store(place / "runs")


def test_on_the_terminal(cli, runs):
    result = cli("leaderboard")
    assert (result.status, result.err) == (0, "")
    first, second = result.out.split("\n\n")
    assert "4 architectures against" in first
    assert "seed 0" in first
    assert "3 architectures against" in second
    for text in (first, second):
        assert all(f" {name} " in text for name in ("params", "num_layers", "random"))
        assert "tau [95 % CI]" in text


@pytest.fixture
def own(cli, runs, place):
    """A table of numbers and candidates, run next to a benchmark."""
    rows = [f"net{i},{'' if i > 11 else i},{(i * 7) % 5}" for i in range(14)]
    (place / "my.csv").write_text("arch,acc,score\n" + "\n".join(rows) + "\n")
    assert cli("run", "my.csv", "--target", "acc").status == 0
    return place / "my.csv"


def test_a_table_of_numbers_is_shown_as_benchmarks_are(cli, own, place):
    every = cli("leaderboard")
    assert every.status == 0
    assert "own-my@1: 12 architectures against acc" in every.out
    assert "4 architectures against" in every.out
    for name in ("own-my", "my.csv", "./my.csv", own):
        result = cli("leaderboard", name)
        assert (result.status, result.err.count("12 are trained")) == (0, 1)
        assert " score " in result.out
    result = cli("leaderboard", "my.csv", "--target", "score", "--out", "pages")
    assert "own-my@1: 14 architectures against score" in result.out
    written = [(place / "pages" / f"own-my.{suffix}").read_text() for suffix in ("csv", "md", "html")]
    assert all("acc" in text and str(place) not in text for text in written)
    assert "2 are candidates" not in written[1]
    assert "2 are candidates" in cli("leaderboard", "my.csv", "--json").out


def test_networks_and_columns_of_a_table(cli, own, place):
    (place / "nets.py").write_text(
        "import torch\n\ndef build(name):\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1 + int(name[3:])))\n"
    )
    words = ("--factory", place / "nets.py:build", "--data", "digits", "--proxies", "params", "--workers", 0)
    assert cli("run", "my.csv", "--target", "acc", *words).status == 0
    columns, networks = sorted(cli("leaderboard", "own-my").out.split("\n\n"), key=lambda text: "digits" in text)
    assert " score " in columns
    assert " params " in networks
    assert "batch digits/train/64" in networks
    assert cli("leaderboard", "own-my", "--out", "pages").status == 0
    for path in [*(place / "pages").iterdir(), *(place / "runs" / "own-my").glob("*.json*")]:
        if not path.name.startswith("."):
            assert str(place) not in path.read_text(), path


@pytest.mark.parametrize("command", ["leaderboard", "efficiency"])
def test_a_table_that_moved_or_changed_takes_no_other_board_down(cli, own, place, command):
    learn = ("--predictors", "bayesian_ridge", "--train-sizes", 5, "--seeds", 1, "--workers", 0)
    if command == "efficiency":
        cli("run", "digits-201", "--predictors", "bayesian_ridge:encoding=stats", "--limit", 20, *learn[2:])
        cli("run", "my.csv", "--target", "acc", *learn)
    own.rename(place / "other.csv")
    every = cli(command)
    assert every.status != 0
    assert "digits-201@1" in every.out
    assert "own-my: the table my.csv cannot be read, as it is not at my.csv any more" in every.err
    assert cli(command, "own-my", "--source", "other.csv").status == 0
    text = (place / "other.csv").read_text()
    for changed, said in {
        text + "net99,1,2\n": "15 rows instead of 14",
        text.replace("score", "sum"): "other columns",
        text.replace("net3,3", "net3,4"): "other values",
    }.items():
        own.write_text(changed)
        every = cli(command)
        assert every.status != 0
        assert "digits-201@1" in every.out
        assert f"own-my: the table my.csv has changed since it was run and has {said}: run it again" in every.err
    again = every.err.split("computed again,  ")[1].split()  # the advice works when it is typed
    assert again[:2] == ["zcbench", "run"]
    assert cli(*again[1:]).status == 0
    assert cli(command).status == 0


def test_the_store_that_does_not_know_a_table(cli, own, place):
    (place / "new.csv").write_text("arch,acc\na,1\nb,2\n")
    for name, said in {
        "own-x": "the table own-x has not been run in runs, which has own-my: run  zcbench run PATH --target COLUMN",
        "new.csv": "has not been run in runs, which has own-my: run  zcbench run new.csv --target COLUMN",
        "mine.py": "unknown benchmark or track 'mine.py'",
    }.items():
        assert said in cli("leaderboard", name).sentence
    for path in (place / "runs" / "own-my").iterdir():
        path.unlink()
    (place / "runs" / "own-my" / "x.table.json").write_text("{")
    assert "x.table.json is damaged: delete it" in cli("leaderboard", "own-my").sentence
    (place / "runs" / "own-my" / "x.table.json").write_text("{}")
    assert "is of another version of zcbench" in cli("leaderboard", "own-my").sentence


BENCHMARK = """
import numpy as np
import zcbench
from zcbench.datasets import BenchmarkInfo, Table, register_benchmark
from zcbench.types import Target

def read():
    names = [a.key for _, a in zip(range(9), zcbench.get_space("nasbench201"))]
    values = {"acc": np.arange(9.0)[:, None]}
    return Table(names, (Target("acc", "digits", True, "fraction"),), values, source="mine")

register_benchmark(BenchmarkInfo("mine", "nasbench201", "Mine.", 9, 1, "CC0", "me", classes={"digits": 10},
                                 embedded=read))
"""


def test_a_benchmark_that_a_file_registers(cli, runs, place):
    """What is registered stays registered, so that the file is imported in a process of its own."""
    (place / "mine.py").write_text(BENCHMARK)
    names = [a.key for _, a in zip(range(5), zcbench.get_space("nasbench201"), strict=False)]
    with runs.writer("mine") as writer:
        for number, name in enumerate(names):
            score = Score(number, Status.OK, 0.1)
            writer.record(Record("mine@1", name, "params@1", 0, "digits/train/8 of 500/seed 0", score))
    every = cli("leaderboard")
    assert every.status != 0
    assert "4 architectures against" in every.out
    assert "unknown benchmark or track 'mine'" in every.err
    assert "add  --import FILE.py" in every.err
    words = [sys.executable, "-m", "zcbench", "leaderboard", "--import", "mine.py"]
    shown = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert shown.returncode == 0
    assert "mine@1: 5 architectures" in shown.stdout


def test_what_else_a_store_holds(cli, place):
    words = ("--predictors", "bayesian_ridge:encoding=stats", "--limit", 20, "--train-sizes", 5, "--seeds", 1)
    assert cli("run", "digits-201", *words, "--workers", 0).status == 0
    assert cli("leaderboard").sentence == (
        "zcbench: no scores are in runs, but trials of predictors are: see  zcbench efficiency"
    )


def test_json(cli, runs):
    content = json.loads(cli("leaderboard", "--json").out)
    assert [(c["seed"], c["architectures"]) for c in content] == [(0, 4), (1, 3)]
    (only,) = json.loads(cli("leaderboard", "digits-201", "--seed", 1, "--target", "test_accuracy", "--json").out)
    assert (only["seed"], only["target"]) == (1, "test_accuracy")


def test_it_is_what_evaluate_says(cli, runs):
    expected = zcbench.evaluate("digits-201", ["params", "num_layers", "random"], limit=4, batch_size=8)
    (content,) = json.loads(cli("leaderboard", "--seed", 0, "--json").out)
    assert [(e["proxy"], e["tau"]) for e in content["entries"]] == [
        (e.proxy, None if e.tau.value != e.tau.value else e.tau.value) for e in expected.entries
    ]


def test_common(cli, runs):
    cli(*RUN[:-1], "snip", "--limit", 2)
    (apart,) = json.loads(cli("leaderboard", "--seed", 0, "--json").out)
    assert {e["scored"] for e in apart["entries"]} == {2, 4}
    assert "--common" in apart["notes"][-1]
    (together,) = json.loads(cli("leaderboard", "--seed", 0, "--common", "--json").out)
    assert {e["scored"] for e in together["entries"]} == {2}


def test_files(cli, runs, place):
    result = cli("leaderboard", "--out", "board/here", "--json")
    assert result.status == 0
    folder = place / "board" / "here"
    assert sorted(p.name for p in folder.iterdir()) == ["digits-201.csv", "digits-201.html", "digits-201.md"]
    assert [line.split(maxsplit=1)[0] for line in result.err.splitlines()] == ["wrote"] * 3
    rows = list(csv.DictReader(io.StringIO(folder.joinpath("digits-201.csv").read_text())))
    entries = [e for c in json.loads(result.out) for e in c["entries"]]
    assert len(rows) == len(entries) == 6
    for row, entry in zip(rows, entries, strict=True):
        assert row["proxy"] == entry["proxy"]
        assert (float(row["tau"]) if row["tau"] else None) == entry["tau"]
    page = folder.joinpath("digits-201.html").read_text()
    HTMLParser().feed(page)
    (environment,) = runs.environments("digits-201")
    assert page.count("data-proxy=") == 6
    assert environment in page
    markdown = folder.joinpath("digits-201.md").read_text()
    assert sum(line.startswith("| ") for line in markdown.splitlines()) == 8
    assert cli("leaderboard", "--out", "board/here").status == 0  # again, over the old ones


def test_the_terminal_shows_the_table_whole(cli, runs):
    out = cli("leaderboard", "--seed", 0).out
    lines = out.splitlines()
    start = next(i for i, line in enumerate(lines) if " proxy " in line)
    assert [line.split()[1] for line in lines[start + 1 : start + 4]] == [
        e["proxy"] for e in json.loads(cli("leaderboard", "--seed", 0, "--json").out)[0]["entries"]
    ]
    assert max(map(len, lines)) <= 200


def test_another_benchmark_that_is_broken_does_not_hide_this_one(cli, runs):
    shutil.copytree(runs.folder / "digits-201", runs.folder / "digits-200")
    result = cli("leaderboard")
    assert result.status == 1
    assert result.err.startswith(
        "zcbench: digits-200: unknown benchmark or track 'digits-200': did you mean 'digits-201'"
    )
    assert len(result.err.splitlines()) == 1
    assert "4 architectures" in result.out


TRACK = """
benchmarks = ["digits-201", "chars-rnn", "nasbench201"]
limit = 4
batch_size = 8
proxies = ["num_layers", "params"]
"""


def test_a_track_of_several_benchmarks_is_one_table(cli, runs, place):
    place.joinpath("two.toml").write_text(TRACK)
    table = zcbench.get_benchmark("chars-rnn")
    with runs.writer("chars-rnn") as writer:
        for number, architecture in enumerate(table.sample(3, 0, table.default_target)):
            score = Score(float(number), Status.OK, 0.1)
            writer.record(Record("chars-rnn@1", architecture.key, "params@1", 0, "pydoc/train/8 of 99/seed 0", score))
    result = cli("leaderboard", "two.toml", "--out", "board")
    assert result.status == 1
    said, *written = result.err.splitlines()
    assert said.startswith("zcbench: nasbench201: ")  # a table that is not here hides no other
    assert written == [f"wrote board/two.{suffix}" for suffix in ("csv", "md", "html")]
    rows = result.out[result.out.index("\nbenchmark ") + 1 :].splitlines()
    assert [line.split()[0] for line in rows[:3]] == ["benchmark", "digits-201", "chars-rnn"]
    assert rows[0].split()[-2:] == ["num_layers", "params"]
    asked = "chars-rnn: The track two requests 4 architectures, of which 3 have been run."
    assert asked in result.out
    page = place.joinpath("board/two.html").read_text()
    HTMLParser().feed(page)
    assert asked in page
    assert page.count("data-proxy=") == 3
    assert page.count("<table>") == 3
    rows = list(csv.DictReader(io.StringIO(place.joinpath("board/two.csv").read_text())))
    (content,) = json.loads(cli("leaderboard", "two.toml", "--json").out)
    for row, evaluation in zip(rows, content["evaluations"], strict=True):
        taus = {entry["proxy"]: entry["tau"] for entry in evaluation["entries"]}
        assert float(row["params tau"]) == taus["params"]
        assert row["num_layers scored"] == str(4 * ("num_layers" in taus))
    (only,) = json.loads(cli("leaderboard", "two.toml", "digits-201", "--json").out)
    assert only["entries"] == content["evaluations"][0]["entries"]


def test_a_track_that_cannot_be_shown(cli, runs, place):
    place.joinpath("two.toml").write_text(TRACK)
    for words, said in {
        ("two.toml", "standard"): "two.toml, standard are 2 tracks: give one.",
        ("two.toml", "--seed", 1): "--seed applies to benchmarks: a track has its own seed.",
        ("quick",): "the track quick ranks predictors: see  zcbench efficiency --track quick",
        ("three.toml",): "three.toml cannot be read (No such file or directory): give a track's TOML file.",
        (
            "two.toml",
            "chars-rnn",
        ): "no records of chars-rnn@1 on pydoc with seed 0 in runs: run  zcbench run two.toml --benchmark chars-rnn",
    }.items():
        assert cli("leaderboard", *words).sentence == f"zcbench: {said}"


# -- what is wrong is said ---------------------------------------------------------------------


def test_nothing_has_been_run(cli):
    expected = "zcbench: nothing has been run in runs: start with  zcbench run digits-201 --limit 300"
    assert cli("leaderboard").sentence == expected
    assert cli("leaderboard", "--json", "--store", "elsewhere").sentence == expected.replace("runs", "elsewhere")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["digits-20"], "unknown benchmark or track 'digits-20': did you mean 'digits-201'"),
        (["digits-201", "--target", "acc"], "unknown target 'acc': "),
        (["--seed", "7"], "no records of digits-201@"),
        (["--source", "x"], "digits-201 is part of zcbench: it has no source."),
        (["nasbench201"], "or set ZCBENCH_DATA to a folder that contains it."),
    ],
)
def test_bad_words(cli, runs, words, message):
    from zcbench.datasets import _load

    _load._load.cache_clear()
    assert message in cli("leaderboard", *words).sentence


def test_a_benchmark_without_records(cli):
    assert cli("leaderboard", "digits-201").sentence.endswith("in runs: run  zcbench run digits-201")


def test_a_bad_line_hides_no_other(cli, runs, place):
    before = json.loads(cli("leaderboard", "--json").out)
    path = runs.files("digits-201")[0]
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:2], b"gibberish\n", *lines[2:]])
    path.write_bytes(damaged)
    note = f"1 line that cannot be read was skipped and stays in runs/digits-201/{path.name}: line 3 (not JSON)."
    first, second = json.loads(cli("leaderboard", "--json").out)
    assert first["notes"][-1] == note
    assert [content["entries"] for content in (first, second)] == [content["entries"] for content in before]
    result = cli("leaderboard", "--out", "board")
    assert result.status == 0
    assert result.out.count(note) == 1
    assert note in place.joinpath("board/digits-201.md").read_text()
    assert note in place.joinpath("board/digits-201.html").read_text()
    # A run says it before it computes, and keeps the line.
    result = cli(*RUN, "--limit", 4)
    assert (result.status, f"zcbench: {note}" in result.err, note in result.out) == (0, True, True)
    assert path.read_bytes() == damaged


def test_a_store_of_bad_lines(cli, runs):
    first, second = runs.files("digits-201")
    first.write_bytes(b"x\ny\n")
    second.unlink()
    assert cli("leaderboard").sentence.endswith(
        f"zcbench run digits-201. 2 lines that cannot be read were skipped and stay in runs/digits-201/{first.name}: "
        "lines 1, 2 (not JSON)."
    )


def test_a_store_cut_in_the_middle_of_a_line_is_fine(cli, runs):
    path = runs.files("digits-201")[-1]
    path.write_bytes(path.read_bytes()[:-5])
    content = json.loads(cli("leaderboard", "--json").out)
    assert sum(e["scored"] for c in content for e in c["entries"]) == 4 * 3 + 3 * 3 - 1


def changed(runs, *changes):
    """Add copies of the last line, each with other fields."""
    path = runs.files("digits-201")[-1]
    text = path.read_text()
    last = json.loads(text.splitlines()[-1])
    path.write_text(text + "".join(json.dumps(last | change) + "\n" for change in changes))


def test_records_that_the_table_does_not_know(cli, runs):
    before = json.loads(cli("leaderboard", "--json").out)
    strangers = [{"architecture": "|x~0|"}, {"architecture": "|y~0|", "seed": 99}, {"benchmark": "digits-201@9"}]
    changed(runs, *strangers)
    first, second = json.loads(cli("leaderboard", "--json").out)
    assert first["notes"][-2:] == [
        "1 line of digits-201@9 was excluded: the table here is digits-201@1.",
        "2 records of architectures that digits-201@1 does not have were excluded: |x~0|, |y~0|.",
    ]
    assert [content["entries"] for content in (first, second)] == [content["entries"] for content in before]
    # Those that belong to a run's own track are not passed over in silence either.
    assert "2 records of architectures that digits-201@1 does not have were excluded" in cli(*RUN, "--limit", 4).out


def test_a_version_that_nobody_has_does_not_hide_the_one_that_is_registered(cli, runs):
    before = json.loads(cli("leaderboard", "--seed", 1, "--json").out)
    proxy = before[0]["entries"][-1]["proxy"]
    version = before[0]["entries"][-1]["version"]
    changed(runs, {"proxy": f"{proxy}@999999999"})
    (after,) = json.loads(cli("leaderboard", "--seed", 1, "--json").out)
    assert after["entries"] == before[0]["entries"]
    note = f"{proxy}: 1 result of version 999999999 was excluded; version {version} is shown."
    assert after["notes"][-1] == note


def test_a_proxy_that_nobody_registered_is_shown(cli, runs):
    changed(runs, {"proxy": "forgotten:x=1@3"})
    (content,) = json.loads(cli("leaderboard", "--seed", 1, "--json").out)
    assert ("forgotten:x=1", 3, 1) in [(e["proxy"], e["version"], e["tried"]) for e in content["entries"]]


def test_out_is_a_file(cli, runs, place):
    place.joinpath("board").write_text("")
    sentence = cli("leaderboard", "--out", "board").sentence
    assert sentence.startswith("zcbench: cannot write to board/digits-201.csv: ")
    assert sentence.endswith("board is not a folder. Choose another folder with --out.")


def test_out_on_a_full_disk(cli, runs, place):
    with disk_of(100):
        result = cli("leaderboard", "--out", "board")
    assert "zcbench: cannot write to board/digits-201.csv: " in result.sentence
    assert list(place.joinpath("board").iterdir()) == []


def test_proxies_may_see_other_samples_than_the_target_has(cli, runs, monkeypatch):
    table = zcbench.get_benchmark("digits-201")
    monkeypatch.setattr("zcbench.runs._read.get_benchmark", lambda *_: replace(table, batches={"digits": "noise"}))
    assert "no records of digits-201@1 on noise" in cli("leaderboard").sentence
    for path in runs.files("digits-201"):
        path.write_text(path.read_text().replace('"digits/', '"noise/'))
    shown = cli("leaderboard").out
    assert "batch noise/" in shown


def test_forecasts_of_learning_curves(cli, place):
    asked = ["--curve-predictors", "last_value,sotl_e", "--contexts", ".5", "--seeds", "2", "--limit", "8"]
    done = cli("run", "chars-bert", *asked, "--workers", "0")
    assert done.status == 0 and "chars-bert@1, curves of valid_nll" in done.out
    track = place / "mine.toml"
    track.write_text(
        'benchmark = "chars-bert"\ncurve_predictors = "last_*"\ncontexts = 0.5\nseeds = 2\nlimit = 8\n', encoding="utf8"
    )
    whole = cli("leaderboard", "--metric", "crps", "--json")
    (content,) = json.loads(whole.out)
    assert {row["curve_predictor"] for row in content["forecasts"]} == {"last_value", "sotl_e"}
    shown = cli("leaderboard", "mine.toml", "--out", "boards")
    assert "last_value" in shown.out and "sotl_e" not in shown.out
    assert {path.name for path in (place / "boards").iterdir()} == {"mine.csv", "mine.md", "mine.html"}
    missing = cli("leaderboard", "curves-chars-rnn")
    assert missing.status == 2 and "no forecasts of curves-chars-rnn on chars-rnn" in missing.err
