"""What a training rule is: which subnets learn from a batch, and from what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Architecture, Inputs


class Step(Protocol):
    """One step of a training, as a rule sees it.

    Attributes:
        supernet: what is trained.
        number: from 0 on.
        progress: share of the training that is over, in [0, 1).
        rng: random numbers of this step, which follow from seed and number alone.
        inputs: of the batch.
    """

    supernet: WeightSharing
    number: int
    progress: float
    rng: np.random.Generator
    inputs: Inputs

    def learn(
        self, architecture: Architecture, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Tensor:
        """Let a subnet learn from the step's batch: its gradient is added to that of the step.

        Args:
            architecture: of the subnet.
            teacher: logits ``(batch, classes)`` that it shall give; without them it learns the targets.
            share: of the teacher in the loss; the targets have the rest.
            weight: factor of its loss.

        Returns:
            Its logits ``(batch, classes)``, detached.
        """
        ...


class TrainingRule:
    """Chooses what learns from each batch.

    A subclass writes :meth:`step`; its constructor's arguments are its settings.
    A rule keeps what it remembers in :meth:`state`, so that a training that was stopped goes on exactly.

    Attributes:
        ranges: smallest and largest value of settings that are numbers.
    """

    ranges: ClassVar[dict[str, tuple[float, float]]] = {}

    def begin(self, supernet: WeightSharing) -> None:
        """Take what is trained, before the first step."""

    def step(self, step: Step) -> None:
        """Let subnets learn from a batch; the optimizer's step follows."""
        raise NotImplementedError

    def factor(self, progress: float) -> float | None:
        """What the learning rate is multiplied by; None for the training's own schedule."""
        return None

    def state(self) -> dict[str, Any]:
        """What is remembered from step to step, as JSON."""
        return {}

    def tensors(self) -> Mapping[str, Tensor]:
        """Tensors that are remembered, too."""
        return {}

    def restore(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take what :meth:`state` and :meth:`tensors` gave."""
