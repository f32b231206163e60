"""The random baseline of every leaderboard."""

from __future__ import annotations

import torch

from zcbench.probe import Probe
from zcbench.proxies import register_proxy


@register_proxy("random", version=2, cost="static", stochastic=True, reference="baseline")
def random(probe: Probe) -> float:
    """Draw a uniform random number that depends only on the seed: the baseline without any information."""
    return float(torch.rand((), generator=probe.generator("random"), dtype=torch.float64))
