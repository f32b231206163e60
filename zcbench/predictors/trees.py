"""Random forests and gradient-boosted trees, as regressors and as rankers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zcbench.predictors._base import COUNT, RATE, UncertainPredictor, VectorPredictor
from zcbench.predictors._optional import package
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

DEFAULT = "onehot+stats+path"
#: Maximum length of queries of LightGBM's rankers.
_LONGEST_QUERY = 2000


@register_predictor(
    "random_forest", reference="L. Breiman, 'Random Forests', Machine Learning 45, 2001; scikit-learn's"
)
class RandomForest(UncertainPredictor):
    """Mean of trees grown on bootstrap samples; the trees' disagreement is the uncertainty.

    Args:
        encoding: vectors.
        trees: number of trees.
        targets: "standard" or "ranks", as in :class:`VectorPredictor`.
        seed: determines samples and splits.
    """

    ranges: ClassVar = {"trees": COUNT}
    scaled = False

    def __init__(
        self, encoding: str | Encoding = DEFAULT, trees: int = 200, targets: str = "ranks", seed: int = 0
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.trees = trees

    def _learn(self, x: Floats, y: Floats) -> None:
        from sklearn.ensemble import RandomForestRegressor

        self.model_ = RandomForestRegressor(
            self.trees, max_features=0.5, min_samples_leaf=2 if len(y) > 20 else 1, random_state=self.seed, n_jobs=1
        ).fit(x, y)

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        x32 = x.astype(np.float32)
        votes = np.stack([tree.predict(x32) for tree in self.model_.estimators_])
        return votes.mean(0), votes.std(0)


class _LightGBM(VectorPredictor):
    """The base of predictors that use LightGBM: one thread, deterministic results, bins for any number of rows."""

    scaled = False

    def _boost(self, x: Floats, y: Floats, rounds: int, settings: dict[str, Any], **data: Any) -> None:
        lightgbm = package("lightgbm", "lightgbm")
        always = {
            "min_data_in_leaf": leaf_size(len(y)),
            "seed": self.seed,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "min_data_in_bin": 1,
            "feature_pre_filter": False,
        }
        table = lightgbm.Dataset(x, y, params={"verbosity": -1, "min_data_in_bin": 1}, **data)
        self.model_ = lightgbm.train({**settings, **always}, table, rounds)

    def _value(self, x: Floats) -> Floats:
        value: Floats = self.model_.predict(x)
        return value


@register_predictor("lightgbm", reference="G. Ke et al., 'LightGBM', NeurIPS 2017", extra="predictors")
class LightGBM(_LightGBM):
    """Gradient-boosted trees of LightGBM, with small leaves, for ten networks as well as for a thousand.

    Args:
        encoding: vectors.
        rounds: number of trees.
        learning_rate: shrinkage.
        leaves: maximum number of leaves of a tree.
        targets: "standard" or "ranks", as in :class:`VectorPredictor`.
        seed: determines all random numbers.
    """

    ranges: ClassVar = {"rounds": COUNT, "learning_rate": RATE, "leaves": (2, 10**6)}

    def __init__(
        self,
        encoding: str | Encoding = DEFAULT,
        rounds: int = 300,
        learning_rate: float = 0.05,
        leaves: int = 15,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves

    def _learn(self, x: Floats, y: Floats) -> None:
        settings = {
            "objective": "regression",
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
        }
        self._boost(x, y, self.rounds, settings)


def leaf_size(rows: int) -> int:
    """Return the minimum rows of a leaf: LightGBM's default of 20 makes all predictions equal below 50 rows."""
    return max(1, min(20, rows // 50))


@register_predictor(
    "gbdt_nas",
    reference="R. Luo et al., 'Accuracy Prediction with Non-neural Model for NAS' (GBDT-NAS), arXiv:2007.04785, "
    "section 3.1 and the authors' settings",
    extra="predictors",
)
class GBDTNAS(_LightGBM):
    """LightGBM as in GBDT-NAS: one-hot features, squared error, 100 rounds of 31 leaves, rate .05, sampling.

    The authors fit a thousand networks. Below a few hundred, leaves of at least 20 rows, LightGBM's default, cannot be
    split; the minimum then decreases with the number of rows.

    Args:
        encoding: vectors; the authors' is one-hot.
        targets: "standard" as in the paper, or "ranks".
        seed: determines the rows and columns of each tree.
    """

    def __init__(self, encoding: str | Encoding = "onehot", targets: str = "standard", seed: int = 0) -> None:
        super().__init__(encoding, targets, seed)

    def _learn(self, x: Floats, y: Floats) -> None:
        settings = {
            "objective": "regression",
            "learning_rate": 0.05,
            "num_leaves": 31,
            "feature_fraction": 0.9,
            "bagging_fraction": 0.8,
            "bagging_freq": 5,
        }
        self._boost(x, y, 100, settings)


@register_predictor(
    "lightgbm_ranker",
    reference="C. Burges, 'From RankNet to LambdaRank to LambdaMART', MSR-TR-2010-82; LightGBM's lambdarank",
    extra="predictors",
)
class LightGBMRanker(_LightGBM):
    """LambdaMART over whole rankings: gains are linear without truncation, because the default learns only the top 30.

    Args:
        encoding: vectors.
        rounds: number of trees.
        learning_rate: shrinkage.
        leaves: maximum number of leaves of a tree.
        seed: determines all random numbers.
    """

    ranges: ClassVar = {"rounds": COUNT, "learning_rate": RATE, "leaves": (2, 10**6)}
    calibrated = False

    def __init__(
        self,
        encoding: str | Encoding = DEFAULT,
        rounds: int = 300,
        learning_rate: float = 0.05,
        leaves: int = 15,
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, "standard", seed)
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves

    def _learn(self, x: Floats, y: Floats) -> None:
        relevance, groups, order = queries(y, self.seed)
        settings = {
            "objective": "lambdarank",
            "lambdarank_truncation_level": max(groups),
            "label_gain": list(range(int(relevance.max()) + 1)),
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "feature_fraction": 0.7,
        }
        self._boost(x[order], relevance, self.rounds, settings, group=groups)


def queries(y: Floats, seed: int) -> tuple[Floats, list[int], NDArray[np.intp]]:
    """Convert targets to relevances 0, 1, … of short queries: relevances, sizes, and the order of rows."""
    pieces = -(-len(y) // _LONGEST_QUERY)
    order = np.random.default_rng(seed).permutation(len(y)) if pieces > 1 else np.arange(len(y))
    parts = np.array_split(order, pieces)
    relevance = np.concatenate([np.unique(y[part], return_inverse=True)[1] for part in parts])
    return relevance.astype(np.float64), [len(part) for part in parts], order


@register_predictor(
    "xgboost", reference="T. Chen, C. Guestrin, 'XGBoost', KDD 2016, arXiv:1603.02754", extra="predictors"
)
class XGBoost(VectorPredictor):
    """Gradient-boosted trees of XGBoost, shallow and with a small learning rate.

    Args:
        encoding: vectors.
        rounds: number of trees.
        learning_rate: shrinkage.
        depth: maximum depth of a tree.
        targets: "standard" or "ranks", as in :class:`VectorPredictor`.
        seed: determines all random numbers.
    """

    ranges: ClassVar = {"rounds": COUNT, "learning_rate": RATE, "depth": COUNT}
    scaled = False
    objective: dict[str, Any] = {"objective": "reg:squarederror"}  # noqa: RUF012

    def __init__(
        self,
        encoding: str | Encoding = DEFAULT,
        rounds: int = 500,
        learning_rate: float = 0.05,
        depth: int = 4,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.depth = depth

    def _learn(self, x: Floats, y: Floats) -> None:
        self.model_ = self._boost(x, y)

    def _boost(self, x: Floats, y: Floats, **data: Any) -> Any:
        xgboost = package("xgboost", "xgboost")
        settings = {
            **self.objective,
            "eta": self.learning_rate,
            "max_depth": self.depth,
            "subsample": 0.8,
            "colsample_bytree": 0.7,
            "tree_method": "hist",
            "seed": self.seed,
            "nthread": 1,
            "verbosity": 0,
        }
        return xgboost.train(settings, xgboost.DMatrix(x, y, **data), self.rounds)

    def _value(self, x: Floats) -> Floats:
        value: Floats = self.model_.predict(package("xgboost", "xgboost").DMatrix(x)).astype(np.float64)
        return value


@register_predictor(
    "xgboost_ranker",
    reference="C. Burges, 'From RankNet to LambdaRank to LambdaMART', MSR-TR-2010-82; XGBoost's rank:pairwise",
    extra="predictors",
)
class XGBoostRanker(XGBoost):
    """RankNet on trees: pairs are drawn from the whole ranking, eight for each row, not only from its top.

    Args:
        encoding: vectors.
        rounds: number of trees.
        learning_rate: shrinkage.
        depth: maximum depth of a tree.
        seed: determines all random numbers.
    """

    calibrated = False
    objective: dict[str, Any] = {  # noqa: RUF012
        "objective": "rank:pairwise",
        "lambdarank_pair_method": "mean",
        "lambdarank_num_pair_per_sample": 8,
        "ndcg_exp_gain": False,
    }

    def __init__(
        self,
        encoding: str | Encoding = DEFAULT,
        rounds: int = 500,
        learning_rate: float = 0.05,
        depth: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, rounds, learning_rate, depth, "standard", seed)

    def _learn(self, x: Floats, y: Floats) -> None:
        relevance, groups, order = queries(y, self.seed)
        self.model_ = self._boost(x[order], relevance, group=groups)


@register_predictor("ngboost", reference="T. Duan et al., 'NGBoost', ICML 2020, arXiv:1910.03225", extra="ngboost")
class NGBoost(UncertainPredictor):
    """Natural gradient boosting of a normal distribution, with the settings of White et al. (NASLib).

    Args:
        encoding: vectors.
        rounds: number of trees for each of mean and deviation.
        learning_rate: shrinkage.
        targets: "standard" or "ranks", as in :class:`VectorPredictor`.
        seed: determines all random numbers.
    """

    ranges: ClassVar = {"rounds": COUNT, "learning_rate": RATE}

    def __init__(
        self,
        encoding: str | Encoding = DEFAULT,
        rounds: int = 505,
        learning_rate: float = 0.08127,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.rounds = rounds
        self.learning_rate = learning_rate

    def _learn(self, x: Floats, y: Floats) -> None:
        from sklearn.tree import DecisionTreeRegressor

        base = DecisionTreeRegressor(
            criterion="friedman_mse",
            max_depth=6,
            max_features=0.79,
            min_samples_leaf=1,
            min_samples_split=2,
            random_state=self.seed,
        )
        self.model_ = (
            package("ngboost", "ngboost")
            .NGBRegressor(
                Base=base,
                n_estimators=self.rounds,
                learning_rate=self.learning_rate,
                verbose=False,
                random_state=self.seed,
            )
            .fit(x, y)
        )

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        found = self.model_.pred_dist(x)
        return found.loc, found.scale
