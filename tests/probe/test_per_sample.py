"""Per-sample gradients equal those of one network call per sample."""

import pytest
import torch
from networks import convnet, images, zoo
from torch import nn

import zcbench
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe, _per_sample, as_tensor, default_loss, invoke
from zcbench.types import Batch


def gather(model: nn.Module, inputs, targets, **options) -> dict[str, torch.Tensor]:
    parts: dict[str, list[torch.Tensor]] = {}
    with Probe(model, Batch(inputs, targets), **options) as probe:
        probe.each_sample_gradient(lambda name, gradients: parts.setdefault(name, []).append(gradients.clone()))
    return {name: torch.cat(chunks) for name, chunks in parts.items()}


def one_at_a_time(model: nn.Module, inputs, targets, loss=default_loss) -> dict[str, torch.Tensor]:
    """A batch of one in train mode, dropout frozen, for every sample."""
    batch = Batch(inputs, targets)
    model.eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.train()
    rows = {name: [] for name, p in model.named_parameters() if p.requires_grad}
    for i in range(len(batch)):
        sample = batch[i : i + 1]
        model.zero_grad()
        value = loss(as_tensor(invoke(model, sample.inputs)), sample.targets)
        value.backward()
        for name, parameter in model.named_parameters():
            if name in rows:
                rows[name].append(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone())
    return {name: torch.stack(r) for name, r in rows.items()}


def check(model, inputs, targets, *, by_hooks: bool, **options) -> None:
    with Probe(model, Batch(inputs, targets)) as probe:
        assert _per_sample._covered(probe) is by_hooks
    found = gather(model, inputs, targets, **options)
    expected = one_at_a_time(model, inputs, targets, options.get("loss_fn", default_loss))
    assert found.keys() == expected.keys()
    for name, gradients in expected.items():
        torch.testing.assert_close(found[name], gradients, atol=1e-6, rtol=2e-4)


@pytest.mark.parametrize("name", zoo())
def test_zoo(name):
    model, inputs, targets = zoo()[name]
    check(model, inputs, targets, by_hooks=True)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(3, 4, (3, 1), stride=2, padding=(2, 0), bias=False),
        nn.Conv2d(3, 6, 3, padding=2, dilation=2, groups=3),
        nn.Conv2d(3, 4, 4, padding="same"),
        nn.Conv2d(3, 4, 3, padding="valid", dilation=2),
        nn.GroupNorm(3, 3),
        nn.LayerNorm([3, 8, 8]),
        nn.Linear(8, 5, bias=False),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_layers_on_images(layer):
    inputs, labels = images()
    model = nn.Sequential(nn.BatchNorm2d(3), layer, nn.ReLU(inplace=True), nn.Flatten(), nn.LazyLinear(5))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


@pytest.mark.parametrize("layer", [nn.Conv1d(3, 4, 3, padding=1), nn.BatchNorm1d(3), nn.GroupNorm(1, 3)], ids=str)
def test_layers_on_sequences(layer):
    inputs, labels = torch.randn(6, 3, 7), torch.randint(2, (6,))
    model = nn.Sequential(layer, nn.Tanh(), nn.Flatten(), nn.LazyLinear(2))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


def test_conv3d():
    inputs, labels = torch.randn(3, 2, 4, 5, 6), torch.randint(2, (3,))
    model = nn.Sequential(nn.Conv3d(2, 3, (3, 2, 1), stride=(1, 2, 2), padding=1), nn.Flatten(), nn.LazyLinear(2))
    model(inputs)
    check(model, inputs, labels, by_hooks=True)


def test_tiny_chunks(monkeypatch):
    monkeypatch.setattr(_per_sample, "_CHUNK", 1)
    for name in ("convnet", "module twice", "tied weights"):
        model, inputs, targets = zoo()[name]
        check(model, inputs, targets, by_hooks=True)


class Scaled(nn.Module):
    """A bare parameter, which no rule covers."""

    def __init__(self):
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, x):
        return self.layer(x) * self.scale


def circular() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)
    )


def normalised() -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(192, 5)))


def hooked() -> nn.Sequential:
    model = convnet()
    model[0].register_forward_hook(lambda module, args, output: 2 * output)
    return model


def hooked_weight() -> nn.Sequential:
    model = convnet()
    model[0].weight.register_hook(lambda gradient: -2 * gradient.abs())
    return model


def hooked_backwards() -> nn.Sequential:
    model = convnet()
    model[3].register_full_backward_pre_hook(lambda module, gradients: (2 * gradients[0],))
    return model


@pytest.mark.parametrize("build", [circular, normalised, hooked, hooked_weight, hooked_backwards])
def test_what_no_rule_covers_goes_one_by_one(build):
    check(build(), *images(), by_hooks=False)


class Tokens(nn.Module):
    """Embedded tokens, and a function of the network that makes the output of them."""

    def __init__(self, rest, **options):
        super().__init__()
        self.embedding, self.layer = nn.Embedding(9, 5, **options), nn.Linear(5, 5)
        self.rest = rest

    def forward(self, tokens):
        return self.rest(self, self.embedding(tokens).mean(1))


def without_gradients(network, x):
    with torch.no_grad():
        return network.layer(x)


def in_few_bits(network, x):
    with torch.autocast("cpu", torch.bfloat16):
        return network.layer(x).float()


def in_another_order(network, x):
    return network.layer(x.flip(0)).flip(0)


