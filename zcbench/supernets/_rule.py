"""The base class of training rules, which decide which subnets learn from a batch, and from which targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from torch import Tensor

from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Architecture, Inputs


class Step(Protocol):
    """One step of a training, as a rule receives it.

    Attributes:
        supernet: the trained supernet.
        number: number of the step, from 0 on.
        progress: completed share of the training, in [0, 1).
        rng: random numbers of this step, which depend only on seed and number.
        inputs: inputs of the batch.
    """

    supernet: WeightSharing
    number: int
    progress: float
    rng: np.random.Generator
    inputs: Inputs

    def learn(
        self, architecture: Architecture, teacher: Tensor | None = None, *, share: float = 1.0, weight: float = 1.0
    ) -> Tensor:
        """Train a subnet on the step's batch: its gradient is added to that of the step.

        Args:
            architecture: architecture of the subnet.
            teacher: target logits ``(batch, classes)``; without them it learns the targets.
            share: share of the teacher in the loss; the targets have the rest.
            weight: factor of its loss.

        Returns:
            Its logits ``(batch, classes)``, detached.
        """
        ...


class TrainingRule:
    """Decides what learns from each batch.

    A subclass implements :meth:`step`; its constructor's arguments are its settings. :meth:`state` contains everything
    that a rule remembers, so that an interrupted training resumes exactly.

    Attributes:
        ranges: smallest and largest value of numeric settings.
    """

    ranges: ClassVar[dict[str, tuple[float, float]]] = {}

    def begin(self, supernet: WeightSharing) -> None:
        """Receive the supernet, before the first step."""

    def step(self, step: Step) -> None:
        """Train subnets on a batch; the optimizer's step follows."""
        raise NotImplementedError

    def factor(self, progress: float) -> float | None:
        """Return the factor of the learning rate; None for the training's own schedule."""
        return None

    def state(self) -> dict[str, Any]:
        """Return what is remembered from step to step, as JSON-compatible values."""
        return {}

    def tensors(self) -> Mapping[str, Tensor]:
        """Return remembered tensors."""
        return {}

    def restore(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Restore the results of :meth:`state` and :meth:`tensors`."""
