"""Stopping by curves, against a slow rule that looks at everything that was evaluated before."""

import numpy as np
import pytest
from partly import with_columns, with_curves

import zcbench
from zcbench.errors import InvalidInputError

TABLE = with_curves(rows=60)
CURVES = TABLE.curves["valid"].mean(1)


def goes_on(rule, share, first, looks, curve, others, whole):
    """Whether a training goes on, from the curves that were seen."""
    k = len(looks)
    if rule == "median":
        means = [CURVES[row][looks].mean() for row in whole]
        return len(means) < first or CURVES[curve][looks].max() >= np.median(means)
    number = (lambda row: CURVES[row][looks[-1]]) if rule == "last" else (lambda row: CURVES[row][looks].sum())
    several = [number(row) for row, seen in others.items() if seen >= k]
    better = sum(other > number(curve) + 1e-12 for other in several)
    return len(several) <= first or better < max(1, round(share * len(several)))


@pytest.mark.parametrize(
    ("rule", "share", "every", "first"),
    [("median", 0.5, 1, 5), ("median", 0.5, 2, 3), ("last", 0.5, 1, 5), ("last", 0.25, 3, 2), ("sum", 0.5, 1, 4)],
)
def test_the_same_as_slowly(rule, share, every, first):
    given = f"stopping:rule={rule}:share={share}:every={every}:first={first}"
    found = zcbench.search(TABLE, searcher=given, objectives="valid", budget=20)
    rows = TABLE.rows(found.architectures).tolist()
    looks, whole, stopped = {}, [], 0
    for place, (row, epochs) in enumerate(zip(rows, found.epochs, strict=True)):
        if np.isnan(epochs):
            whole.append(row)
            continue
        looks[row] = looks.get(row, 0) + 1
        assert epochs == looks[row] * every
        if place + 1 == len(rows):
            break
        seen = list(range(every - 1, int(epochs), every))
        expected = goes_on(rule, share, first, seen, row, looks, whole)
        assert (rows[place + 1] == row) == expected, place
        stopped += not expected
    assert stopped > 5
    assert len(whole) >= first


def test_no_such_rule():
    with pytest.raises(InvalidInputError, match="choose one of median, last, sum"):
        zcbench.search(TABLE, searcher="stopping:rule=mean", objectives="valid", budget=2)


def test_looks_are_where_the_table_tells():
    table = with_columns()
    found = zcbench.search(table, searcher="stopping", objectives="valid_accuracy_36ep", budget=8)
    assert set(np.nan_to_num(found.epochs, nan=36).tolist()) == {4.0, 12.0, 36.0}
