"""Where samples are: the same network gives the same scores however it lays out its tensors."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe._axes import Layout, learn
from zcbench.types import Batch

#: everything that asks where samples are, and what takes samples apart
PROXIES = (
    *("fisher", "jacov", "epe_nas", "naswot", "swap", "activation_distance", "az_expressivity", "az_progressivity"),
    *("az_trainability", "gradsign", "ntk_trace", "head_confidence", "softmax_confidence", "w_pca", "zico", "meco"),
    "synaptic_diversity",
)


def score(model, inputs, labels):
    return zcbench.score(model, inputs, labels, [name for name in PROXIES if name in zcbench.list_proxies()])


def agree(found, expected, *, least=6, **tolerance):
    """Every score is the other's, or has its status; and there are some."""
    values = 0
    for name, one in expected.items():
        assert found[name].status == one.status, (name, found[name], one)
        if one.value is not None:
            assert math.isclose(found[name].value, one.value, rel_tol=1e-3, abs_tol=1e-6), (name, found[name], one)
            values += 1
    assert values >= least


class Text(nn.Module):
    """A transformer of texts, ReLU and all, in one layout or another."""

    def __init__(self, layout, *, length, dim=8):
        super().__init__()
        torch.manual_seed(0)
        self.layout = layout
        self.embed, self.places = nn.Embedding(13, dim), nn.Parameter(torch.randn(length, dim))
        self.blocks = nn.ModuleList(Block(layout, dim) for _ in range(3))
        self.head = nn.Linear(dim, 4)

    def forward(self, tokens):
        batch, length = tokens.shape
        if self.layout == "second":
            x = self.embed(tokens.T) + self.places[:, None]
        elif self.layout == "flat":
            x = (self.embed(tokens.flatten()).unflatten(0, (batch, length)) + self.places).flatten(0, 1)
        elif self.layout == "positions":  # of all samples together, position by position
            x = (self.embed(tokens.T) + self.places[:, None]).flatten(0, 1)
        else:
            x = self.embed(tokens) + self.places
        for block in self.blocks:
            x = block(x, batch)
        if self.layout == "flat":
            x = x.unflatten(0, (batch, length))
        if self.layout == "positions":
            x = x.unflatten(0, (length, batch))
        return self.head(x.mean(0 if self.layout in ("second", "positions") else 1))


class Block(nn.Module):
    def __init__(self, layout, dim):
        super().__init__()
        self.layout = layout
        self.q, self.k, self.v, self.o = (nn.Linear(dim, dim) for _ in range(4))
        self.grow, self.shrink = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))

    def forward(self, x, batch):
        h = self.norms[0](x)
        q, k, v = (self.heads(layer(h), batch) for layer in (self.q, self.k, self.v))
        y = self.joined(F.scaled_dot_product_attention(q, k, v), batch)
        x = x + self.o(y)
        return x + self.shrink(torch.relu(self.grow(self.norms[1](x))))

    def heads(self, x, batch):
        x = x.unflatten(-1, (2, -1))
        if self.layout == "flat":
            x = x.unflatten(0, (batch, -1))
        if self.layout == "positions":
            x = x.unflatten(0, (-1, batch))
        return x.permute(1, 2, 0, 3) if self.layout in ("second", "positions") else x.transpose(1, 2)

    def joined(self, x, batch):
        x = x.transpose(1, 2).flatten(2)  # (batch, length, width)
        if self.layout in ("second", "positions"):
            x = x.transpose(0, 1)
        return x.flatten(0, 1) if self.layout in ("flat", "positions") else x


@pytest.mark.parametrize("length", [5, 6, 12], ids=lambda length: f"length {length} of batch 6")
@pytest.mark.parametrize("layout", ["second", "flat", "positions"])
def test_texts_in_every_layout(layout, length):
    tokens = torch.randint(13, (6, length), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6) % 4
    expected = score(Text("first", length=length), tokens, labels)
    agree(score(Text(layout, length=length), tokens, labels), expected, least=9)


