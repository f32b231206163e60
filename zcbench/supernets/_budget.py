"""Equal budgets: the number of steps of a training rule that costs as much as another rule."""

from __future__ import annotations

from torch import Tensor

from zcbench.supernets._rule import TrainingRule
from zcbench.supernets.sharing import WeightSharing
from zcbench.supernets.training import Training
from zcbench.types import Inputs

#: number of trial steps, and samples of each
_TRIED, _SAMPLES = 40, 4


def steps_for(
    supernet: WeightSharing, inputs: Inputs, targets: Tensor, rule: str | TrainingRule, subnet_steps: int
) -> int:
    """Return the number of steps of a rule in which about ``subnet_steps`` subnets learn from a batch in total.

    They are counted in a short training with tiny batches, so that phases with more or fewer subnets have their share.

    Args:
        supernet: a new supernet, which is trained a little and should not be used afterwards.
        inputs: inputs of the training set.
        targets: ``(n,)``.
        rule: name of a training rule, with settings, or an object.
        subnet_steps: total budget, in which each subnet that learns from a batch counts as one.

    Raises:
        InvalidInputError: no subnet learns in a step of the rule.
    """
    trial = Training(supernet, inputs, targets, rule, steps=_TRIED, batch=_SAMPLES)
    for _ in trial.run():
        pass
    return max(1, round(subnet_steps * _TRIED / trial.learned))
