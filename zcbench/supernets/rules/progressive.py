"""Progressive shrinking: the largest network first, then smaller ones, one dimension of the space after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.func import functional_call

from zcbench.errors import InvalidInputError
from zcbench.supernets._register import register_training_rule
from zcbench.supernets._rule import Step, TrainingRule
from zcbench.supernets._samples import arguments, logits_of
from zcbench.supernets.sharing import WeightSharing
from zcbench.types import Architecture


@register_training_rule(
    "progressive",
    reference="H. Cai et al., 'Once-for-All: Train One Network and Specialize it for Efficient Deployment', ICLR 2020, "
    "arXiv:1908.09791, section 3.3; own lengths of phases",
)
class Progressive(TrainingRule):
    """Progressive shrinking: the largest subnet first, then subnets that are smaller in one dimension, in two, in all.

    The space declares its dimensions (``dimensions``, such as kernel, depth, expansion, width), and restricts an
    architecture to the free ones (``restricted``). In each phase some subnets, drawn uniformly from those allowed,
    learn from each batch, with equal parts of the targets and of the largest network at the end of its training alone.
    Each phase has its own learning-rate schedule, a cosine.

    Args:
        warm: share of the training in which only the largest subnet learns.
        subnets: number of subnets that learn from each batch afterwards; their gradients are averaged.
        rate: highest learning rate of the phases, as a share of that of the largest network.
    """

    ranges: ClassVar = {"warm": (0.05, 0.95), "subnets": (1, 64), "rate": (0.0, 1.0)}

    def __init__(self, warm: float = 0.4, subnets: int = 2, rate: float = 0.3) -> None:
        self.warm = warm
        self.subnets = subnets
        self.rate = rate

    def begin(self, supernet: WeightSharing) -> None:
        """Receive the supernet, with the dimensions of its space.

        Raises:
            InvalidInputError: the space has no dimensions.
        """
        self.dimensions = tuple(getattr(supernet.space, "dimensions", ()))
        if not self.dimensions or not hasattr(supernet.space, "restricted"):
            raise InvalidInputError(
                f"the space {supernet.space.name} has no dimensions in which its networks can shrink: give it "
                "`dimensions` and `restricted(architecture, free)`, or choose another rule, such as sandwich."
            )
        self._teacher: dict[str, Tensor] = {}

    def phase(self, progress: float) -> int:
        """Return the number of free dimensions, 0 while only the largest subnet learns."""
        if progress < self.warm:
            return 0
        share = (progress - self.warm) / (1 - self.warm)
        return min(len(self.dimensions), 1 + int(share * len(self.dimensions)))

    def factor(self, progress: float) -> float | None:
        """Return the factor of the learning rate: in each phase a cosine from its highest value to zero."""
        phase = self.phase(progress)
        if not phase:
            return (1 + math.cos(math.pi * progress / self.warm)) / 2
        within = (progress - self.warm) / (1 - self.warm) * len(self.dimensions) - (phase - 1)
        return self.rate * (1 + math.cos(math.pi * within)) / 2

    def step(self, step: Step) -> None:
        """Train the largest subnet alone, or allowed subnets."""
        net, phase = step.supernet, self.phase(step.progress)
        if not phase:
            step.learn(net.largest)
            return
        if not self._teacher:
            self._teacher = {
                name: value.detach().clone() for name, value in net.whole.named_parameters(remove_duplicate=False)
            }
        logits = self._taught(step)
        for _ in range(self.subnets):
            step.learn(self._drawn(step, phase), teacher=logits, share=0.5, weight=1 / self.subnets)

    def _drawn(self, step: Step, phase: int) -> Architecture:
        space: Any = step.supernet.space
        found: Architecture = space.restricted(space.sample(step.rng), self.dimensions[:phase])
        return found

    def _taught(self, step: Step) -> Tensor:
        """Return the logits of the saved largest network on the batch."""
        net = step.supernet
        structure = net.structure(net.largest).train(net.training)  # its mode may have changed
        with torch.no_grad():
            logits = functional_call(structure, self._teacher | net.buffers_of(structure), *arguments(step.inputs))
        return logits_of(logits)

    def tensors(self) -> Mapping[str, Tensor]:
        """Return the weights of the teacher."""
        return self._teacher

    def restore(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Restore the weights of the teacher."""
        self._teacher = dict(tensors)
