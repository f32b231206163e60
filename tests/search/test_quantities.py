"""Numbers that constraints are on: found once, as sums where they are, with their cost and what is missing."""

import numpy as np
import pytest
from easy import digits, total
from toys import toy

from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, FunctionScorer, Scores, as_scorer
from zcbench.search._quantities import Quantity, noted, quantity
from zcbench.spaces import get_space


def counted(function, seconds=0.5):
    asked = []

    def score(architectures):
        asked.extend(one.key for one in architectures)
        return Scores(np.array([function(a) for a in architectures]), np.full(len(architectures), seconds))

    return Quantity("counted", score), asked


def test_each_is_found_once_and_paid_for():
    one, asked = counted(total)
    some = list(digits())[:10]
    assert one.values([*some, *some], digits()).tolist() == [total(a) for a in [*some, *some]]
    assert asked == [a.key for a in some]
    assert one.take_seconds() == 5.0
    one.values(some, digits())
    assert one.take_seconds() == 0


def test_many_are_reckoned_from_their_choices():
    one, asked = counted(total)
    every = list(digits())
    assert (one.values(every, digits()) == [total(a) for a in every]).all()
    assert len(asked) < 200


def test_what_is_no_sum_is_found_for_each():
    one, asked = counted(lambda a: total(a) ** 2)
    every = list(digits())
    assert (one.values(every, digits()) == [total(a) ** 2 for a in every]).all()
    assert len(set(asked)) == len(every)


def test_what_functions_raise_is_a_reason():
    def odd(architecture):
        return "text" if architecture.key[0] == "1" else 1 / int(architecture.key[0])

    one = quantity(odd, Context(digits()))
    found = one.true([digits().parse(text) for text in ("000000", "100000", "200000")])
    assert np.isnan(found[:2]).all()
    assert found[2] == 0.5
    (note,) = noted(one)
    assert "odd has no value for 2 architectures" in note and "ZeroDivisionError" in note


def test_names_of_proxies_count_the_network():
    space = get_space("nasbenchmacro")
    architecture = space.parse("02012100")
    network = space.build(architecture)
    count = sum(weight.numel() for weight in network.parameters())
    assert quantity("params", Context(space)).true([architecture]).tolist() == [count]


def test_what_is_no_quantity_is_refused():
    with pytest.raises(InvalidInputError, match="give a name, a scorer or a function"):
        quantity(3, Context(digits()))


@pytest.mark.parametrize("where", ["table", "space"])
def test_what_depends_on_a_set_is_placed_among_the_same_others(where):
    table = toy(np.random.default_rng(0).normal(size=150))
    context = Context.of(table if where == "table" else table.space)
    calls = []

    def convolutions(architecture):
        calls.append(architecture)
        return architecture.key.count("conv")

    def pools(architecture):
        return -architecture.key.count("pool") * 1.5

    ranks = as_scorer("mean_rank(params+flops)", context)
    ranks = ranks.with_parts([FunctionScorer(convolutions), FunctionScorer(pools)])
    some = list(table.architectures[:6])
    one, again = quantity(ranks, context), quantity(ranks, context)
    together = one.true(some)
    assert together.tolist() == [again.true([each])[0] for each in reversed(some)][::-1]
    assert len(set(together)) > 2 and ((together >= 1) & (together <= 101)).all()
    assert len(calls) == len(set(calls)) * 2 <= 2 * 106  # once by each of the two quantities
    assert one.take_seconds() > 0
