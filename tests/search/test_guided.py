"""Search guided by predictors: what is proposed, from what was learned, and what happens where nothing can be."""

import json

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.search import Answer, Budget, Domain, Objective, Problem, Search, get_searcher
from zcbench.types import Status

SPACE = zcbench.get_space("digits-201")
ROWS = Domain(SPACE).sample(np.random.default_rng(7), 300)


def quality(architecture):
    return architecture.key.count("conv_3x3") + 0.1 * architecture.key.count("skip") + len(architecture.key) / 1000


def begun(text, seed=0, candidates=ROWS, **more):
    domain = Domain(SPACE, candidates)
    given = Problem(domain, (Objective("value"),), Budget(100), np.random.default_rng(seed), **more)
    return Search(get_searcher(text), given)


def go_on(search, steps, judge=quality, batch=1):
    asked = []
    for _ in range(steps):
        proposals = search.ask(batch)
        asked += [one.architecture for one in proposals]
        search.tell(
            Answer(one, (good,), Status.OK if np.isfinite(good) else Status.FAILED)
            for one in proposals
            for good in [judge(one.architecture)]
        )
    return asked


FAST = "guided:predictor=(gp:encoding=onehot):initial=6"


@pytest.mark.parametrize("rule", ["ei", "ucb", "ts", "top"])
def test_finds_the_best_sooner_than_chance(rule):
    best = max(map(quality, ROWS))
    within = []
    for seed in range(2):
        found = list(map(quality, go_on(begun(f"{FAST}:acquisition={rule}", seed), 30)))
        within.append(max(found) == best)
    assert all(within)  # a random search of 30 of 300: one in a hundred


def test_top_is_the_top_of_the_predictions():
    search = begun("guided:predictor=(gbdt_nas):acquisition=top:explore=0:initial=20")
    asked = go_on(search, 21)
    own = zcbench.get_predictor("gbdt_nas")
    from zcbench.predictors._targets import Ranks

    good = np.array(list(map(quality, asked[:20])))
    own.fit(asked[:20], Ranks(good).forward(good))
    left = [one for one in ROWS if one not in asked[:20]]
    assert own.predict([asked[20]])[0] == pytest.approx(own.predict(left).max())


def test_explore_is_the_share_of_random_proposals():
    search = begun("guided:predictor=gbdt_nas:acquisition=top:explore=1:initial=20:every=1000")
    asked = go_on(search, 1, batch=20) + go_on(search, 1, batch=100)
    assert len(set(asked)) == 120
    rest = np.mean([quality(one) for one in ROWS if one not in asked[:20]])
    assert np.mean(list(map(quality, asked[20:]))) == pytest.approx(rest, abs=0.4)


def test_refits_every_so_many_evaluations_only(monkeypatch):
    from zcbench.search import _surrogate

    fits = []
    fit = _surrogate.Surrogate.fit
    monkeypatch.setattr(_surrogate.Surrogate, "fit", lambda self, a, good: fits.append(len(a)) or fit(self, a, good))
    go_on(begun(f"{FAST}:every=4"), 20)
    assert fits == [6, 10, 14, 18]


def test_later_takes_over(monkeypatch):
    from zcbench.search import _surrogate

    made = []
    begin = _surrogate.Surrogate.over
    monkeypatch.setattr(_surrogate.Surrogate, "over", lambda self, pool: made.append(self) or begin(self, pool))
    search = begun(f"{FAST}:later=(gbdt_nas:seed=2):switch=10")
    go_on(search, 9)
    assert [one.uncertain for one in made] == [True]
    go_on(search, 4)
    assert [one.uncertain for one in made] == [True, False]


@pytest.mark.parametrize("candidates", [ROWS, None])
def test_resumes_exactly(candidates):
    text = FAST + ":every=3:acquisition=ts" + ("" if candidates else ":whole=0:candidates=30:parents=3")
    for stop in (3, 11):
        whole = begun(text, candidates=candidates)
        before = go_on(whole, stop)
        state = json.loads(json.dumps(whole.state()))
        again = begun(text, seed=99, candidates=candidates)
        for one in before:
            again.problem.history.add(
                again.problem.domain.key(one), Answer(zcbench.search.Proposal(one), (quality(one),))
            )
        again.restore(state)
        assert go_on(again, 6, batch=2) == go_on(whole, 6, batch=2)


def test_too_many_candidates_are_neighbours_of_the_best_and_random_ones():
    search = begun(f"{FAST}:whole=0:candidates=80:parents=2", candidates=None)
    asked = go_on(search, 30)
    at_random = [max(quality(one) for one in Domain(SPACE).sample(np.random.default_rng(s), 30)) for s in range(20)]
    assert max(map(quality, asked)) > np.mean(at_random)
    found = search.searcher._around()
    history = search.problem.history
    best = [history.architectures[row] for row in np.argsort(-history.good[:, 0], kind="stable")[:2]]
    near = {one for parent in best for one in SPACE.neighbors(parent)}
    assert len(found) == 80 and 20 <= sum(one in near for one in found) <= 80
    assert not {search.problem.domain.key(one) for one in found} & {search.problem.domain.key(one) for one in asked}


def test_failures_are_not_learned_from():
    def broken(one):
        return np.nan if "none" in one.key else quality(one)

    asked = go_on(begun(FAST), 30, broken)
    assert len(set(asked)) == 30
    sound = max(quality(one) for one in ROWS if "none" not in one.key)
    assert max(quality(one) for one in asked if "none" not in one.key) >= sound - 1


@pytest.mark.parametrize("value", [np.nan, 1.0])
def test_nothing_to_learn(value):
    asked = go_on(begun("guided:initial=1"), 12, lambda one: value)
    assert len(set(asked)) == 12


def test_small_space_is_used_up():
    search = begun(FAST, candidates=ROWS[:9])
    assert len(set(go_on(search, 12))) == 9
    assert "nothing more to propose" in search.ended


def test_with_a_filter_and_a_warm_start():
    from tests.search.test_surrogate import Counting

    domain = Domain(SPACE, ROWS)
    scorer = Counting()
    given = Problem(
        domain, (Objective("value"),), Budget(100), np.random.default_rng(0), warm_start=scorer, warm_start_from=300
    )
    search = Search(get_searcher(FAST), given)
    first = go_on(search, 6)
    assert min(one.key.count("conv_3x3") for one in first) >= 3
    filtered = Search(
        get_searcher(FAST),
        Problem(domain, (Objective("value"),), Budget(100), np.random.default_rng(0)),
        filter_by=scorer,
        filter_from=20,
    )
    assert len(set(go_on(filtered, 20))) == 20


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("guided:acquisition=pi", InvalidInputError, "choose one of auto, ei, ucb, ts, top"),
        ("guided:targets=log", InvalidInputError, "choose one of ranks, values"),
        ("guided:predictor=gbdt_nas:acquisition=ei", InvalidInputError, "gbdt_nas has none"),
        ("guided:later=gbdt_nas:acquisition=ts", InvalidInputError, "gbdt_nas has none"),
        ("guided:predictor=gpp", UnknownNameError, "gp"),
        ("guided:predictor=(gp:kernel=x)", InvalidInputError, "rbf, matern"),
        ("guided:predictor=sotl", InvalidInputError, "learning curves"),
    ],
)
def test_refuses(text, error, says):
    with pytest.raises(error, match=says):
        go_on(begun(text), 12)
