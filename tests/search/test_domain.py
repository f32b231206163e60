import numpy as np
import pytest
from easy import digits

from zcbench.search import Domain
from zcbench.search._domain import TRIES
from zcbench.types import Architecture


def rng(seed=0):
    return np.random.default_rng(seed)


def even(several):
    return [sum(map(int, one.key)) % 2 == 0 for one in several]


def only(*keys):
    return lambda several: [one.key in keys for one in several]


@pytest.mark.parametrize("step", [1, 4, 100])
def test_draws_without_replacement_to_the_last_architecture(step):
    domain, seen = Domain(digits(4, 3)), {}
    while found := domain.sample(rng(len(seen)), step, seen):
        assert len(found) == min(step, 81 - len(seen)) and not seen.keys() & {one.key for one in found}
        seen.update((one.key, one) for one in found)
    assert len(seen) == 81


def test_draws_are_uniform():
    found = [Domain(digits(2, 3)).sample(rng(seed))[0].key for seed in range(900)]
    counts = np.unique(found, return_counts=True)[1]
    assert len(counts) == 9 and counts.min() > 65 and counts.max() < 140


def test_a_constraint_that_leaves_one_of_many_is_met():
    domain = Domain(digits(8, 4), allows=only("01230123"))
    assert [one.key for one in domain.sample(rng(), 5)] == ["01230123"]
    assert domain.sample(rng(), 5, {"01230123"}) == []
    assert domain.mutate(Architecture("digits", "01230123"), rng()) is None


def test_looking_in_a_space_without_end_is_bounded():
    calls = []

    def none(several):
        calls.append(len(several))
        return [False] * len(several)

    assert Domain(digits(40, 4), allows=none).sample(rng(), 10) == []
    assert sum(calls) <= TRIES + 10


def test_neighbours_and_mixtures_are_allowed():
    domain = Domain(digits(), allows=even)
    a, b = domain.sample(rng(), 2)
    assert len(domain.neighbors(a)) in range(1, 18) and all(even(domain.neighbors(a)))
    assert even([domain.crossover(a, b, rng()), domain.mutate(a, rng())]) == [True, True]


def test_neighbours_in_a_table_under_a_constraint_are_its_nearest_rows():
    space = digits(5, 4)
    table = [one for one in space if sum(map(int, one.key)) % 3 != 1]
    domain = Domain(space, table, allows=lambda several: [one.key[:2] in ("00", "33") for one in several])
    for one in domain.sample(rng(), 20):
        found = domain.neighbors(one)
        assert found and one not in found and domain.allowed(found) == found
        assert domain.mutate(one, rng()) in found
        child = domain.crossover(one, found[0], rng())
        assert child is None or domain.allows(child)


def test_what_is_equal_is_drawn_once_and_its_key_remembered():
    calls = []

    def equal(architecture):
        calls.append(architecture)
        return "".join(sorted(architecture.key))

    domain = Domain(digits(3, 3), equal=equal)
    assert len(domain.sample(rng(), 100)) == 10 == len(domain.everything())
    assert len(calls) == len(set(calls)) <= 27


def test_an_empty_table_has_nothing():
    assert Domain(digits(), []).sample(rng(), 3) == []
