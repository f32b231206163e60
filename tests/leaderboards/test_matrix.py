"""Several benchmarks in one table: every cell is that of the benchmark's own table."""

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest
from boards import HOSTILE
from toys import records, toy

from zcbench.evaluation import interval, summarize
from zcbench.leaderboards import Matrix
from zcbench.metrics import Estimate

RNG = np.random.default_rng(1)


def evaluation(name, n, proxies, **changes):
    table = dataclasses.replace(toy(np.arange(float(n))), name=name)
    rows = [r for proxy in proxies for r in records(table, RNG.normal(size=n), f"{proxy}@1")]
    return summarize(rows, table, **changes)


@pytest.fixture
def two():
    first = evaluation("first", 20, ["a", "b"], notes=["Something.", "Both."])
    second = dataclasses.replace(evaluation("second", 10, ["b", "c"]), notes=("Both.",))
    table = dataclasses.replace(toy(np.arange(20.0)), name="first")
    partly = summarize([*records(table, [1.0, None, *range(18)], "a@1"), *records(table, range(20), "b@1")], table)
    return [dataclasses.replace(partly, notes=first.notes), second]


def test_cells(two):
    matrix = Matrix(two, proxies=["b", "absent", "a"], title="mine")
    assert [title for title, _ in matrix.titles()] == ["benchmark", "ground truth", "noise ceiling", "b", "a", "c"]
    first, second = matrix.cells()
    assert first[:3] == ["first (20)", "quality", "no repeats"]
    assert first[3:] == [interval(two[0]["b"].tau), f"{interval(two[0]['a'].tau)} (19)", "–"]
    assert second[3:] == [interval(two[1]["b"].tau), "–", interval(two[1]["c"].tau)]
    assert matrix.headline().startswith("mine: Kendall's tau [95 % interval] of 3 proxies with the results of training")
    assert "on 10 to 20 architectures of each of 2 benchmarks" in matrix.headline()
    assert matrix.footnotes() == ["first: Something.", "first, second: Both."]
    assert repr(matrix) == "<Matrix of 3 proxies on 2 benchmarks: mine>"


def test_ceilings_are_those_of_the_whole_tables(two):
    matrix = Matrix(two, ceilings=[Estimate(0.5, 0.4, 0.6, 99), Estimate(math.nan, math.nan, math.nan, 0)])
    assert [row[2] for row in matrix.cells()] == ["0.50 [0.40, 0.60]", "no repeats"]
    assert json.loads(matrix.to_json())["evaluations"][0]["table_ceiling"]["tau"] == 0.5


def test_forms_agree(two):
    matrix = Matrix(two)
    rows = list(csv.DictReader(io.StringIO(matrix.to_csv())))
    assert [row["benchmark"] for row in rows] == ["first@1", "second@1"]
    assert float(rows[0]["a tau"]) == two[0]["a"].tau.value
    assert (rows[0]["a scored"], rows[1]["a scored"], rows[1]["a tau"]) == ("19", "0", "")
    content = json.loads(matrix.to_json())
    assert [e["entries"] for e in content["evaluations"]] == [json.loads(e.to_json())["entries"] for e in two]
    markdown = matrix.to_markdown().splitlines()
    assert markdown[2].startswith("| benchmark | ground truth | noise ceiling | ")
    assert sum(line.startswith("| ") for line in markdown) == 3
    assert matrix._repr_html_().count("<tr>") == 3


def test_strangers_words_stay_words(two):
    hostile = dataclasses.replace(two[0], benchmark=f"{HOSTILE}@1", notes=(HOSTILE,))
    matrix = Matrix([hostile, two[1]], title=HOSTILE)
    assert "<img" not in matrix._repr_html_()
    assert "<script" not in matrix.to_markdown()
    assert len(repr(matrix)) <= 120
