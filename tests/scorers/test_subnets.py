"""Scorers and constraints measure the networks that a supernet builds, on inputs that these take."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.scorers import Context, get_scorer, space_of
from zcbench.spaces import ChoiceSpace, get_space
from zcbench.supernets import WeightSharing


class Widths(ChoiceSpace):
    """Two widths; the space itself builds no networks."""

    def __init__(self):
        super().__init__("two widths", [("4", "8", "16"), ("4", "8")])

    def read(self, text):
        return tuple(text.split("-"))

    def write(self, choices):
        return "-".join(choices)


class Net(nn.Module):
    """Takes tokens and a mask."""

    def __init__(self, a, b):
        super().__init__()
        self.words, self.inside, self.out = nn.Embedding(9, a), nn.Linear(a, b), nn.Linear(b, 3)

    def forward(self, tokens, mask):
        return self.out(self.inside((self.words(tokens) * mask[..., None]).sum(1)).relu())


def build(architecture):
    return Net(*map(int, architecture.key.split("-")))


def supernet(held_out=True):
    space = Widths()
    rng = torch.Generator().manual_seed(0)
    inputs = {"tokens": torch.randint(9, (12, 5), generator=rng), "mask": torch.ones(12, 5)}
    ends = [space.from_choices(choices) for choices in (("16", "8"), ("4", "4"))]
    torch.manual_seed(0)
    return WeightSharing(
        space, build, largest=ends[0], smallest=ends[1], calibration=[inputs],
        held_out=(inputs, torch.arange(12) % 3) if held_out else None,
    )  # fmt: skip


def test_a_bound_on_parameters_holds_of_the_networks_of_a_space_that_builds_none():
    net = supernet()
    found = zcbench.search(net, objectives="accuracy", constraints=["params<=160", "flops<=4000"], budget=4, seed=1)
    sizes = {one: sum(value.numel() for value in net.subnet(one).parameters()) for one in net.space}
    allowed = {one for one, size in sizes.items() if size <= 160}
    assert found.architectures and set(found.architectures) <= allowed != set(net.space)


def test_too_tight_a_bound_names_what_is_within_reach():
    with pytest.raises(zcbench.errors.InvalidInputError, match="71"):
        zcbench.search(supernet(), objectives="accuracy", constraints="params<=10", budget=4)


@pytest.mark.parametrize("held_out", [True, False])
def test_scores_are_those_of_the_networks_on_their_inputs(held_out):
    net = supernet(held_out)
    scorer = get_scorer("params", net)
    sizes = [sum(value.numel() for value in build(one).parameters()) for one in net.space]
    assert scorer.score(list(net.space)).values.tolist() == sizes
    scores = get_scorer("grad_norm", net).score(list(net.space))
    assert np.isfinite(scores.values).all() == held_out, scores.reasons  # it needs classes


def test_networks_of_another_function_are_others_than_the_spaces():
    """A registered space whose supernet has seven classes."""
    space = get_space("elastic-mobilenet")
    seven = WeightSharing(
        space, lambda one: space.build(one, num_classes=7), largest=space.largest, smallest=space.smallest
    )
    usual = WeightSharing(space, largest=space.largest, smallest=space.smallest)
    assert space_of(usual) is space and usual.space.build == space.build
    counts = [get_scorer("params", one).score([space.smallest]).values[0] for one in (usual, seven)]
    assert counts == [sum(v.numel() for v in one.cut(space.smallest).parameters()) for one in (usual, seven)]
    assert counts[0] != counts[1]
    codes = [get_scorer("params", one).identifier for one in (usual, seven)]
    assert codes[0] != codes[1]  # scores of the two never mix in a store
    assert space.build(space.smallest)(torch.zeros(2, 1, 8, 8)).shape == (2, 10)  # the space is as it was


def test_its_space_can_be_sent_to_other_processes():
    space = space_of(supernet())
    again = pickle.loads(pickle.dumps(space))
    assert sum(v.numel() for v in again.build(space.parse("4-4")).parameters()) == 71
    assert list(again) == list(Widths())


def test_data_that_are_given_count():
    net = supernet()
    batch = zcbench.Batch({"tokens": torch.zeros(3, 2, dtype=torch.long), "mask": torch.ones(3, 2)}, torch.arange(3))
    flops = [
        get_scorer("flops", Context.of(net, **more)).score([net.smallest]).values[0] for more in ({}, {"data": batch})
    ]
    assert np.isfinite(flops).all()
    assert len(Context.of(net, batch_size=5).batch) == 5 and Context.of(net, data=batch).batch is batch
