"""The loss."""

import pytest
import torch
from networks import convnet, images
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_cross_entropy_unless_another_is_given():
    model, (inputs, labels) = convnet(), images()
    model.train()
    with Probe(model, Batch(inputs, labels)) as probe:
        torch.testing.assert_close(probe.loss, F.cross_entropy(model(inputs), labels))
    with Probe(model, Batch(inputs, labels), loss_fn=F.multi_margin_loss) as probe:
        torch.testing.assert_close(probe.loss, F.multi_margin_loss(model(inputs), labels))


def test_a_loss_is_one_number():
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels), loss_fn=lambda output, target: output) as probe:
        with pytest.raises(UnsupportedModelError, match="one number"):
            _ = probe.loss
    with Probe(convnet(), Batch(inputs)) as probe, pytest.raises(UnsupportedModelError, match="needs targets"):
        _ = probe.loss
