"""``zcbench run``: scores stored as they come, resumed after anything, one table at the end."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from hostile import CHANGES, OUTCOMES, UNSUPPORTED, write_hostile
from toys import calls

import zcbench
from zcbench.datasets import _load
from zcbench.records import Store

RUN = ("run", "digits-201", "--workers", "1")
HERE = ("run", "digits-201", "--workers", "0")


def table(out):
    """What a leaderboard says, without times."""
    evaluation = json.loads(out)
    return {e["proxy"]: {k: v for k, v in e.items() if k != "seconds"} for e in evaluation["entries"]}


def test_the_table_is_stdout_and_progress_is_stderr(cli, place):
    result = cli(*RUN, "--limit", 4, "--proxies", "params,num_layers", "--batch-size", 8)
    assert result.status == 0
    assert "digits-201@" in result.out
    assert "params" in result.out
    assert "8/8 scores" in result.err
    (written,) = Store(place / "runs").files("digits-201")
    assert [path.name for path in written.parent.iterdir()] == [written.name]
    shown = cli("leaderboard", "digits-201")
    assert shown.out == result.out


def test_json_is_all_of_stdout(cli):
    result = cli(*RUN, "--limit", 5, "--proxies", "par*,l2_norm", "--json", "--target", "valid_accuracy", "--seed", 3)
    evaluation = json.loads(result.out)
    assert {e["proxy"] for e in evaluation["entries"]} == {"params", "l2_norm"}
    assert [e["scored"] for e in evaluation["entries"]] == [5, 5]
    assert evaluation["seed"] == 3
    assert evaluation["target"] == "valid_accuracy"


def test_a_second_run_computes_nothing(cli, plugin):
    words = (*RUN, "--import", plugin, "--proxies", "t-count", "--limit", 5, "--workers", 0, "--store", "there")
    first = cli(*words, "--json")
    assert len(calls(plugin)) == 5
    second = cli(*words, "--json")
    assert len(calls(plugin)) == 5
    assert table(first.out) == table(second.out)
    cli(*words, "--limit", 7)
    assert len(calls(plugin)) == 7


def test_a_proxy_that_fails_is_named_and_the_rest_is_kept(cli, plugin):
    result = cli(*RUN, "--import", plugin, "--proxies", "t-raises,params", "--limit", 3, "--workers", 0)
    assert result.status == 1
    last = result.err.splitlines()[-1]
    assert last == (
        "zcbench: t-raises failed on 3 of 3 architectures: RuntimeError: no luck \\udc80. "
        "Fix it and run again with --retry failed."
    )
    assert "params" in result.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "say what to run: zcbench run BENCHMARK, zcbench run TRACK"),
        (("run", "digits-201", "--benchmark", "x"), "digits-201 is a benchmark, and another is given: choose one."),
        (("run", "digits-20"), "unknown benchmark or track 'digits-20': did you mean 'digits-201'"),
        ((*RUN, "--proxies", "naswt"), "unknown proxy 'naswt': did you mean 'naswot'"),
        ((*RUN, "--proxies", ","), "no proxy was chosen"),
        ((*RUN, "--proxies", "params", "--target", "test_nl"), "unknown target 'test_nl': did you mean 'test_nll'"),
        ((*RUN, "--proxies", "params", "--limit", 0), "limit 0: choose at least 1."),
        ((*RUN, "--proxies", "params", "--limit", -2), "limit -2: choose at least 1."),
        ((*RUN, "--proxies", "params", "--seed", -1), "seed -1: choose a number from 0"),
        ((*RUN, "--proxies", "params", "--batch-size", 0), "batch_size 0: choose at least 1."),
        ((*RUN, "--proxies", "params", "--batch-size", 1000), "digits has only 500 here"),
        (("run", "digits-201", "--proxies", "params", "--workers", -1), "-1 workers"),
        ((*RUN, "--proxies", "params", "--timeout", 0), "a timeout of 0 seconds: choose more than 0."),
        ((*RUN, "--predictors", "gp", "--timeout", "inf"), "the timeout inf: choose a finite number."),
        ((*RUN, "--source", "x"), "digits-201 is part of zcbench: it has no source."),
        ((*RUN, "--import", "absent.py"), "absent.py is not a file: give a Python file."),
        (("run", "nasbench201"), "the table of nasbench201 is not on this machine"),
        (("run", "nasbench201", "--source", "absent"), "absent does not exist: give the authors' file or folder."),
    ],
)
def test_what_is_wrong_in_one_sentence(cli, place, words, message):
    _load._load.cache_clear()
    result = cli(*words)
    assert result.status == 2
    assert message in result.sentence
    assert not Store(place / "runs").files("digits-201")


@pytest.mark.parametrize("words", [(*RUN, "--limit", "many"), (*RUN, "--unknown"), ("run", "digits-201", "x")])
def test_usage_errors_have_a_status_of_their_own(cli, words):
    result = cli(*words)
    assert result.status == 2
    assert result.out == ""


def test_a_store_that_is_a_file(cli, place):
    place.joinpath("file").write_text("")
    result = cli(*RUN, "--proxies", "params", "--limit", 2, "--store", "file")
    assert "cannot write to file" in result.sentence
    assert "choose another folder with --store" in result.sentence.lower()


def test_a_damaged_store_is_not_overwritten(cli, place):
    cli(*RUN, "--proxies", "params", "--limit", 2)
    (path,) = Store("runs").files("digits-201")
    path.write_text(path.read_text() + '{"schema": 1, "proxy": 3}\n')
    before = path.read_bytes()
    result = cli(*RUN, "--proxies", "params", "--limit", 3)
    assert f"stays in {path}: line 4 (no field 'environment' with a text)." in result.err
    assert result.status == 0
    assert path.read_bytes() == before
    assert len(Store("runs").records("digits-201")) == 3
    (new,) = (other for other in Store("runs").files("digits-201") if other != path)
    assert len(new.read_bytes().splitlines()) == 2  # the environment, and the third architecture's score alone


# -- tracks ------------------------------------------------------------------------------------

TWO = 'version = 2\nbenchmarks = ["digits-201", "nasbenchmacro", "chars-rnn"]\nlimit = 3\nproxies = "params"\n'


def test_a_track_of_several_benchmarks_goes_on_where_a_table_is_missing(cli, place):
    place.joinpath("two.toml").write_text(TWO)
    result = cli("run", "two.toml", "--workers", 0)
    assert result.status == 1
    assert result.err.startswith("zcbench: track two@2.\n")
    assert "\nzcbench: nasbenchmacro: the table of nasbenchmacro is not on this machine" in result.err
    assert [line.split("@")[0] for line in result.out.splitlines() if "@" in line] == ["digits-201", "chars-rnn"]
    words = ("--benchmark", "chars-rnn", "--limit", 2, "--proxies", "params,l2_norm")
    one = cli("run", "two.toml", *words, "--workers", 0, "--json")
    assert one.err.startswith("zcbench: track two@2 with limit 2, proxies params,l2_norm.\n")
    assert (one.status, json.loads(one.out)["entries"][0]["scored"]) == (0, 2)
    alone = cli("run", "two.toml", "--benchmark", "nasbenchmacro", "--workers", 0)
    assert alone.sentence.startswith("zcbench: the table of nasbenchmacro is not on this machine")


@pytest.mark.parametrize("words", [("mine.toml",), ("digits-201", "--track", "mine.toml"), ("digits-201",)])
def test_ways_to_say_the_same(cli, place, words):
    place.joinpath("mine.toml").write_text('benchmark = "digits-201"\nlimit = 4\nproxies = ["params", "num_layers"]\n')
    plain = ("digits-201", "--limit", 4, "--proxies", "params,num_layers")
    result = cli("run", *(words if len(words) != 1 or words[0] != "digits-201" else plain), "--workers", 0, "--json")
    assert result.status == 0
    assert table(result.out).keys() == {"params", "num_layers"}
    assert result.err.startswith("zcbench: track mine@1.\n") == ("mine.toml" in words)
    assert table(cli("run", *plain, "--workers", 0, "--json").out) == table(result.out)


def test_words_of_before_work_for_one_release(cli, place, plugin):
    place.joinpath("mine.toml").write_text('predictors = "bayesian_ridge"\ntrain_sizes = 10\nseeds = 1\n')
    words = ("run", "digits-201", "--limit", 40, "--workers", 0)
    old = cli(*words, "--suite", "mine.toml")
    assert "zcbench: the option --suite is called --track now" in old.err
    assert old.out == cli(*words, "--track", "mine.toml").out
    transfer = ("--track", "mine.toml", "--train-sizes", 10)
    old = cli(*words, *transfer, "--fit-on", "digits-201/valid_accuracy")
    assert "zcbench: the option --fit-on is called --transfer-from now" in old.err
    assert old.out == cli(*words, *transfer, "--transfer-from", "digits-201/valid_accuracy").out
    failing = (*words, "--import", plugin, "--proxies", "t-raises,t-nan")
    cli(*failing)
    old = cli(*failing, "--retry-failed")
    assert "zcbench: the option --retry-failed is called --retry failed,timed-out,out-of-memory now" in old.err
    attempts = {(r.proxy, r.attempt) for r in Store("runs").records("digits-201") if r.proxy.startswith("t-")}
    assert attempts == {("t-raises@1", 1), ("t-nan@1", 0)}
    cli(*failing, "--retry", "non-finite,failed")
    attempts = {(r.proxy, r.attempt) for r in Store("runs").records("digits-201") if r.proxy.startswith("t-")}
    assert attempts == {("t-raises@1", 2), ("t-nan@1", 1)}
    assert "unknown status to retry 'often': " in cli(*failing, "--retry", "often").sentence


# -- the real command, with proxies that do what no author means to do ------------------------

INNOCENT = ("params", "snip", "synflow", "grad_norm", "naswot", "l2_norm", "random")


def stored(folder):
    """Everything but durations."""
    return {
        (r.architecture, r.proxy.partition("@")[0]): (r.score.value, r.score.status, r.score.detail)
        for r in Store(folder).records("digits-201")
    }


@pytest.mark.parametrize("workers", [0, 1, pytest.param(2, marks=pytest.mark.slow)])
def test_hostile_proxies_cost_their_own_scores(cli, place, workers):
    words = ("run", "digits-201", "--limit", "2", "--batch-size", "8", "--json")
    cli(*words, "--proxies", ",".join(INNOCENT), "--workers", 0, "--store", "clean")
    mixed = [*OUTCOMES]
    for number, name in enumerate(INNOCENT):  # between them, and not in the order of the alphabet
        mixed.insert(7 * number + 3, name)
    command = [sys.executable, "-m", "zcbench", *words, "--import", write_hostile(place), "--store", "mixed"]
    done = subprocess.run(
        [*command, "--proxies", ",".join(mixed), "--workers", str(workers)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert {entry["proxy"] for entry in json.loads(done.stdout)["entries"]} == set(mixed)
    found, clean = stored("mixed"), stored("clean")
    assert {key: found[key] for key in clean} == clean
    assert len(found) == 2 * len(mixed)
    for (_, name), (value, status, detail) in found.items():
        if isinstance(outcome := OUTCOMES.get(name), float):
            note = f"The proxy changed {CHANGES[name]}; everything was restored." if name in CHANGES else ""
            assert (value, status, detail) == (outcome, "ok", note)
        elif outcome is not None:
            others = {"h-memory": "out-of-memory", **dict.fromkeys(UNSUPPORTED, "unsupported")}
            assert (value, status) == (None, others.get(name, "failed"))
            assert detail.startswith(outcome)
            assert len(detail) <= 500


FACTORIES = {
    "leaves": ("def build(name): raise SystemExit(0)", "the network cannot be built: SystemExit: 0"),
    "dies": ("import os\ndef build(name): os._exit(0)", "the worker process died with exit code 0."),
}


@pytest.mark.parametrize("factory", FACTORIES)
def test_factories_that_end_the_program(cli, place, factory):
    place.joinpath("my.csv").write_text(OWN)
    place.joinpath("nets.py").write_text(FACTORIES[factory][0])
    words = ("--target", "acc", "--factory", "nets.py:build", "--data", "digits", "--proxies", "params", "--limit", 1)
    result = cli("run", "my.csv", *words, "--workers", 1, "--json")
    assert result.status == 1
    (entry,) = json.loads(result.out)["entries"]
    assert entry["scored"] == 0
    assert f"zcbench: params failed on 1 of 1 architectures: {FACTORIES[factory][1]}" in result.err


# -- the real command, killed ------------------------------------------------------------------


def start(plugin, store, sleep, *more):
    words = (*HERE, "--import", plugin, "--proxies", "t-count,params,random", "--limit", "12", "--json")
    return subprocess.Popen(
        [sys.executable, "-m", "zcbench", *words, "--store", str(store), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"T_SLEEP": str(sleep)},
    )


def lines(store):
    return sum(path.read_bytes().count(b"\n") for path in Store(store).files("digits-201"))


def wait_for_lines(store, number, process):
    while process.poll() is None and lines(store) < number:
        time.sleep(0.01)


def test_kill_9_at_any_point_and_run_again(place, plugin, tmp_path):
    rng, store, done = random.Random(0), tmp_path / "killed", 1
    for _ in range(2):
        process = start(plugin, store, 0.15)
        done += rng.randint(6, 14)
        wait_for_lines(store, done, process)
        process.kill()
        process.communicate()
        done = lines(store)
    assert process.returncode == -signal.SIGKILL
    out, err = start(plugin, store, 0).communicate()
    computed = len(calls(plugin))
    assert 12 <= computed <= 12 + 2  # what was in flight is computed again, nothing else
    whole, _ = start(plugin, tmp_path / "whole", 0).communicate()
    assert table(out) == table(whole), err
    keys = [record.key for record in Store(store).records("digits-201")]
    assert len(keys) == len(set(keys)) == 36


def test_control_c_keeps_what_was_computed(place, plugin, tmp_path):
    store = tmp_path / "stopped"
    process = start(plugin, store, 0.3)
    wait_for_lines(store, 5, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "interrupted; stored results are kept, and the same command continues" in err.splitlines()[-1]
    assert 4 <= len(Store(store).records("digits-201")) < 36


# -- a table of one's own ----------------------------------------------------------------------

OWN = "arch,acc,score,size\na,1,1,9\nb,2,3,8\nc,3,2,7\nd,4,4,6\n"
FACTORY = """
import torch
def build(name):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1 + ord(name) - 96), torch.nn.ReLU(),
                               torch.nn.Linear(1 + ord(name) - 96, 10))
