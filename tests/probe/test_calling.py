"""Of several tensors that a network returns one counts: the same for every proxy and pass, with targets and without."""

import dataclasses
from collections import OrderedDict, namedtuple

import pytest
import torch
from networks import convnet, images
from torch import nn

import zcbench
from zcbench._training import train
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.calling import as_tensor, find_place, output_of, settle
from zcbench.types import Batch

Pair = namedtuple("Pair", "features out")


@dataclasses.dataclass
class Answer:
    features: object
    out: object
    auxiliary: object = None


class Returns(nn.Module):
    """A convolutional network that returns what it is told to make of its features and logits."""

    def __init__(self, make, inner=None):
        super().__init__()
        self.inner, self.make = inner or convnet(), make

    def forward(self, x):
        features = self.inner[:-1](x)
        return self.make(features, self.inner[-1](features))


def plain(features, logits):
    return logits


#: Official networks and kinds of them: each is the plain network to every proxy.
KINDS = {
    "(features, logits)": lambda h, y: (h, y),
    "[features, logits]": lambda h, y: [h, y],
    "(logits, None)": lambda h, y: (y, None),
    "(logits, maps)": lambda h, y: (y, h.reshape(len(h), 4, 2, 2)),
    "(logits, scalar)": lambda h, y: (y, y.sum()),
    "(logits, sizes)": lambda h, y: (y, torch.ones(len(y), 5, dtype=torch.long)),
    "(logits, one row)": lambda h, y: (y, torch.ones(1, 5)),
    "(logits, two rows)": lambda h, y: (y, torch.ones(2, 5)),
    "(logits, three rows)": lambda h, y: (y, torch.ones(3, 5)),
    "(logits, eight rows)": lambda h, y: (y, torch.ones(8, 5)),
    "(logits, state)": lambda h, y: (y, (h[None], h[None])),
    "(logits, empty)": lambda h, y: (y, y[:, :0]),
    "(logits, vector)": lambda h, y: (y, y.sum(1)),
    "(logits, (None, []))": lambda h, y: (y, (None, [])),
    "nested": lambda h, y: (h, [{"deep": (h, (y,))}, 5, "text"]),
    "mapping": lambda h, y: OrderedDict(features=h, out=y, aux=h),
    "named tuple": lambda h, y: Pair(h, y),
    "dataclass": lambda h, y: Answer(h, y, h),
    "logits named": lambda h, y: {"logits": y, "hidden": h},
    "logits inside": lambda h, y: {"logits": (h, y)},
    "logits None": lambda h, y: {"logits": None, "last_hidden_state": y, "other": h},
}


def compare(found, expected, proxies):
    for name in proxies:
        assert found[name].status == expected[name].status, (name, found[name].detail)
        assert found[name].value == expected[name].value, name


@pytest.mark.parametrize("kind", KINDS)
def test_every_proxy_sees_the_same_output(kind):
    inputs, labels = images()
    model, single = Returns(KINDS[kind]), Returns(plain)
    some = ["naswot", "snip", "synflow", "gradsign", "jacov", "ntk_norm", "ntk_mean", "zico", "epe_nas", "flops"]
    proxies = zcbench.list_proxies() if kind in ("(features, logits)", "(logits, one row)") else some
    for targets in (labels, None):
        expected = zcbench.score(single, inputs, targets, proxies)
        compare(zcbench.score(model, inputs, targets, proxies), expected, proxies)
        for name in some:  # alone, where the first pass is another one
            compare(zcbench.score(model, inputs, targets, [name]), expected, [name])


@pytest.mark.parametrize("kind", ["(features, logits)", "(logits, one row)", "nested"])
def test_networks_that_are_taken_one_sample_at_a_time(kind):
    class Scale(nn.Module):  # a parameter that no rule covers
        def __init__(self):
            super().__init__()
            self.factor = nn.Parameter(torch.ones(()))

        def forward(self, x):
            return x * self.factor

    inputs, labels = images()
    proxies = ["gradsign", "ntk_norm", "ntk_cond:batch_norm=eval", "lga:samples=4", "ntk_trace:samples=1", "synflow"]
    model, single = (
        Returns(make, nn.Sequential(*convnet()[:-1], Scale(), convnet()[-1])) for make in (KINDS[kind], plain)
    )
    expected = zcbench.score(single, inputs, labels, proxies)
    compare(zcbench.score(model, inputs, labels, proxies), expected, proxies)
    for name in proxies:
        compare(zcbench.score(model, inputs, labels, [name]), expected, [name])


