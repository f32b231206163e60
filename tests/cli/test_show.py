"""``zcbench show``: one proxy or benchmark in full."""

import json
import re
from pathlib import Path

import pytest

import zcbench
from zcbench._kinds import KINDS
from zcbench.datasets import _load


def test_a_proxy(cli):
    result = cli("show", "naswot")
    assert (result.status, result.err) == (0, "")
    info = zcbench.get_proxy("naswot")
    assert f"reference: {info.reference}" in result.out
    assert info.summary in result.out
    content = json.loads(cli("show", "naswot", "--json").out)
    assert content["version"] == info.version
    file, line = content["defined in"].rsplit(":", 1)
    assert "def naswot(" in "".join(Path(file).read_text().splitlines()[int(line) - 1 : int(line) + 8])


def test_a_plug_in(cli, plugin):
    content = json.loads(cli("show", "t-low", "--import", plugin, "--json").out)
    assert content["better"] == "low"
    assert content["defined in"].startswith(str(Path(plugin)))


def test_a_proxy_without_source(cli, place):
    place.joinpath("mine.py").write_text("import math, zcbench\nzcbench.register_proxy('mine')(math.sqrt)\n")
    content = json.loads(cli("show", "mine", "--import", "mine.py", "--json").out)
    assert content["defined in"] == "math"


def test_the_embedded_benchmark(cli):
    table = zcbench.get_benchmark("digits-201")
    result = cli("show", "digits-201")
    assert (result.status, result.err) == (0, "")
    assert f"architectures: {len(table):,}" in result.out
    for name, target in table.targets.items():
        assert re.search(rf"^  {name} +{re.escape(target.description)}$", result.out, re.MULTILINE)
    content = json.loads(cli("show", "digits-201", "--json").out)
    assert content["default target"] == table.default_target
    assert content["architectures"] == len(table)
    ceiling = content["noise ceiling"]
    assert ceiling["low"] < ceiling["value"] < ceiling["high"]
    assert re.search(r"^noise ceiling: 0\.\d\d \[0\.\d\d, 0\.\d\d\]$", result.out, re.MULTILINE)


def test_a_benchmark_without_its_table_still_says_what_it_is(cli):
    _load._load.cache_clear()
    result = cli("show", "nasbench201")
    assert result.status == 0
    assert "or set ZCBENCH_DATA to a folder that contains it." in result.out
    assert "arXiv:2001.00326" in result.out


def test_unknown_names(cli):
    assert cli("show", "nasvot").sentence.startswith("zcbench: unknown name 'nasvot': did you mean 'naswot'")
    assert "did you mean 'digits-201'" in cli("show", "digits201").sentence


def test_a_predictor(cli):
    result = cli("show", "gp")
    assert result.status == 0
    assert "predictor: gp" in result.out
    assert "'onehot+stats+path'" in result.out
    assert "algorithm 2.1" in result.out


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.noun)
def test_one_of_every_kind(cli, kind):
    name = kind.names()[0]
    result = cli("show", f"{kind.noun}:{name}")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith(f"{kind.noun}: {name}\n")
    assert cli("show", f"{kind.plural}:{name}").out == cli("show", name, "--kind", kind.noun).out == result.out
    assert "unknown" in cli("show", f"{kind.noun}:no-such-name").sentence


def test_a_name_of_several_kinds(cli, place):
    place.joinpath("mine.py").write_text(
        "import zcbench\n"
        "@zcbench.register_batch('t-both', classes=2, resizable=True, largest=99)\n"
        "def images():\n    '''My images.'''\n"
        "@zcbench.register_proxy('t-both')\ndef formula(probe):\n    '''My formula.'''\n"
    )
    result = cli("show", "t-both", "--import", "mine.py")
    assert result.out.startswith("batch: t-both\n")
    assert "NAME@N: N up to 99: side in pixels" in result.out
    assert "zcbench: this is the batch; there is also  zcbench show proxy:t-both" in result.err
    assert cli("show", "proxy:t-both", "--import", "mine.py").out.startswith("proxy: t-both\n")


def test_a_track_says_its_plan(cli):
    content = json.loads(cli("show", "everywhere", "--json").out)
    assert (content["track"], content["kind"], content["limit"]) == ("everywhere", "scores", 100)
    assert content["batch size"]["flexibert"] == 8
    assert content["benchmarks"][:2] == ["digits-201", "chars-rnn"]
    said = cli("show", "track:transfer").out
    assert "\ntuned: 0, 50\n" in said
    assert "\nbenchmarks: any: zcbench run BENCHMARK --track transfer\n" in said


def test_a_name_with_settings(cli):
    assert cli("show", "gp:encoding=onehot").sentence == (
        "zcbench: 'gp:encoding=onehot' is a name with settings: give the name alone,  zcbench show gp"
    )


def test_docstrings_are_shown_without_markup_and_as_wide_as_the_terminal(cli, monkeypatch):
    text = cli("show", "cifar10").out
    assert "(zcbench data get cifar10)" in text and "`" not in text
    assert "reference:" not in cli("show", "encoding:proxies").out
    monkeypatch.setattr("zcbench.cli._shared._width", lambda usual: 60)
    text = cli("show", "encoding:proxies").out
    # A path is one word.
    assert [line for line in text.splitlines() if len(line) > 60 and "defined in" not in line and " " in line] == []
    assert "\n    members: labels or patterns of proxies; default DEFAULT.\n" in text
    assert "Scores of proxies, one column each, measured if no table has\nthem; " in text
