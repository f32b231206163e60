"""Every ensemble is its arithmetic, by slow loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zcbench.ensembles import get_ensemble

TABLES = st.integers(1, 4).flatmap(
    lambda members: st.integers(1, 6).flatmap(
        lambda n: st.lists(st.lists(st.integers(-3, 3), min_size=n, max_size=n), min_size=members, max_size=members)
    )
)


def slow_ranks(row):
    """Number of candidates below, plus half of those level with it, plus a half."""
    return [sum(b < a for b in row) + sum(b == a for b in row) / 2 + 0.5 for a in row]


def slow(name, table, weights):
    n = len(table[0])
    ranks = [slow_ranks(row) for row in table]
    if name == "mean_rank":
        return [sum(w * r[i] for w, r in zip(weights, ranks, strict=True)) / sum(weights) for i in range(n)]
    if name == "te_nas":
        return [sum(w * r[i] for w, r in zip(weights, ranks, strict=True)) for i in range(n)]
    if name == "az_nas":
        return [sum(w * math.log(r[i] / n) for w, r in zip(weights, ranks, strict=True)) for i in range(n)]
    if name == "weighted_sum":
        scaled = [[(v - min(row)) / (max(row) - min(row)) if max(row) > min(row) else 0 for v in row] for row in table]
        return [sum(w * r[i] for w, r in zip(weights, scaled, strict=True)) for i in range(n)]
    wins = [0.0] * n
    for i, j in itertools.combinations(range(n), 2):
        votes = sum(w * ((row[i] > row[j]) - (row[i] < row[j])) for w, row in zip(weights, table, strict=True))
        wins[i] += 1 if votes > 0 else 0.5 if votes == 0 else 0
        wins[j] += 1 if votes < 0 else 0.5 if votes == 0 else 0
    return wins


@pytest.mark.parametrize("name", ["mean_rank", "te_nas", "az_nas", "vote", "weighted_sum"])
@given(table=TABLES, data=st.data())
def test_every_ensemble_is_its_arithmetic(name, table, data):
    weights = data.draw(st.lists(st.sampled_from([0.5, 1, 2]), min_size=len(table), max_size=len(table)))
    members = [f"m{i}" for i in range(len(table))]
    text = f"{name}({'+'.join(f'{w}*{m}' for w, m in zip(weights, members, strict=True))})"
    found = get_ensemble(text).combine(dict(zip(members, table, strict=True)))
    assert found.tolist() == pytest.approx(slow(name, table, weights))


@pytest.mark.parametrize("name", ["mean_rank", "te_nas", "az_nas", "vote"])
@given(values=st.lists(st.integers(-50, 50), min_size=2, max_size=8, unique=True))
def test_rank_ensembles_ignore_the_scale_of_members(name, values):
    ensemble = get_ensemble(f"{name}(a+b)")
    b = values[::-1]
    plain = ensemble.combine({"a": values, "b": b})
    bent = ensemble.combine({"a": np.sign(values) * np.square(values) * 7 + 3, "b": b})
    assert plain.tolist() == bent.tolist()


def test_candidates_without_a_score_are_left_out_and_rank_nobody():
    scores = {"a": [3.0, math.nan, 1.0, 2.0], "b": [1.0, 9.0, 2.0, -math.inf]}
    found = get_ensemble("mean_rank(a+b)").combine(scores)
    assert np.isnan(found).tolist() == [False, True, False, True]
    assert found[[0, 2]].tolist() == [1.5, 1.5]
    assert np.isnan(get_ensemble("vote(a)").combine({"a": [math.nan] * 3})).all()
