"""The training loop against plain SGD, exact resume, and checkpoints of something else."""

import functools
import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.spaces import get_space
from zcbench.supernets import Training, TrainingRule, WeightSharing, shifted


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


class Normed(nn.Module):
    """Batch norm and dropout; tied weights."""

    def __init__(self, width):
        super().__init__()
        self.into, self.norm, self.out = nn.Linear(64, width), nn.BatchNorm1d(width), nn.Linear(64, width, bias=False)
        self.out.weight = self.into.weight
        self.last = nn.Linear(width, 10)

    def forward(self, x):
        x = torch.dropout(self.norm(self.into(x.flatten(1))).relu(), 0.2, self.training)
        return self.last(x) + self.last(self.out(torch.ones(64)))


@pytest.mark.parametrize("rule", ["single_path", "sandwich", "delayed", "progressive:subnets=1"])
def test_what_is_done_between_steps_changes_no_training(rule, tmp_path):
    """Evaluations, other subnets, modes, checkpoints, random numbers."""
    space = get_space("elastic-transformer")
    inputs, targets = data()

    def made():
        torch.manual_seed(0)
        net = WeightSharing(
            space, lambda one: Normed(space.parts(one)[0]), largest=space.largest, smallest=space.smallest,
            calibration=[inputs[:20]], held_out=(inputs, targets),
        )  # fmt: skip
        return training(net, rule=rule, steps=10, batch=16)

    plain, disturbed, again = run(made()), made(), made()
    for done in disturbed.run():
        net = disturbed.supernet.eval()
        net.activate((net.smallest, net.largest)[done % 2])
        net(inputs).sum().backward()
        net.evaluate(net.largest)
        for one in (net.largest, net.smallest):
            net.subnet(one).train()(inputs)
        torch.manual_seed(done)
        disturbed.save(tmp_path / "a.safetensors")
        if done == 6:
            again.supernet.eval()(inputs)
            again.restore(tmp_path / "a.safetensors")
    assert same(plain, disturbed) and same(plain, run(again))


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
        with pytest.raises(InvalidInputError, match="not a checkpoint"):
            training(rule="single_path").restore(path)
    with pytest.raises(InvalidInputError, match=r"not a checkpoint of a supernet's training \(No such file"):
        training(rule="single_path").restore(tmp_path / "absent")


def test_a_damaged_checkpoint_is_never_taken(tmp_path):
    path = str(tmp_path / "a.safetensors")  # a text, as the README has it
    run(one := training(rule="single_path"), 3)
    one.save(path)
    other = training(rule="single_path")
    before, whole, random = weights(other), (tmp_path / "a.safetensors").read_bytes(), np.random.default_rng(0)
    for _ in range(200):
        content = bytearray(whole)
        where = int(random.integers(len(content))) if random.integers(2) else int(random.integers(3000))
        kind = int(random.integers(4))
        if kind == 0:
            content[where] ^= 1 << int(random.integers(8))
        elif kind == 1:
            del content[where:]
        elif kind == 2:
            content[where : where + 4] = bytes(random.integers(256, size=4, dtype=np.uint8))
        else:
            del content[where : where + int(random.integers(1, 9))]
        if content == whole:
            continue
        (tmp_path / "a.safetensors").write_bytes(content)
        with pytest.raises(InvalidInputError, match="not a checkpoint of a supernet's training"):
            other.restore(path)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(other), strict=True)) and other.done == 0
    (tmp_path / "a.safetensors").write_bytes(whole)
    other.restore(path)
    assert same(run(one), run(other))


def shifted_by(inputs, generator, by):
    return inputs + by


def test_a_checkpoint_of_another_augmentation_or_precision_is_refused(tmp_path):
    run(one := training(rule="single_path", augment=functools.partial(shifted_by, by=1)), 1)
    one.save(tmp_path / "a.safetensors")
    training(rule="single_path", augment=functools.partial(shifted_by, by=1)).restore(tmp_path / "a.safetensors")
    for more in (
        {},
        {"augment": functools.partial(shifted_by, by=2)},
        {"augment": shifted},
        {"augment": nn.Identity()},
    ):
        with pytest.raises(InvalidInputError, match="augment differ"):
            training(rule="single_path", **more).restore(tmp_path / "a.safetensors")
    double = training(supernet().double(), rule="single_path", augment=one.augment)
    with pytest.raises(InvalidInputError, match=r"\(weights differ\)"):
        double.restore(tmp_path / "a.safetensors")


def test_a_training_without_finite_gradients_ends():
    inputs, targets = data()
    one = training(samples=(inputs * math.nan, targets), rule=Largest(), steps=5)
    with pytest.raises(InvalidInputError, match="the last 5 steps had no finite gradient and changed nothing"):
        run(one)
    assert one.skipped == one.done == 5
    net = supernet()
    net.requires_grad_(False)
    with pytest.raises(InvalidInputError, match="no parameter of the supernet can be trained"):
        training(net)


def test_settings_may_be_numbers_of_numpy(tmp_path):
    """A checkpoint, which is written hours later, takes them."""
    one = training(
        steps=np.int64(2), rate=np.float32(0.1), clip=np.float32(5), smoothing=np.float64(0), seed=np.int64(3)
    )
    run(one, 1).save(tmp_path / "a.safetensors")
    again = training(steps=2, rate=float(np.float32(0.1)))
    again.restore(tmp_path / "a.safetensors")
    assert same(run(one), run(again))


def test_a_rule_by_which_nothing_learns_is_refused():
    class Idle(TrainingRule):
        def step(self, step):
            pass

    with pytest.raises(InvalidInputError, match="the rule trained no subnet in step 0"):
        run(training(rule=Idle()))


def test_a_step_that_raised_leaves_no_gradient():
    """What the user sends on after an interruption is what an undisturbed training computes."""

    class Interrupted(Largest):
        def step(self, step):
            super().step(step)
            if step.number == 2 and broken:
                raise KeyboardInterrupt

    broken = [True]
    one = training(rule=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        run(one)
    broken.clear()
    assert same(run(one), run(training(rule=Largest())))


def test_what_augment_makes_is_checked():
    for augment, said in (
        (lambda inputs, generator: inputs[:2], "augment returns 2 samples for 8"),
        (3, "augment is 3: give a function"),
        (lambda inputs, generator: None, "augmented inputs are given as NoneType"),
        (lambda inputs, generator: inputs.numpy(), "for example with torch.as_tensor"),
    ):
        with pytest.raises(InvalidInputError, match=said):
            run(training(augment=augment))


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
        {"momentum": 2},
        {"momentum": math.nan},
        {"decay": -1e-4},
        {"smoothing": 2},
        {"smoothing": -0.1},
        {"clip": math.nan},
        {"clip": 0},
        {"clip": "a"},
        {"rule": 3},
        {"seed": -1},
        {"samples": (inputs.numpy(), targets)},
        {"samples": (inputs, targets.tolist())},
        {"samples": (inputs, targets.float())},
        {"samples": (inputs, targets - 5)},
        {"net": get_space("elastic-transformer")},
    ):
        with pytest.raises(InvalidInputError):
            training(**wrong)
    with pytest.raises(InvalidInputError, match="but the network returns 10 logits: give classes from 0 to 9"):
        run(training(samples=(inputs, targets + 20)))
    with pytest.raises(UnknownNameError, match="did you mean 'sandwich'"):
        training(rule="sandwitch")


def test_small_sets_are_one_batch():
    one = run(training(samples=data(5), rule=Largest(), steps=3))
    assert one.done == 3
