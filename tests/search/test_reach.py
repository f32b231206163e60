"""What is said where nothing keeps the constraints: of sums, tables, small spaces and samples, alone and together."""

import numpy as np
import pytest
from easy import digits, total
from toys import table

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.scorers import Context
from zcbench.search import Constraint, Constraints, Domain
from zcbench.search._reach import check_reachable
from zcbench.spaces import get_space


def refused(constraints, space=None, candidates=None, benchmark=None):
    limits = Constraints(constraints, Context(space or digits(), benchmark))
    with pytest.raises(InvalidInputError) as caught:
        check_reachable(limits, candidates, np.random.default_rng(0))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def first(architecture):
    return float(architecture.key[0])


def product(architecture):
    return float(np.prod([int(digit) + 1 for digit in architecture.key]))


def test_sums_are_exact_however_large_the_space():
    space = digits(20, 10)
    assert refused(Constraint(total, high=-1), space) == (
        "no architecture of digits meets total <= -1: total ranges from 0 to 180."
    )


def test_sums_that_exclude_one_another():
    space = digits(20, 10)
    said = refused([Constraint(total, high=3), Constraint(first, low=4), lambda a: True], space)
    assert said == (
        "no architecture of digits meets total <= 3 and 4 <= first together, though each can be satisfied alone: "
        "where 4 <= first, total ranges from 4 to 180; where total <= 3, first ranges from 0 to 3."
    )


def test_a_gap_between_values_is_found():
    assert "no architecture" in refused(Constraint(lambda a: 2 * total(a), 4.5, 5.5), digits(20, 10))


def test_a_small_space_is_gone_through():
    assert refused(Constraint(product, low=5000)) == (
        "no architecture of digits meets 5,000 <= product: product ranges from 1 to 4,096."
    )


def test_a_large_space_is_sampled_and_that_is_said():
    said = refused(Constraint(product, high=0), digits(13, 5))
    assert said.startswith("no architecture of digits was found to meet product <= 0: product ranges from ")
    assert "among 1,000 architectures drawn at random, of which 10 were changed towards the bounds" in said


def test_a_table_is_gone_through():
    benchmark = table(20)
    benchmark = zcbench.Benchmark(**{**vars(benchmark), "facts": {"size": np.arange(20.0)}})
    assert "size ranges from 0 to 19 in the table" in refused(
        "size<=-1", benchmark.space, benchmark.architectures, benchmark
    )
    with pytest.raises(InvalidInputError, match="size ranges from 0 to 19 in the table"):
        zcbench.search(benchmark, searcher="random", constraints={"size": (50, None)})


def test_a_function_that_allows_nothing():
    def never(architecture):
        return False

    assert refused(never).endswith("meets never: never allows nothing.")


def test_rare_architectures_are_found_by_changing_others():
    space = get_space("nasbench101")
    limits = Constraints(Constraint(lambda a: float(space.graph(a).nodes.count("conv3x3-bn-relu")), low=5), space)
    check_reachable(limits, None, np.random.default_rng(0))


def test_what_can_be_kept_passes():
    check_reachable(
        Constraints([Constraint(total, high=0), lambda a: True], digits(20, 10)), None, np.random.default_rng(0)
    )
    check_reachable(Constraints(None, digits()), None, np.random.default_rng(0))


def test_a_function_that_allows_little_is_no_sum():
    space = get_space("elastic-mobilenet")
    few = set(list(space)[::130])

    def among_these(architecture):
        return architecture in few

    kept = Constraints(among_these, space)
    check_reachable(kept, None, np.random.default_rng(0))
    assert set(Domain(space, constraints=kept).everything()) == few
