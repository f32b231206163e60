"""The training loop against plain SGD, exact resume, and checkpoints of something else."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.spaces import get_space
from zcbench.supernets import Training, TrainingRule, WeightSharing


def supernet(name="elastic-transformer", seed=0, space=None):
    space = space or get_space(name)
    torch.manual_seed(seed)
    return WeightSharing(space, largest=space.largest, smallest=space.smallest)


def data(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((count, 1, 8, 8), generator=generator), torch.randint(10, (count,), generator=generator)


def training(net=None, samples=None, **more):
    settings = {"steps": 12, "batch": 8, "seed": 3, **more}
    return Training(net or supernet(), *(samples or data()), **settings)


def weights(one):
    return [value.detach().clone() for value in one.supernet.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def run(one, until=None):
    for done in one.run():
        if done == until:
            break
    return one


class Largest(TrainingRule):
    """The largest subnet alone."""

    def step(self, step):
        step.learn(step.supernet.largest)


class Counting(TrainingRule):
    """Every third step the smallest; it remembers how many there were."""

    def __init__(self):
        self.count = 0

    def step(self, step):
        self.count += 1
        step.learn(step.supernet.smallest if self.count % 3 == 0 else step.supernet.space.sample(step.rng))

    def state(self):
        return {"count": self.count}

    def restore(self, state, tensors):
        self.count = state["count"]


def test_the_largest_subnet_learns_as_a_network_that_is_trained_by_itself():
    inputs, targets = data()
    inputs = inputs.double()
    one = training(supernet().double(), (inputs, targets), rule=Largest(), steps=25, batch=16, smoothing=0.1, clip=0.5)
    alone = supernet().double().whole  # the same seed, the same weights
    start = [value.detach().clone() for value in alone.parameters()]
    memory = [torch.zeros_like(value) for value in start]
    for step in range(25):
        order = np.random.default_rng([3, 1, step // 2]).permutation(40)
        rows = torch.as_tensor(order[step % 2 * 16 :][:16])
        loss = F.cross_entropy(alone(inputs[rows]), targets[rows], label_smoothing=0.1)
        gradients = torch.autograd.grad(loss, list(alone.parameters()))
        norm = math.sqrt(sum(float(g.square().sum()) for g in gradients))
        rate = 0.1 * min(1, step + 1) * (1 + math.cos(math.pi * step / 25)) / 2
        with torch.no_grad():
            for value, gradient, velocity in zip(alone.parameters(), gradients, memory, strict=True):
                gradient = gradient * min(1.0, 0.5 / norm) + (1e-4 * value if value.ndim > 1 else 0)
                velocity.mul_(0.9).add_(gradient)
                value.sub_(rate * (gradient + 0.9 * velocity))
    run(one)
    for (name, value), wanted, first in zip(one.supernet.named_parameters(), alone.parameters(), start, strict=True):
        # clip_grad_norm_ adds 1e-6 to the norm
        assert torch.allclose(value, wanted, rtol=1e-4, atol=1e-5)
        # it has moved by far more, but for what adds the same to all logits of a softmax
        assert (first - wanted).abs().max() > 1e-3 or name.endswith("key.bias")
    assert len(one.losses) == one.done == one.learned == 25


def test_same_seed_same_training_and_another_seed_another():
    first = run(training(rule="sandwich:random=1"))
    second, third = run(training(rule="sandwich:random=1")), run(training(rule="sandwich:random=1", seed=4))
    assert same(first, second)
    assert first.losses == second.losses != third.losses
    assert not same(first, third)


def test_random_numbers_of_others_are_left_alone():
    one = training(rule="single_path")
    states = torch.get_rng_state(), np.random.get_state()[1].copy()
    run(one)
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])


def noise(inputs, generator):
    return inputs + 0.1 * torch.randn(inputs.shape, generator=generator)


@pytest.mark.parametrize("rule", ["sandwich:random=1", "single_path:subnets=2", Counting])
@pytest.mark.parametrize(("until", "optimizer"), [(1, "sgd"), (5, "sgd"), (5, "adamw")])
def test_resume_is_exact(tmp_path, rule, until, optimizer):
    def made(**more):
        return training(rule=rule if isinstance(rule, str) else rule(), augment=noise, optimizer=optimizer, **more)

    whole = run(made())
    run(half := made(), until)
    half.save(tmp_path / "a.safetensors")
    again = made(net=supernet(seed=9))
    again.restore(tmp_path / "a.safetensors")
    assert again.done == until
    assert same(half, again)
    run(again)
    assert same(whole, again)
    assert (whole.losses, whole.learned, whole.skipped) == (again.losses, again.learned, again.skipped)


class Tied(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.into, self.drop, self.out = nn.Linear(width, 64), nn.Dropout(0.3), nn.Linear(width, 64)
        self.out.weight = self.into.weight
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        x = self.drop(F.linear(x.flatten(1), self.into.weight.T))
        return self.last(self.out(x))


def test_tied_weights_and_dropout_resume_exactly(tmp_path):
    space = get_space("elastic-transformer")

    def made(seed):
        torch.manual_seed(seed)
        net = WeightSharing(
            space, lambda one: Tied(space.parts(one)[0]), largest=space.largest, smallest=space.smallest
        )
        return training(net, rule="single_path")

    whole = run(made(0))
    run(half := made(0), 5)
    half.save(tmp_path / "a.safetensors")
    again = made(1)
    again.restore(tmp_path / "a.safetensors")
    assert again.supernet.whole.out.weight is again.supernet.whole.into.weight
    assert same(whole, run(again))


def test_steps_whose_gradient_is_not_finite_change_nothing():
    inputs, targets = data()
    inputs[7] = float("inf")
    one = training(samples=(inputs, targets), rule=Largest(), batch=20, steps=4)
    states = []
    for _ in one.run():
        states.append(weights(one))
    assert one.skipped == 2
    assert len(one.losses) == 4
    assert all(torch.isfinite(value).all() for value in states[-1])


def test_checkpoints_of_something_else_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    run(one := training(rule="single_path"), 3)
    one.save(path)
    for other, said in (
        (training(rule="single_path", steps=13), "steps differ"),
        (training(rule="single_path", seed=4), "seed differ"),
        (training(rule="sandwich"), "rule differ"),
        (training(rule="single_path:subnets=2"), "rule differ"),
        (training(supernet("elastic-mobilenet"), rule="single_path"), "space, weights differ"),
        (training(samples=data(41), rule="single_path"), "samples"),
        (training(samples=data(seed=1), rule="single_path"), "samples"),
    ):
        before = weights(other)
        with pytest.raises(InvalidInputError, match=said):
            other.restore(path)
        assert all(torch.equal(a, b) for a, b in zip(before, weights(other), strict=True))
        assert other.done == 0
    whole = path.read_bytes()
    for bad in (b"", b"nonsense", whole[:-40], whole[: len(whole) // 2], json.dumps({"a": 1}).encode()):
        path.write_bytes(bad)
        with pytest.raises(InvalidInputError, match="no checkpoint"):
            training(rule="single_path").restore(path)
    with pytest.raises(InvalidInputError, match="no checkpoint"):
        training(rule="single_path").restore(tmp_path / "absent")


def test_what_cannot_be_trained():
    inputs, targets = data()
    for wrong in (
        {"samples": (inputs, targets[:-1])},
        {"samples": (inputs[:0], targets[:0])},
        {"steps": 0},
        {"steps": 1.5},
        {"batch": 0},
        {"batch": True},
        {"rate": 0.0},
        {"rate": math.nan},
    ):
        with pytest.raises(InvalidInputError):
            training(**wrong)
    with pytest.raises(UnknownNameError, match="did you mean 'sandwich'"):
        training(rule="sandwitch")


def test_small_sets_are_one_batch():
    one = run(training(samples=data(5), rule=Largest(), steps=3))
    assert one.done == 3
