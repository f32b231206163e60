"""Evaluation of subnets on held-out data."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from elastic import SPACE, supernet
from torch.nn import functional as F

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.supernets import SubnetEvaluation, measured

INPUTS, TARGETS = torch.randn(700, 1, 8, 8), torch.randint(10, (700,))


def test_figures_are_those_of_the_whole_set_and_the_network_is_left_as_it_was() -> None:
    network = SPACE.build(SPACE.smallest).train()
    network.stem.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = measured(network, INPUTS, TARGETS)
    assert network.training and not network.stem.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    with torch.no_grad():
        logits = network.eval()(INPUTS)
    assert found["accuracy"] == pytest.approx(float((logits.argmax(1) == TARGETS).double().mean()))
    # means of 700 float32 losses in parts of 500
    assert found["nll"] == pytest.approx(float(F.cross_entropy(logits, TARGETS)), abs=1e-5)


def test_no_evaluation_depends_on_another() -> None:
    net = supernet()
    evaluation = SubnetEvaluation(net, INPUTS, TARGETS)
    first = evaluation(SPACE.smallest)
    evaluation(SPACE.largest)
    net.activate(SPACE.largest)
    assert evaluation(SPACE.smallest) == first


def test_a_supernet_is_searched_by_its_own_evaluation() -> None:
    net = supernet()
    with pytest.raises(InvalidInputError, match="no held-out data"):
        net.evaluate(SPACE.smallest)
    net.held_out = (INPUTS[:50], TARGETS[:50])
    found = zcbench.search(net, objectives="accuracy", searcher="random", budget=3)
    assert len(found.architectures) == 3
    for place, one in enumerate(found.architectures):
        assert found.values["accuracy"][place] == net.evaluate(one)["accuracy"]


def test_a_ledger_of_other_weights_or_data_is_refused(tmp_path) -> None:
    """Its answers are those of a supernet that is no more."""
    net, path = supernet(), tmp_path / "search.jsonl"
    net.held_out = (INPUTS[:50], TARGETS[:50])

    def again(searched=net):
        return zcbench.search(searched, objectives="accuracy", searcher="random", budget=3, ledger=path)

    found = again().values["accuracy"]
    assert np.array_equal(again().values["accuracy"], found)
    net.held_out = (INPUTS[:50].clone(), TARGETS[:50].clone())
    assert np.array_equal(again().values["accuracy"], found)
    net.held_out = (INPUTS[1:51], TARGETS[1:51])
    with pytest.raises(InvalidInputError, match="supernet"):
        again()
    net.held_out = (INPUTS[:50], TARGETS[:50])
    weight = next(net.parameters())
    with torch.no_grad():
        weight.view(-1)[0] += 1
    with pytest.raises(InvalidInputError, match="supernet"):
        again()
    with pytest.raises(InvalidInputError, match="no held-out data to evaluate subnets on"):
        net.held_out = None
        again()


def test_a_supernet_without_evaluation_is_refused_in_one_sentence() -> None:
    class Bare:
        space = SPACE

        def subnet(self, architecture):
            return SPACE.build(architecture)

    with pytest.raises(InvalidInputError, match="this supernet has no method evaluate: give a function"):
        zcbench.search(Bare(), budget=3)


def test_targets_belong_to_inputs() -> None:
    with pytest.raises(InvalidInputError, match="700 samples and 3 targets"):
        SubnetEvaluation(supernet(), INPUTS, TARGETS[:3])
