"""The sandwich rule with in-place distillation: the largest, the smallest and random subnets for each batch."""

from __future__ import annotations

from typing import ClassVar

from zcbench.supernets._register import register_training_rule
from zcbench.supernets._rule import Step, TrainingRule


@register_training_rule(
    "sandwich",
    reference="J. Yu and T. Huang, 'Universally Slimmable Networks', ICCV 2019, arXiv:1903.05134, algorithm 1; J. Yu "
    "et al., 'BigNAS', ECCV 2020, arXiv:2003.11142, section 3.2",
)
class Sandwich(TrainingRule):
    """Sandwich rule: the largest subnet learns the targets; the smallest and some random ones learn its outputs.

    All gradients are added before the optimizer's step. No gradient flows through the largest subnet's logits as
    teacher.

    Args:
        random: number of random subnets for each batch, drawn uniformly, in addition to the largest and the smallest;
            with 0, subnets between these two are not usable.
        distil: whether the others learn from the largest (in-place distillation) instead of from the targets.
    """

    ranges: ClassVar = {"random": (0, 64)}

    def __init__(self, random: int = 2, distil: bool = True) -> None:
        self.random = random
        self.distil = distil

    def step(self, step: Step) -> None:
        """Train the largest, the smallest, and random subnets."""
        net = step.supernet
        logits = step.learn(net.largest)
        for one in (net.smallest, *(net.space.sample(step.rng) for _ in range(self.random))):
            step.learn(one, teacher=logits if self.distil else None)
