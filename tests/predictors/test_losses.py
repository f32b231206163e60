"""Losses against loops over pairs."""

import math

import pytest
import torch

from zcbench.errors import InvalidInputError
from zcbench.predictors._losses import ALPHA, MARGIN, diff_kendall, loss_named, mean_squared_error, pairwise_hinge

PREDICTED = torch.tensor([0.3, -1.0, 0.35, 2.0])
TARGETS = torch.tensor([1.0, 0.0, 0.5, 0.5])


def test_hinge():
    terms = [
        max(0.0, MARGIN - float(PREDICTED[i] - PREDICTED[j]))
        for i in range(4)
        for j in range(4)
        if TARGETS[i] > TARGETS[j]
    ]
    assert float(pairwise_hinge(PREDICTED, TARGETS)) == pytest.approx(sum(terms) / len(terms))


def test_diff_kendall():
    terms = [
        math.tanh(ALPHA * float(PREDICTED[i] - PREDICTED[j])) * math.tanh(ALPHA * float(TARGETS[i] - TARGETS[j]))
        for i in range(4)
        for j in range(i)
    ]
    assert float(diff_kendall(PREDICTED, TARGETS)) == pytest.approx(1 - sum(terms) / len(terms))


def test_diff_kendall_tends_to_one_minus_kendalls_tau():
    from scipy.stats import kendalltau

    targets = torch.tensor([1.0, 0.0, 0.6, 0.4])
    smooth = float(diff_kendall(1000 * PREDICTED, 1000 * targets))
    assert smooth == pytest.approx(1 - kendalltau(PREDICTED, targets).statistic)


@pytest.mark.parametrize("loss", [mean_squared_error, pairwise_hinge, diff_kendall])
def test_a_perfect_order_is_best_and_gradients_flow(loss):
    good = TARGETS.clone()
    bad = -TARGETS
    assert float(loss(good, TARGETS)) < float(loss(bad, TARGETS))
    moved = (-TARGETS).requires_grad_()
    loss(moved, TARGETS).backward()
    assert moved.grad.abs().sum() > 0


def test_one_row_has_no_pairs():
    one = torch.tensor([1.0])
    assert float(pairwise_hinge(one, one)) == 0
    assert math.isfinite(float(diff_kendall(one, one)))


def test_unknown_loss():
    with pytest.raises(InvalidInputError, match="loss='mae': choose one of mse, hinge, diffkendall"):
        loss_named("mae")
