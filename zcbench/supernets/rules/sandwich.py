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
    """The largest subnet learns the targets; the smallest and some random ones learn what the largest says.

    Gradients of all are added before the optimizer steps. The largest subnet's logits are not differentiated as a
    teacher's.

    Args:
        random: subnets that are drawn uniformly for each batch, besides the largest and the smallest; with none, all
            subnets between these two stay useless.
        distil: whether the others learn from the largest (in-place distillation), or the targets too.
    """

    ranges: ClassVar = {"random": (0, 64)}

    def __init__(self, random: int = 2, distil: bool = True) -> None:
        self.random = random
        self.distil = distil

    def step(self, step: Step) -> None:
        """Largest, smallest, random."""
        net = step.supernet
        logits = step.learn(net.largest)
        for one in (net.smallest, *(net.space.sample(step.rng) for _ in range(self.random))):
            step.learn(one, teacher=logits if self.distil else None)
