"""Looks at trainings between rungs: those whose forecast cannot beat the best whole one are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zcbench.search._outlook import Outlook
from zcbench.search._problem import Problem


class Looks:
    """Where trainings are looked at on their way to a rung, and which of them go on.

    Args:
        problem: of the search.
        threshold: a training is left when its probability of ending better than the best whole one is below it; 0 for
            no looks and no forecasts.
        predictor: of learning curves.
        every: epochs between two looks.

    Raises:
        UnknownNameError: there is no such predictor.
    """

    #: ranges of the settings
    ranges: ClassVar = {"threshold": (0.0, 1.0), "every": (1, 10**9)}

    def __init__(self, problem: Problem, threshold: float, predictor: str, every: int) -> None:
        self.problem, self.threshold, self.every = problem, threshold, every
        self._outlook = Outlook(problem, predictor) if threshold > 0 else None

    def on_the_way(self, network: str, epochs: int | None) -> int | None:
        """Epochs of the next look at a network that is to be trained for ``epochs``; None for all of them.

        Where each number of epochs is a training of its own there are no looks on the way.
        """
        whole = self.problem.epochs or 1
        if self._outlook is None or self.problem.levels:
            return epochs
        following = self.problem.history.trained(network, whole) + self.every
        return epochs if following >= (epochs or whole) else following

    def hopeful(self, networks: Sequence[str]) -> set[str]:
        """Those that are worth going on with."""
        if self._outlook is None or not networks:
            return set(networks)
        return {name for name, chance in self._outlook.chances(networks).items() if chance >= self.threshold}
