"""Learned predictors: fitted to a few trained networks, they rank the others. They follow scikit-learn's contract.

Each file without a leading underscore is one family, follows its paper and registers its predictors.
"""

from zcbench.predictors._base import Predictor, UncertainPredictor, VectorPredictor
from zcbench.predictors._register import (
    PredictorInfo,
    get_predictor,
    list_predictors,
    member_labels,
    predictor_info,
    register_predictor,
    resolve_predictors,
)

__all__ = [
    "Predictor",
    "PredictorInfo",
    "UncertainPredictor",
    "VectorPredictor",
    "get_predictor",
    "list_predictors",
    "member_labels",
    "predictor_info",
    "register_predictor",
    "resolve_predictors",
]
