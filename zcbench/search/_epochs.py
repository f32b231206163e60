"""The epochs that a search has trained, if partial trainings are possible."""

from __future__ import annotations

from collections.abc import Mapping

from zcbench.search._evaluators import Evaluator
from zcbench.search._history import History


class Epochs:
    """Trained epochs; a continued training is charged only the remaining epochs if the evaluator can continue it.

    Args:
        evaluator: the evaluator.
        history: the evaluations so far.

    Attributes:
        whole: epochs of a full training; None if partial trainings are not possible.
        trained: total number of epochs.
    """

    def __init__(self, evaluator: Evaluator, history: History) -> None:
        self._evaluator, self._history = evaluator, history
        self.whole = evaluator.epochs
        self.trained = 0

    def paid(self, key: str, epochs: int | None) -> int:
        """Return the epochs that evaluating a network with this key takes; 0 if partial trainings are not possible."""
        if self.whole is None:
            return 0
        wanted = self.whole if epochs is None else epochs
        return max(0, wanted - self._history.trained(key, self.whole)) if self._evaluator.continues else wanted

    def exceed(self, evaluations: int | None, further: int) -> bool:
        """Return whether ``further`` epochs would exceed ``evaluations`` full trainings."""
        return self.whole is not None and evaluations is not None and self.trained + further > evaluations * self.whole

    def left(self, evaluations: int, in_parts: bool) -> int:
        """Return the proposals that still fit into ``evaluations`` full trainings, of one epoch each or of all."""
        assert self.whole is not None  # the caller has checked
        left = evaluations * self.whole - self.trained
        return left if in_parts else left // self.whole

    def rest(self, key: str, epochs: int | None, seconds: Mapping[str, float]) -> dict[str, float]:
        """Return the cost of an evaluation, given a table's cost of its epochs from the first on."""
        if self.whole is None or not self._evaluator.simulated or "training" not in seconds:
            return dict(seconds)
        share = self.paid(key, epochs) / (epochs or self.whole)
        return {**seconds, "training": seconds["training"] * share}
