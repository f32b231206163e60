"""Single path: subnets are drawn uniformly."""

from __future__ import annotations

from collections import Counter

import pytest
from elastic import Recorded, supernet

from zcbench.supernets import get_training_rule


@pytest.mark.parametrize("subnets", [1, 3])
def test_subnets_learn_the_targets(subnets: int) -> None:
    step = Recorded(supernet())
    get_training_rule(f"single_path:subnets={subnets}").step(step)
    assert [(teacher, weight) for _, teacher, _, weight in step.calls] == [(None, 1 / subnets)] * subnets


def test_all_stages_come_equally_often() -> None:
    step, rule = Recorded(supernet()), get_training_rule("single_path")
    for _ in range(7_200):
        rule.step(step)
    first = Counter(one.key.split("|")[0] for one, *_ in step.calls)
    assert len(first) == 36
    # 200 are expected of each, with a standard deviation of 14
    assert min(first.values()) > 200 - 5 * 14
    assert max(first.values()) < 200 + 5 * 14
