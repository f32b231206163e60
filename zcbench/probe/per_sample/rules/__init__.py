"""The rules for per-sample gradients, one file per kind of layer."""

from zcbench.probe.per_sample.rules import (
    batch_norms,
    convolutions,
    embedding,
    group_norm,
    layer_norm,
    linear,
    rms_norm,
)
from zcbench.probe.per_sample.rules._register import Rule, is_regular, per_sample_rule, replayed, rule_of

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
    "replayed",
    "rms_norm",
    "rule_of",
]
