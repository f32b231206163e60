"""Single path, uniform: one random subnet for each batch."""

from __future__ import annotations

from typing import ClassVar

from zcbench.supernets._register import register_training_rule
from zcbench.supernets._rule import Step, TrainingRule


@register_training_rule(
    "single_path",
    reference="Z. Guo et al., 'Single Path One-Shot Neural Architecture Search with Uniform Sampling', ECCV 2020, "
    "arXiv:1904.00420, section 3.2",
)
class SinglePath(TrainingRule):
    """Single path: one subnet, drawn uniformly from the space, learns the targets of each batch.

    Args:
        subnets: number of subnets that learn from a batch; their gradients are averaged. For equal subnet-steps, one
            per batch gives the best subnets, and several give the better ranking (docs/supernets.md).
    """

    ranges: ClassVar = {"subnets": (1, 64)}

    def __init__(self, subnets: int = 1) -> None:
        self.subnets = subnets

    def step(self, step: Step) -> None:
        """Draw subnets and train them."""
        for _ in range(self.subnets):
            step.learn(step.supernet.space.sample(step.rng), weight=1 / self.subnets)
