"""Successive halving: train many networks for a few epochs, and go on with the best."""

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
    """Successive halving: of each rung the best 1/eta are trained on, for eta times the epochs.

    Needs learning curves, or a function that takes ``epochs``. A training that goes on pays for the rest alone. The
    networks of a bracket are random, or the best of many by the warm-start scorer. Brackets follow one another.

    Args:
        networks: in the first rung of each bracket.
        eta: what is divided by from rung to rung.
        least: epochs of the first rung, or a few more: the last rung is a whole training, and each before it has a
            share of 1/eta of the epochs.
    """

    ranges: ClassVar = {"networks": (1, 10**6), "eta": (2, 1_000), "least": (1, 10**9)}

    def __init__(self, networks: int = 27, eta: int = 3, least: int = 1) -> None:
        self.networks = networks
        self.eta = eta
        self.least = least

    def plan(self, number: int) -> tuple[int, float]:
        """The same for all brackets."""
        return self.networks, float(min(self.least, self.problem.epochs or 1))
