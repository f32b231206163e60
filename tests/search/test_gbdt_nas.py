"""Pruned spaces: effects of options and of pairs against the trees' own contributions; prune, then search."""

import json

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.search import Answer, Budget, Domain, Objective, Problem, Proposal, Search, get_searcher
from zcbench.search.gbdt_nas import option_effects, pair_effects, prune

SPACE = zcbench.get_space("digits-201")


def sample(count):
    """Few networks: what interactions cost grows faster than their number."""
    return [SPACE.sample(np.random.default_rng(seed)) for seed in range(count)]


def one_hot(architectures):
    return np.stack([SPACE.encode(a) for a in architectures])


def test_effects_against_loops():
    import lightgbm  # noqa: F401
    import xgboost

    from zcbench.predictors.trees import GBDTNAS, XGBoost

    drawn = sample(60)
    taken = one_hot(drawn)
    good = taken[:, 3] - taken[:, 8] + 2 * taken[:, 3] * taken[:, 13]
    y = (good - good.mean()) / good.std()
    first = GBDTNAS()
    first._learn(taken, y)
    contributions = first.model_.predict(taken, pred_contrib=True)
    assert np.allclose(contributions.sum(1), first.model_.predict(taken))
    second = XGBoost()
    second._learn(taken, y)
    interactions = second.model_.predict(xgboost.DMatrix(taken), pred_interactions=True)
    options, pairs = option_effects(taken, good), pair_effects(taken, good)
    for column in range(30):
        having = taken[:, column] == 1
        assert options[column] == pytest.approx(contributions[having, column].mean() if having.any() else 0.0)
    for a, b in ((3, 13), (13, 3), (8, 27), (0, 5)):
        both = (taken[:, a] == 1) & (taken[:, b] == 1)
        joint = 2 * interactions[:, a, b]
        assert both.any()
        assert pairs[a, b] == pytest.approx(joint[both].mean(), abs=1e-5)


def test_what_hurts_is_pruned():
    drawn = sample(100)
    taken = one_hot(drawn)
    bad, first, second = 5, 13, 18  # option 0 of choice 1; options 3 of choices 2 and 3: bad together only
    good = -3.0 * taken[:, bad] - 4.0 * taken[:, first] * taken[:, second] + 0.8 * (taken[:, first] + taken[:, second])
    pruned = prune(SPACE, drawn, good, most_options=1, most_pairs=1)
    assert pruned.options == {(1, "none")}
    assert pruned.pairs == {((2, "nor_conv_3x3"), (3, "nor_conv_3x3"))}
    random = np.random.default_rng(0)
    for _ in range(50):
        choices = SPACE.choices(pruned.sample(random))
        assert choices[1] != "none"
        assert not (choices[2] == choices[3] == "nor_conv_3x3")
    assert not pruned.allows(SPACE.from_choices(["none"] * 6))
    worse = prune(SPACE, drawn, -good, most_options=1, most_pairs=0, higher_is_better=False)
    assert worse.options == pruned.options


def test_a_choice_keeps_an_option():
    drawn = sample(200)
    good = -one_hot(drawn)[:, :4].sum(1)
    pruned = prune(SPACE, drawn, good, most_options=100, most_pairs=0)
    assert all(any((i, o) not in pruned.options for o in options) for i, options in enumerate(SPACE.options))
    assert not prune(SPACE, drawn, np.ones(200)).options


def test_only_spaces_of_choices_are_pruned():
    space = zcbench.get_space("nasbench101")
    with pytest.raises(InvalidInputError, match="is not a space of choices"):
        prune(space, [space.sample(np.random.default_rng(0))] * 3, [1.0, 2.0, 3.0])


def test_no_interactions_no_pairs():
    drawn = sample(80)  # of fewer networks trees find more by chance
    taken = one_hot(drawn)
    noise = 0.2 * np.random.default_rng(0).normal(size=80)
    assert not prune(SPACE, drawn, -taken[:, 5] - 0.9 * taken[:, 13] + noise, most_options=0).pairs


def begun(text, space=SPACE, candidates=None):
    domain = Domain(space, candidates)
    return Search(get_searcher(text), Problem(domain, (Objective("value"),), Budget(100), np.random.default_rng(0)))


def go_on(search, steps, judge, batch=1):
    asked = []
    for _ in range(steps):
        proposals = search.ask(batch)
        asked += [one.architecture for one in proposals]
        search.tell(Answer(one, (judge(one.architecture),)) for one in proposals)
    return asked


ROWS = Domain(SPACE).sample(np.random.default_rng(7), 400)


def quality(one):
    return one.key.count("conv_3x3") - 3 * one.key.count("avg_pool") + len(one.key) / 1000


def test_search_leaves_out_what_was_pruned():
    search = begun("gbdt_nas:initial=60:every=15:explore=0:options=3", candidates=ROWS)
    asked = go_on(search, 75, quality)
    first = prune(SPACE, asked[:60], [quality(one) for one in asked[:60]], most_options=3, most_pairs=0)
    assert first.options and search.searcher._pruned == first
    assert all(first.allows(one) for one in asked[60:])
    assert np.mean(list(map(quality, asked[60:]))) > np.mean(list(map(quality, asked[:60]))) + 1
    go_on(search, 1, quality)
    assert search.searcher._pruned != first  # every round prunes by all that is known


def test_search_resumes_exactly():
    text = "gbdt_nas:initial=20:every=5"
    whole, again = begun(text, candidates=ROWS), begun(text, candidates=ROWS)
    before = go_on(whole, 28, quality)
    state = json.loads(json.dumps(whole.state()))
    for one in before:
        again.problem.history.add(again.problem.domain.key(one), Answer(Proposal(one), (quality(one),)))
    again.restore(state)
    assert go_on(again, 8, quality) == go_on(whole, 8, quality)


def test_search_without_choices_prunes_nothing():
    space = zcbench.get_space("nasbench101")
    with pytest.raises(InvalidInputError, match="gbdt_nas:options=0"):
        begun("gbdt_nas", space)
    rows = Domain(space).sample(np.random.default_rng(0), 40)
    search = begun("gbdt_nas:options=0:initial=10", space, rows)
    assert len(set(go_on(search, 25, lambda one: float(len(one.key))))) == 25
