"""The signs of what enters activations, before anything overwrites it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import NonFiniteError, UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.signals.activation_codes import ACTIVATIONS
from zcbench.types import Batch


class Calls(nn.Module):
    """A function, or a module, applied to a copy of the inputs."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x.clone())


def seen(function, x):
    with Probe(Calls(function), Batch(x)) as probe:
        return probe.activation_codes


class NewGELU(nn.Module):
    """GPT-2's, written out."""

    def forward(self, x):
        return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3)))


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Swish(nn.Module):
    def forward(self, x):
        return x.mul_(x.sigmoid())


class SiluAndMul(nn.Module):
    """No activation of its input, but of one half of it."""

    def forward(self, x):
        gate, up = x.chunk(2, -1)
        return F.silu(gate) * up


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (nn.ReLU(inplace=True), "relu"),
        (torch.relu, "relu"),
        (nn.ReLU6(), "relu"),
        (nn.GELU(), "gelu"),
        (nn.GELU("tanh"), "gelu"),
        (lambda x: F.gelu(input=x), "gelu"),
        (NewGELU(), "gelu"),
        (QuickGELU(), "gelu"),
        (nn.SiLU(inplace=True), "silu"),
        (F.silu, "silu"),
        (Swish(), "silu"),
        (nn.Mish(), "mish"),
        (nn.Hardswish(), "hardswish"),
        (nn.ELU(inplace=True), "elu"),
        (nn.CELU(), "celu"),
        (nn.SELU(inplace=True), "selu"),
        (nn.LeakyReLU(inplace=True), "leaky_relu"),
        (nn.PReLU(), "prelu"),
        (nn.RReLU(), "rrelu"),
        (nn.Softplus(), "softplus"),
        (nn.Tanh(), "tanh"),
        (torch.Tensor.tanh_, "tanh"),
        (nn.Sigmoid(), "sigmoid"),
        (nn.Hardtanh(), "hardtanh"),
        (nn.Hardsigmoid(), "hardsigmoid"),
    ],
)
def test_activations_are_seen_once(activation, name):
    x = torch.randn(4, 3, 2)
    ((found, code),) = seen(activation, x)
    assert found == name
    assert found in ACTIVATIONS
    assert torch.equal(code, x.flatten(1) > 0)


def test_a_gated_product_is_seen_at_its_gate():
    x = torch.randn(4, 6)
    ((name, code),) = seen(SiluAndMul(), x)
    assert name == "silu"
    assert torch.equal(code, x[:, :3] > 0)


def test_samples_in_the_second_dimension():
    x = torch.randn(4, 3)
    ((_, code),) = seen(lambda x: F.gelu(x.T).T, x)
    assert torch.equal(code, x > 0)


def test_order_and_names():
    x = torch.randn(4, 3)
    found = seen(nn.Sequential(nn.Tanh(), nn.GELU(), nn.ReLU()), x)
    assert [name for name, _ in found] == ["tanh", "gelu", "relu"]
    assert torch.equal(found[1][1], x.tanh() > 0)


def test_no_activation():
    with pytest.raises(UnsupportedModelError, match="no activation ran; known: relu, gelu"):
        seen(nn.Identity(), torch.randn(4, 3))


def test_outputs_that_are_not_finite():
    with pytest.raises(NonFiniteError, match="signs of the activations' inputs"):
        seen(lambda x: F.gelu(x) / 0, torch.randn(4, 3))


@pytest.mark.parametrize("proxy", ["naswot", "swap", "linear_regions", "reg_swap"])
def test_the_default_is_relu(proxy):
    torch.manual_seed(0)
    smooth = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 32), nn.SiLU(), nn.Linear(32, 3))
    x = torch.randn(5, 6)
    names = [proxy, *(f"{proxy}:activation={name}" for name in ("gelu", "silu", "all", "mish", "relu6"))]
    plain, gelu, silu, every, mish, wrong = (zcbench.score(smooth, x, None, [name])[name] for name in names)
    assert "activation=all" in plain.detail
    assert plain.status == mish.status == "unsupported"
    assert mish.detail == "no mish ran; the network's activations are gelu, silu."
    assert wrong.status == "failed"
    assert "activation='relu6': choose all, relu, gelu" in wrong.detail
    assert gelu.value is not None
    assert gelu.value != silu.value or proxy == "linear_regions"
    assert every.value >= max(gelu.value, silu.value) or proxy == "reg_swap"


@pytest.mark.parametrize("proxy", ["naswot", "swap", "linear_regions", "reg_swap"])
def test_of_relus_all_activations_are_the_same(proxy):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3))
    names = [proxy, f"{proxy}:activation=all", f"{proxy}:activation=relu"]
    found = zcbench.score(network, torch.randn(5, 6), None, names)
    assert len({score.value for score in found.values()}) == 1


def test_kernel_of_signs_by_hand():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 3))
    x = torch.randn(4, 6)
    on = (network[0](x) > 0).long()
    kernel = torch.tensor([[float((a == b).sum()) for b in on] for a in on], dtype=torch.float64)
    found = zcbench.score(network, x, None, ["naswot:activation=gelu"])["naswot:activation=gelu"]
    assert found.value == pytest.approx(float(torch.linalg.slogdet(kernel).logabsdet))
