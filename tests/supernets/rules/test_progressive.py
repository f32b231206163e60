"""Progressive shrinking: phases, their subnets, their teacher and learning rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from elastic import SPACE, Recorded, supernet

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.supernets import Training, WeightSharing, get_training_rule


def phases(rule_text: str, progress: float, count: int = 200) -> list[set[str]]:
    """Values of depth, width, kernel and expansion that are drawn at a time."""
    rule, net = get_training_rule(rule_text), supernet()
    rule.begin(net)
    step = Recorded(net, progress=progress)
    for _ in range(count):
        rule.step(step)
    drawn = [stage for one, *_ in step.calls for stage in SPACE.stages(one)[:1]]
    return [{str(value) for value in column} for column in zip(*drawn, strict=True)]


def test_one_dimension_after_the_other() -> None:
    depth, width, kernel, expansion = {"1", "2", "3"}, {"4", "8", "12"}, {"3", "5"}, {"1", "3"}
    most = [{"3"}, {"12"}, {"5"}, {"3"}]
    assert phases("progressive", 0.1, 3) == most
    assert phases("progressive", 0.45) == [*most[:2], kernel, most[3]]
    assert phases("progressive", 0.6) == [depth, most[1], kernel, most[3]]
    assert phases("progressive", 0.75) == [depth, most[1], kernel, expansion]
    assert phases("progressive", 0.95) == [depth, width, kernel, expansion]


def test_the_teacher_is_the_largest_network_as_it_was() -> None:
    rule, net = get_training_rule("progressive:subnets=1"), supernet()
    rule.begin(net)
    step = Recorded(net, progress=0.5)
    rule.step(step)
    first = step.calls[-1]
    assert first[2:] == (0.5, 1.0)
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(1.7)
    rule.step(step)
    assert torch.equal(step.calls[-1][1], first[1])  # type: ignore[arg-type]


def test_learning_rates_fall_in_each_phase() -> None:
    rule, net = get_training_rule("progressive:warm=0.5:rate=0.2"), supernet()
    rule.begin(net)
    assert rule.factor(0.0) == pytest.approx(1)
    assert rule.factor(0.25) == pytest.approx(0.5)
    assert rule.factor(0.4999) == pytest.approx(0, abs=1e-3)
    for start in np.arange(4) / 8 + 0.5:
        assert rule.factor(start + 1e-9) == pytest.approx(0.2, abs=1e-6)
        assert rule.factor(start + 0.0625) == pytest.approx(0.1, abs=1e-6)


def test_a_training_that_was_stopped_goes_on_exactly_with_its_teacher(tmp_path: Path) -> None:
    inputs, targets = torch.randn(40, 1, 8, 8), torch.randint(10, (40,))

    def fresh() -> Training:
        return Training(supernet(), inputs, targets, "progressive:warm=0.2", steps=10, batch=8)

    def go(training: Training, until: int) -> Training:
        for done in training.run():
            if done == until:
                break
        return training

    path = tmp_path / "checkpoint.safetensors"
    undisturbed = go(fresh(), 10)
    go(fresh(), 6).save(path)
    resumed = fresh()
    resumed.restore(path)
    go(resumed, 10)
    assert resumed.losses == undisturbed.losses
    for one, other in zip(resumed.supernet.parameters(), undisturbed.supernet.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_space_without_dimensions_is_refused() -> None:
    space = zcbench.get_space("nasbenchmacro")
    one = space.parse("22222222")
    net = WeightSharing(space, largest=one, smallest=one)
    with pytest.raises(InvalidInputError, match="has no dimensions in which its networks can shrink"):
        get_training_rule("progressive").begin(net)
