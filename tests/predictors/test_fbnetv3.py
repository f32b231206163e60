"""FBNetV3: what its pretraining is worth, and what it may learn from."""

import pickle

import numpy as np
import pytest

import zcbench
from zcbench.encodings import ColumnEncoding, Feed
from zcbench.errors import InvalidInputError
from zcbench.testing import easy_table

SPACE = zcbench.get_space("digits-201")


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
    encoding = ColumnEncoding().fed([Feed(architectures, recipe)])
    predictor = zcbench.get_predictor("fbnetv3", encoding=encoding, statistics=encoding)
    predictor.fit(architectures[:90], target[:90])
    assert np.corrcoef(predictor.predict(architectures[90:]), target[90:])[0, 1] > 0.9


def test_free_statistics_are_vectors():
    table = easy_table()
    with pytest.raises(InvalidInputError, match="choose an encoding that gives vectors"):
        zcbench.get_predictor("fbnetv3:statistics=graph").fit(table.known, table.targets)


def test_no_free_networks_where_a_part_is_a_tables():
    """Proxies that were measured on one batch must not meet others that are measured on noise."""
    known = [SPACE.sample(np.random.default_rng(seed)) for seed in range(20)]
    encoding = zcbench.get_encoding("proxies(params)").fed([Feed(known, scores={"params": np.linspace(0, 1, 20)})])
    predictor = zcbench.get_predictor("fbnetv3", encoding=encoding, free=30, pretraining=2, epochs=2)
    predictor.fit(known, np.arange(20.0))
    assert not encoding._known  # nothing was measured
    again = pickle.loads(pickle.dumps(predictor))
    assert np.allclose(again.predict(known), predictor.predict(known))
    assert again.encoding.rows(known[:2])[1][0] == pytest.approx(1 / 19)  # still what it was fed
