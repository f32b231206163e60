"""The tangent kernel between classes, beside the whole Jacobian."""

import pytest
import torch
from networks import convnet, images

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_means_over_pairs_of_classes():
    model, (inputs, _) = convnet(), images()
    labels = torch.tensor([0, 1, 3, 0, 1, 1, 3, 0])
    with Probe(model, Batch(inputs, labels)) as probe:
        found = probe.class_kernel
    sums = model.train()(inputs).sum(1)
    rows = [torch.autograd.grad(one, list(model.parameters()), retain_graph=True) for one in sums]
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double()
    kernel = jacobian @ jacobian.T
    expected = [[float(kernel[labels == a][:, labels == b].mean()) for b in (0, 1, 3)] for a in (0, 1, 3)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-4, atol=1e-6)


def test_it_needs_one_class_per_sample():
    inputs, _ = images()
    with Probe(convnet(), Batch(inputs, torch.randn(8, 5))) as probe:
        with pytest.raises(UnsupportedModelError, match="one class per sample"):
            _ = probe.class_kernel
