"""Kinds of networks, recognised by what they do."""

import hugging_face
import pytest
import torch
from torch import nn

from zcbench.comparison._kind import kinds_of
from zcbench.types import Batch


class Attends(nn.Module):
    """Attention without a name that says so."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x):
        weights = torch.softmax(self.a(x) @ self.b(x).transpose(1, 2), -1)
        return self.head((weights @ self.c(x)).mean(1))


class ChannelAttention(nn.Module):
    """A convolutional network with "attention" in its name."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, x):
        x = self.conv(x)
        return self.head((x * torch.sigmoid(self.gate(x.mean((2, 3))))[..., None, None]).mean((2, 3)))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell, self.head = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 3)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


@pytest.mark.parametrize(
    ("model", "inputs", "expected"),
    [
        (Attends(), torch.randn(4, 6, 8), ("transformer",)),
        (ChannelAttention(), torch.randn(4, 3, 8, 8), ("convolutional",)),
        (Recurrent(), torch.randn(4, 6, 4), ("recurrent",)),
        (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.randn(4, 4), ()),
    ],
)
def test_networks_of_ones_own(model, inputs, expected):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert kinds_of(model, Batch(inputs, torch.zeros(len(inputs), dtype=int))) == expected
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("name", "expected"), [("bert", "transformer"), ("vit", "transformer"), ("resnet", "convolutional")]
)
def test_networks_of_hugging_face(name, expected):
    model, inputs, targets = hugging_face.built(name)
    assert kinds_of(model, Batch(inputs, targets)) == (expected,)
