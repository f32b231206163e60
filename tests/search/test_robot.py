"""RoBoT: its budget, its queries, its greedy half; over a matrix, and as a searcher."""

import json

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.predictors._weightings import normalised
from zcbench.scorers import Scorer, Scores
from zcbench.search import Answer, Budget, Domain, Objective, Problem, Proposal, Search, get_searcher
from zcbench.search.robot import robot_search
from zcbench.types import Status

SPACE = zcbench.get_space("digits-201")
ROWS = Domain(SPACE).sample(np.random.default_rng(3), 250)


class Metric(Scorer):
    """How often an operation occurs, with a gap."""

    def __init__(self, operation, sign=1):
        self.label, self.operation, self.sign = operation, operation, sign
        self.calls = 0

    def score(self, architectures):
        self.calls += 1
        values = [self.sign * one.key.count(self.operation) + len(one.key) / 1e3 for one in architectures]
        return Scores(np.array([np.nan, *values[1:]]), np.zeros(len(values)))


def quality(one):
    return one.key.count("conv_3x3") - 0.5 * one.key.count("none") + 0.1 * one.key.count("skip")


def begun(text="robot", seed=0, budget=30, candidates=ROWS, features=None):
    if features is None:
        features = (Metric("conv_3x3"), Metric("none"), Metric("pool"))
    rng = np.random.default_rng(seed)
    given = Problem(Domain(SPACE, candidates), (Objective("value"),), Budget.of(budget), rng, features=tuple(features))
    return Search(get_searcher(text), given)


def go_on(search, steps, judge=quality, batch=1):
    asked = []
    for _ in range(steps):
        proposals = search.ask(batch)
        asked += [one.architecture for one in proposals]
        goods = [judge(one.architecture) for one in proposals]
        search.tell(
            Answer(one, (good,), Status.OK if np.isfinite(good) else Status.FAILED)
            for one, good in zip(proposals, goods, strict=True)
        )
    return asked


def test_robot_search_spends_its_budget_and_asks_once():
    random = np.random.default_rng(0)
    metrics = random.uniform(size=(400, 3))
    value = metrics @ [0.2, 1.0, -0.5]
    asked = []
    found = robot_search(metrics, lambda row: asked.append(row) or float(value[row]), 20, seed=1)
    assert len(asked) == len(set(asked)) == 20
    assert found.queried == tuple(asked)
    assert found.values == tuple(value[asked])
    assert found.best == max(asked, key=lambda row: value[row])
    at_random = [value[random.permutation(400)[:20]].max() for _ in range(200)]
    assert value[found.best] > np.quantile(at_random, 0.9)


def test_robot_exploits_the_ranking_of_the_best_weights():
    random = np.random.default_rng(0)
    metrics = random.uniform(size=(100, 2))
    value = metrics @ [1.0, 1.0]
    found = robot_search(metrics, lambda row: float(value[row]), 12, exploring=5, seed=0)
    ranking = np.argsort(-(normalised(metrics) @ found.weights), kind="stable").tolist()

    def rest_is_greedy(explored):
        greedy = [row for row in ranking if row not in found.queried[:explored]]
        return list(found.queried[explored:]) == greedy[: 12 - explored]

    assert len(found.queried) == 12
    assert any(rest_is_greedy(explored) for explored in range(1, 6))


def test_robot_edges():
    one = robot_search(np.ones((1, 2)), lambda row: 3.0, 10)
    assert (one.best, one.queried) == (0, (0,))
    gaps = normalised(np.array([[1.0, np.nan], [3.0, 5.0], [2.0, 6.0]]))
    assert gaps.tolist() == [[0, 0.5], [1, 0], [0.5, 1]]  # a gap is the best by no weight
    for metrics, budget in ((np.zeros((0, 2)), 3), (np.ones((4, 2)), 0)):
        with pytest.raises(InvalidInputError, match="a pool, metrics and a budget"):
            robot_search(metrics, float, budget)


def test_searcher_learns_weights_and_beats_chance():
    found = [max(map(quality, go_on(begun(seed=seed), 30))) for seed in range(3)]
    at_random = [max(quality(ROWS[row]) for row in np.random.default_rng(s).permutation(250)[:30]) for s in range(40)]
    assert np.mean(found) > np.quantile(at_random, 0.75)
    search = begun("robot:rounds=12")
    asked = go_on(search, 40)
    assert len(set(asked)) == 40 and len(search.searcher._weightings.tried) == 12
    best = search.searcher._weightings.best
    assert best[0] > 0 > best[1]


def test_searcher_goes_down_the_ranking_of_the_best_weights():
    search = begun("robot:rounds=5")
    explored = go_on(search, 1)
    while search.searcher._drawn < 5:
        explored += go_on(search, 1)
    rest = go_on(search, 10)
    weights, scores = search.searcher._weightings.best, search.searcher._score()
    assert np.array_equal(scores, normalised(np.stack([one.good(ROWS) for one in search.problem.features], 1)))
    known = {*explored, *rest[:1]}
    order = [ROWS[row] for row in np.argsort(-(scores @ weights), kind="stable")]
    assert rest[1:] == [one for one in order if one not in known][:9]


def test_searcher_scores_once():
    metrics = (Metric("conv_3x3"), Metric("none"))
    go_on(begun(features=metrics), 20)
    assert [one.calls for one in metrics] == [1, 1]


@pytest.mark.parametrize("text", ["robot", "robot:pool=100:rounds=6"])
def test_searcher_resumes_exactly(text):
    for stop in (0, 3, 9):
        whole = begun(text)
        before = go_on(whole, stop)
        state = json.loads(json.dumps(whole.state()))
        again = begun(text, seed=99)
        for one in before:
            again.problem.history.add(again.problem.domain.key(one), Answer(Proposal(one), (quality(one),)))
        again.restore(state)
        assert go_on(again, 5, batch=3) == go_on(whole, 5, batch=3)


def test_searcher_among_failures():
    assert len(set(go_on(begun(), 25, lambda one: np.nan))) == 25
    asked = go_on(begun(), 40, lambda one: np.nan if "none" in one.key else quality(one))
    assert len(set(asked)) == 40


def test_pool_is_what_is_scored():
    asked = go_on(begun("robot:pool=20"), 30)
    assert len(set(asked)) == 20
    search = begun("robot:pool=15", candidates=None, features=(Metric("conv_3x3"),))
    assert len(set(go_on(search, 20))) == 15


def test_searcher_refuses():
    with pytest.raises(InvalidInputError, match="needs scorers to weight, and there are none"):
        begun(features=())
    space = zcbench.get_space("darts-zero")
    given = Problem(Domain(space), (Objective("value"),), Budget(5), np.random.default_rng(0), features=(Metric("x"),))
    with pytest.raises(InvalidInputError, match="too large to be scored completely"):
        Search(get_searcher("robot"), given)
