"""Pools: one architecture of each equivalence class, what is known of them, and random splits."""

import dataclasses
import math

import numpy as np
import pytest
from toys import table, toy

import zcbench
from zcbench.datasets import get_benchmark
from zcbench.encodings import get_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.runs._pool import equivalence, pool_of, with_curves

SPACE = zcbench.get_space("digits-201")


def test_a_pool_has_one_of_each_class_and_no_gaps():
    twins = [
        "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
        "|none~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|none~2|",
    ]
    other = "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"
    more = [f"|none~0|+|none~0|none~1|+|{op}~0|none~1|none~2|" for op in ("none", "skip_connect", "avg_pool_3x3")]
    benchmark = toy([1.0, 2.0, 3.0, math.nan, 5.0, 6.0], keys=[*twins, other, *more])
    pool = pool_of(benchmark)
    assert pool.keys == (twins[0], other, more[1], more[2])
    assert pool.truth.tolist() == [1, 3, 5, 6]
    assert pool_of(benchmark, "other").truth.tolist() == [6, 3, 2, 1]  # 6, 5, nan, 3, 2, 1


def test_a_limit_keeps_what_a_smaller_one_had():
    benchmark = table()
    small, large = pool_of(benchmark, None, 10), pool_of(benchmark, None, 30)
    assert set(small.keys) < set(large.keys)
    assert len(small) == 10
    assert pool_of(benchmark, None, 999).keys == pool_of(benchmark).keys


def test_too_small_a_table():
    with pytest.raises(InvalidInputError, match=r"^toy has 3 different architectures: predictors need four"):
        pool_of(toy([1.0, 2.0, 3.0]))
    with pytest.raises(InvalidInputError, match=r"^digits-201 has 1 different architecture with limit 1: predictors"):
        pool_of(get_benchmark("digits-201"), None, 1)


def test_real_pools_leak_no_twin(data_folder):
    benchmark = zcbench.get_benchmark("nasbench201")
    pool = pool_of(benchmark)
    assert len(pool) == 4930
    assert len({SPACE.functional_key(zcbench.Architecture("digits-201", key)) for key in pool.keys}) == 4930


def test_spaces_of_others_need_no_functional_key():
    class Plain:
        def canonical(self, architecture):
            return zcbench.Architecture("plain", architecture.key.lower())

    assert equivalence(Plain(), zcbench.Architecture("plain", "AbC")) == "abc"


def test_splits_are_nested_random_and_repeatable():
    pool = pool_of(table())
    order = pool.order(0)
    assert sorted(order.tolist()) == list(range(len(pool)))
    assert (pool.order(0) == order).all()
    assert (pool.order(1) != order).any()


# -- what is known of them ----------------------------------------------------------------------


def test_curves_are_means_over_trainings_and_all_trainings_are_paid():
    made, losses = table(8), np.random.default_rng(0).normal(size=(8, 3, 4))
    facts = {"train_seconds": np.full(8, 40.0)}
    made = dataclasses.replace(made, curves={"loss": losses, "err": losses + 1}, facts=facts)
    pool = with_curves(pool_of(made, limit=5), made, ["loss"])
    rows = made.rows(pool.architectures)
    assert set(pool.curves) == {"loss"}  # what no encoding sees does not travel to workers
    assert np.array_equal(pool.curves["loss"], losses[rows].mean(1))
    assert pool.epoch_seconds == {"loss": 3 * 40.0 / 4}
    assert get_encoding("curve(loss/2)").seconds(pool.feed) == {"training": 2 * 30.0}
    both = with_curves(pool, made, ["err"])
    assert set(both.curves) == set(both.epoch_seconds) == {"loss", "err"}
    with pytest.raises(UnknownNameError, match="unknown learning curve 'los': did you mean 'loss'"):
        with_curves(pool, made, ["los"])
    with pytest.raises(InvalidInputError, match="toy has no learning curves: choose predictors on architectures"):
        with_curves(pool, dataclasses.replace(made, curves={}), ["loss"])


def test_what_encodings_are_fed_from():
    made = dataclasses.replace(table(8), facts={"a": np.arange(8.0)})
    pool = dataclasses.replace(pool_of(made, limit=5), scores={"zen": np.ones(5)}, seconds={"zen": 2.0})
    assert pool.feed.architectures == pool.architectures
    assert pool.feed.fact("a").tolist() == made.facts["a"][made.rows(pool.architectures)].tolist()
    assert pool.feed.score("zen").tolist() == [1.0] * 5
    assert get_encoding("proxies(zen)").seconds(pool.feed) == {"zen": 2.0}
