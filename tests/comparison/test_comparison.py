"""Several networks side by side: values, ranks, tables, files."""

import csv
import io
import json
import math

import pytest

from zcbench.comparison import Comparison, Facts
from zcbench.comparison._comparison import _letters
from zcbench.proxies import asked_for
from zcbench.types import Score, Status

NAMES = ("my_networks.py:narrow", "my_networks.py:wide", "hf:a/config.json")


def compared(values, names=NAMES, seeds=(0,)):
    """A comparison of made-up values: by proxy, of each model, of each seed."""
    facts = tuple(
        Facts(name, kinds=("convolutional",), parameters=k, inputs="3x8x8", samples=4) for k, name in enumerate(names)
    )
    infos = asked_for(list(values))
    scores = {
        name: {infos[p].label: tuple(map(score, column[k])) for p, column in values.items()}
        for k, name in enumerate(names)
    }
    return Comparison(facts, scores, infos, "noise", seeds)


def score(value):
    return Score(None, Status.TIMED_OUT, 2.0, "too slow.") if value is None else Score(float(value), seconds=1.0)


ONE = {"snip": [[1], [3], [2]], "plain": [[5], [5], [1]], "zico": [[1], [None], [2]], "random": [[1], [2], [3]]}
LOWER = {"ntk_cond": [[10], [30], [20]]}


def test_ranks_follow_the_direction():
    found = compared(ONE)
    assert found.ranks("snip") == (3, 1, 2)
    assert found.ranks("plain") == (1, 1, 3)
    assert found.ranks("zico") == (2, None, 1)
    lower = compared(LOWER)
    assert not lower.infos["ntk_cond"].higher_is_better
    assert lower.ranks("ntk_cond") == (1, 3, 2)
    assert [lower.better("ntk_cond"), found.better("snip")] == ["lower", "higher"]


def test_several_seeds():
    found = compared(
        {"snip": [[1, 2, 3], [4, 6, 8], [3, 1, 2]], "zico": [[1, None, 3], [4, 5, 6], [7, 8, 9]]}, seeds=(4, 5, 6)
    )
    one = found.score("snip", NAMES[1])
    assert (one.value, one.spread, one.seconds) == (6, 2, 3)
    assert found.ranks("snip") == (2, 1, 2)
    assert found.stable("snip") is False
    assert compared({"snip": [[1, 2], [3, 4], [0, 0]]}, seeds=(0, 1)).stable("snip") is True
    failed = found.score("zico", NAMES[0])
    assert (failed.value, failed.status, failed.detail) == (None, Status.TIMED_OUT, "seed 5: too slow.")
    always = compared({"zico": [[None, None], [1, 2], [3, 4]]}, seeds=(0, 1)).score("zico", NAMES[0])
    assert always.detail == "too slow."
    assert found.stable("zico") is None
    assert found.failed == ["zico"]
    assert "The ranking changes from seed to seed for snip" in " ".join(found.footnotes())
    assert "mean ± standard deviation over 3 seeds" in found.headline()
    assert found.cells()[0][4] == "6 ± 2 (1)"
    assert compared(ONE).stable("snip") is None


def test_long_names_are_never_cut():
    found = compared(ONE)
    assert [title for title, _ in found.titles()] == ["proxy", "better", "tau", "A", "B", "C"]
    for letter, name in zip("ABC", NAMES, strict=True):
        assert f"{letter} = {name}" in found.headline()
    short = compared(ONE, ("a.py:one", "a.py:two", "b.py:net"))
    assert [title for title, _ in short.titles()][3:] == ["a.py:one", "a.py:two", "b.py:net"]
    assert "Models:" not in short.headline()


def test_letters():
    assert [_letters(k) for k in (0, 25, 26, 51, 52, 701, 702)] == ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA"]


def test_cells():
    rows = {row[0]: row for row in compared(ONE).cells()}
    assert rows["snip"][3:] == ["1 (3)", "3 (1)", "2 (2)"]
    assert rows["plain"][3:] == ["5 (1=)", "5 (1=)", "1 (3)"]
    assert rows["zico"][3:] == ["1 (2)", "timed-out", "2 (1)"]
    assert rows["random"][2] == "-0.03 (2)"  # measured on two of the benchmarks
    assert rows["snip"][2].count("(") == 0
    assert float(rows["snip"][2]) > 0.2


def test_rows_have_numbers():
    rows = compared(ONE).rows()
    assert len(rows) == 12
    row = rows[1]
    assert (row["proxy"], row["model"], row["value"], row["rank"]) == ("snip", NAMES[1], 3.0, 1)
    assert row["published_benchmarks"] == 8
    missing = next(row for row in rows if row["proxy"] == "zico" and row["model"] == NAMES[1])
    assert (missing["value"], missing["rank"], missing["status"]) == (None, None, "timed-out")


def test_forms(tmp_path):
    found = compared(ONE)
    lines = list(csv.DictReader(io.StringIO(found.to_csv(tmp_path / "x.csv"))))
    assert [float(line["value"]) for line in lines[:3]] == [1, 3, 2]
    content = json.loads(found.to_json(tmp_path / "x.json"))
    assert content["rankings"]["snip"]["ranks"] == [3, 1, 2]
    assert content["scores"][1]["value"] == 3.0
    assert content["believe"] == "snip"
    assert content["agreement"]["enough_models"] is False
    assert math.isclose(content["published"]["proxies"]["snip"]["mean_tau"], found.belief.best.mean)
    assert [one["label"] for one in content["models"]] == ["A", "B", "C"]
    text = found.to_markdown(tmp_path / "x.md")
    assert text.count("\n| ") == 5
    assert "Believe most: snip" in text
    assert (tmp_path / "x.json").is_file()
    assert "Believe most" in found.to_text()
    assert "<table>" in found._repr_html_()


def test_what_cannot_be_asked():
    found = compared(ONE)
    with pytest.raises(KeyError):
        found.ranks("naswot")
    with pytest.raises(KeyError):
        found.score("snip", "other")
    assert repr(found) == "<Comparison of 3 models by 4 proxies>"


def test_one_model_as_a_table():
    found = compared({"snip": [[1]], "zico": [[None]]}, NAMES[:1])
    assert found.single() == [
        ["snip", "1", "higher", "ok", "1.00 s", ""],
        ["zico", "", "higher", "timed-out", "2.00 s", "too slow."],
    ]
