"""Gradients of the sum of all outputs."""

import pytest
import torch
from networks import convnet, images

from zcbench.probe import Probe
from zcbench.types import Batch


@pytest.mark.parametrize("wanted", [(), ("input_gradients", "output_gradients")], ids=["alone", "with the inputs'"])
def test_no_labels_are_needed(wanted):
    model, (inputs, _) = convnet(), images()
    with Probe(model, Batch(inputs), wanted=frozenset(wanted)) as probe:
        found, of_inputs = probe.output_gradients, probe.input_gradients
    x = inputs.clone().requires_grad_()
    model.train()(x).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)
    torch.testing.assert_close(of_inputs, x.grad.flatten(1))
