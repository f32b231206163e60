"""What no rule covers goes one by one, and networks that mix samples are noticed."""

import pytest
import torch
from networks import convnet, images
from samples import check, gather
from torch import nn

import zcbench
from zcbench.errors import UnsupportedModelError


class Scaled(nn.Module):
    """A bare parameter, which no rule covers."""

    def __init__(self):
        super().__init__()
        self.layer, self.scale = nn.Linear(4, 3), nn.Parameter(torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, x):
        return self.layer(x) * self.scale


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


@pytest.mark.parametrize("build", [normalised, hooked, hooked_weight, hooked_backwards])
def test_what_no_rule_covers_goes_one_by_one(build):
    check(build(), *images(), by_hooks=False)


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
    check(convnet(), inputs, labels, by_hooks=False)


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

    with pytest.raises(UnsupportedModelError, match="does not accept 2 of its 6 samples alone"):
        gather(Transposed(), torch.randn(6, 4), torch.randint(4, (6,)))


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
        check(TimeFirst(), torch.randn(6, length, 4), torch.arange(6) % 3, by_hooks=False)


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
