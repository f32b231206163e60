"""``zcbench search``."""

import csv
import json
import warnings

import pytest

import zcbench
from zcbench.cli.search import EXAMPLE
from zcbench.errors import InvalidInputError

SEARCH = ("search", "digits-201", "--searcher", "random", "--budget", 20)


def test_validation_guides_and_test_is_reported(cli):
    result = cli(*SEARCH)
    assert result.status == 0
    assert result.out.startswith("random@1 on digits-201@1, seed 0: the best of 20 evaluations by valid_nll is |")
    assert "The search used only valid_nll; test_nll and test_accuracy of its choice are reported." in result.out
    assert "random: 20/20 evaluations" in result.err
    assert cli(*SEARCH).out.splitlines()[:4] == result.out.splitlines()[:4]
    assert cli(*SEARCH, "--seed", 1).out.splitlines()[0] != result.out.splitlines()[0]


def test_json_is_all_that_is_printed(cli):
    found = json.loads(cli(*SEARCH, "--json", "--objective", "test_accuracy", "--report", "test_nll").out)
    theirs = zcbench.search("digits-201", searcher="random", budget=20, objectives="test_accuracy", report="test_nll")
    assert found["best"]["architecture"] == theirs.best.architecture.key
    assert found["best"]["values"] == dict(theirs.best.values)


def test_test_columns_are_reported_where_the_validation_column_is_one_of_several_objectives(cli):
    words = (*SEARCH[:2], "--searcher", "nsga2", "--budget", 10, "--json")
    found = json.loads(cli(*words, "--objective", "valid_nll", "--objective", "-train_seconds").out)
    assert list(found["best"]["values"]) == ["valid_nll", "train_seconds", "test_nll", "test_accuracy"]
    found = json.loads(cli(*SEARCH, "--json", "--objective", "valid_accuracy").out)
    assert list(found["best"]["values"]) == ["valid_accuracy"]


def test_a_name_behind_a_minus_is_an_objective(cli):
    found = json.loads(
        cli(*SEARCH[:2], "--searcher", "nsga2", "--budget", 30, "--json",
            "--objective", "valid_accuracy", "--objective", "-train_seconds",
            "--reference", "valid_accuracy=0.5", "--reference", "train_seconds=2").out
    )  # fmt: skip
    assert found["objectives"] == ["valid_accuracy", "-train_seconds"] and found["hypervolume"] > 0
    assert found["known_front"]["reference"] == [0.5, 2]


def test_scorers_and_constraints(cli):
    found = json.loads(cli(*SEARCH, "--scorer", "params", "--constraint", "num_layers<=9", "--json").out)
    (bound,) = found["constraints"]
    assert bound.startswith("num_layers<=9") and found["scorers"]["warm-start"][0].startswith("params")
    assert found["scored"] > 0
    assert "ranges from" in cli(*SEARCH, "--constraint", "num_layers<=-1").sentence
    assert "which a scorer must not know" in cli(*SEARCH, "--constraint", "train_seconds<=0.9").sentence


def test_a_report_in_every_form(cli, place):
    result = cli(*SEARCH, "--out", "found")
    assert result.status == 0 and result.err.count("wrote found/digits-201-random-seed0.") == 5
    files = {path.suffix: path for path in (place / "found").iterdir()}
    assert sorted(files) == [".csv", ".html", ".json", ".md", ".png"]
    assert len(list(csv.DictReader(files[".csv"].read_text().splitlines()))) == 20
    assert json.loads(files[".json"].read_text())["asks"] >= 20
    assert files[".png"].read_bytes().startswith(b"\x89PNG") and "<svg" in files[".html"].read_text()


def test_a_ledger_is_gone_on_from_and_shown(cli, place):
    whole = cli(*SEARCH, "--ledger", "whole.jsonl")
    cli("search", "digits-201", "--searcher", "random", "--budget", 8, "--ledger", "mine.jsonl")
    again = cli(*SEARCH, "--ledger", "mine.jsonl")
    assert again.status == 0 and again.out.splitlines()[:5] == whole.out.splitlines()[:5]
    shown = cli("search", "--show", "mine.jsonl")
    assert shown.status == 0 and shown.out.splitlines()[:5] == whole.out.splitlines()[:5]
    lines = (place / "whole.jsonl").read_bytes().splitlines(keepends=True)
    (place / "half.jsonl").write_bytes(b"".join(lines[:9]))
    half = json.loads(cli("search", "--show", "half.jsonl", "--json").out)
    assert half["ended"] == "" and 5 <= len(half["evaluations"]) < 9


