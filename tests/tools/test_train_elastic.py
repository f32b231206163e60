"""Training of the elastic spaces: deterministic, and side by side as good as alone."""

import dataclasses

import numpy as np
import pytest
import torch
import train_elastic as trainer
from _loop import stacked

from zcbench.spaces import get_space

SPACE = get_space("elastic-mobilenet")
SHORT = dataclasses.replace(trainer.Recipe(), epochs=2)


def maker(word):
    made = trainer.MAKERS[word]
    return trainer.Elastic(made.name, SHORT, {})


def test_all_subnets_come_once_the_largest_first():
    for word, count in (("mobilenet", 1_296), ("transformer", 2_457)):
        order = trainer.MAKERS[word].order()
        assert len(order) == len({one.key for one in order}) == count
        assert order[:2] == [maker(word).space.largest, maker(word).space.smallest]


@pytest.mark.parametrize("text", ["d1w4k3e1|d1w8k3e1", "d2w8k3e3|d1w16k5e3"])
def test_stacked_networks_compute_what_each_computes(text):
    networks = []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(SPACE.build(SPACE.parse(text)).eval())
    inputs = [torch.randn(5, 1, 8, 8) for _ in networks]
    found = stacked(networks, trainer.grouped).eval()(torch.cat(inputs, 1))
    for k, (network, x) in enumerate(zip(networks, inputs, strict=True)):
        torch.testing.assert_close(found[:, k], network(x), rtol=1e-4, atol=1e-5)


def test_seeds_trained_side_by_side_are_seeds_trained_alone():
    one = SPACE.parse("d1w8k3e1|d1w16k3e1")
    together = maker("mobilenet").train(one, (0, 1, 2), SHORT)
    for seed in (0, 1, 2):
        alone = maker("mobilenet").train(one, (seed,), SHORT)
        for name in ("test_nll", "valid_nll"):
            # float32 sums in another order, over 14 steps with gradients clipped by each seed's own norm
            np.testing.assert_allclose(alone[name][0], together[name][seed], rtol=5e-3)
    assert together["test_nll"][0] != together["test_nll"][1]


@pytest.mark.parametrize(("word", "text"), [("mobilenet", "d1w4k3e1|d1w8k3e1"), ("transformer", "16|h1f16")])
def test_a_row_is_the_same_every_time_and_networks_learn(word, text):
    one = maker(word).space.parse(text)
    first, second = (maker(word).row(one, (0, 1)) for _ in range(2))
    assert first.pop("seconds") > 0 < second.pop("seconds")
    assert first == second
    assert np.shape(first["test_nll"]) == (2, 2)
    assert first["test_nll"][0][-1] < first["test_nll"][0][0]
