"""Equal budgets: how many steps of a training rule cost as much as those of another."""

from __future__ import annotations

from torch import Tensor

from zcbench.supernets._rule import TrainingRule
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.types import Inputs

#: steps that are tried, and samples of each
_TRIED, _SAMPLES = 40, 4


def steps_for(
    supernet: WeightSharing, inputs: Inputs, targets: Tensor, rule: str | TrainingRule, subnet_steps: int
) -> int:
    """Steps of a rule in which about as many subnets learn from a batch as are wanted in all.

    A short training with tiny batches counts, so that phases in which more or fewer subnets learn have their share.

    Args:
        supernet: a fresh one, which is trained a little and of no use afterwards.
        inputs: of the training set.
        targets: ``(n,)``.
        rule: name of a training rule, with settings, or one.
        subnet_steps: a subnet that learns from a batch counts one.

    Raises:
        InvalidInputError: the rule lets nothing learn in a step.
    """
    trial = Training(supernet, inputs, targets, rule, steps=_TRIED, batch=_SAMPLES)
    for _ in trial.run():
        pass
    return max(1, round(subnet_steps * _TRIED / trial.learned))