def test_targets_do_not_decide():
    """With as many features as classes, and with targets of another shape, the last of two dimensions stays it."""
    inputs, labels = images()
    model, single = Returns(lambda h, y: (h[:, :5], y)), Returns(plain)
    for targets in (labels, None, torch.randn(8, 5), torch.zeros(8, 4, dtype=torch.long)):
        expected = zcbench.score(single, inputs, targets, ["jacov", "naswot", "snip"])
        compare(zcbench.score(model, inputs, targets, ["jacov", "naswot", "snip"]), expected, expected)


class Auxiliary(nn.Module):
    """As DARTS: a second head in training, whose output stands last, and None in evaluation."""

    def __init__(self, how):
        super().__init__()
        self.inner, self.how = convnet(), how
        torch.manual_seed(1)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        features = self.inner[:-1](x)
        logits = self.inner[-1](features)
        if self.how == "none":
            return logits
        if self.how == "tensor":
            return (logits, self.head(features)) if self.training else logits
        return logits, (self.head(features) if self.training else None)


@pytest.mark.parametrize("how", ["tuple", "tensor"])
def test_training_reads_the_place_of_evaluation(how):
    inputs, labels = images(batch=16)
    model, single = Auxiliary(how), Auxiliary("none")
    for one in (model, single):
        assert train(one, Batch(inputs, labels), steps=3, seed=2) == 3
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), single.parameters(), strict=True))
    assert not torch.equal(model.inner[0].weight, Auxiliary(how).inner[0].weight)
    assert all(module.training for module in model.modules())


NOTHING = {
    "None": lambda h, y: None,
    "()": lambda h, y: (),
    "{}": lambda h, y: {},
    "int": lambda h, y: 3,
    "text": lambda h, y: "text",
    "scalar": lambda h, y: y.sum(),
    "no classes": lambda h, y: y[:, :0],
    "classes": lambda h, y: y.argmax(1),
    "complex": lambda h, y: torch.complex(y, y),
    "tuple of scalars": lambda h, y: (y.sum(), y.mean()),
    "tuple of rows": lambda h, y: (torch.ones(1, 5), torch.ones(8, 5)),
    "tuple of classes": lambda h, y: (y.argmax(1), None),
    "aux alone": lambda h, y: {"aux": y},
}


@pytest.mark.parametrize("kind", NOTHING)
def test_nothing_that_could_be_an_output(kind):
    inputs, labels = images()
    static = {name for name in zcbench.list_proxies() if zcbench.get_proxy(name).cost == "static"}
    model, rng = Returns(NOTHING[kind]), torch.get_rng_state()
    scores = zcbench.score(model, inputs, labels, [*zcbench.list_proxies(), "snip:steps=1"])
    assert torch.equal(rng, torch.get_rng_state())
    for name, score in scores.items():
        assert score.status == ("ok" if name in static else "unsupported"), (name, score.detail)
    assert "the network returned" in scores["snip"].detail


def test_the_rule_in_numbers():
    features, logits = torch.ones(3, 4), torch.ones(3, 5)
    assert find_place([(3, (features, logits))]) == (1,)
    assert find_place([(3, (logits, features[None]))]) == (0,)
    assert find_place([(3, (torch.ones(3, 2, 4), torch.ones(3, 2, 5), torch.ones(3, 2, 2, 2)))]) == (1,)
    assert find_place([(3, (torch.ones(3), torch.ones(3)))]) == (1,)
    seen = []

    def run(samples):
        seen.append(samples)
        return torch.ones(samples, 5), torch.ones(2, 5), torch.ones(3, 5)

    assert settle(run, 8) == (0,)
    assert seen == [2, 3]
    assert [settle(lambda size: (torch.ones(size, 5),), samples) for samples in (1, 2, 3)] == [(0,)] * 3
    with pytest.raises(UnsupportedModelError, match="without a tensor that has values for every sample"):
        settle(lambda size: (torch.ones(7, 5),), 8)
    endless = []
    endless.append(endless)
    with pytest.raises(UnsupportedModelError):
        find_place([(3, endless)])
    with pytest.raises(UnsupportedModelError, match="returned NoneType"):
        as_tensor((features, None), (1,))


def test_networks_that_take_whole_batches_only():
    def make(h, y):
        if len(y) != 8:
            raise RuntimeError("eight samples")
        return h, y

    inputs, labels = images()
    scores = zcbench.score(Returns(make), inputs, labels, ["snip", "jacov"])
    compare(scores, zcbench.score(Returns(plain), inputs, labels, ["snip", "jacov"]), scores)


def test_an_open_probe_and_the_command_line_agree():
    inputs, labels = images()
    model = Returns(KINDS["(features, logits)"])
    with Probe(model, Batch(inputs, labels)) as probe:
        assert probe.outputs.shape == (8, 5)
        with probe.forward_pass(), torch.no_grad():
            assert probe.call(inputs[:1]).shape == (1, 5)
    assert output_of(model.eval(), Batch(inputs)).shape == (1, 5)


