"""jacov and epe_nas against loops over pairs of samples."""

import math

import numpy as np
import pytest
import torch
from by_hand import value
from networks import Dead, convnet, images
from torch import nn

import zcbench


@pytest.mark.parametrize("many", [100, 3])
def test_epe_nas(many):
    model, (x, _) = convnet(), images(batch=10)
    y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 0, 4])  # class 4 once, class 3 never
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()
    rows = leaf.grad.flatten(1).double().numpy()
    scores = []
    for label in (0, 1, 2, 4):
        members = [rows[i] for i in range(10) if y[i] == label]
        terms = [math.log(abs(_correlation(a, b)) + 1e-5) for a in members for b in members]
        scores.append(sum(terms) if many == 100 else sum(terms) / len(terms))
    if many == 100:
        expected = sum(abs(s) for s in scores)
    else:
        expected = sum(abs(a - b) for a in scores for b in scores) / len(scores)
    assert value(f"epe_nas:many={many}", convnet(), x, y) == pytest.approx(expected, rel=1e-3)


def _correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a @ b) / math.sqrt((a @ a) * (b @ b)))


def jacov_by_loops(model: nn.Module, inputs: torch.Tensor) -> float:
    """The paper's score with numpy's correlation and a general eigenvalue solver."""
    model.train()
    x = inputs.clone().requires_grad_()
    model(x).backward(torch.ones(len(x), model(x).shape[1]))
    rows = x.grad.flatten(1).double().numpy()
    n = len(rows)
    correlation = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            a, b = rows[i] - rows[i].mean(), rows[j] - rows[j].mean()
            correlation[i, j] = (a @ b) / math.sqrt((a @ a) * (b @ b))
    eigenvalues = np.linalg.eigvals(correlation).real
    return -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in eigenvalues)


def test_jacov(cell_and_images):
    for model, inputs in ((convnet(), images()[0]), cell_and_images[:2]):
        assert value("jacov", model, inputs) == pytest.approx(jacov_by_loops(model, inputs), rel=1e-4)


def test_jacov_at_its_ends():
    best = value("jacov", Diagonal(), torch.ones(6, 60))
    assert best == pytest.approx(-6, abs=0.1)  # the correlation is nearly the identity: six times 0 + 1
    same = zcbench.score(nn.Linear(6, 2), torch.randn(6, 6), proxies=["jacov"])["jacov"]
    assert float(same) == pytest.approx(-5e5, rel=0.02)  # equal rows: five eigenvalues are zero


class Diagonal(nn.Module):
    """Output i depends on feature i of sample i alone: its input gradient is a unit vector."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.eye(*x.shape)


def test_jacov_needs_two_samples_and_gradients():
    one = zcbench.score(convnet(), images(batch=1)[0], proxies=["jacov"])["jacov"]
    assert (one.status, one.value) == ("unsupported", None)
    dead = zcbench.score(Dead(), images()[0], proxies=["jacov"])["jacov"]
    assert (dead.status, dead.value) == ("non-finite", None)
