"""ParZC, FBNetV3, RoBoT, curves, TabPFN, pruning: the parts of each against independent arithmetic."""

import pickle
import sys
import types

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

import zcbench
from zcbench.encodings import ColumnEncoding, CurveEncoding
from zcbench.errors import DataMissingError, InvalidInputError, MissingDependencyError, UnknownNameError
from zcbench.predictors.parzc import BayesianLinear, Mixer
from zcbench.predictors.pruning import option_effects, pair_effects, prune
from zcbench.predictors.robot import normalised, robot_search
from zcbench.testing import easy_table

SPACE = zcbench.get_space("digits-201")


# -- ParZC -------------------------------------------------------------------------------------


def test_the_divergence_is_that_of_normals():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 3)
    layer.log_deviation.data += torch.randn(3, 4)
    wanted = kl_divergence(Normal(layer.mean, layer.log_deviation.exp()), Normal(0.0, layer.prior)).sum()
    assert torch.allclose(layer.divergence(), wanted)
    mixer = Mixer(3, 2, 4, 1)
    layers = [module for module in mixer.modules() if isinstance(module, BayesianLinear)]
    assert torch.allclose(mixer.divergence(), sum(layer.divergence() for layer in layers))


def test_drawn_outputs_have_the_moments_of_drawn_weights():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 2)
    layer.log_deviation.data.fill_(-1.0)
    x = torch.randn(1, 4)
    outputs = layer(x.expand(20000, 4))
    weights = layer.mean + layer.log_deviation.exp() * torch.randn(20000, 2, 4)
    wanted = weights @ x[0] + layer.bias
    assert torch.allclose(outputs.mean(0), wanted.mean(0), atol=0.03)
    assert torch.allclose(outputs.std(0), wanted.std(0), rtol=0.05)


def test_fixed_weights_serve_all_inputs():
    torch.manual_seed(0)
    layer = BayesianLinear(4, 2)
    layer.fix()
    x = torch.randn(5, 4)
    assert torch.allclose(layer(x), torch.stack([layer(row[None])[0] for row in x]), atol=1e-6)
    first = layer(x)
    layer.fix()
    assert not torch.allclose(first, layer(x))


def test_layers_are_found_by_name_and_missing_ones_are_flagged():
    table = easy_table()
    predictor = zcbench.get_predictor("parzc:epochs=2").fit(table.known[:8], table.targets[:8])
    rows = predictor._rows(list(table.known[:8]))
    statistics = zcbench.get_encoding("layers").rows(table.known[:8])
    for i, row in enumerate(statistics):
        places = [predictor.place_[name] for name in row.names]
        assert rows[i, :, -1].sum() == len(row.names)
        assert np.allclose(rows[i, places, :-1], (row.values - predictor.mean_) / predictor.deviation_, atol=1e-5)
        others = [j for j in range(rows.shape[1]) if j not in places]
        assert not rows[i, others].any()


# -- FBNetV3 -----------------------------------------------------------------------------------


def test_pretraining_on_free_statistics_helps_where_labels_are_few():
    """Ten labels of a target that is a free statistic: the encoder has learned it from those without a label."""
    from scipy.stats import kendalltau

    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(300)]
    target = np.array([zcbench.get_encoding("stats").rows([a])[0]["mean weighted"] for a in drawn])
    taus = {}
    for free in (0, 600):
        predictor = zcbench.get_predictor(f"fbnetv3:encoding=onehot:free={free}")
        taus[free] = np.mean(
            [
                kendalltau(
                    predictor.set_params(seed=s)
                    .fit(drawn[12 * s : 12 * s + 12], target[12 * s : 12 * s + 12])
                    .predict(drawn[60:]),
                    target[60:],
                ).statistic
                for s in range(3)
            ]
        )
    assert taus[600] > taus[0] + 0.1


