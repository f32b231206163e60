"""What ledgers tell without searching."""

import json

import numpy as np
import pytest

import zcbench
from zcbench.errors import DataCorruptError, InvalidInputError
from zcbench.search import read_search


@pytest.fixture(scope="module")
def table():
    return zcbench.get_benchmark("digits-201")


@pytest.mark.parametrize("budget", ["25", "20s", "25,20s"])
@pytest.mark.parametrize("searcher", ["random", "evolution:population=5"])
def test_a_ledger_tells_what_its_search_returned(tmp_path, table, budget, searcher):
    path = tmp_path / "ledger.jsonl"
    given = {"objectives": "valid_nll", "report": "test_nll", "searcher": searcher, "ledger": path, "batch": 4}
    found = zcbench.search(table, budget=budget, **given)
    told = read_search(path, table)
    ours, theirs = json.loads(told.to_json()), json.loads(found.to_json())
    for content in (ours, theirs):
        content["spent"].pop("thinking", None)
        content["notes"] = content["notes"][1:]  # the cost tells of it, too
    assert ours == theirs
    assert told.spent["training"] == found.spent["training"]


def test_a_ledger_that_is_still_written_has_no_end(tmp_path, table):
    path = tmp_path / "ledger.jsonl"
    zcbench.search(table, objectives="valid_nll", searcher="random", budget=10, ledger=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]) + lines[6][:20])  # a line is half written
    told = read_search(path, table)
    evaluated = [line for line in lines[:6] if b'"evaluated"' in line]
    assert len(told) == len(evaluated) and told.ended == ""
    path.write_bytes(lines[0])
    assert len(read_search(path, table)) == 0


def test_a_search_that_went_on_with_a_larger_budget_is_told_whole(tmp_path, table):
    path = tmp_path / "ledger.jsonl"
    for budget in ("10s", "20s"):
        found = zcbench.search(table, objectives="valid_nll", searcher="random", budget=budget, ledger=path)
    told = read_search(path, table)
    np.testing.assert_array_equal(told.seconds, found.seconds)
    assert told.ended == found.ended and told.seconds[-1] <= 20


def test_what_is_no_ledger_or_damaged_is_refused(tmp_path, table):
    with pytest.raises(InvalidInputError, match="is not a file"):
        read_search(tmp_path / "nothing")
    path = tmp_path / "ledger.jsonl"
    zcbench.search(table, objectives="valid_nll", searcher="random", budget=3, ledger=path)
    lines = path.read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b'"evaluated"' in line)
    lines[place] = b'{"kind":"evaluated","architecture":"x"}\n'
    path.write_bytes(b"".join(lines))
    with pytest.raises(DataCorruptError, match=f"line {place + 1} of .* is damaged .it has no epochs.: remove it"):
        read_search(path)


def test_the_ledger_of_a_function_counts_what_the_searcher_took(tmp_path):
    path = tmp_path / "ledger.jsonl"
    space = zcbench.get_space("digits-201")
    found = zcbench.search(space, _length, searcher="random", budget=5, ledger=path)
    told = read_search(path)
    np.testing.assert_allclose(told.seconds, found.seconds)
    assert told.best == found.best and told.spent == pytest.approx(found.spent)


def _length(architecture):
    return float(len(architecture.key))


def test_names_that_change_each_time_are_read_as_they_were_kept(tmp_path):
    calls = iter(range(1000))
    found = zcbench.search(
        zcbench.get_space("nasbench201"),
        lambda a: {"value": 1.0, f"name {next(calls)}": 2.0},
        searcher="random",
        budget=120,
        ledger=tmp_path / "a",
    )
    again = read_search(tmp_path / "a")
    assert len(found.values) == len(again.values) == 101
    assert list(found.values) == list(again.values)
    assert found.notes == again.notes
