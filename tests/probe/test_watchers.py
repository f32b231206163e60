"""What is seen in passing: which ReLUs are on, layers' outputs with their gradients, however the network is written."""

import pytest
import torch
from by_hand import cell, value
from networks import Dead, Twice, convnet, images, mlp, zoo
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe._watchers import blocks_of
from zcbench.testing._zoo import Residual
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


def test_relu_off_the_batch_is_refused():
    with pytest.raises(UnsupportedModelError, match=r"\(3, 4\)"):
        codes(lambda x: torch.relu(x.T), torch.randn(4, 3))


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


def products_by_hand(model, inputs, targets):
    """One layer at a time: its outputs are replaced by leaves, and their gradients read."""
    found = {}
    for name, module in model.named_modules():
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        leaves = []

        def replace(module, args, output, leaves=leaves):
            leaves.append(output.detach().clone().requires_grad_())
            return leaves[-1] * 1  # the copy may be overwritten

        handle = module.register_forward_hook(replace)
        model.train()
        loss = F.cross_entropy(model(inputs), targets)
        handle.remove()
        total = 0
        for leaf in leaves:
            # A later use of the same layer hides an earlier leaf's path; those are followed by differentiating anew.
            (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True, allow_unused=True)
            if gradient is not None:
                product = leaf.detach() * gradient
                total = total + (product.sum((2, 3)) if product.dim() == 4 else product)
        found[name] = total
    return found


@pytest.mark.parametrize("wanted", [frozenset(), frozenset({"gradients", "channel_products", "relu_codes"})])
@pytest.mark.parametrize("model", [convnet(), convnet(inplace=True), convnet(batch_norm=False, inplace=True)])
def test_channel_products_are_those_of_single_layers(model, wanted):
    inputs, targets = images()
    expected = products_by_hand(model, inputs, targets)
    with Probe(model, Batch(inputs, targets), wanted=wanted) as probe:
        _ = probe.input_gradients  # another pass through the graph must not count
        found = probe.channel_products
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-7)


def test_channel_products_of_a_layer_used_twice_add_up():
    model, (inputs, targets) = Twice(), images()
    with Probe(model, Batch(inputs, targets)) as probe:
        found = probe.channel_products["shared"]
    once = torch.relu(model.stem(inputs)).detach()
    first = model.shared(once).detach().requires_grad_()
    second = model.shared(torch.relu(first)).detach().requires_grad_()
    loss = F.cross_entropy(model.head(torch.relu(second).mean((2, 3))), targets)
    (g2,) = torch.autograd.grad(loss, second)
    again = model.shared(torch.relu(first))
    (g1,) = torch.autograd.grad(again, first, g2)
    expected = ((first * g1).sum((2, 3)) + (second * g2).sum((2, 3))).detach()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_channel_products_of_a_sequence_sum_over_positions():
    model = mlp()
    inputs, targets = torch.randn(6, 7, 4), torch.randint(3, (6, 7))
    with Probe(model, Batch(inputs, targets)) as probe:
        found = probe.channel_products
    assert {name: tuple(t.shape) for name, t in found.items()} == {"0": (6, 8), "2": (6, 3)}


def test_nothing_is_left_behind():
    model, (inputs, targets) = convnet(), images()
    with Probe(
        model, Batch(inputs, targets), wanted=frozenset({"gradients", "channel_products", "relu_codes"})
    ) as probe:
        _ = probe.gradients
        watchers = dict(probe._watchers)
    codes = len(watchers["relu_codes"].codes)
    model(inputs)
    assert len(watchers["relu_codes"].codes) == codes
    assert not any(module._forward_hooks for module in model.modules())


def test_blocks():
    net = cell()
    assert blocks_of(net) == list(net.body)
    nested = nn.Sequential(nn.Sequential(Residual(), Residual()), Residual())
    assert len(blocks_of(nested)) == 3
    assert blocks_of(convnet()) == []  # layers then
    chain = value("az_expressivity", convnet(), images()[0])
    assert chain > 0
    dead = zcbench.score(Dead(), images()[0], proxies=["az_*"])
    assert {dead[name].status for name in ("az_expressivity", "az_trainability")} == {"unsupported"}


class Attends(nn.Module):
    """Attention of two heads, by a function of probabilities and values ``(batch, heads, length, …)``."""

    def __init__(self, product):
        super().__init__()
        self.layer, self.product = nn.Linear(8, 24), product

    def forward(self, x):
        q, k, v = self.layer(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return self.product(q @ k.mT / 2, v).transpose(1, 2).flatten(1)


def in_other_layout(scores, v):
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v.transpose(1, 2)).transpose(1, 2)


@pytest.mark.parametrize(
    "product",
    [
        lambda scores, v: scores.softmax(-1, torch.float32).to(v.dtype) @ v,
        lambda scores, v: torch.einsum("bhqk,bhkd->bhqd", scores.softmax(-1), v),
        lambda scores, v: torch.einsum("b h q k, b h k d -> b h q d", [scores.softmax(-1), v]),
        lambda scores, v: torch.einsum("bhkd,bhqk->bhqd", v, scores.softmax(-1)),
        in_other_layout,
        lambda scores, v: F.dropout(F.softmax(scores, -1), 0.5, training=False) @ v,
        lambda scores, v: (scores.softmax(-1) * v.new_ones(6, 6)) @ v,
        lambda scores, v: scores.softmax(-1).masked_fill(torch.zeros(6, 6, dtype=torch.bool), 0.0).matmul(v),
        lambda scores, v: torch.bmm(scores.softmax(-1).flatten(0, 1), v.flatten(0, 1)).unflatten(0, (-1, 2)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_attention_is_seen_however_it_is_written(product, dtype):
    torch.manual_seed(0)
    plain = Attends(lambda scores, v: scores.softmax(-1) @ v).to(dtype)
    other = Attends(product).to(dtype)
    other.load_state_dict(plain.state_dict())
    x = torch.randn(3, 6, 8).to(dtype)
    with Probe(plain, Batch(x)) as one, Probe(other, Batch(x)) as two:
        (expected,), (found,) = one.attention, two.attention
    assert found.probabilities.shape == (3, 2, 6, 6)
    torch.testing.assert_close(found.probabilities.float(), expected.probabilities.float(), rtol=0.02, atol=0.01)
    torch.testing.assert_close(found.heads.float(), expected.heads.float(), rtol=0.02, atol=0.02)