def test_recipes_are_columns_like_any_others():
    random = np.random.default_rng(0)
    architectures = [a for a, _ in zip(SPACE, range(120), strict=False)]
    recipe = {"learning_rate": random.uniform(size=120), "depth": random.integers(1, 9, 120).astype(float)}
    target = recipe["depth"] - 8 * (recipe["learning_rate"] - 0.5) ** 2
    encoding = ColumnEncoding(sorted(recipe))
    encoding.remember(architectures, recipe)
    predictor = zcbench.get_predictor("fbnetv3", encoding=encoding, statistics=encoding)
    predictor.fit(architectures[:90], target[:90])
    assert np.corrcoef(predictor.predict(architectures[90:]), target[90:])[0, 1] > 0.9


def test_free_statistics_are_vectors():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="choose an encoding that gives vectors"):
        zcbench.get_predictor("fbnetv3:statistics=graph").fit(table.known, table.targets)


# -- RoBoT -------------------------------------------------------------------------------------


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


# -- curves ------------------------------------------------------------------------------------


def curves(values):
    architectures = [a for a, _ in zip(SPACE, values, strict=False)]
    encoding = CurveEncoding("loss", 3)
    encoding.remember(architectures, np.asarray(values, float))
    return architectures, encoding


def test_sums_and_averages_of_losses():
    rows = [[3.0, 2.0, 1.0], [3.0, 2.5, 2.0], [2.0, 2.0, 2.0], [4.0, 1.0, 0.5]]
    architectures, encoding = curves(rows)
    targets = [90.0, 80.0, 80.0, 95.0]  # accuracies fall as losses grow
    wanted = {
        "sotl": [-sum(row) for row in rows],
        "sotl_e": [-row[-1] for row in rows],
        "sotl_ema": [-(0.9 * (0.9 * a + 0.1 * b) + 0.1 * c) for a, b, c in rows],
    }
    for name in ("sotl", "sotl_e"):
        predictor = zcbench.get_predictor(name, encoding=encoding).fit(architectures, targets)
        assert np.allclose(predictor.predict(architectures), wanted[name])
    ema = zcbench.get_predictor("sotl_ema", encoding=encoding).fit(architectures, [4.0, 3.0, 5.0, 2.0])
    assert np.allclose(
        ema.predict(architectures), wanted["sotl_ema"]
    )  # lower with a higher average: the sign is learned
    losses = zcbench.get_predictor("sotl", encoding=encoding).fit(architectures, [6.0, 7.0, 6.5, 5.0])
    assert np.allclose(losses.predict(architectures), [sum(row) for row in rows])


def test_a_curve_is_what_they_take():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="takes a learning curve"):
        zcbench.get_predictor("sotl:encoding=onehot").fit(table.known, table.targets)


def test_support_vectors_extrapolate_curves():
    random = np.random.default_rng(0)
    end, speed = random.uniform(0.2, 1.0, 80), random.uniform(0.3, 1.5, 80)
    epochs = np.arange(3)
    rows = end[:, None] + np.exp(-speed[:, None] * epochs)
    architectures, encoding = curves(rows)
    predictor = zcbench.get_predictor("lcsvr:draws=30", encoding=encoding).fit(architectures[:60], end[:60])
    assert np.corrcoef(predictor.predict(architectures[60:]), end[60:])[0, 1] > 0.95
    assert np.corrcoef(rows[60:, -1], end[60:])[0, 1] < 0.95  # more than the last value


def test_omni_hands_everything_to_its_regressor():
    rows = np.random.default_rng(0).uniform(size=(40, 3))
    architectures, encoding = curves(rows)
    predictor = zcbench.get_predictor("omni:regressor=bayesian_ridge", encoding=encoding)
    target = rows[:, 0] - rows[:, 2]
    predictor.fit(architectures[:30], target[:30])
    assert np.corrcoef(predictor.predict(architectures[30:]), target[30:])[0, 1] > 0.95
    with pytest.raises(UnknownNameError, match="did you mean"):
        zcbench.get_predictor("omni:regressor=xgbost", encoding=encoding).fit(architectures, target)


