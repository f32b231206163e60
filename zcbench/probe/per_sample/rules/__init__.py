"""How gradients of samples follow, one file per kind of layer."""

from zcbench.probe.per_sample.rules import batch_norms, convolutions, embedding, group_norm, layer_norm, linear
from zcbench.probe.per_sample.rules._register import Rule, is_regular, per_sample_rule, rule_of

__all__ = [
    "Rule",
    "batch_norms",
    "convolutions",
    "embedding",
    "group_norm",
    "is_regular",
    "layer_norm",
    "linear",
    "per_sample_rule",
    "rule_of",
]
