"""The sandwich rule: who learns from whom, and its gradient against networks that share nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from elastic import SPACE, Recorded, supernet
from torch.nn import functional as F

from zcbench.supernets import Training, get_training_rule, shared_weights
from zcbench.supernets._steps import rows_of


def test_largest_first_then_smallest_and_random_ones() -> None:
    step = Recorded(supernet())
    get_training_rule("sandwich:random=3").step(step)
    assert [one for one, *_ in step.calls][:2] == [SPACE.largest, SPACE.smallest]
    assert len(step.calls) == 5
    teachers = [teacher for _, teacher, *_ in step.calls]
    assert teachers[0] is None
    assert all(teacher is not None and (teacher == 1).all() for teacher in teachers[1:])  # the largest one's logits
    assert all(share == weight == 1 for _, _, share, weight in step.calls)


def test_without_distillation_all_learn_the_targets() -> None:
    step = Recorded(supernet())
    get_training_rule("sandwich:distil=false").step(step)
    assert [teacher for _, teacher, *_ in step.calls] == [None] * 4


@pytest.mark.parametrize("clip", [1e9])
def test_the_gradient_is_the_sum_of_those_of_networks_by_themselves(clip: float) -> None:
    """One step of plain SGD against networks that were cut out, each with its own loss."""
    net = supernet()
    inputs, targets = torch.randn(12, 1, 8, 8), torch.randint(10, (12,))
    training = Training(
        net, inputs, targets, "sandwich:random=1", steps=1, batch=12, momentum=0.0, decay=0.0, clip=clip, rate=0.1
    )
    rows = rows_of(0, 12, 12, 0)
    rng = np.random.default_rng([0, 2, 0])
    rng.integers(2**62)  # dropout
    chosen = [SPACE.largest, SPACE.smallest, SPACE.sample(rng)]
    before = {name: value.detach().clone() for name, value in net.whole.named_parameters()}
    wanted = {name: torch.zeros_like(value) for name, value in before.items()}
    logits = None
    for one in chosen:
        alone = net.cut(one).train()
        out = alone(inputs[rows])
        goal = F.cross_entropy(out, targets[rows]) if logits is None else F.cross_entropy(out, logits.softmax(-1))
        logits = out.detach() if logits is None else logits
        goal.backward()
        # where the slices lie: mark them in a copy of the supernet's parameters
        for name, value in alone.named_parameters():
            place = torch.arange(before[name].numel()).view_as(before[name])
            holder = net.cut(SPACE.largest)
            with torch.no_grad():
                dict(holder.named_parameters())[name].copy_(place)
                spots = shared_weights(holder, alone)[name].long()
            assert value.grad is not None
            wanted[name].view(-1).index_add_(0, spots.reshape(-1), value.grad.reshape(-1))
    next(training.run())
    for name, value in net.whole.named_parameters():
        # the rate of the only step is half of the highest: (1 + cos 0) / 2 after one step of warming up
        assert torch.allclose(value, before[name] - 0.1 * wanted[name], atol=2e-6), name
