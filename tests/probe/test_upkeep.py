"""What was given stays as it was."""

import pytest
import torch
from as_found import same, state
from networks import convnet, images, zoo
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


@pytest.mark.parametrize("name", zoo())
def test_network_as_found_after_all_signals(name):
    model, inputs, labels = zoo()[name]
    before, rng = state(model), torch.get_rng_state()
    with Probe(model, Batch(inputs, labels)) as probe:
        for key in ("gradients", "input_gradients", "relu_codes"):
            try:
                getattr(probe, key)
            except UnsupportedModelError:
                continue
        probe.each_sample_gradient(lambda name, gradients: None)
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())


def halve(probe):
    with torch.no_grad():
        for parameter in probe.model.parameters():
            parameter.mul_(0.5)


def hook(probe):
    probe.model[0].register_forward_hook(lambda module, args, output: output * 2)


def zero_inputs(probe):
    probe.batch.inputs.zero_()


def other_seed(probe):
    probe.seed = 5


@pytest.mark.parametrize("change", [halve, hook, zero_inputs, other_seed])
@pytest.mark.parametrize("key", ["gradients", "input_gradients", "outputs"])
def test_signals_are_of_what_was_given(change, key):
    with Probe(convnet(), Batch(*images())) as probe:
        expected = getattr(probe, key)
    for early in (False, True):
        with Probe(convnet(), Batch(*images())) as probe:
            if early:
                _ = probe.outputs
            change(probe)
            before = state(probe.model)
            found = getattr(probe, key)
            assert same(before, state(probe.model))  # the proxy finds its changes again
            assert probe.put_back()
        assert same(expected, found) if key == "gradients" else torch.equal(expected, found)


def test_passes_of_ones_own_see_what_was_changed():
    inputs, labels = images()
    with Probe(convnet(), Batch(inputs, labels)) as probe:
        given = probe.outputs.detach()
        halve(probe)
        with probe.forward_pass("eval"), torch.no_grad():
            own = probe.call(inputs)
        with probe.forward_pass("eval"), torch.no_grad():
            assert torch.equal(own, probe.call(inputs))  # the weights stay exchanged from pass to pass
    assert not torch.allclose(own, given)


def test_own_signals_see_no_changes_and_the_same_random_numbers():
    values = []
    for change in (lambda probe: None, halve, lambda probe: torch.rand(3)):
        with Probe(convnet(), Batch(*images())) as probe:
            change(probe)
            values.append(
                probe.once("mine", lambda p=probe: p.model[0].weight.detach().sum().item() + torch.rand(1).item())
            )
    assert values[0] == values[1] == values[2]


def test_signals_measured_before_a_change_are_measured_again_after_it():
    with Probe(convnet(), Batch(*images())) as probe:
        first = probe.gradients
        assert probe.put_back() == {}
        assert probe.gradients is first
        halve(probe)
        assert list(probe.put_back()) == ["weights"]
        assert probe.gradients is not first
        assert same(probe.gradients, first)
        assert probe.put_back() == {}


def test_weights_that_were_written_to_and_put_back_void_the_graph():
    with Probe(convnet(), Batch(*images())) as probe:
        expected = probe.outputs.detach().clone()
        with torch.no_grad():
            for parameter in probe.model.parameters():
                parameter.mul_(2).div_(2)
        assert probe.put_back() == {}
        assert torch.equal(probe.outputs, expected)
        assert all(gradient.isfinite().all() for gradient in probe.gradients.values())


def test_network_as_found_after_a_network_that_raises():
    class Fails(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x):
            self.norm(x)
            self.visited = True
            raise RuntimeError("no")

    model = Fails()
    before = state(model)
    with pytest.raises(RuntimeError), Probe(model, Batch(torch.randn(3, 4))) as probe:
        _ = probe.outputs
    assert same(before, state(model))
