"""Passes: modes, random numbers, what the network is made of; all put back afterwards."""

import random

import numpy as np
import pytest
import torch
from as_found import same, state
from networks import Tied, convnet, images, mlp
from torch import nn

from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_several_inputs_by_position_and_by_name():
    class Add(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, a, b):
            return self.layer(a + 2 * b)

    a, b = torch.randn(3, 2), torch.randn(3, 2)
    model = Add()
    with Probe(model, Batch((a, b))) as probe, Probe(model, Batch({"b": b, "a": a})) as named:
        assert torch.equal(probe.outputs, named.outputs)
        column_sums = model.layer.weight.sum(0)
        expected = torch.cat([column_sums, 2 * column_sums]).expand(3, 4)
        torch.testing.assert_close(probe.input_gradients, expected.detach())


def test_batch_norm_modes():
    model, (inputs, _) = convnet(), images()
    model(inputs * 3 + 1)  # running statistics that differ from the batch's
    model.eval()
    with Probe(model, Batch(inputs)) as probe:
        outputs = {}
        for mode in ("train", "eval", "per-sample", "off"):
            with probe.forward_pass(mode):
                outputs[mode] = probe.call(inputs).detach()
    torch.testing.assert_close(outputs["eval"], model(inputs))
    bare = nn.Sequential(*(m for m in model if not isinstance(m, nn.BatchNorm2d)))
    torch.testing.assert_close(outputs["off"], bare(inputs))
    model.train()
    torch.testing.assert_close(outputs["train"], model(inputs))
    torch.testing.assert_close(outputs["per-sample"], torch.cat([model(x[None]) for x in inputs]))


def test_running_statistics_stay():
    model, (inputs, labels) = convnet(), images()
    before = state(model)
    with Probe(model, Batch(inputs, labels)) as probe:
        _ = probe.gradients
        mean = model[1].running_mean.clone()  # also while the probe is open
    assert torch.equal(mean, torch.zeros(6))
    assert same(before, state(model))


def test_dropout_is_frozen():
    model = nn.Sequential(nn.Linear(4, 64), nn.Dropout(0.5))
    x = torch.randn(3, 4)
    with Probe(model, Batch(x)) as probe:
        torch.testing.assert_close(probe.outputs, model[0](x))
    assert model[1].training


class Restless(nn.Module):
    """Changes much while it runs: its input, attributes in place, and random numbers of all kinds."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)
        self.seen = []
        self.notes = {"calls": 0}
        self.mask = torch.ones(3)

    def forward(self, x):
        self.seen.append(x.shape)
        self.notes["calls"] += 1
        self.mask.mul_(0.5)
        if not x.requires_grad:
            x.add_(1)
        return self.layer(x) * self.mask + random.random() + np.random.rand() + torch.rand(1)


def test_what_a_network_changes_while_it_runs_is_put_back_after_every_pass():
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(1))
    given, model = x.clone(), Restless()
    with Probe(model, Batch(x)) as probe:
        found = []
        for _ in range(2):
            with probe.forward_pass(), torch.no_grad():
                found.append(probe.call(x).clone())
            assert torch.equal(x, given)
            assert (model.seen, model.notes, model.mask.tolist()) == ([], {"calls": 0}, [1, 1, 1])
            np.random.rand(), random.random()  # what others draw is nothing to the network
        assert torch.equal(*found)
        assert list(probe.put_back()) == ["global random states"]


def test_generator_depends_on_seed_and_name():
    def draw(seed: int, name: str) -> float:
        with Probe(mlp(), Batch(torch.randn(2, 4)), seed=seed) as probe:
            return float(torch.rand((), generator=probe.generator(name)))

    assert draw(0, "a") == draw(0, "a")
    assert len({draw(0, "a"), draw(1, "a"), draw(0, "b")}) == 3


def test_weights_are_matrices_of_layers():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.rnn = nn.Embedding(5, 4), nn.LSTM(4, 3)
            self.norm, self.head = nn.LayerNorm(3), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.norm(self.rnn(self.embed(x))[0]))

    with Probe(Mixed(), Batch(torch.zeros(2, 3, dtype=torch.long))) as probe:
        assert list(probe.weights) == ["rnn.weight_ih_l0", "rnn.weight_hh_l0", "head.weight"]


def test_weights_of_a_network_without_any():
    with Probe(nn.BatchNorm1d(3), Batch(torch.zeros(2, 3))) as probe:
        with pytest.raises(UnsupportedModelError, match="weight"):
            _ = probe.weights


def test_tied_parameters_appear_once():
    with Probe(Tied(), Batch({"tokens": torch.zeros(1, 2, dtype=torch.long)})) as probe:
        assert "embed.weight" in probe.parameters
        assert "decode.weight" not in probe.parameters


@pytest.mark.parametrize(
    ("model", "inputs", "targets", "message"),
    [
        (lambda x: x, torch.zeros(2, 3), None, "pass a torch.nn.Module instance"),
        (nn.Linear, torch.zeros(2, 3), None, "pass a torch.nn.Module instance"),
        (nn.Linear(3, 2), [[1.0, 2.0, 3.0]], None, "inputs must be a tensor"),
        (nn.Linear(3, 2), (), None, "inputs must be a tensor"),
        (nn.Linear(3, 2), torch.zeros(0, 3), None, "batch is empty"),
        (nn.Linear(3, 2), torch.zeros(2, 3), torch.zeros(3), "different first dimensions"),
        (nn.Linear(3, 2), torch.zeros(2, 3), [0, 1], "targets are a list: pass a tensor"),
        (nn.Linear(3, 2), torch.tensor(1.0), None, "empty"),
    ],
)
def test_inputs_that_cannot_be_used(model, inputs, targets, message):
    with pytest.raises(InvalidInputError, match=message):
        Probe(model, Batch(inputs, targets))