class TwoHeads(nn.Module):
    """A body with a main head, and one of the same width in its middle; returns what it is told to."""

    def __init__(self, make):
        super().__init__()
        torch.manual_seed(0)
        self.early, self.late = nn.Linear(12, 16), nn.Linear(16, 16)
        self.head, self.aux, self.make = nn.Linear(16, 5), nn.Linear(16, 5), make

    def forward(self, x):
        early = torch.relu(self.early(x.flatten(1)))
        late = torch.relu(self.late(early))
        return self.make(self.head(late), self.aux(early), late)


SAMPLES, LABELS = torch.randn(8, 3, 2, 2, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 5
SEVERAL = ["jacov", "snip", "naswot", "gradsign", "ntk_norm", "synflow", "snip:steps=1"]
WAYS = {
    "(logits, aux)": lambda y, a, h: (y, a),
    "(aux, logits)": lambda y, a, h: (a, y),
    "[logits, aux]": lambda y, a, h: [y, a],
    "(logits, features)": lambda y, a, h: (y, h),
    "(features, logits)": lambda y, a, h: (h, y),
    "(logits, aux, features)": lambda y, a, h: (y, a, h),
    "out and aux": lambda y, a, h: {"out": y, "aux": a},
    "out and more": lambda y, a, h: OrderedDict(out=y, second=torch.cat([y, a], 1)),
    "contrastive": lambda y, a, h: {"logits_per_text": torch.cat([y, a], 1), "logits_per_image": y, "embeds": h},
}


@pytest.mark.parametrize("way", WAYS)
def test_logits_are_told_from_features_and_auxiliary_heads(way):
    expected = zcbench.score(TwoHeads(lambda y, a, h: y), SAMPLES, LABELS, SEVERAL)
    compare(zcbench.score(TwoHeads(WAYS[way]), SAMPLES, LABELS, SEVERAL), expected, SEVERAL)


def test_frozen_networks_have_no_graph_to_tell_by():
    model = TwoHeads(lambda y, a, h: (h, y)).requires_grad_(False)
    with Probe(model, Batch(SAMPLES, LABELS)) as probe, probe.forward_pass():
        assert probe.call(SAMPLES).shape == (8, 5)


CHOICES = {
    "index": (lambda y, a, h: (y, a), 1),
    "from the end": (lambda y, a, h: [a, y], -2),
    "name": (lambda y, a, h: {"logits": y, "second": a}, "second"),
    "attribute": (lambda y, a, h: Pair(a, y), "features"),
    "position in a mapping": (lambda y, a, h: OrderedDict(one=y, two=a), 1),
    "way": (lambda y, a, h: {"heads": [y, (h, a)]}, ["heads", 1, 1]),
    "function": (lambda y, a, h: (y, a), lambda output: output[1]),
    "of a tensor": (lambda y, a, h: torch.stack([y, a], 1), lambda output: output[:, 1]),
    "a part of several": (lambda y, a, h: {"y": y, "auxiliary": (a, None)}, "auxiliary"),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_what_counts_can_be_chosen(choice):
    make, output = CHOICES[choice]
    expected = zcbench.score(TwoHeads(lambda y, a, h: a), SAMPLES, LABELS, SEVERAL)
    compare(zcbench.score(TwoHeads(make), SAMPLES, LABELS, SEVERAL, output=output), expected, SEVERAL)
    model, single = TwoHeads(make), TwoHeads(lambda y, a, h: a)
    train(model, Batch(SAMPLES, LABELS), steps=2, output=output)
    train(single, Batch(SAMPLES, LABELS), steps=2)
    assert torch.equal(model.aux.weight, single.aux.weight)
    assert torch.equal(model.early.weight, single.early.weight)
    assert not torch.equal(model.aux.weight, TwoHeads(make).aux.weight)


@pytest.mark.parametrize("output", [2, "head", "count", [0, 0, "deep"], -3])
def test_a_part_that_is_not_there(output):
    scores = zcbench.score(TwoHeads(lambda y, a, h: (y, a)), SAMPLES, LABELS, ["snip", "params"], output=output)
    assert scores["params"].status == "ok"
    assert scores["snip"].status == "unsupported"
    assert "is none of them" in scores["snip"].detail or "without parts" in scores["snip"].detail


@pytest.mark.parametrize("output", [[], 1.5, {"a": 1}, [None], b"out"])
def test_what_chooses_nothing(output):
    with pytest.raises(InvalidInputError, match="choose a name, an index"):
        zcbench.score(TwoHeads(lambda y, a, h: (y, a)), SAMPLES, LABELS, ["params"], output=output)
    with pytest.raises(InvalidInputError, match="choose a name, an index"):
        Probe(TwoHeads(lambda y, a, h: (y, a)), Batch(SAMPLES, LABELS), output=output)
