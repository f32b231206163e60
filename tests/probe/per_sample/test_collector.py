"""Per-sample gradients by hooks equal those of one network call per sample."""

import pytest
import torch
from networks import convnet, images, zoo
from samples import Tokens, check, gather
from torch import nn

from zcbench.probe import Probe
from zcbench.probe.per_sample import _collector
from zcbench.types import Batch


@pytest.mark.parametrize("name", zoo())
def test_zoo(name):
    model, inputs, targets = zoo()[name]
    check(model, inputs, targets, by_hooks=True)


def test_tiny_chunks(monkeypatch):
    monkeypatch.setattr(_collector, "_CHUNK", 1)
    for name in ("convnet", "module twice", "tied weights"):
        model, inputs, targets = zoo()[name]
        check(model, inputs, targets, by_hooks=True)


def without_gradients(network, x):
    with torch.no_grad():
        return network.layer(x)


def force(network, x):
    """The gradient of an energy as a feature."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(network.layer(x).square().sum(), x, create_graph=True)[0]


def in_few_bits(network, x):
    with torch.autocast("cpu", torch.bfloat16):
        return network.layer(x).float()


def in_another_order(network, x):
    return network.layer(x.flip(0)).flip(0)


@pytest.mark.parametrize(
    ("rest", "by_hooks"),
    [
        (lambda network, x: nn.functional.linear(network.layer(x), network.embedding.weight), False),
        (lambda network, x: network.layer(x) @ network.embedding.weight.T, False),
        (lambda network, x: nn.functional.linear(x, nn.functional.normalize(network.layer.weight)), False),
        (lambda network, x: nn.functional.linear(x, network.layer.weight[:3]), False),
        (lambda network, x: network.layer(x) * network.layer.weight.norm(), False),
        (lambda network, x: network.layer(x).add_(network.layer.bias), False),
        (lambda network, x: network.layer(x).detach() * network.layer.weight[0] + x, False),
        (lambda network, x: network.layer(input=x), True),
        (lambda network, x: x + network.layer(x) * without_gradients(network, x), True),
        (lambda network, x: network.layer(x.detach().requires_grad_()), True),
        (lambda network, x: network.layer(force(network, x)), False),
        (in_few_bits, False),
        (in_another_order, False),
    ],
    ids=[
        *("tied", "product", "cosine", "sliced", "norm", "bias", "unused layer", "keyword", "no grad", "leaf", "force"),
        *("autocast", "order"),
    ],
)
def test_what_networks_do_with_their_layers(rest, by_hooks):
    check(Tokens(rest), torch.randint(9, (4, 6)), torch.tensor([0, 1, 2, 2]), by_hooks=by_hooks)


def test_what_entered_a_layer_must_stay_as_it_was():
    def overwritten(network, x):
        y = network.layer(x)
        return y + x.add_(1)

    with pytest.raises(RuntimeError, match=r"in ?place"):
        gather(Tokens(overwritten), torch.randint(9, (4, 6)), torch.tensor([0, 1, 2, 3]))


def test_own_loss():
    inputs, labels = images()

    def loss(output, target):
        return (output.logsumexp(1) * (target + 1)).mean()

    check(convnet(), inputs, labels, by_hooks=True, loss_fn=loss)


def test_nothing_of_size_batch_times_parameters_is_held():
    """Chunks are freed as they are consumed: no tensor that autograd or the hooks keep is that large."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 3000), nn.ReLU(), nn.Linear(3000, 3000), nn.Linear(3000, 5))
    inputs, labels = images(batch=16)
    largest = 0

    def watch(name: str, gradients: torch.Tensor) -> None:
        nonlocal largest
        largest = max(largest, gradients.numel())

    with Probe(model, Batch(inputs, labels)) as probe:
        probe.each_sample_gradient(watch)
    assert largest <= max(p.numel() for p in model.parameters())


class RelativeBias(nn.Module):
    """Attention with a bias by distance, as in T5 and MPNet: an embedding of pairs of positions, of no samples."""

    def __init__(self, use):
        super().__init__()
        self.words, self.distances, self.head = nn.Embedding(20, 8), nn.Embedding(5, 2), nn.Linear(8, 3)
        self.use = use

    def forward(self, tokens):
        x = self.words(tokens)
        positions = torch.arange(tokens.shape[1])
        bias = self.use(self.distances((positions[:, None] - positions[None, :]).clamp(-2, 2) + 2))
        heads = x.unflatten(-1, (2, 4)).transpose(1, 2)
        weights = torch.softmax(heads @ heads.mT + bias, -1)
        return self.head((weights @ heads).transpose(1, 2).flatten(2).mean(1))


@pytest.mark.parametrize(
    "use",
    [
        lambda bias: bias.permute([2, 0, 1])[None],  # raises for a copy of each sample
        lambda bias: bias.sum(0)[..., 0],  # is something else of copies
        lambda bias: bias.movedim(-1, -3),
    ],
    ids=["permuted", "summed", "moved"],
)
def test_what_is_the_same_for_all_samples_may_be_used_in_any_way(use):
    torch.manual_seed(0)
    model, tokens, targets = RelativeBias(use), torch.randint(20, (5, 6)), torch.arange(5) % 3
    expected = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    for i in range(5):
        loss = nn.functional.cross_entropy(model(tokens[i : i + 1]), targets[i : i + 1])
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
            expected[name] += gradient.square()
    found = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    with Probe(model, Batch(tokens, targets)) as probe:
        probe.each_sample_gradient(lambda name, gradients: found[name].add_(gradients.square().sum(0)))
        kernel = probe.tangent_kernel()
    for name, total in expected.items():
        torch.testing.assert_close(found[name], total)
    rows = [torch.autograd.grad(model(tokens[i : i + 1]).sum(), list(model.parameters())) for i in range(5)]
    flat = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]).double()
    torch.testing.assert_close(kernel, flat @ flat.T, rtol=1e-4, atol=1e-4)
