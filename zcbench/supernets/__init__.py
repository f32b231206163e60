"""Supernets: networks of all sizes with shared weights. Train one, rank and search its subnets, extract and export one.

Training rules of supernets are in ``rules/``, one per file.
"""

from zcbench.supernets import rules
from zcbench.supernets._export import Exported, ExportedFile, export
from zcbench.supernets._latency import Latency, latencies, latency
from zcbench.supernets._latency_scorer import LatencyScorer
from zcbench.supernets._ranking_report import RankedScorer, SubnetRanking
from zcbench.supernets._register import (
    TrainingRuleInfo,
    get_training_rule,
    list_training_rules,
    register_training_rule,
    resolve_training_rules,
    training_rule_info,
)
from zcbench.supernets._rule import Step, TrainingRule
from zcbench.supernets._story import digits_story
from zcbench.supernets._story_report import DigitsStory
from zcbench.supernets.calibration import calibrate
from zcbench.supernets.card import check_card, write_card
from zcbench.supernets.cuts import first_of_blocks, register_cut, shared_weights
from zcbench.supernets.digits import digits_parts, digits_supernet, shifted
from zcbench.supernets.evaluation import SubnetEvaluation, measured
from zcbench.supernets.fine_tuning import FineTuned, fine_tune
from zcbench.supernets.ofa import OFASupernet
from zcbench.supernets.ranking import digits_ranking, rank_subnets
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.supernets.weights import load_weights
from zcbench.types import Supernet

__all__ = [
    "DigitsStory",
    "Exported",
    "ExportedFile",
    "FineTuned",
    "Latency",
    "LatencyScorer",
    "OFASupernet",
    "RankedScorer",
    "Step",
    "SubnetEvaluation",
    "SubnetRanking",
    "Supernet",
    "Training",
    "TrainingRule",
    "TrainingRuleInfo",
    "WeightSharing",
    "calibrate",
    "check_card",
    "digits_parts",
    "digits_ranking",
    "digits_story",
    "digits_supernet",
    "export",
    "fine_tune",
    "first_of_blocks",
    "get_training_rule",
    "latencies",
    "latency",
    "list_training_rules",
    "load_weights",
    "measured",
    "rank_subnets",
    "register_cut",
    "register_training_rule",
    "resolve_training_rules",
    "rules",
    "shared_weights",
    "shifted",
    "training_rule_info",
    "write_card",
]
