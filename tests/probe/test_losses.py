"""The loss by the type of targets."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe, default_loss
from zcbench.probe.losses import sample_losses
from zcbench.types import Batch


def test_default_loss_by_type_of_targets():
    model, x = nn.Linear(3, 2), torch.randn(5, 3)
    labels, real = torch.tensor([0, 1, 1, 0, -100]), torch.randn(5, 2)
    with Probe(model, Batch(x, labels)) as probe:
        torch.testing.assert_close(probe.loss, F.cross_entropy(model(x)[:4], labels[:4]))
    with Probe(model, Batch(x, real)) as probe:
        torch.testing.assert_close(probe.loss, ((model(x) - real) ** 2).mean())


def test_default_loss_with_classes_in_the_second_dimension():
    outputs, classes = torch.randn(2, 5, 3, 4), torch.randint(5, (2, 3, 4))
    torch.testing.assert_close(default_loss(outputs, classes), F.cross_entropy(outputs, classes))
    last = outputs.movedim(1, -1)
    torch.testing.assert_close(default_loss(last, classes), F.cross_entropy(outputs, classes))
    with pytest.raises(UnsupportedModelError, match="second dimension or the last"):
        default_loss(torch.randn(2, 5, 5, 5), torch.randint(5, (2, 5, 5)))


def test_default_loss_of_probabilities():
    outputs, soft = torch.randn(6, 5), torch.randn(6, 5).softmax(1)
    by_hand = -(soft * outputs.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(default_loss(outputs, soft), by_hand)
    for other in (soft + 0.01, soft - 0.2, soft * 2):
        torch.testing.assert_close(default_loss(outputs, other), ((outputs - other) ** 2).mean())


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (torch.tensor([0, 2]), "class 2 is out of range: the network has 2 outputs"),
        (torch.zeros(2, 2, dtype=torch.long), "do not fit outputs"),
        (torch.zeros(2, 3), "do not fit outputs"),
    ],
)
def test_targets_that_do_not_fit(targets, message):
    with Probe(nn.Linear(3, 2), Batch(torch.randn(2, 3), targets)) as probe:
        with pytest.raises(UnsupportedModelError, match=message):
            _ = probe.loss


@pytest.mark.parametrize("case", ["classes", "second", "sequences", "ignored", "probabilities", "real"])
def test_losses_of_samples_are_those_of_batches_of_one(case):
    torch.manual_seed(0)
    outputs, targets = torch.randn(6, 5), torch.arange(6) % 5
    if case == "second":
        outputs, targets = torch.randn(6, 5, 3), torch.randint(5, (6, 3))
    elif case in ("sequences", "ignored"):
        outputs, targets = torch.randn(6, 4, 5), torch.randint(5, (6, 4))
        targets[:, 1:2] = -100 if case == "ignored" else 0
    elif case == "probabilities":
        targets = torch.rand(6, 5).softmax(1)
    elif case == "real":
        targets = torch.randn(6, 5)
    expected = [default_loss(outputs[i : i + 1], targets[i : i + 1]) for i in range(6)]
    torch.testing.assert_close(sample_losses(outputs, targets), torch.stack(expected))


def test_losses_of_single_numbers():
    outputs, targets = torch.randn(6), torch.randn(6)
    torch.testing.assert_close(sample_losses(outputs, targets), (outputs - targets).square())