"""


@pytest.mark.parametrize("words", [("my.csv",), ("--benchmark", "my.csv")])
def test_columns_of_one_s_own_table(cli, place, words):
    place.joinpath("my.csv").write_text(OWN)
    result = cli("run", *words, "--target", "acc", "--lower", "size", "--json")
    assert (result.status, result.err) == (0, "")
    taus = {entry["proxy"]: entry["tau"] for entry in json.loads(result.out)["entries"]}
    assert taus == {"size": pytest.approx(1), "score": pytest.approx(2 / 3)}
    assert "size" in cli("run", *words, "--target", "acc").out
    assert Store("runs").every_benchmark() == ["own-my"]  # how the table is read; there are no records
    assert Store("runs").benchmarks() == []
    only = json.loads(cli("run", *words, "--target", "acc", "--proxies", "sc*", "--json").out)
    assert [entry["proxy"] for entry in only["entries"]] == ["score"]


@pytest.mark.parametrize("workers", [0, 2])
def test_networks_of_one_s_own(cli, place, workers):
    place.joinpath("my.csv").write_text(OWN)
    place.joinpath("nets.py").write_text(FACTORY)
    words = ("--target", "acc", "--factory", "nets.py:build", "--data", "digits", "--proxies", "params,l2_norm")
    result = cli("run", "my.csv", *words, "--workers", workers, "--json")
    assert result.status == 0, result.err
    entries = {entry["proxy"]: entry for entry in json.loads(result.out)["entries"]}
    assert entries["params"]["tau"] == pytest.approx(1)
    assert entries["l2_norm"]["scored"] == 4


def test_networks_of_a_space(cli, place):
    cells = [a.key for a in zcbench.get_benchmark("digits-201").sample(3, 0)]
    place.joinpath("my.csv").write_text("arch;acc\n" + "".join(f"{cell};{i}\n" for i, cell in enumerate(cells)))
    result = cli(
        *("run", "my.csv", "--target", "acc", "--space", "digits-201", "--data", "digits", "--proxies", "params"),
        *("--workers", 0, "--json"),
    )
    assert result.status == 0, result.err
    assert json.loads(result.out)["entries"][0]["scored"] == 3


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "say which column of my.csv to rank against: --target COLUMN"),
        (("--target", "ac"), "unknown column 'ac': did you mean 'acc'"),
        (("--target", "acc", "--space", "digits-201", "--factory", "x.py:f"), "choose one"),
        (("--target", "acc", "--factory", "absent.py:f"), "absent.py is not a file"),
        (("--target", "acc", "--factory", "nets.py:biuld"), "nets.py has no function 'biuld'"),
        (("--target", "acc", "--factory", "build"), "--factory takes FILE.py:FUNCTION, not 'build'"),
        (("--target", "acc", "--space", "nasbench2001"), "unknown search space 'nasbench2001': did you mean"),
    ],
)
def test_what_is_wrong_with_one_s_own_table(cli, place, words, message):
    place.joinpath("my.csv").write_text(OWN)
    place.joinpath("nets.py").write_text(FACTORY)
    result = cli("run", "my.csv", *words)
    assert result.status == 2
    assert message in result.sentence


HALF = "arch;acc;my score;p;note\na;90,5;1;1.5;x\nb;91,5;2;2,5;y\nc;92;;1;z\nd;93;4;1;v\ne;94;3;1;w\n"


def test_what_was_left_out_of_one_s_own_table_is_said(cli, place):
    place.joinpath("my.csv").write_text(HALF)
    shown = cli("run", "my.csv", "--target", "acc")
    reason = "the column 'p' is excluded because it mixes decimal commas and points ('2,5' in line 3, '1.5' in line 2)."
    assert shown.err.splitlines() == [
        f"zcbench: my.csv: {reason}",
        "zcbench: my.csv: the column 'note' is excluded because it is text ('x' in line 2), and no two texts are the "
        "same.",
        "zcbench: my.csv: of 5 rows, values are missing: 1 of 'my score'.",
    ]
    assert "excluded" not in shown.out  # once is enough
    read = json.loads(cli("run", "my.csv", "--target", "acc", "--json").out)
    assert [entry["proxy"] for entry in read["entries"]] == ["my score"]
    assert reason[4:] in " ".join(read["notes"])
    asked = cli("run", "my.csv", "--target", "acc", "--proxies", "p")
    assert "unknown column 'p': known: my score. The column 'p' is excluded because it mixes" in asked.sentence
    swept = ("--predictors", "gp", "--train-sizes", "2", "--seeds", "1", "--json")
    swept = cli("run", "my.csv", "--target", "acc", *swept)
    assert reason in swept.err
    assert any(reason[4:] in note for note in json.loads(swept.out)["notes"])


def test_columns_with_spaces_in_their_names(cli, place):
    place.joinpath("my table.tsv").write_text("arch\tval acc\tmy size\ta[1]\n1\t1\t3\t1\n2\t2\t2\t2\n3\t3\t1\t3\n")
    words = ("run", "my table.tsv", "--target", "val acc", "--lower", "my size,a[1]", "--json")
    taus = {e["proxy"]: e["tau"] for e in json.loads(cli(*words).out)["entries"]}
    assert taus == {"my size": pytest.approx(1), "a[1]": pytest.approx(-1)}
    one = json.loads(cli(*words, "--proxies", "a[1], my size").out)
    assert {e["proxy"] for e in one["entries"]} == {"my size", "a[1]"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("my.json", b'[{"acc": 1}]', "my.json is JSON, not a table: save it as CSV."),
        ("my.xlsx", b"PK\x03\x04", "my.xlsx is an Excel workbook or another zip archive: save the table as CSV."),
        ("table", b"<!doctype html>", "table is a web page, not a table: download the file itself."),
        ("my.csv", b"", "my.csv is empty: its first line must name the columns."),
    ],
)
def test_files_that_are_no_table(cli, place, name, content, message):
    place.joinpath(name).write_bytes(content)
    assert message in cli("run", name, "--target", "acc").sentence


def test_a_folder_is_no_table(cli, place):
    place.joinpath("tables").mkdir()
    assert "tables is a folder, not a file" in cli("run", "tables", "--target", "acc").sentence


def test_a_file_named_like_a_benchmark_is_not_taken_for_it(cli, place):
    place.joinpath("digits-201").write_text(OWN)
    result = cli(*RUN, "--limit", 2, "--proxies", "params", "--workers", 0, "--json")
    assert json.loads(result.out)["benchmark"].startswith("digits-201@")


def test_networks_of_names_made_of_digits(cli, place):
    place.joinpath("macro.csv").write_text("cell,acc\n02012100,80\n00012110,81\n11111111,79\n11111111,77\n")
    words = (
        "run",
        "macro.csv",
        "--target",
        "acc",
        "--space",
        "nasbenchmacro",
        "--proxies",
        "params",
        "--data",
        "digits",
    )
    for arch in ((), ("--arch", "cell")):
        result = cli(*words, "--workers", 0, "--json", *arch)
        assert result.status == 0, result.err
        assert json.loads(result.out)["entries"][0]["scored"] == 3
        assert "3 architectures remain of 4 rows, as rows of equal networks were merged" in result.err


@pytest.mark.parametrize("option", ["--searchers", "--predictors"])
@pytest.mark.parametrize("names", ["", " ", ","])
def test_names_of_nothing_are_no_plan_of_another_kind(cli, tmp_path, option, names):
    result = cli("run", "digits-201", option, names, "--store", tmp_path / "store")
    assert result.status == 2 and result.out == ""
    assert f"{option} names none: write at least one name, or omit the option." in result.err
