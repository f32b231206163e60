"""Successive halving: train many networks for a few epochs, and continue with the best."""

from __future__ import annotations

from typing import ClassVar

from zcbench.search._brackets import Brackets
from zcbench.search._register import register_searcher


@register_searcher(
    "halving",
    reference="K. Jamieson and A. Talwalkar, 'Non-stochastic Best Arm Identification and Hyperparameter Optimization', "
    "AISTATS 2016, arXiv:1502.07943, figure 3; rungs as in L. Li et al., arXiv:1603.06560, algorithm 1, inner loop",
)
class SuccessiveHalving(Brackets):
    """Successive halving: the best 1/eta of each rung are trained for eta times the epochs.

    It needs learning curves, or a function with an argument ``epochs``. A continued training costs only the remaining
    epochs. The networks of a bracket are random, or the best of many by the warm-start scorer. Brackets follow one
    another.

    Args:
        networks: number of networks in the first rung of each bracket.
        eta: ratio of networks, and of epochs, between rungs.
        least: epochs of the first rung, or a few more: the last rung is a full training, and each earlier rung has
            1/eta of the epochs of the next.
    """

    ranges: ClassVar = {"networks": (1, 10**6), "eta": (2, 1_000), "least": (1, 10**9)}

    def __init__(self, networks: int = 27, eta: int = 3, least: int = 1) -> None:
        self.networks = networks
        self.eta = eta
        self.least = least

    def plan(self, number: int) -> tuple[int, float]:
        """Return the same plan for all brackets."""
        return self.networks, float(min(self.least, self.problem.epochs or 1))
