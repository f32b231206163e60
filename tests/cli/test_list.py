"""``zcbench list``: everything registered, on stdout."""

import json
import subprocess
import sys

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
    assert rows["snip"]["labels"] is True
    assert rows["params"] == {
        "name": "params",
        "cost": "static",
        "labels": False,
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


def test_patterns(cli):
    assert [row["name"] for row in json.loads(cli("list", "proxies", "ntk_*", "params", "--json").out)] == [
        *zcbench.list_proxies("ntk_*"),
        "params",
    ]
    assert "no search space matches 'nasbench9*'" in cli("list", "spaces", "nasbench9*").sentence


def test_a_new_kind_is_listed_and_shown_because_it_stands_in_the_table(cli, monkeypatch):
    """Fruit, say: a registry, four verbs, and a line in the table."""
    from dataclasses import dataclass

    from zcbench import _kinds
    from zcbench._registry import Registry
    from zcbench.cli import show

    @dataclass(frozen=True)
    class Fruit:
        name: str
        version: int = 1
        reference: str = "Linnaeus, Species plantarum"
        summary: str = "It is sour."

    module = type(json)("t_fruits")
    module.REGISTRY = Registry("fruit", "zcbench.runs.tracks", "zcbench.t-fruits")
    module.fruit_info, module.list_fruits = (
        module.REGISTRY.info,
        lambda *patterns: module.REGISTRY.names(patterns or "*"),
    )
    monkeypatch.setitem(sys.modules, "t_fruits", module)
    module.REGISTRY.add("lemon", Fruit("lemon", 3))
    kinds = (*_kinds.KINDS, _kinds.Kind("fruit", "fruits", "t_fruits", "t_fruits:REGISTRY"))
    for place in ("zcbench._kinds", "zcbench.cli.list", "zcbench.cli.show"):
        monkeypatch.setattr(f"{place}.KINDS", kinds)
    (row,) = json.loads(cli("list", "fruits", "--json").out)
    assert row == {"name": "lemon", "version": 3, "paper": "Linnaeus", "summary": "It is sour."}
    assert "fruit: lemon\nversion: 3\nreference: Linnaeus, Species plantarum\n" in cli("show", "fruit:lemon").out
    assert cli("show", "lemon").out == cli("show", "lemon", "--kind", "fruit").out
    assert show.KINDS is kinds


NO_TORCH = """
import sys
from zcbench.cli import main
status = main(sys.argv[1:])
sys.exit("torch was loaded" if "torch" in sys.modules else status)
"""


@pytest.mark.parametrize(
    "words",
    [
        *(["list", kind] for kind in ("benchmarks", "batches", "spaces", "ensembles", "tracks")),
        *(["show", name] for name in ("digits-201", "batch:cifar100", "space:nasbench201", "vote", "track:quick")),
    ],
    ids=" ".join,
)
def test_what_needs_no_torch_loads_none(words):
    done = subprocess.run([sys.executable, "-c", NO_TORCH, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