@pytest.mark.parametrize(
    "rest",
    [
        lambda network, x: nn.functional.linear(network.layer(x), network.embedding.weight),
        lambda network, x: network.layer(x) @ network.embedding.weight.T,
        lambda network, x: network.layer(x) * network.layer.weight.norm(),
        lambda network, x: network.layer(x).add_(network.layer.bias),
        lambda network, x: network.layer(x).detach() * network.layer.weight[0] + x,
        lambda network, x: network.layer(input=x),
        lambda network, x: x + network.layer(x) * without_gradients(network, x),
        in_few_bits,
        in_another_order,
    ],
    ids=["tied", "product", "norm", "bias", "unused layer", "keyword", "no grad", "autocast", "order"],
)
def test_what_networks_do_with_their_layers(rest):
    check(Tokens(rest), torch.randint(9, (4, 6)), torch.tensor([0, 1, 2, 3]), by_hooks=True)


def test_gradients_scaled_by_frequency():
    model = Tokens(lambda network, x: network.layer(x), scale_grad_by_freq=True)
    check(model, torch.randint(3, (4, 6)), torch.tensor([0, 1, 2, 3]), by_hooks=False)


def test_a_tangent_kernel_counts_every_use_of_a_weight():
    model = Tokens(lambda network, x: network.layer(x) @ network.embedding.weight.T)
    tokens = torch.randint(9, (4, 6))
    rows = [torch.autograd.grad(sample.sum(), list(model.parameters()), retain_graph=True) for sample in model(tokens)]
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double()
    with Probe(model, Batch(tokens)) as probe:
        torch.testing.assert_close(probe.tangent_kernel(), jacobian @ jacobian.T, rtol=1e-5, atol=1e-6)


def test_what_entered_a_layer_must_stay_as_it_was():
    def overwritten(network, x):
        y = network.layer(x)
        return y + x.add_(1)

    with pytest.raises(RuntimeError, match=r"in ?place"):
        gather(Tokens(overwritten), torch.randint(9, (4, 6)), torch.tensor([0, 1, 2, 3]))


def test_bare_parameters_and_recurrent_layers():
    labels = torch.randint(3, (4,))
    check(Scaled(), torch.randn(4, 4), labels, by_hooks=False)

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.head = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(self.rnn(x)[0][:, -1])

    check(Recurrent(), torch.randn(4, 6, 4), labels, by_hooks=False)


def test_one_sample():
    inputs, labels = images(batch=1)
    check(convnet(), inputs, labels, by_hooks=True)


def test_own_loss():
    inputs, labels = images()

    def loss(output, target):
        return (output.logsumexp(1) * (target + 1)).mean()

    check(convnet(), inputs, labels, by_hooks=True, loss_fn=loss)


def test_batch_norm_over_single_values_is_unsupported():
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    with pytest.raises(UnsupportedModelError, match="samples one by one"):
        gather(model, torch.randn(6, 4), torch.randint(3, (6,)))


def test_layers_that_mix_samples_are_refused():
    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(6, 6)

        def forward(self, x):
            return self.layer(x.T).T

    with pytest.raises(UnsupportedModelError, match="does not take 2 of its 6 samples alone"):
        gather(Transposed(), torch.randn(6, 4), torch.randint(4, (6,)))


def test_positions_are_no_samples():
    """An embedding of positions gets as many rows as there are positions, be that the batch size or not."""

    class Positions(nn.Module):
        def __init__(self, lead):
            super().__init__()
            torch.manual_seed(0)
            self.lead = lead
            self.words, self.places, self.head = nn.Embedding(9, 4), nn.Embedding(6, 4), nn.Linear(4, 3)

        def forward(self, tokens):
            places = torch.arange(tokens.shape[1])
            x = self.words(tokens) + self.places(places[None] if self.lead else places)
            return self.head(torch.tanh(x).mean(1))

    for lead in (False, True):
        for batch in (3, 6):  # six samples of six words
            tokens = torch.randint(9, (batch, 6), generator=torch.Generator().manual_seed(batch))
            check(Positions(lead), tokens, torch.arange(batch) % 3, by_hooks=True)


def test_time_first():
    """Where the first dimension counts positions, samples go one by one."""

    class TimeFirst(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.layer, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

        def forward(self, x):
            return self.head(torch.tanh(self.layer(x.transpose(0, 1))).mean(0))

    for length in (6, 7):
        check(TimeFirst(), torch.randn(6, length, 4), torch.arange(6) % 3, by_hooks=True)


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


class Mixing(nn.Module):
    """Subtracts the mean over the batch by hand; a parameter of its own makes samples go one by one."""

    def __init__(self, *, extra, share):
        super().__init__()
        self.a, self.b, self.share = nn.Linear(10, 8), nn.Linear(8, 5), share
        self.own = nn.Parameter(torch.zeros(5)) if extra else 0.0

    def forward(self, x):
        h = self.a(x)
        return self.b((h - self.share * h.mean(0)).relu()) + self.own


class Noisy(nn.Module):
    """Draws random numbers, others for each number of samples."""

    def __init__(self, *, extra):
        super().__init__()
        self.a, self.own = nn.Linear(10, 5), nn.Parameter(torch.zeros(5)) if extra else 0.0

    def forward(self, x):
        return self.a(x + torch.randn_like(x)) + self.own


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("proxy", ["gradsign", "ntk_norm", "ntk_trace"])
def test_networks_that_mix_samples_are_noticed_on_every_path(extra, proxy):
    torch.manual_seed(0)
    x, y = torch.randn(8, 10), torch.arange(8) % 5
    for share in (1.0, 0.05):
        score = zcbench.score(Mixing(extra=extra, share=share), x, y, [proxy])[proxy]
        assert score.status == "unsupported"
        assert "mixes samples" in score.detail
    assert zcbench.score(Mixing(extra=extra, share=0.0), x, y, [proxy])[proxy].value is not None
    assert zcbench.score(Noisy(extra=extra), x, y, [proxy])[proxy].value is not None
