"""``zcbench list``: everything registered, on stdout."""

import json

import pytest

import zcbench
from zcbench.runs import list_tracks


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], zcbench.list_proxies),
        (["proxies"], zcbench.list_proxies),
        (["benchmarks"], zcbench.list_benchmarks),
        (["spaces"], zcbench.list_spaces),
        (["predictors"], zcbench.list_predictors),
        (["tracks"], list_tracks),
    ],
)
def test_every_name_is_listed(cli, words, names):
    result = cli("list", *words)
    assert (result.status, result.err) == (0, "")
    assert [line.split()[0] for line in result.out.splitlines()[1:] if line[0] != " "] == names()
    content = json.loads(cli("list", *words, "--json").out)
    assert [row["name"] for row in content] == names()


def test_what_is_said_of_a_proxy(cli):
    rows = {row["name"]: row for row in json.loads(cli("list", "--json").out)}
    assert rows["snip"]["labels"] == "yes"
    assert rows["params"] == {
        "name": "params",
        "cost": "static",
        "labels": "no",
        "better": "high",
        "domains": "any",
        "batch norm": "any",
        "paper": "baseline",
        "summary": zcbench.get_proxy("params").summary,
    }


def test_plug_ins_are_listed(cli, plugin):
    rows = {row["name"]: row for row in json.loads(cli("list", "--import", plugin, "--json").out)}
    assert rows["t-low"]["better"] == "low"
    assert rows["t-low"]["summary"] == "Fewer weights are better."


def test_markup_in_a_summary_is_text(cli, place):
    place.joinpath("mine.py").write_text(
        "import zcbench\n@zcbench.register_proxy('mine')\ndef mine(probe):\n    '''Sum of [bold]x[/bold] [0, 1].'''\n"
    )
    assert "Sum of [bold]x[/bold] [0, 1]." in cli("list", "--import", "mine.py").out


@pytest.mark.parametrize("command", [["list"], ["show", "params"], ["run", "digits-201"]])
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "bad.py is not a file: give a Python file."), ("def f(:", "bad.py could not be imported: SyntaxError: ")],
)
def test_a_bad_import(cli, place, command, content, message):
    if content:
        place.joinpath("bad.py").write_text(content)
    assert cli(*command, "--import", "bad.py").sentence.startswith(f"zcbench: {message}")
