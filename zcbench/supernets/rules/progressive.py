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
    """Trains the largest subnet to its end; then subnets that are smaller in one dimension, in two, in all.

    The space says what its dimensions are (``dimensions``, such as kernel, depth, expansion, width) and what remains of
    an architecture where only some are free (``restricted``). In each phase some subnets, drawn uniformly from those
    allowed, learn from each batch, from the targets and from the largest network as it was at the end of its own
    training, in equal parts. Each phase has a learning rate of its own that falls as a cosine.

    Args:
        warm: share of the training that the largest has alone.
        subnets: how many learn from each batch afterwards; their gradients are averaged.
        rate: highest learning rate of the phases, as a share of that of the largest network.
    """

    ranges: ClassVar = {"warm": (0.05, 0.95), "subnets": (1, 64), "rate": (0.0, 1.0)}

    def __init__(self, warm: float = 0.4, subnets: int = 2, rate: float = 0.3) -> None:
        self.warm = warm
        self.subnets = subnets
        self.rate = rate

    def begin(self, supernet: WeightSharing) -> None:
        """Take the dimensions of the space.

        Raises:
            InvalidInputError: it has none.
        """
        self.dimensions = tuple(getattr(supernet.space, "dimensions", ()))
        if not self.dimensions or not hasattr(supernet.space, "restricted"):
            raise InvalidInputError(
                f"the space {supernet.space.name} names no dimensions in which its networks shrink: give it "
                "`dimensions` and `restricted(architecture, free)`, or choose another rule, such as sandwich."
            )
        self._teacher: dict[str, Tensor] = {}

    def phase(self, progress: float) -> int:
        """Number of dimensions that are free, 0 while the largest learns alone."""
        if progress < self.warm:
            return 0
        share = (progress - self.warm) / (1 - self.warm)
        return min(len(self.dimensions), 1 + int(share * len(self.dimensions)))

    def factor(self, progress: float) -> float | None:
        """Of the learning rate: in each phase a cosine from its highest to zero."""
        phase = self.phase(progress)
        if not phase:
            return (1 + math.cos(math.pi * progress / self.warm)) / 2
        within = (progress - self.warm) / (1 - self.warm) * len(self.dimensions) - (phase - 1)
        return self.rate * (1 + math.cos(math.pi * within)) / 2

    def step(self, step: Step) -> None:
        """The largest alone, or subnets that are allowed."""
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
        """Logits of the largest network as it was, on the batch."""
        net = step.supernet
        structure = net.structure(net.largest).train(net.training)  # whatever it computed before
        with torch.no_grad():
            logits = functional_call(structure, self._teacher | net.buffers_of(structure), *arguments(step.inputs))
        return logits_of(logits)

    def tensors(self) -> Mapping[str, Tensor]:
        """Weights of the teacher."""
        return self._teacher

    def restore(self, state: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Take them back."""
        self._teacher = dict(tensors)
