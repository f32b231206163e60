"""Equal budgets: as many subnets learn as were asked for, whatever the rule does at each step."""

import pytest
import torch
from elastic import supernet

from zcbench.errors import InvalidInputError
from zcbench.supernets import TrainingRule
from zcbench.supernets._budget import steps_for


def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(16, 1, 8, 8, generator=generator), torch.arange(16) % 10


@pytest.mark.parametrize(
    ("rule", "steps"), [("single_path:subnets=2", 120), ("delayed", 96), ("progressive:warm=0.5:subnets=1", 240)]
)
def test_rules_get_equal_budgets(rule, steps):
    assert steps_for(supernet(), *data(), rule, 240) == steps


class Lazy(TrainingRule):
    def step(self, step):
        pass


def test_a_rule_that_lets_nothing_learn():
    with pytest.raises(InvalidInputError, match="trained no subnet"):
        steps_for(supernet(), *data(), Lazy(), 10)
