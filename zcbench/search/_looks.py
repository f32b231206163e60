"""Checks of trainings between rungs: trainings whose forecast cannot beat the best full one are stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zcbench.search._outlook import Outlook
from zcbench.search._problem import Problem


class Looks:
    """Checks of trainings on their way to a rung, which decide whether they continue.

    Args:
        problem: problem of the search.
        threshold: a training stops if its probability of ending better than the best full one is below this; 0 for no
            checks and no forecasts.
        predictor: name of a learning-curve predictor.
        every: epochs between two checks.

    Raises:
        UnknownNameError: there is no such predictor.
    """

    #: ranges of the settings
    ranges: ClassVar = {"threshold": (0.0, 1.0), "every": (1, 10**9)}

    def __init__(self, problem: Problem, threshold: float, predictor: str, every: int) -> None:
        self.problem, self.threshold, self.every = problem, threshold, every
        self._outlook = Outlook(problem, predictor) if threshold > 0 else None

    def on_the_way(self, network: str, epochs: int | None) -> int | None:
        """Return the epochs of the next check of a network that is to be trained for ``epochs``; None for all of them.

        If each number of epochs is a separate training, there are no checks.
        """
        whole = self.problem.epochs or 1
        if self._outlook is None or self.problem.levels:
            return epochs
        following = self.problem.history.trained(network, whole) + self.every
        return epochs if following >= (epochs or whole) else following

    def hopeful(self, networks: Sequence[str]) -> set[str]:
        """Return the networks whose training is worth continuing."""
        if self._outlook is None or not networks:
            return set(networks)
        return {name for name, chance in self._outlook.chances(networks).items() if chance >= self.threshold}
