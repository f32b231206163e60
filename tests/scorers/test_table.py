"""Columns as scorers: what is known without training, and the truth only as an oracle."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy

from zcbench._kinds import isolated
from zcbench.datasets import BenchmarkInfo, benchmark_info, register_benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import get_scorer, table

FACTS = {"flops": np.array([4.0, 3, np.nan, 1]), "train_seconds": np.arange(4.0), "cells": np.arange(4.0)}
TABLE = replace(toy((1, 2, 3, 4), higher_is_better=False), facts=FACTS)
CELLS = list(TABLE.architectures)


def test_a_fact_costs_nothing_and_gaps_have_a_reason():
    found = get_scorer("table(flops)", TABLE).score([*CELLS, TABLE.space.parse(toy((1,) * 9).architectures[8].key)])
    assert found.values[:4].tolist()[:2] == [4, 3]
    assert set(found.reasons) == {2, 4}
    assert found.seconds.tolist() == [0] * 5
    assert get_scorer("cells", TABLE).label == "table(cells)"
    assert get_scorer("table(cells)", TABLE).truth == ()
    assert get_scorer("table(cells)", TABLE).columns == ("cells",)


@pytest.mark.parametrize("text", ["quality", "table(other)", "train_seconds", "params+table(quality)", "-quality"])
def test_the_truth_is_refused(text):
    with pytest.raises(InvalidInputError, match="is a training result"):
        get_scorer(text, TABLE)


def test_an_oracle_knows_and_says_so():
    found = get_scorer("oracle(quality)", TABLE)
    assert found.score(CELLS).values.tolist() == [1, 2, 3, 4]
    assert not found.higher_is_better
    assert found.truth == ("quality",)
    assert get_scorer("-(params+oracle(other))", TABLE).truth == ("other",)
    assert get_scorer("oracle(train_seconds)", TABLE).truth == ("train_seconds",)


def test_latencies_of_another_table_of_the_space(monkeypatch):
    assert not benchmark_info("hwnasbench").trained
    assert benchmark_info("digits-201").trained
    other = replace(toy((9, 8, 7, 6), higher_is_better=False), name="clock")
    info = BenchmarkInfo("clock", "digits-201", "", 4, 2, "", "", embedded=lambda: None, trained=False)
    with isolated():
        register_benchmark(info)
        monkeypatch.setattr(table, "get_benchmark", lambda name: other)
        found = get_scorer("clock/quality", TABLE)
        assert found.label == "table(clock/quality)"
        assert found.score(CELLS).values.tolist() == [9, 8, 7, 6]
        assert not found.higher_is_better
        assert found.truth == ()
        register_benchmark(replace(info, trained=True), override=True)
        with pytest.raises(InvalidInputError, match="is a training result"):
            get_scorer("clock/quality", TABLE)
        monkeypatch.setattr(table, "get_benchmark", lambda name: replace(other, space=_Elsewhere()))
        with pytest.raises(InvalidInputError, match="a table of the space elsewhere"):
            get_scorer("clock/quality", TABLE)


class _Elsewhere:
    name = "elsewhere"


def test_without_such_a_column():
    with pytest.raises(UnknownNameError, match="flops"):
        get_scorer("table(flop)", TABLE)
    with pytest.raises(InvalidInputError, match="needs a table"):
        get_scorer("table(flops)", TABLE.space)
