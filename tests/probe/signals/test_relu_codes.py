"""Which ReLUs are on, before anything overwrites it."""

import pytest
import torch
from networks import Twice, convnet, images, zoo
from torch import nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def codes(function, x):
    class Network(nn.Module):
        def forward(self, x):
            return function(x)

    with Probe(Network(), Batch(x)) as probe:
        return probe.relu_codes


@pytest.mark.parametrize(
    "rectifier",
    [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.ReLU6(),
        nn.ReLU6(inplace=True),
        F.relu6,
        torch.relu,
        torch.Tensor.relu_,
        lambda x: F.hardtanh(x, min_val=0.0, max_val=1.0),
    ],
)
def test_rectifiers_are_seen_once(rectifier):
    x = torch.randn(4, 3, 2)
    expected = x.flatten(1) > 0
    (code,) = codes(lambda x: rectifier(x.clone()), x)
    assert torch.equal(code, expected)


@pytest.mark.parametrize("other", [nn.GELU(), nn.Hardtanh(), nn.LeakyReLU(), nn.SiLU(), torch.abs])
def test_other_activations_are_not(other):
    with pytest.raises(UnsupportedModelError, match="no ReLU ran"):
        codes(other, torch.randn(4, 3))


def test_samples_in_the_second_dimension():
    x = torch.randn(4, 3)
    assert torch.equal(codes(lambda x: torch.relu(x.T).T, x)[0], x > 0)


@pytest.mark.parametrize("name", ["convnet", "in-place", "no batch norm", "module twice", "mlp"])
def test_codes_of_the_main_pass_and_of_an_own_pass_are_equal(name):
    model, inputs, targets = zoo()[name]
    with Probe(model, Batch(inputs, targets)) as probe:
        own = probe.relu_codes
    with Probe(model, Batch(inputs, targets), wanted=frozenset({"gradients", "relu_codes"})) as probe:
        _ = probe.gradients
        assert "relu_codes" not in probe._measured
        main = probe.relu_codes
    assert len(own) == len(main) > 0
    assert all(torch.equal(a, b) for a, b in zip(own, main, strict=True))


def test_relu_codes_before_in_place_overwrites():
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as a, Probe(convnet(inplace=True), Batch(inputs, labels)) as b:
        for plain, overwritten in zip(a.relu_codes, b.relu_codes, strict=True):
            assert torch.equal(plain, overwritten)
        assert 0.2 < a.relu_codes[0].float().mean() < 0.8


def test_relu_codes_count_every_application():
    model, (inputs, labels) = Twice(), images()
    with Probe(model, Batch(inputs, labels)) as probe:
        codes = probe.relu_codes
    assert len(codes) == 3
    x = model.stem(inputs)
    for code in codes:
        assert torch.equal(code, x.flatten(1) > 0)
        x = model.shared(x.clamp(min=0))


def test_relu_codes_of_functions_methods_and_relu6():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.six = nn.Linear(4, 4), nn.ReLU6()

        def forward(self, x):
            x = F.relu(self.layer(x))
            x = torch.relu_(self.layer(x))
            x = self.layer(x).relu()
            return self.six(self.layer(x))

    with Probe(Functional(), Batch(torch.randn(5, 4))) as probe:
        assert [tuple(code.shape) for code in probe.relu_codes] == [(5, 4)] * 4


def test_relu_codes_without_relu():
    with Probe(nn.Linear(3, 2), Batch(torch.randn(4, 3))) as probe:
        with pytest.raises(UnsupportedModelError, match="no ReLU"):
            _ = probe.relu_codes