def test_a_ledger_without_its_table_is_shown_without_it(cli, place):
    cli(*SEARCH, "--ledger", "mine.jsonl")
    text = (place / "mine.jsonl").read_text().replace("digits-201@1", "gone@1", 1)
    (place / "mine.jsonl").write_text(text)
    result = cli("search", "--show", "mine.jsonl")
    assert result.status == 0 and "the result is not compared with the best of gone" in result.err
    assert "rank" not in result.out.splitlines()[1]


def test_a_function_of_ones_own(cli, place):
    (place / "mine.py").write_text("def train(architecture):\n    return architecture.key.count('nor_conv_3x3')\n")
    result = cli("search", "digits-201", "--evaluate", "mine.py:train", "--budget", 30, "--json")
    found = json.loads(result.out)
    assert found["evaluate"].startswith("train") and found["objectives"] == ["value"] and found["known"] == {}


def test_a_function_in_a_process_that_imports_what_this_one_does(cli, place):
    """Its file, and what --import names, have no place in Python's path."""
    (place / "further.py").write_text("WORTH = 3\n")
    (place / "mine.py").write_text(
        "import sys\n\ndef train(architecture):\n"
        "    (further,) = [m for m in list(sys.modules.values()) if getattr(m, '__file__', '') == "
        f"{str(place / 'further.py')!r}]\n    return further.WORTH\n"
    )
    words = ("search", "digits-201", "--searcher", "random", "--budget", 2, "--import", "further.py", "--json")
    here = json.loads(cli(*words, "--evaluate", "mine.py:train").out)
    there = json.loads(cli(*words, "--evaluate", "mine.py:train", "--workers", 1).out)
    assert here["best"]["values"] == there["best"]["values"] == {"value": 3}


def test_what_an_engine_warns_of_is_a_sentence(cli, place, monkeypatch):
    from zcbench.executors import EngineWarning

    def search(*_, **__):
        warnings.warn("nobody is there.", EngineWarning, stacklevel=2)
        raise InvalidInputError("it ends.")

    monkeypatch.setattr("zcbench.search.search", search)
    result = cli("search", "digits-201")
    assert result.err.splitlines() == ["zcbench: nobody is there.", "zcbench: it ends."]


def test_nothing_found_is_status_one_but_not_for_a_budget_of_nothing(cli, place):
    (place / "mine.py").write_text("def train(architecture):\n    return float('nan')\n")
    result = cli("search", "digits-201", "--evaluate", "mine.py:train", "--budget", 3, "--searcher", "random")
    assert result.status == 1 and "Traceback" not in result.err
    nothing = cli("search", "digits-201", "--budget", 0)
    assert nothing.status == 0 and "nothing was found in 0 evaluations" in nothing.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say what to search"),
        (("digits-20",), "digits-201"),
        (("digits-201", "--searcher", "evolutoin"), "evolution"),
        (("digits-201", "--searcher", "evolution:population=0"), "population"),
        (("digits-201", "--budget", "soon"), "budget"),
        (("digits-201", "--budget", "-3"), "budget"),
        (("digits-201", "--objective", "valid_nl"), "valid_nll"),
        (("digits-201", "--report", "tset_nll"), "test_nll"),
        (("digits-201", "--batch", 0), "batch"),
        (("digits-201", "--seed", -1), "seed"),
        (("digits-201", "--reference", "flops"), "write a name and a number"),
        (("digits-201", "--workers", 2), "--workers applies to --evaluate"),
        (("digits-201", "--timeout", 2), "--timeout applies to --evaluate"),
        (("digits-201", "--executor", "submitit"), "--executor applies to --evaluate"),
        (("digits-201", "--evaluate", "mine"), "write file.py:function"),
        (("digits-201", "--evaluate", "missing.py:train"), "missing.py"),
        (("digits-201", "--evaluate", "x.py:f", "--report", "test_nll"), "omit it"),
        (("--show", "nothing.jsonl"), "nothing.jsonl"),
        (("--show", "nothing.jsonl", "--ledger", "a"), "--show only reports"),
    ],
)
def test_what_is_wrong_is_one_sentence(cli, words, said):
    assert said in cli("search", *words).sentence


def test_an_interrupt_without_a_ledger_is_told(cli, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("zcbench.search.search", stop)
    result = cli("search", "digits-201")
    assert result.status == 130 and "nothing is kept without --ledger" in result.err
    result = cli("search", "digits-201", "--ledger", "mine.jsonl")
    assert result.status == 130 and "the same command continues" in result.err


@pytest.mark.parametrize(
    "example", [line.split()[1:] for line in EXAMPLE.splitlines() if "digits-201" in line and "my_training" not in line]
)
def test_examples_of_the_help_run(cli, tmp_path, monkeypatch, example):
    monkeypatch.chdir(tmp_path)
    example = [word.strip('"') for word in example]
    result = cli(*example, "--budget", "2", "--role", "filter:from=3")
    assert result.status == 0, result.err
