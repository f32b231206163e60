"""Delayed shrinking: the largest network alone for half of the training, then the sandwich rule."""

from __future__ import annotations

from typing import ClassVar

from zcbench.supernets._register import register_training_rule
from zcbench.supernets._rule import Step, TrainingRule


@register_training_rule(
    "delayed",
    reference="A. Annavajjala et al., 'DεpS: Delayed ε-Shrinking for Faster Once-For-All Training', ECCV 2024, "
    "arXiv:2407.06167, section 4; own schedule of ε",
)
class Delayed(TrainingRule):
    """Delayed shrinking: the largest subnet alone until it is partly trained, then the sandwich rule with distillation.

    In the second part, the gradients of the smaller subnets have a factor that rises linearly from ε to 1, so that the
    largest subnet keeps what it has learned (the paper changes the subnets' effective learning rates). There is one
    learning-rate schedule for the whole training.

    Args:
        warm: share of the training in which only the largest subnet learns.
        ramp: share in which the factor rises.
        epsilon: initial factor.
        random: number of random subnets for each batch, drawn uniformly, in addition to the largest and the smallest.
    """

    ranges: ClassVar = {"warm": (0.0, 0.95), "ramp": (0.0, 1.0), "epsilon": (0.0, 1.0), "random": (0, 64)}

    def __init__(self, warm: float = 0.5, ramp: float = 0.1, epsilon: float = 0.01, random: int = 2) -> None:
        self.warm = warm
        self.ramp = ramp
        self.epsilon = epsilon
        self.random = random

    def step(self, step: Step) -> None:
        """Train the largest subnet, and later the others."""
        net = step.supernet
        logits = step.learn(net.largest)
        since = step.progress - self.warm
        if since < 0:
            return
        weight = self.epsilon + (1 - self.epsilon) * min(1.0, since / self.ramp if self.ramp else 1.0)
        for one in (net.smallest, *(net.space.sample(step.rng) for _ in range(self.random))):
            step.learn(one, teacher=logits, weight=weight)
