"""Inputs of every form and classes at every place: what is taken, and what is refused in a sentence."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.spaces import ChoiceSpace
from zcbench.supernets import Training, WeightSharing, fine_tune, measured
from zcbench.supernets._samples import checked_inputs, checked_pair, count, digest, flat, logits_of, taken
from zcbench.testing import check_supernet


class Sizes(ChoiceSpace):
    """Width of the embedding, width of the layer."""

    def __init__(self):
        super().__init__("masked sums", [("4", "8"), ("6", "12")])

    def read(self, text):
        return tuple(text.split("-"))

    def write(self, choices):
        return "-".join(choices)


class Masked(nn.Module):
    """The mean of embedded tokens that a mask keeps."""

    def __init__(self, width, hidden, everywhere=False):
        super().__init__()
        self.everywhere = everywhere
        self.embedding, self.inside = nn.Embedding(20, width), nn.Linear(width, hidden)
        self.norm, self.out = nn.BatchNorm1d(hidden), nn.Linear(hidden, 3)

    def forward(self, tokens, mask, scale=None):
        found = self.embedding(tokens) * mask[..., None]
        if not self.everywhere:
            found = found.sum(1) / mask.sum(1, keepdim=True)
        found = self.norm(self.inside(found).flatten(0, -2)).unflatten(0, found.shape[:-1])
        return self.out(found.relu()) * (1 if scale is None else scale)


def texts(samples=24, seed=0):
    rng = torch.Generator().manual_seed(seed)
    tokens = torch.randint(20, (samples, 5), generator=rng)
    mask = torch.ones(samples, 5)
    mask[::2, 3:] = 0
    return tokens, mask, torch.randint(3, (samples,), generator=rng)


def supernet(inputs, targets, everywhere=False):
    space = Sizes()

    def build(architecture):
        return Masked(*map(int, space.choices(architecture)), everywhere)

    ends = [space.from_choices([options[place] for options in space.options]) for place in (-1, 0)]
    torch.manual_seed(0)
    calibration = [taken(inputs, slice(0, None, 2)), taken(inputs, slice(1, None, 2))]
    return WeightSharing(
        space, build, largest=ends[0], smallest=ends[1], calibration=calibration, held_out=(inputs, targets)
    )


def forms():
    tokens, mask, targets = texts()
    return {
        "tuple": ((tokens, mask), targets),
        "list": ([tokens, mask], targets),
        "mapping": ({"tokens": tokens, "mask": mask}, targets),
        "a number for all": ((tokens, mask, torch.tensor(1.0)), targets),
    }


@pytest.mark.parametrize("form", forms())
def test_inputs_of_every_form_are_trained_calibrated_and_judged_alike(form):
    found = []
    for inputs, targets in (forms()["tuple"], forms()[form]):
        net = supernet(inputs, targets)
        training = Training(net, inputs, targets, steps=4, batch=8)
        assert list(training.run()) == [1, 2, 3, 4] and training.skipped == 0
        network = net.subnet(net.smallest)
        tuned = fine_tune(network, inputs, targets, steps=3, batch=8, teacher=net.subnet(net.largest), rate=0.1)
        found.append(
            [
                [value.detach() for value in net.parameters()],
                [value.detach() for value in tuned.network.parameters()],
                [torch.tensor(list(net.evaluate(one).values())) for one in net.space],
            ]
        )
    for a, b in zip(*found, strict=True):
        assert all(torch.equal(one, other) for one, other in zip(a, b, strict=True))


def test_the_contract_holds_for_a_mapping_of_inputs():
    tokens, mask, targets = texts(8)
    net = supernet({"tokens": tokens, "mask": mask}, targets)
    report = check_supernet(net, {"tokens": tokens, "mask": mask}, targets)
    assert report.ok, str(report)
    assert {one.check for one in report.outcomes if one.status == "skipped"} == {"equal networks"}


def test_a_class_at_each_place_and_places_without_one():
    tokens, mask, _ = texts()
    targets = tokens % 3
    targets[mask == 0] = -100
    net = supernet((tokens, mask), targets, everywhere=True)
    network, kept = net.subnet(net.largest), targets != -100
    with torch.no_grad():
        logits = network(tokens, mask)
    found = net.evaluate(net.largest)
    assert found["nll"] == pytest.approx(float(F.cross_entropy(logits[kept], targets[kept])), rel=1e-5)
    assert found["accuracy"] == float((logits[kept].argmax(-1) == targets[kept]).double().mean())
    training = Training(net, (tokens, mask), targets, steps=40, batch=12)
    assert len(list(training.run())) == 40 and training.losses[-1] < training.losses[0]
    tuned = fine_tune(network, (tokens, mask), targets, steps=4, teacher=net.subnet(net.largest))
    assert tuned.skipped == 0 and len(tuned.losses) == 4


def test_places_without_a_class_change_no_gradient():
    """What a network computes there is learned neither from targets nor from a teacher."""
    tokens, mask, _ = texts()
    targets = (tokens % 3).masked_fill(mask == 0, -100)
    network = Masked(4, 6, True).eval()
    found = []
    for shift in (0.0, 5.0):

        def teacher(tokens, mask, shift=shift):
            with torch.no_grad():
                return network(tokens, mask) + shift * (1 - mask)[..., None] * torch.tensor([1.0, 0.0, -1.0])

        tuned = fine_tune(network, (tokens, mask), targets, steps=2, teacher=teacher, share=0.5)
        found.append([value.detach() for value in tuned.network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (np.zeros((4, 3)), "given as ndarray: give a tensor, for example with torch.as_tensor"),
        ("text", "given as str: give a tensor"),
        (None, "given as NoneType"),
        ((), "contain no tensor"),
        ({"a": 3}, "contain no tensor"),
        (torch.tensor(3.0), "contain no tensor"),
        (
            (torch.zeros(4, 3), torch.zeros(5, 3)),
            r"the shapes \(4, 3\), \(5, 3\): each needs the same number of samples",
        ),
        (torch.zeros(0, 3), "have no sample"),
    ],
)
def test_inputs_that_are_refused(inputs, said):
    with pytest.raises(InvalidInputError, match=said):
        checked_inputs("inputs", inputs)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ([0, 1, 2, 3], "given as list: give a tensor of classes"),
        (torch.zeros(3, dtype=torch.long), "4 samples and 3 targets"),
        (torch.tensor(3), "4 samples and 1 target:"),
        (torch.zeros(4), "the type torch.float32: give classes"),
        (torch.zeros(4, dtype=torch.bool), "the type torch.bool: give classes"),
        (torch.tensor([0, 1, -1, 2]), "is -1: give classes from 0 on"),
        (torch.full((4,), -100), "means no class"),
    ],
)
def test_targets_that_are_refused(targets, said):
    with pytest.raises(InvalidInputError, match=said):
        checked_pair("data", torch.zeros(4, 3), targets)


def test_outputs_that_are_refused():
    for output, said in (((torch.zeros(3, 2),), "returns tuple"), (torch.zeros(3), r"returns the shape \(3,\)")):
        with pytest.raises(InvalidInputError, match=said):
            logits_of(output)
    with pytest.raises(InvalidInputError, match=r"returns \(3, 2\) for targets of the shape \(4,\)"):
        flat(torch.zeros(3, 2), torch.zeros(4, dtype=torch.long))
    assert logits_of({"logits": torch.zeros(3, 2)}).shape == (3, 2)


def test_digests_tell_all_that_a_network_is_given():
    tokens, mask, _ = texts()
    known = {
        digest(one) for one in (tokens, (tokens, mask), {"a": tokens, "b": mask}, (tokens, mask, 3), (mask, tokens))
    }
    assert len(known) == 5 and digest((tokens, mask)) == digest((tokens.clone(), mask.clone()))
    assert count((torch.tensor(1.0), tokens)) == 24


def test_networks_of_other_precision_or_place_are_judged():
    inputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    network = nn.Linear(4, 3)
    assert measured(network, inputs.double(), torch.arange(6) % 3) == measured(network, inputs, torch.arange(6) % 3)
