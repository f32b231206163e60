"""One protocol: what a stranger's scorer gives is checked, and what it raises is a reason."""

import numpy as np
import pytest
from toys import distinct_cells

from zcbench.errors import StoreError
from zcbench.scorers import FunctionScorer, Scorer, Scores, asked, get_scorer

CELLS = distinct_cells(4)


class Given(Scorer):
    label = "given"

    def __init__(self, given):
        self.given = given

    def score(self, architectures):
        return self.given(len(architectures)) if callable(self.given) else self.given


def test_each_value_is_timed_and_each_error_is_a_reason():
    class Odd(Scorer):
        label = "odd"
        calls = 0

        def value(self, architecture):
            Odd.calls += 1
            if architecture == CELLS[1]:
                raise ValueError("no such thing")
            return np.float32(2) if architecture == CELLS[0] else "two"

    found = Odd().score(CELLS[:3])
    assert found.values[0] == 2
    assert np.isnan(found.values[1:]).all()
    assert found.reasons[1] == "ValueError: no such thing"
    assert "not a real number" in found.reasons[2]
    assert (found.seconds > 0).all()
    assert Odd.calls == 3


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([1.0, 2.0], "shape"),
        (lambda n: np.zeros((n, 1)), "shape"),
        ("text", "could not convert"),
        (None, "shape"),
        (lambda n: 1 / 0, "division"),
    ],
)
def test_what_is_no_array_of_scores_is_a_reason_for_all(given, why):
    found = asked(Given(given), CELLS)
    assert np.isnan(found.values).all()
    assert set(found.reasons) == set(range(4))
    assert why in found.reasons[0]


def test_a_plain_list_will_do_and_infinities_are_none():
    found = asked(Given([1, np.inf, np.nan, 4]), CELLS)
    assert found.values.tolist()[::3] == [1.0, 4.0]
    assert found.reasons == {1: "its score is inf.", 2: "it has no score."}
    assert found.seconds.sum() > 0


def test_seconds_that_are_said_are_taken_and_reasons_belong_to_nan():
    said = Scores(np.array([1.0, 2, 3, np.nan]), np.array([1.0, -1, np.nan, 2]), {0: "a note", 3: "why"})
    found = asked(Given(said), CELLS)
    assert found.seconds.tolist() == [1, 0, 0, 2]
    assert found.reasons == {3: "why"}


def test_a_store_that_cannot_be_written_is_no_missing_score():
    def full(n):
        raise StoreError("no room")

    with pytest.raises(StoreError, match="no room"):
        asked(Given(full), CELLS)


def test_a_scorer_that_writes_nothing_says_so():
    class Nothing(Scorer):
        label = "nothing"

    assert "defines neither value nor score" in Nothing().score(CELLS[:1]).reasons[0]


def test_good_is_turned_and_parts_are_found():
    made = get_scorer("-(params+2*num_layers)", "digits-201", batch_size=2)
    assert [leaf.label for leaf in made.leaves()] == ["params", "num_layers"]
    assert [unit.label for unit in made.units()] == ["params", "num_layers"]
    mapped = made.mapped(lambda leaf: FunctionScorer(lambda a: 5, leaf.label))
    assert mapped.label == made.label
    assert mapped.score(CELLS[:2]).values.tolist() == [0, 0]
    assert FunctionScorer(lambda a: 3, higher_is_better=False).good(CELLS[:1]).tolist() == [-3]
    assert np.asarray(mapped.score(CELLS[:2])).dtype == np.float64


def test_complex_scores_are_none():
    class Complex(Scorer):
        label = "complex"

        def score(self, architectures):
            return np.ones(len(architectures)) * 1j

    found = asked(Complex(), distinct_cells(1))
    assert np.isnan(found.values).all()
    assert found.reasons == {0: "it returned complex numbers, which have no order."}
