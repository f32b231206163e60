"""Walks towards the bounds."""

import numpy as np
from easy import digits, total

from zcbench.search import Constraint, Constraints, Domain
from zcbench.search._towards import towards

SPACE = digits(12, 10)
LIMITS = Constraints([Constraint(total, 20, 21), Constraint(lambda a: float(a.key[0]), low=8)], SPACE)


def test_a_walk_ends_within_the_bounds_and_stays_there():
    rng = np.random.default_rng(0)
    way = towards(SPACE.parse("000000000009"), SPACE, LIMITS.violations, rng)
    assert len(way) > 1
    assert LIMITS.allows(way).all()


def test_what_no_change_comes_near_to_is_given_up():
    rng = np.random.default_rng(0)
    never = Constraints(Constraint(lambda a: 1.0, low=2), SPACE)
    assert towards(SPACE.parse("0" * 12), SPACE, never.violations, rng) == []


def test_only_known_architectures_are_passed():
    rng = np.random.default_rng(0)
    known = {SPACE.parse("9" + "0" * k + "1" * (11 - k)) for k in range(12)}
    limits = Constraints(Constraint(total, high=10), SPACE)
    way = towards(SPACE.parse("9" + "1" * 11), SPACE, limits.violations, rng, known=known)
    assert way
    assert set(way) <= known


def test_a_domain_finds_what_one_in_a_million_draws_would():
    limits = Constraints(Constraint(total, high=9), SPACE)  # 1 in 3,400,000
    found = Domain(SPACE, constraints=limits).sample(np.random.default_rng(0), 30)
    assert len({one.key for one in found}) == 30
    assert all(total(one) <= 9 for one in found)
