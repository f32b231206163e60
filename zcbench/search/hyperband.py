"""Hyperband: successive halving with several numbers of epochs after which trainings are compared first."""

from __future__ import annotations

import math
from typing import ClassVar

from zcbench.search._brackets import Brackets
from zcbench.search._register import register_searcher


@register_searcher(
    "hyperband",
    reference="L. Li et al., 'Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization', JMLR 18, 2018, "
    "arXiv:1603.06560, algorithm 1",
)
class Hyperband(Brackets):
    """Hyperband: brackets of successive halving, from many networks with few epochs to few full trainings.

    It needs learning curves, or a function with an argument ``epochs``. The networks of a bracket are random, or the
    best of many by the warm-start scorer. After the last bracket the first one follows again.

    Args:
        eta: ratio of networks, and of epochs, between rungs.
        least: smallest number of epochs of a training, or a few more.
    """

    ranges: ClassVar = {"eta": (2, 1_000), "least": (1, 10**9)}

    def __init__(self, eta: int = 3, least: int = 1) -> None:
        self.eta = eta
        self.least = least

    def plan(self, number: int) -> tuple[int, float]:
        """Plan bracket s of s_max, …, 0: (s_max + 1) / (s + 1) · eta^s networks, starting with eta^-s of the epochs."""
        whole = self.problem.epochs or 1
        most = max(0, math.floor(math.log(whole / self.least) / math.log(self.eta) + 1e-9))
        s = most - number % (most + 1)
        return math.ceil((most + 1) * self.eta**s / (s + 1)), whole / self.eta**s
