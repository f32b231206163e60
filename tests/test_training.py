"""Weights drawn anew, and training before the score."""

import copy

import pytest
import torch
from networks import Dead, convnet, images, mlp
from torch import nn
from torch.nn import functional as F

from zcbench._training import Recipe, _cuts, _rows, reinitialize, train
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.types import Batch


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def equal(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("recipe", [Recipe(), Recipe("adamw", 1e-3, 0.01, 3)])
def test_training_is_the_plain_loop(recipe):
    model, (inputs, targets) = convnet(), images(batch=12)
    plain = copy.deepcopy(model)
    steps = train(model, Batch(inputs, targets), epochs=2, steps=3, recipe=recipe, seed=5)
    generator, left = torch.Generator().manual_seed(5), steps
    optimizer = recipe.build(list(plain.parameters()))
    plain.train()
    while left:
        order = torch.randperm(12, generator=generator)
        for rows in order.tensor_split(max(1, round(12 / recipe.batch_size))):
            if left:
                optimizer.zero_grad()
                F.cross_entropy(plain(inputs[rows]), targets[rows]).backward()
                optimizer.step()
                left -= 1
    assert steps == (2 + 3 if recipe.batch_size > 12 else 2 * 4 + 3)
    for trained, expected in zip(weights(model), weights(plain), strict=True):
        torch.testing.assert_close(trained, expected)
    assert all(p.grad is None for p in model.parameters())


def test_loss_falls():
    model, (inputs, targets) = convnet(), images(batch=16)
    before = F.cross_entropy(model(inputs), targets)
    train(model, Batch(inputs, targets), steps=30)
    assert F.cross_entropy(model(inputs), targets) < 0.5 * before


def test_every_epoch_takes_every_sample_once():
    rows = _rows(10, 4, torch.Generator().manual_seed(0))
    epochs = [sorted(torch.cat([next(rows) for _ in _cuts(10, 4)]).tolist()) for _ in range(3)]
    assert epochs == [list(range(10))] * 3


@pytest.mark.parametrize(("samples", "size"), [(1, 64), (64, 64), (65, 64), (100, 64), (500, 64), (129, 64), (7, 2)])
def test_no_batch_is_a_crumb(samples, size):
    cuts = _cuts(samples, size)
    sizes = [cut.stop - cut.start for cut in cuts]
    assert sum(sizes) == samples
    assert [cut.start for cut in cuts] == [sum(sizes[:i]) for i in range(len(sizes))]
    assert min(sizes) >= min(samples, size) / 2
    assert max(sizes) <= 1.5 * size


def test_training_that_cannot_be():
    inputs, targets = images()
    with pytest.raises(UnsupportedModelError, match="needs targets"):
        train(convnet(), Batch(inputs), steps=1)
    with pytest.raises(UnsupportedModelError, match="no trainable parameter"):
        train(convnet().requires_grad_(False), Batch(inputs, targets), steps=1)
    with pytest.raises(InvalidInputError, match="choose 'sgd' or 'adamw'"):
        train(convnet(), Batch(inputs, targets), steps=1, recipe=Recipe("adam"))
    with pytest.raises(FloatingPointError, match=r"the loss is (nan|inf) at step \d+ of training"):
        train(mlp(), Batch(torch.randn(8, 4), targets % 3), steps=99, recipe=Recipe(learning_rate=1e30))


def test_a_network_that_does_not_depend_on_its_input_can_be_trained():
    model, (inputs, targets) = Dead(), images()
    before = weights(model.conv)
    assert train(model, Batch(inputs, targets), steps=4) == 4
    assert equal(weights(model.conv), before)


def test_reinitialize_is_the_networks_own_and_follows_the_seed():
    model = convnet()
    drawn = []
    for seed in (1, 2, 1):
        model[1].running_mean.fill_(7)
        reinitialize(model, seed)
        assert not model[1].running_mean.any()
        drawn.append(weights(model))
    assert equal(drawn[0], drawn[2])
    assert not equal(drawn[0], drawn[1])
    bound = (3 * 9) ** -0.5  # PyTorch's default for the first convolution
    assert drawn[0][0].abs().max() <= bound
    assert drawn[0][0].abs().max() > 0.8 * bound


def test_reinitialize_needs_to_know_how():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

    with pytest.raises(UnsupportedModelError, match=r"Own has weights and no reset_parameters\(\)"):
        reinitialize(nn.Sequential(nn.Linear(3, 3), Own()), 0)


def test_reinitialize_asks_hugging_face_models():
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=8, patch_size=4
    )
    model = transformers.ViTForImageClassification(config)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    reinitialize(model, 3)
    after = {name: p.detach().clone() for name, p in model.named_parameters()}
    reinitialize(model, 3)
    assert all(torch.equal(after[name], p) for name, p in model.named_parameters())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name for name in before if before[name].dim() > 1 and before[name].std() > 0} <= changed
    assert after["classifier.weight"].std() < 0.03  # initializer_range, not PyTorch's default
