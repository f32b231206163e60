"""Whatever happens inside, the network and the world come out as they went in."""

import random

import numpy as np
import pytest
import torch
from as_found import same, state
from networks import convnet, images
from torch import nn

from zcbench.probe._snapshot import Snapshot, untouched


def vandalise(model: nn.Sequential) -> None:
    inputs, labels = images()
    model.train()
    nn.functional.cross_entropy(model(inputs), labels).backward()  # gradients, running statistics
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    model[0].weight = nn.Parameter(torch.zeros(2, 2))
    model[0].register_buffer("extra", torch.ones(3))
    model[0].forward = lambda x: x
    model[1].running_mean.data = torch.zeros(1)
    model[1].momentum = 0.9
    model[2] = nn.Identity()
    model.register_forward_hook(lambda *_: None)
    model[3].register_full_backward_hook(lambda *_: None)
    model[-1].requires_grad_(False)
    model.add_module("tail", nn.ReLU())
    model.eval()


@pytest.mark.parametrize("fails", [False, True])
def test_network_comes_back(fails):
    model = convnet()
    model[1].eval()
    model[0].bias.grad = torch.ones(6)
    model.register_forward_hook(lambda *_: None)
    before, children = state(model), list(model.children())
    try:
        with untouched(model):
            vandalise(model)
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert same(before, state(model))
    assert list(model.children()) == children
    assert "tail" not in dict(model.named_children())


def test_caller_gradients_are_not_accumulated_into():
    model = convnet()
    gradient = torch.ones(6)
    model[0].bias.grad = gradient
    with untouched(model):
        model(images()[0]).sum().backward()
    assert model[0].bias.grad is gradient
    assert torch.equal(gradient, torch.ones(6))


def test_world_comes_back():
    def world() -> list[object]:
        cudnn = torch.backends.cudnn
        return [
            torch.get_rng_state(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            torch.are_deterministic_algorithms_enabled(),
            torch.get_float32_matmul_precision(),
            torch.get_num_threads(),
            (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        ]

    model = convnet()
    before = world()
    with untouched(model):
        torch.manual_seed(9)
        random.seed(9)
        np.random.seed(9)
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.use_deterministic_algorithms(True)
        torch.set_float32_matmul_precision("medium")
        torch.set_num_threads(2)
        torch.backends.cudnn.benchmark = not torch.backends.cudnn.benchmark
        torch.backends.cudnn.deterministic = not torch.backends.cudnn.deterministic
    assert same(before, world())


def test_random_numbers_go_on_as_if_nothing_happened():
    model = convnet()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with untouched(model):
        torch.manual_seed(6)
        torch.rand(10)
    assert torch.equal(torch.rand(3), expected)


def test_recurrent_layers_of_an_accelerator_keep_what_gradients_need():
    """cuDNN's do in training mode alone; without dropout that computes what evaluation does."""

    class Own(nn.LSTM):
        def forward(self, x):
            return super().forward(x)

    model = nn.ModuleDict({"torch": nn.LSTM(3, 4, 2, dropout=0.5), "own": Own(3, 4), "head": nn.Dropout(0.5)})
    for accelerated in (False, True):
        snapshot = Snapshot(model)
        assert not snapshot._accelerated
        snapshot._accelerated = accelerated
        snapshot.freeze(model, batch_norm=False)
        assert (model["torch"].training, model["torch"].dropout) == (accelerated, 0.0 if accelerated else 0.5)
        assert not model["own"].training
        assert not model["head"].training
        snapshot.restore_structure()
        assert (model["torch"].training, model["torch"].dropout) == (True, 0.5)
        assert snapshot.is_untouched()
