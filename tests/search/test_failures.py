from pathlib import Path

import pytest

from zcbench.errors import InvalidInputError
from zcbench.search._failures import FIRST, LATER, Failures


def test_where_nothing_ever_gave_a_number():
    failures = Failures(None)
    assert [failures.take(False, "no disk.", line) for line in range(3, 2 + FIRST)] == [""] * (FIRST - 1)
    with pytest.raises(InvalidInputError) as error:
        failures.take(False, "no memory.", 12)
    assert str(error.value) == (
        "10 evaluations in a row returned no number; the last reason: no memory. Correct the evaluation, and start "
        "with a new ledger."
    )
    assert failures.notes() == ("The first evaluation without a number: no disk.",)
    assert Failures(None).notes() == ()


def test_where_numbers_end_the_line_of_the_first_without_is_named():
    failures = Failures(Path("mine.jsonl"))
    found = [failures.take(ok, "no disk", line) for line, ok in enumerate([False] * 9 + [True] + [False] * LATER, 3)]
    assert found[:-1] == [""] * (len(found) - 1)
    assert "50 evaluations in a row" in found[-1]
    assert found[-1].endswith("(or remove line 13 of mine.jsonl and all lines after it).")
    assert failures.take(True, "", 99) == ""
    assert failures.take(False, "no disk", 100) == ""