# -- TabPFN ------------------------------------------------------------------------------------


def test_tabpfn_reads_the_weights_that_it_is_given(tmp_path, monkeypatch):
    table = easy_table()
    with pytest.raises(DataMissingError, match=r"none was named: .* tabpfn:weights=PATH"):
        zcbench.get_predictor("tabpfn").fit(table.known, table.targets)
    weights = tmp_path / "regressor.ckpt"
    with pytest.raises(DataMissingError, match="there is none at"):
        zcbench.get_predictor(f"tabpfn:weights={weights}").fit(table.known, table.targets)
    weights.write_bytes(b"weights")
    monkeypatch.setitem(sys.modules, "tabpfn", None)
    with pytest.raises(MissingDependencyError, match="tabpfn"):
        zcbench.get_predictor(f"tabpfn:weights={weights}").fit(table.known, table.targets)
    seen = {}

    class TabPFNRegressor:  # the package's interface
        def __init__(self, **settings):
            seen.update(settings)

        def fit(self, x, y):
            seen["shape"] = x.shape
            self.weights = np.linalg.lstsq(x, y, rcond=None)[0]
            return self

        def predict(self, x):
            return x @ self.weights

    monkeypatch.setitem(sys.modules, "tabpfn", types.SimpleNamespace(TabPFNRegressor=TabPFNRegressor))
    predictor = zcbench.get_predictor(f"tabpfn:weights={weights}:seed=3").fit(table.known, table.targets)
    assert seen["model_path"] == str(weights)
    assert (seen["device"], seen["random_state"], seen["shape"][0]) == ("cpu", 3, len(table.known))
    assert np.corrcoef(predictor.predict(table.unseen), table.truth)[0, 1] > 0.5


# -- pruning -----------------------------------------------------------------------------------


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
    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(400)]
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


def test_no_free_networks_where_a_part_is_a_tables():
    """Proxies that were measured on one batch must not meet others that are measured on noise."""
    known = [SPACE.sample(np.random.default_rng(seed)) for seed in range(20)]
    encoding = zcbench.get_encoding("proxies(params)")
    told = type(encoding)(["params"])
    told.remember(known, {"params": np.linspace(0, 1, 20)})
    predictor = zcbench.get_predictor("fbnetv3", encoding=told, free=30, pretraining=2, epochs=2)
    predictor.fit(known, np.arange(20.0))
    assert set(told._known) == set(known)
    again = pickle.loads(pickle.dumps(predictor))
    assert np.allclose(again.predict(known), predictor.predict(known))
    assert again.encoding.rows(known[:2])[1][0] == pytest.approx(1 / 19)  # still what it was told


def test_what_is_trained_alone_is_clipped_alone():
    from zcbench.predictors._neural import train

    network = torch.nn.ModuleDict({"frozen": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)})
    before = network["frozen"].weight.clone()
    norms = []
    real = torch.nn.utils.clip_grad_norm_
    x, y = torch.randn(8, 2), torch.randn(8)

    def loss(rows):
        return 1e3 * ((network["head"](network["frozen"](x[rows])).squeeze(-1) - y[rows]) ** 2).mean()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", lambda p, m: norms.append(len(list(p))) or real(p, m))
        train(
            network, loss, 8, epochs=3, batch_size=4, learning_rate=0.1, parameters=list(network["head"].parameters())
        )
    assert set(norms) == {2}
    assert torch.equal(network["frozen"].weight, before)


def test_no_interactions_no_pairs():
    drawn = [SPACE.sample(np.random.default_rng(seed)) for seed in range(200)]
    taken = one_hot(drawn)
    noise = 0.2 * np.random.default_rng(0).normal(size=200)
    assert not prune(SPACE, drawn, -taken[:, 5] - 0.9 * taken[:, 13] + noise, most_options=0).pairs
