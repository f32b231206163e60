"""Pruned spaces: effects of options and of pairs against the trees' own contributions."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.search.gbdt_nas import option_effects, pair_effects, prune

SPACE = zcbench.get_space("digits-201")


def one_hot(architectures):
    return np.stack([SPACE.encode(a) for a in architectures])


def test_effects_against_loops():
    import lightgbm  # noqa: F401
    import xgboost

    from zcbench.predictors.trees import GBDTNAS, XGBoost

    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(120)]
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
        assert pairs[a, b] == pytest.approx(joint[both].mean(), abs=1e-5)


def test_what_hurts_is_pruned():
    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(200)]
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
    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(200)]
    good = -one_hot(drawn)[:, :4].sum(1)
    pruned = prune(SPACE, drawn, good, most_options=100, most_pairs=0)
    assert all(any((i, o) not in pruned.options for o in options) for i, options in enumerate(SPACE.options))
    assert not prune(SPACE, drawn, np.ones(200)).options


def test_only_spaces_of_choices_are_pruned():
    space = zcbench.get_space("nasbench101")
    with pytest.raises(InvalidInputError, match="is no space of choices"):
        prune(space, [space.sample(np.random.default_rng(0))] * 3, [1.0, 2.0, 3.0])


def test_no_interactions_no_pairs():
    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(200)]
    taken = one_hot(drawn)
    noise = 0.2 * np.random.default_rng(0).normal(size=200)
    assert not prune(SPACE, drawn, -taken[:, 5] - 0.9 * taken[:, 13] + noise, most_options=0).pairs
