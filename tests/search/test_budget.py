import math

import pytest

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import Budget


@pytest.mark.parametrize(
    ("given", "evaluations", "seconds", "asks"),
    [
        (100, 100, None, None),
        (0, 0, None, None),
        ("100", 100, None, None),
        (" 100 evaluations", 100, None, None),
        ("1 evaluation", 1, None, None),
        ("1e3", 1_000, None, None),
        ("1e+3asks", None, None, 1_000),
        ("12000s", None, 12_000.0, None),
        ("1.5 h", None, 5_400.0, None),
        ("30min", None, 1_800.0, None),
        ("2 Days", None, 172_800.0, None),
        ("0s", None, 0.0, None),
        ("100, 3000s,500 asks", 100, 3_000.0, 500),
        ({"seconds": 5, "asks": 3}, None, 5.0, 3),
        ({"evaluations": 7}, 7, None, None),
        (Budget(3, 4.0, 5), 3, 4.0, 5),
    ],
)
def test_budgets(given, evaluations, seconds, asks):
    found = Budget.of(given)
    assert (found.evaluations, found.seconds, found.asks) == (evaluations, seconds, asks)


@pytest.mark.parametrize(
    "given",
    ["", "s", "-5", "ten", "100 200", "100x", "12000 sheep", "1,000s,2000s", "5,6", "1e999", "nans", "1.5", "2.5asks",
     -1, 1.5, True, None, math.inf, [], {}, {"seconds": math.inf}, {"seconds": math.nan}, {"seconds": -1},
     {"seconds": "5"}, {"evaluations": 10**10}, "1e999s", {"asks": 2.0}],
)  # fmt: skip
def test_what_is_no_budget(given):
    with pytest.raises(InvalidInputError, match="budget"):
        Budget.of(given)


def test_a_kind_that_there_is_not():
    with pytest.raises(UnknownNameError, match="unknown kind of budget 'second': did you mean 'seconds'"):
        Budget.of({"second": 5})


def test_twice_the_same_kind_is_no_thousand():
    with pytest.raises(InvalidInputError, match=r"the budget '1,000' names evaluations twice"):
        Budget.of("1,000")


@pytest.mark.parametrize(
    ("budget", "text"),
    [(Budget(1), "1 evaluation"), (Budget(1000, 1234567.0), "1,000 evaluations, 1,234,567 s"),
     (Budget(asks=2), "2 asks"), (Budget(seconds=0.5), "0.5 s")],
)  # fmt: skip
def test_text(budget, text):
    assert str(budget) == text
