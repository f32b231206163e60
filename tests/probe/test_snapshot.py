"""Whatever happens inside, the network and the world come out as they went in."""

import random

import numpy as np
import pytest
import torch
from as_found import same, state
from networks import convnet, images
from torch import nn
from toys import registry_as_it_was

import zcbench
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


class Remembers(nn.Module):
    """Keeps tensors in lists and generators of its own, and changes all of them whenever it runs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b, self.plain = nn.Linear(6, 9), nn.Linear(9, 4), torch.zeros(9)
        self.kept = {"sums": [torch.zeros(9)], "steps": 0}
        self.torch, self.python = torch.Generator().manual_seed(3), random.Random(3)
        self.numpy = [np.random.default_rng(3), np.random.RandomState(3)]

    def forward(self, x):
        h = torch.relu(self.a(x))
        noise = torch.randn(9, generator=self.torch) + self.python.random()
        noise = noise + self.numpy[0].random() + self.numpy[1].rand()
        self.plain += h.detach().mean(0)
        self.kept["sums"][0].add_(noise)
        self.kept["steps"] += 1
        return self.b(h + 0.1 * noise + self.plain + self.kept["sums"][0])


def drawn(model):
    return model.python.random(), float(model.numpy[0].random()), float(model.numpy[1].rand()), float(model.plain.sum())


def test_tensors_in_containers_and_generators_of_ones_own():
    model, x, y = Remembers(), torch.randn(8, 6, generator=torch.Generator().manual_seed(1)), torch.arange(8) % 4
    names = ["snip", "gradsign", "naswot", "jacov", "ntk_trace", "zico"]
    first = zcbench.score(model, x, y, names)
    assert model.kept["sums"][0].abs().sum() == 0
    assert torch.equal(model.torch.get_state(), torch.Generator().manual_seed(3).get_state())
    assert drawn(model) == drawn(Remembers())
    again = zcbench.score(Remembers(), x, y, names)
    alone = {name: zcbench.score(Remembers(), x, y, [name])[name] for name in names}
    for name in names:
        assert first[name].value == again[name].value == alone[name].value, name
        assert "changed" not in first[name].detail


def test_generators_that_a_proxy_uses_are_put_back_and_named():
    model = Remembers()
    with registry_as_it_was():
        zcbench.register_proxy("t-draws", cost="static")(lambda probe: probe.model.python.random())
        score = zcbench.score(model, torch.randn(8, 6), None, ["t-draws"])["t-draws"]
    assert "random states (python)" in score.detail
    assert drawn(model) == drawn(Remembers())
