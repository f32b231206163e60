"""Supernets: networks of all sizes with shared weights; train once, rank, search, cut out, export.

Rules by which supernets are trained are in ``rules/``, one a file.
"""

from zcbench.supernets import rules
from zcbench.supernets._register import (
    TrainingRuleInfo,
    get_training_rule,
    list_training_rules,
    register_training_rule,
    resolve_training_rules,
    training_rule_info,
)
from zcbench.supernets._rule import Step, TrainingRule
from zcbench.supernets.calibration import calibrate
from zcbench.supernets.cuts import first_of_blocks, register_cut, shared_weights
from zcbench.supernets.evaluation import SubnetEvaluation, measured
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.types import Supernet

__all__ = [
    "Step",
    "SubnetEvaluation",
    "Supernet",
    "Training",
    "TrainingRule",
    "TrainingRuleInfo",
    "WeightSharing",
    "calibrate",
    "first_of_blocks",
    "get_training_rule",
    "list_training_rules",
    "measured",
    "register_cut",
    "register_training_rule",
    "resolve_training_rules",
    "rules",
    "shared_weights",
    "training_rule_info",
]
