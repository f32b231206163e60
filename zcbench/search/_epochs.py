"""What a search has trained, in epochs, where parts of a training can be asked for."""

from __future__ import annotations

from collections.abc import Mapping

from zcbench.search._evaluators import Evaluator
from zcbench.search._history import History


class Epochs:
    """Epochs that were trained; what goes on with a network pays for the rest alone where the evaluator says so.

    Args:
        evaluator: what evaluates.
        history: what was evaluated.

    Attributes:
        whole: epochs of a whole training; None where parts cannot be asked for.
        trained: in all.
    """

    def __init__(self, evaluator: Evaluator, history: History) -> None:
        self._evaluator, self._history = evaluator, history
        self.whole = evaluator.epochs
        self.trained = 0

    def paid(self, key: str, epochs: int | None) -> int:
        """What an evaluation of a network with that key takes; 0 where parts cannot be asked for."""
        if self.whole is None:
            return 0
        wanted = self.whole if epochs is None else epochs
        return max(0, wanted - self._history.trained(key, self.whole)) if self._evaluator.continues else wanted

    def exceed(self, evaluations: int | None, further: int) -> bool:
        """Whether there would be more than so many whole trainings."""
        return self.whole is not None and evaluations is not None and self.trained + further > evaluations * self.whole

    def left(self, evaluations: int, in_parts: bool) -> int:
        """Proposals that so many whole trainings have room for, of one epoch each or of all."""
        assert self.whole is not None  # the caller has looked
        left = evaluations * self.whole - self.trained
        return left if in_parts else left // self.whole

    def rest(self, key: str, epochs: int | None, seconds: Mapping[str, float]) -> dict[str, float]:
        """What an evaluation costs, from what a table says of its epochs from the first on."""
        if self.whole is None or not self._evaluator.simulated or "training" not in seconds:
            return dict(seconds)
        share = self.paid(key, epochs) / (epochs or self.whole)
        return {**seconds, "training": seconds["training"] * share}
