"""Activations times gradients, beside a network that keeps every output."""

import pytest
import torch
from networks import Twice, convnet, images, mlp
from torch import nn
from torch.nn import functional as F

from zcbench.probe import Probe
from zcbench.types import Batch


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
