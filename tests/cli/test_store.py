"""zcbench store: check, compact, merge."""

import json
import subprocess
import sys

import pytest
from toys import record, trial

from zcbench.records import Store


@pytest.fixture
def runs(place):
    """A store with two files of records and one of trials."""
    store = Store("runs")
    for names in ("abc", "cd"):
        with store.writer("toy") as writer:
            writer.environment("e0", {"torch": "2"})
            for name in names:
                writer.record(record(name))
    with store.writer("toy") as writer:
        writer.trial(trial())
    return store


def test_check(cli, runs):
    result = cli("store", "check")
    assert result.status == 0
    assert result.err == ""
    title, first, second = result.out.splitlines()
    assert title.split()[:3] == ["benchmark", "holds", "files"]
    assert first.split()[:5] == ["toy", "4", "records", "2", "7"]
    assert first.endswith("no defects")
    assert second.split()[:5] == ["toy", "1", "trial", "1", "2"]
    assert cli("store", "check", "toy").out == result.out


def test_check_names_what_is_wrong(cli, runs):
    with runs.writer("toy") as writer:
        writer.record(record("a", 2.0))
        path = runs.files("toy")[0]
        path.write_bytes(path.read_bytes() + b"\x1b[2Jx\n")
        runs.folder.joinpath("toy", "no\x1b[2Jtes.md").write_text("")
        result = cli("store", "check")
        found = json.loads(cli("store", "check", "--json").out)
    assert result.status == 1
    assert "1 unreadable, 1 disagreeing" in result.out
    first, second, third = result.err.splitlines()
    assert first.startswith("zcbench: toy: 1 line that cannot be read was skipped and stays in ")
    assert "mine@1 of a with seed 0: 1.0 and 2.0; --retry disagreeing measures again." in second
    assert third == r"zcbench: toy: files that do not belong to the store are not read: no\x1b[2Jtes.md."
    records, trials, *_ = found
    assert (records["files"], records["living"], records["left_out"], records["disagreeing"]) == (3, 1, 1, 1)
    assert (records["is_sound"], trials["is_sound"]) == (False, True)


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_compact(cli, runs, form):
    before = list(runs.records("toy"))
    with runs.writer("toy") as writer:
        writer.record(record("e"))
        living = runs.files("toy")[-1]
        result = cli("store", "compact", "toy", "--format", form)
    assert result.status == 0
    assert result.err == f"zcbench: {living} is not changed: a run is writing to it.\n"
    first, second = result.out.splitlines()
    assert first.startswith("toy: 4 records: 2 files of ")
    assert second.startswith("toy: 1 trial: 1 file of ")
    assert all(" became 1 file of " in line and len(line) < 80 for line in (first, second))
    assert {path.suffix for path in runs.files("toy")} == {".jsonl", f".{form}"}
    assert runs.records("toy") == [*before, record("e")]
    found = json.loads(cli("store", "compact", "--format", form, "--json").out)
    assert [one["files"] for one in found] == [2]
    assert cli("store", "compact", "--format", form).out == "nothing to compact\n"


def test_compact_keeps_lines_that_cannot_be_read(cli, runs):
    path = runs.files("toy")[0]
    path.write_bytes(path.read_bytes() + b"bad\n")
    result = cli("store", "compact")
    (aside,) = runs.folder.glob("toy/aside-*")
    assert result.err == f"zcbench: lines that cannot be read are kept in {aside}.\n"
    assert aside.read_bytes() == b"bad\n"


def test_merge(cli, runs):
    result = cli("store", "merge", "--from", "runs", "--store", "all")
    assert result.status == 0
    assert result.out.startswith("toy: 3 files of ")
    assert Store("all").records("toy") == runs.records("toy")
    assert cli("store", "merge", "toy", "--from", "runs", "--store", "all").out == "toy: nothing new\n"
    assert json.loads(cli("store", "merge", "--from", "runs", "--store", "all", "--json").out) == {"toy": []}


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["check", "--store", "nowhere"], "nowhere has no records: give the folder of a store with --store."),
        (["check", "absent"], "runs has no records of 'absent'; it has records of toy."),
        (["compact", ".."], "runs has no records of '..'; it has records of toy."),
        (["merge", "--from", "nowhere"], "nowhere has no records: give the folder of a store with --from."),
        (["merge"], "say which store to copy:  zcbench store merge --from DIR"),
        (["merge", "--from", "runs"], "runs is the store itself: name another one."),
        (["check", "--from", "x"], "--from belongs to  zcbench store merge"),
        (["check", "--format", "jsonl"], "--format belongs to  zcbench store compact"),
    ],
)
def test_what_makes_no_sense(cli, runs, arguments, message):
    result = cli("store", *arguments)
    assert result.status == 2
    assert result.sentence == f"zcbench: {message}"


def test_no_torch_is_loaded(runs):
    code = (
        "import sys; from zcbench.cli import main\n"
        "merge = ['merge', '--from', 'runs', '--store', 'all']\n"
        "for words in (['check'], ['compact'], merge): main(['store', *words])\n"
        "assert not {'torch', 'scipy', 'sklearn'} & sys.modules.keys(), 'torch' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
