"""What a summary cannot use is counted and named, and nothing else is left out."""

import numpy as np
import pytest
from toys import record, records, toy, trial

from zcbench.evaluation._left_out import (
    grouped,
    of_known_architectures,
    of_one_direction,
    of_one_version,
    of_possible_pools,
    of_this_table,
    with_notes,
)
from zcbench.records import Records, Trials


def test_of_this_table():
    mine, other = records(toy(), [1, 2, 3, 4]), [record("a", benchmark=f"toy@{v}") for v in (2, 2, 3, 4, 5, 6)]
    kept, notes = of_this_table(Records.of([*other, *mine]), toy())
    assert list(kept) == mine
    assert notes == [
        "2 lines of toy@2 were excluded: the table here is toy@1.",
        "1 line of toy@3 was excluded: the table here is toy@1.",
        "1 line of toy@4 was excluded: the table here is toy@1.",
        "2 lines of 2 other tables were excluded.",
    ]
    assert of_this_table(Records.of(mine), toy())[1] == []
    assert len(of_this_table(Records.of([]), toy())[0]) == 0
    kept, notes = of_this_table(Trials.of([trial(), trial(benchmark="toy@9")]), toy())
    assert (list(kept), len(notes)) == ([trial()], 1)


def test_of_known_architectures():
    mine = records(toy(), [1, 2, 3, 4])
    kept, notes = of_known_architectures([record("x"), *mine, record("x", proxy="b@1"), record("y")], toy())
    assert list(kept) == mine
    assert notes == ["3 records of architectures that toy@1 does not have were excluded: x, y."]
    # Texts that no record has any more are not counted.
    part = Records.of([record("x"), *mine])[1:]
    assert of_known_architectures(part, toy()) == (part, [])


def test_of_one_direction():
    up, down = record("a"), record("b", higher_is_better=False)
    assert of_one_direction(Records.of([up, up])) == ([up, up], [])
    kept, notes = of_one_direction(Records.of([down, up, down]))
    assert list(kept) == [down, down]
    assert notes == ["mine@1: 1 record with the other direction was excluded."]
    assert list(of_one_direction(Records.of([up, down]))[0]) == [up]


def test_of_one_version():
    rows = [record(str(i), proxy=p, code=c) for i in range(5) for p, c in (("a@2", ""), ("a@1", ""), ("b@1", "f00"))]
    kept, notes = of_one_version(Records.of(rows), "proxy")
    assert {label: found.tolist() for label, found in kept.items()} == {
        "a": [1, 4, 7, 10, 13],
        "b": [2, 5, 8, 11, 14],
    }
    assert notes == ["a: 5 results of version 2 were excluded; version 1 is shown."]
    assert of_one_version(Records.of([]), "proxy") == ({}, [])
    kept, _ = of_one_version(Trials.of([trial("gp@1"), trial("gp:x=1@1")]), "predictor")
    assert list(kept) == ["gp", "gp:x=1"]


def test_grouped_is_what_a_dictionary_of_tuples_gives():
    rng = np.random.default_rng(0)
    for _ in range(20):
        columns = rng.integers(-3, 3, (3, 50)) * np.array([[1], [2**40], [7]])
        expected = {}
        for row, key in enumerate(zip(*columns.tolist(), strict=True)):
            expected.setdefault(key, []).append(row)
        assert [rows.tolist() for rows in grouped(*columns)] == list(expected.values())
    assert grouped(np.zeros(0, int)) == []


def test_of_possible_pools():
    good, large, elsewhere = trial(), trial(pool=5), trial(target="beauty")
    kept, notes = of_possible_pools([large, good, elsewhere], toy())
    assert list(kept) == [good]
    assert notes == ["2 trials with a target or a pool that toy@1 does not have were excluded."]


def test_with_notes():
    assert with_notes("nothing here", []) == "nothing here"
    assert with_notes("nothing here", ["One.", "Two."]) == "nothing here. One. Two."


@pytest.mark.parametrize("make", [list, Records.of])
def test_long_names_are_cut(make):
    _, notes = of_known_architectures(make([record("x" * 99)]), toy())
    assert f"{'x' * 60}…" in notes[0]
