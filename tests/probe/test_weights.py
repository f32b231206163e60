"""Which parameters are weights: by what they do, and not by their names."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

import zcbench
from zcbench.probe import Probe
from zcbench.types import Batch

TOKENS = torch.arange(24).reshape(4, 6)


def weights(model, inputs):
    with Probe(model, Batch(inputs)) as probe:
        return set(probe.weights)


def mlp(wrap):
    return nn.Sequential(wrap(nn.Linear(10, 8)), nn.ReLU(), wrap(nn.Linear(8, 8)), nn.ReLU(), nn.Linear(8, 5))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda layer: layer,
        nn.utils.parametrizations.spectral_norm,
        nn.utils.parametrizations.weight_norm,
        nn.utils.parametrizations.orthogonal,
        nn.utils.spectral_norm,
        lambda layer: prune.identity(layer, "weight"),
    ],
)
def test_parametrised_layers_have_one_weight_each(wrap):
    model, x = mlp(wrap), torch.randn(8, 10)
    names = weights(model, x)
    assert {name.split(".")[0] for name in names} == {"0", "2", "4"}
    assert [dict(model.named_parameters())[name].numel() for name in sorted(names)] == [80, 64, 40]
    found = zcbench.score(model, x, torch.zeros(8, dtype=torch.long), ["num_layers", "snip", "l2_norm"])
    assert found["num_layers"].value == 3
    parameters = dict(model.named_parameters())
    assert found["l2_norm"].value == pytest.approx(sum(float(parameters[name].norm().detach()) for name in names))
    assert found["snip"].value > 0


class Experts(nn.Module):
    """One matrix of several, chosen by the data, and one chosen by hand."""

    def __init__(self):
        super().__init__()
        self.router = nn.Linear(10, 4)
        self.up, self.shift = nn.Parameter(torch.randn(4, 10, 6)), nn.Parameter(torch.randn(4, 6))
        self.down = nn.Parameter(torch.randn(4, 6, 5))
        self.places = nn.Parameter(torch.randn(1, 10))

    def forward(self, x):
        x = x + self.places
        chosen = self.router(x).argmax(-1)
        hidden = torch.bmm(x[:, None], self.up[chosen])[:, 0] + self.shift[chosen]
        return torch.einsum("bh,ho->bo", hidden.relu(), self.down[0])


class Spline(nn.Module):
    """A layer of a Kolmogorov-Arnold network: a base, and splines with a scale each."""

    def __init__(self):
        super().__init__()
        self.base, self.spline = nn.Parameter(torch.randn(5, 10)), nn.Parameter(torch.randn(5, 10, 8))
        self.scale = nn.Parameter(torch.randn(5, 10))
        self.grid = nn.Parameter(torch.linspace(-1, 1, 80).reshape(10, 8))

    def forward(self, x):
        bases = torch.exp(-((x[..., None] - self.grid) ** 2))
        return F.linear(F.silu(x), self.base) + F.linear(
            bases.flatten(1), (self.spline * self.scale[..., None]).flatten(1)
        )


class Cosine(nn.Module):
    """A classifier of angles."""

    def __init__(self):
        super().__init__()
        self.classes = nn.Parameter(torch.randn(5, 10))

    def forward(self, x):
        return F.linear(F.normalize(x), F.normalize(self.classes))


class Latent(nn.Module):
    """A learned query, which is an input and no weight."""

    def __init__(self):
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, 10))
        self.attention = nn.MultiheadAttention(10, 2, batch_first=True)

    def forward(self, x):
        return self.attention(self.query.expand(len(x), 1, 10), x[:, None], x[:, None])[0][:, 0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Experts, {"router.weight", "up", "down"}),
        (Spline, {"base", "spline"}),
        (Cosine, {"classes"}),
        (Latent, {"attention.in_proj_weight", "attention.out_proj.weight"}),
    ],
)
def test_a_weight_multiplies_data(kind, expected):
    assert weights(kind(), torch.randn(4, 10)) == expected


class Tokens(nn.Module):
    """An embedding, a norm over two axes, a layer, and scores of words: by the embedding's matrix, or without."""

    def __init__(self, tied):
        super().__init__()
        self.tied = tied
        self.embed, self.norm, self.layer = nn.Embedding(50, 8), nn.LayerNorm((6, 8)), nn.Linear(8, 8)

    def forward(self, x):
        hidden = self.layer(self.norm(self.embed(x)))
        return hidden @ self.embed.weight.T if self.tied else hidden.mean(1)


def test_an_embedding_that_scores_words_is_a_weight():
    assert weights(Tokens(tied=False), TOKENS) == {"layer.weight"}
    assert weights(Tokens(tied=True), TOKENS) == {"layer.weight", "embed.weight"}


class Head(nn.Module):
    """A tied head, registered before or after its embedding."""

    def __init__(self, first):
        super().__init__()
        embed, head = nn.Embedding(50, 8), nn.Linear(8, 50, bias=False)
        head.weight = embed.weight
        for name, module in sorted({"embed": embed, "head": head}.items(), reverse=first):
            setattr(self, name, module)

    def forward(self, x):
        return self.head(self.embed(x))


@pytest.mark.parametrize("first", [False, True])
def test_a_tied_head_does_not_depend_on_the_order_of_registration(first):
    model = Head(first)
    with Probe(model, Batch(TOKENS)) as probe:
        (weight,) = probe.weights.values()
        assert weight is model.embed.weight
    assert zcbench.score(model, TOKENS, TOKENS, ["num_layers"])["num_layers"].value == 1


def test_scores_that_look_at_weights_in_a_pass_see_others_layers_too():
    model, x, y = Experts(), torch.randn(4, 10), torch.tensor([0, 1, 2, 3])
    before = [value.detach().clone() for value in model.parameters()]
    found = zcbench.score(model, x, y, ["fisher", "snip", "synflow", "grad_norm"])
    assert all(one.value is not None or one.status == "unsupported" for one in found.values()), found
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    gradients = torch.autograd.grad(F.cross_entropy(model(x), y), [model.up, model.down])
    assert found["grad_norm"].value == pytest.approx(sum(float(g.norm()) for g in gradients), rel=1e-5)