class Encoder(nn.Module):
    """PyTorch's own, which folds heads into the batch."""

    def __init__(self, *, batch_first):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.batch_first = nn.Embedding(13, 8), batch_first
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=batch_first, norm_first=True)
        self.layers, self.head = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(8, 4)

    def forward(self, tokens):
        x = self.layers(self.embed(tokens if self.batch_first else tokens.T))
        return self.head(x.mean(1 if self.batch_first else 0))


@pytest.mark.parametrize("length", [5, 6])
def test_the_encoder_of_pytorch(length):
    tokens = torch.randint(13, (6, length), generator=torch.Generator().manual_seed(1))
    labels = torch.arange(6) % 4
    agree(score(Encoder(batch_first=False), tokens, labels), score(Encoder(batch_first=True), tokens, labels), least=8)


class Frames(nn.Module):
    """Films: every frame goes through the convolutions by itself, folded into the batch or one after the other."""

    def __init__(self, *, folded, frames=3):
        super().__init__()
        torch.manual_seed(0)
        self.folded, self.frames = folded, frames
        self.body = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.ReLU())
        self.wide = nn.Sequential(nn.Conv3d(2, 6, (1, 3, 3)), nn.ReLU(), nn.Conv3d(6, 6, (1, 3, 3)), nn.ReLU())
        for own, other in zip(self.body.parameters(), self.wide.parameters(), strict=True):
            other.data.copy_(own.detach().reshape(other.shape))
        delattr(self, "wide" if folded else "body")
        self.head = nn.Linear(6, 4)

    def forward(self, x):  # (batch, frames, channels, height, width)
        if self.folded:
            x = self.body(x.flatten(0, 1)).unflatten(0, (-1, self.frames)).mean((1, 3, 4))
        else:
            x = self.wide(x.transpose(1, 2)).mean((2, 3, 4))
        return self.head(x)


def test_frames_that_are_folded_into_the_batch():
    films, labels = torch.randn(6, 3, 2, 8, 8, generator=torch.Generator().manual_seed(1)), torch.arange(6) % 4
    names = ["fisher", "naswot", "swap", "jacov"]
    found = zcbench.score(Frames(folded=True), films, labels, names)
    agree(found, zcbench.score(Frames(folded=False), films, labels, names), least=4)


def test_what_depends_on_no_sample_is_left_out_and_said():
    class Biased(nn.Module):
        def __init__(self, *, own):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.own = nn.Linear(4, 9), nn.Linear(9, 3), own
            self.table, self.net = nn.Parameter(torch.randn(1, 4)), nn.Linear(4, 9)

        def forward(self, x):
            bias = F.relu(self.net(self.table)) if self.own else self.net(self.table).clamp(min=0)
            return self.b(F.relu(self.a(x)) + bias)

    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    found, expected = (zcbench.score(Biased(own=own), x, None, ["naswot"])["naswot"] for own in (True, False))
    assert found.value == expected.value
    assert "excluded (1)" in found.detail
    assert not expected.detail


def test_what_cannot_be_told_is_a_reason():
    class Experts(nn.Module):
        """Each sample goes to one of two layers: how many there are depends on the data."""

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.experts, self.head = nn.ModuleList(nn.Linear(4, 5) for _ in range(2)), nn.Linear(5, 3)

        def forward(self, x):
            out, choice = x.new_zeros(len(x), 5), (x[:, 0] > 0).long()
            for number, expert in enumerate(self.experts):
                rows = choice == number
                out[rows] = torch.relu(expert(x[rows]))
            return self.head(out)

    x = torch.randn(9, 4, generator=torch.Generator().manual_seed(0))
    with Probe(Experts(), Batch(x)) as probe, pytest.raises(UnsupportedModelError, match="cannot be identified"):
        _ = probe.relu_codes

    class Attends(nn.Module):
        """Samples attend to each other."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return self.layer(torch.relu(x @ x.T).softmax(-1) @ x)

    with Probe(Attends(), Batch(x)) as probe, pytest.raises(UnsupportedModelError, match="cannot be identified"):
        _ = probe.relu_codes


class Fixed(nn.Module):
    """Takes six samples and no others, in one of two layouts."""

    def __init__(self, *, second):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.second = nn.Linear(4, 9), nn.Linear(9, 3), second

    def forward(self, x):
        x = x.view(6, 6, 4)
        x = F.relu(self.a(x.transpose(0, 1) if self.second else x))
        return self.b(x.mean(0 if self.second else 1))


def test_networks_that_take_whole_batches_only():
    x = torch.randn(6, 6, 4, generator=torch.Generator().manual_seed(0))
    found, expected = (zcbench.score(Fixed(second=second), x, None, ["naswot"])["naswot"] for second in (True, False))
    assert found.value == pytest.approx(expected.value, rel=1e-6)


def test_one_sample():
    x = torch.randn(1, 5, 4)
    with Probe(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(15, 2)), Batch(x)) as probe:
        assert [tuple(codes.shape) for codes in probe.relu_codes] == [(1, 15)]


class Force(nn.Module):
    """The gradient of an energy is the output, so the network needs gradients whenever it runs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 1))

    def forward(self, x):
        with torch.enable_grad() if torch.is_grad_enabled() else torch.no_grad():
            x = x if x.requires_grad else x.detach().requires_grad_()
            return torch.autograd.grad(self.net(x).sum(), x, create_graph=True)[0]


