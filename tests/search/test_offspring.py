"""Survivors and children: pymoo's survivors for the same populations, children that are new and allowed."""

from __future__ import annotations

import numpy as np
import pytest
from easy import digits
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding

from zcbench.search import Domain
from zcbench.search._offspring import Offspring, ranked, survivors


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_survivors_ranks_and_crowding_are_pymoos(seed, objectives):
    good = np.random.default_rng([seed, objectives]).random((40, objectives))
    population = Population.new(F=-good, X=np.arange(40)[:, None])
    ranks, crowding = ranked(good)
    for count in (5, 12, 20, 33, 40):
        theirs = RankAndCrowding().do(Problem(n_obj=objectives), population, n_survive=count)
        ours = survivors(good, count)
        rows = theirs.get("X")[:, 0].astype(int)
        # Among the ends of a front, equally uncrowded, they draw and we take the first.
        assert sorted(zip(ranks[rows], crowding[rows], strict=True)) == sorted(
            zip(ranks[ours], crowding[ours], strict=True)
        )
        if np.isfinite(crowding[ours[-1]]) or count == len(good):
            assert set(rows.tolist()) == set(ours.tolist())
        assert theirs.get("rank").tolist() == ranks[rows].tolist()
        np.testing.assert_allclose(theirs.get("crowding").astype(float), crowding[rows])


def test_survivors_come_best_first_and_failures_never():
    good = np.array([[1.0, 1.0], [np.nan, 9.0], [3.0, 0.0], [0.0, 3.0], [2.0, 1.0], [2.0, 1.0]])
    assert survivors(good, 10).tolist() == [2, 3, 4, 5, 0]
    assert survivors(good, 3).tolist() == [2, 3, 4]
    assert survivors(np.full((3, 2), np.nan), 3).tolist() == []


def parents(space, count=6):
    rng = np.random.default_rng(0)
    return Domain(space).sample(rng, count), rng.random((count, 2))


@pytest.mark.parametrize(("crossover", "mutation"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_children_are_new_and_different(crossover, mutation):
    space = digits()
    members, good = parents(space)
    seen = {one.key for one in members}
    make = Offspring(Domain(space), np.random.default_rng(1), crossover, mutation)
    found = make.new(members, good, 200, seen)
    assert len(found) == 200 and not seen & set(found)
    assert all(space.canonical(one).key == key for key, one in found.items())


def test_a_child_of_one_parent_is_a_neighbour_and_of_two_a_mixture():
    space = digits()
    members, good = parents(space)
    near = {two.key for one in members for two in space.neighbors(one)}
    assert set(Offspring(Domain(space), np.random.default_rng(1), 0.0, 0.0).new(members, good, 5, ())) <= near
    genes = [set(column) for column in zip(*(one.key for one in members), strict=True)]
    for key in Offspring(Domain(space), np.random.default_rng(1), 1.0, 0.0).new(members, good, 5, ()):
        assert all(gene in known for gene, known in zip(key, genes, strict=True))


def test_a_used_up_neighbourhood_gives_random_architectures_and_a_used_up_space_nothing():
    space = digits(2, 3)
    members, good = parents(space, 2)
    make = Offspring(Domain(space), np.random.default_rng(1), 0.9, 0.9)
    found = make.new(members, good, 100, {one.key for one in members})
    assert len(found) == 7
    assert make.new(members, good, 5, {one.key for one in space}) == {}


def test_tournaments_prefer_fronts_then_room():
    space = digits()
    members = Domain(space).sample(np.random.default_rng(0), 5)
    good = np.array([[0.0, 4.0], [1.9, 2.1], [2.0, 2.0], [4.0, 0.0], [0.0, 0.0]])
    make = Offspring(Domain(space), np.random.default_rng(1), 0.0, 0.0)
    ranks, crowding = ranked(good)
    won = np.bincount([make._winner(ranks, crowding) for _ in range(4000)], minlength=5)
    assert won[4] < 250  # only against itself: one in 25
    assert min(won[0], won[3]) > max(won[1], won[2])
    assert len(members) == 5
