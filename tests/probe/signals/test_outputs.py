"""The output of the network."""

import torch
from networks import convnet, images

from zcbench.probe import Probe
from zcbench.types import Batch


def test_batch_norm_uses_the_batch_and_the_graph_is_attached():
    model, (inputs, _) = convnet(), images()
    with Probe(model, Batch(inputs)) as probe:
        found = probe.outputs
    assert found.grad_fn is not None
    torch.testing.assert_close(found, model.train()(inputs))