def test_networks_that_differentiate_run_where_no_graph_is_wanted():
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    found = zcbench.score(Force(), x, None, ["naswot", "jacov"])
    assert found["naswot"].status == "ok"
    with Probe(Force(), Batch(x)) as probe:
        assert torch.equal(probe.relu_codes[0], Force().net[0](x) > 0)


# -- the rule itself ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layout", [Layout(0), Layout(1), Layout(0, 4), Layout(0, 4, together=False), Layout(2, 3)], ids=str
)
def test_layouts_are_told_and_there_and_back(layout):
    whole = torch.randn(7, layout.positions, 5, 2, generator=torch.Generator().manual_seed(0))
    whole = whole[:, 0] if layout.positions == 1 else whole

    def run(numbers):
        return {"watcher": {"": [layout.back(whole[numbers])]}}

    found = learn(run, 7, ["watcher"])["watcher"].layouts[""]
    assert found == [layout]
    x = layout.back(whole)
    assert torch.equal(layout.first(x), whole)
    assert layout.fits(x, 7)
    assert not layout.fits(x, 6)
    assert layout.rows(x).shape[0] == 7 * layout.positions


def test_nothing_of_samples_and_no_way_to_tell():
    def run(numbers):
        n = len(numbers)
        return {0: {"same": [torch.ones(4, 2)], "both": [torch.ones(n, n)], "some": [torch.ones(n)] * n}}

    layouts = learn(run, 9, [0])[0].layouts
    assert layouts == {"same": [None]}


def test_why_nothing_is_known():
    def run(numbers):
        raise ValueError("no such batch")

    assert "no such batch" in learn(run, 9, [0])[0].problem


@pytest.mark.parametrize("length", [1, 3])
def test_rows_that_the_data_sort(length):
    """Experts sort the rows: which one belongs to which sample cannot be told."""

    class Sorted(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            rows = x.flatten(0, 1)
            order = rows[:, 0].argsort()
            out = torch.relu(self.layer(rows[order]))
            return out[order.argsort()].view(len(x), -1)

    x = torch.randn(6, length, 4, generator=torch.Generator().manual_seed(0))
    x[:3, :, 0] = torch.tensor([2.0, 1.0, 3.0])[:, None] + torch.arange(length) * 0.01
    with Probe(Sorted(), Batch(x)) as probe, pytest.raises(UnsupportedModelError, match="cannot be identified"):
        _ = probe.relu_codes


def test_samples_that_are_mixed_are_still_in_their_rows():
    class Normed(nn.Module):
        """Batch statistics by hand, in every mode."""

        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b = nn.Linear(4, 9), nn.Linear(9, 3)

        def forward(self, x):
            h = self.a(x)
            return self.b(torch.relu((h - h.mean(0)) / (h.std(0) + 1e-3)))

    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    h = Normed().a(x)
    with Probe(Normed(), Batch(x)) as probe:
        assert torch.equal(probe.relu_codes[0], (h - h.mean(0)) / (h.std(0) + 1e-3) > 0)
