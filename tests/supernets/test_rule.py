"""What a training rule is by default."""

from __future__ import annotations

import pytest
from elastic import Recorded, supernet

from zcbench.supernets import TrainingRule


def test_a_rule_remembers_nothing_and_leaves_the_schedule() -> None:
    rule = TrainingRule()
    rule.begin(supernet())
    assert rule.state() == {} == dict(rule.tensors())
    assert rule.factor(0.5) is None
    rule.restore({}, {})
    with pytest.raises(NotImplementedError):
        rule.step(Recorded(supernet()))
