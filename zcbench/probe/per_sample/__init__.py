"""Per-sample gradients, and their inner products, from one forward and one backward pass.

A rule for each kind of layer computes them (``rules/``); :func:`per_sample_rule` adds one for your own layer. A network
with a trainable parameter that no rule covers is processed one sample at a time: the same result, slower.
"""

from zcbench.probe.per_sample._collector import Consumer
from zcbench.probe.per_sample._gradients import inner_products, output_sums, sample_gradients, tangent_kernel
from zcbench.probe.per_sample.rules import Rule, per_sample_rule

__all__ = [
    "Consumer",
    "Rule",
    "inner_products",
    "output_sums",
    "per_sample_rule",
    "sample_gradients",
    "tangent_kernel",
]
