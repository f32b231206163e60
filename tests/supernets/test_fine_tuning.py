"""Fine-tuning: never worse where it is chosen, the same each time, and nothing else is touched."""

import copy
import math

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space
from zcbench.supernets import WeightSharing, fine_tune
from zcbench.supernets.evaluation import measured


def task(samples=96, seed=0):
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(samples, 6, generator=generator)
    return inputs, (inputs[:, 0] + inputs[:, 1] > 0).long() + (inputs[:, 2] > 0.5).long()


def net(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 3)).eval()


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_it_learns_and_keeps_its_word_about_before_and_after():
    network, valid = net(), task(60, seed=9)
    found = fine_tune(network, *task(), steps=80, rate=0.05, valid=valid)
    assert found.before == measured(network, *valid)
    assert found.after == measured(found.network, *valid)
    assert found.after["accuracy"] > found.before["accuracy"] + 0.2
    assert found.step > 0 and not found.network.training and len(found.losses) == 80


def test_it_is_the_best_of_all_looks():
    looks = []
    network, valid = net(), task(60, seed=9)
    for steps in range(5, 31, 5):  # by hand: the same training, its rates included, cut off
        torch.manual_seed(0)
        looks.append(fine_tune(network, *task(), steps=30, rate=0.3, valid=valid, every=steps).after)
    best = fine_tune(network, *task(), steps=30, rate=0.3, valid=valid, every=5).after
    assert (best["accuracy"], -best["nll"]) >= max((one["accuracy"], -one["nll"]) for one in looks)


def test_the_start_is_kept_where_nothing_is_better():
    valid = task(60, seed=9)
    good = fine_tune(net(), *task(), steps=80, rate=0.05, valid=valid).network
    inputs, targets = task()
    found = fine_tune(good, inputs, (targets + 1) % 3, steps=20, rate=0.3, valid=valid)
    assert found.step == 0 and found.after == found.before
    assert same(state(found.network), state(good)) and found.network is not good


def test_nothing_else_is_touched_and_the_same_comes_again():
    network, teacher = net(), net(5)
    network[1].train()
    inputs, targets = task()
    before, taught, modes = state(network), state(teacher), [one.training for one in network.modules()]
    numbers = torch.get_rng_state()
    a, b = (
        fine_tune(network, inputs, targets, steps=12, teacher=teacher.train(), augment=noisy, seed=3).network
        for _ in range(2)
    )
    assert torch.equal(torch.get_rng_state(), numbers)
    assert same(state(network), before) and same(state(teacher), taught)
    assert [one.training for one in network.modules()] == modes and all(p.grad is None for p in network.parameters())
    assert same(state(a), state(b)) and not same(state(a), before)
    c = fine_tune(network, inputs, targets, steps=12, teacher=teacher, augment=noisy, seed=4).network
    assert not same(state(a), state(c))


def noisy(inputs, generator):
    return inputs + 0.1 * torch.randn(inputs.shape, generator=generator)


def test_a_subnet_leaves_its_supernet_as_it_was():
    space = get_space("elastic-mobilenet")
    inputs, targets = torch.randn(16, 1, 8, 8), torch.randint(10, (16,))
    supernet = WeightSharing(space, largest=space.largest, smallest=space.smallest, calibration=[inputs])
    before = state(supernet)
    subnet = supernet.subnet(space.smallest)
    found = fine_tune(subnet, inputs, targets, steps=3, teacher=supernet.subnet(space.largest))
    assert same(state(supernet), before) and not same(state(found.network), state(subnet))
    with pytest.raises(InvalidInputError, match="this is a supernet"):
        fine_tune(supernet, inputs, targets)
    with pytest.raises(InvalidInputError, match="the teacher is a supernet"):
        fine_tune(subnet, inputs, targets, teacher=supernet)


def test_one_step_is_that_of_the_formula():
    """Half cross-entropy with the targets, half with the teacher's probabilities, plain SGD at the first rate."""
    network = nn.Linear(6, 3)
    teacher = nn.Linear(6, 3)
    inputs, targets = task(8)
    found = fine_tune(
        network, inputs, targets, steps=1, rate=0.1, batch=8, momentum=0, decay=0, teacher=teacher
    ).network
    by_hand = copy.deepcopy(network)
    logs = by_hand(inputs).log_softmax(-1)
    loss = (
        -0.5 * logs[torch.arange(8), targets].mean()
        - 0.5 * (teacher(inputs).softmax(-1).detach() * logs).sum(-1).mean()
    )
    loss.backward()
    for mine, its in zip(by_hand.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(its.detach(), (mine - 0.1 * mine.grad).detach())


def test_steps_that_are_not_finite_change_nothing_not_even_statistics():
    network = net()
    inputs, targets = task(32)
    inputs[3] = torch.inf
    found = fine_tune(network, inputs, targets, steps=4, batch=32)  # every batch has it
    assert found.skipped == 4 and all(map(math.isnan, found.losses))
    assert same(state(found.network), state(network)) and found.step == 0
    found = fine_tune(network, inputs, targets, steps=8, batch=8)
    assert found.skipped == 2 and all(one.isfinite().all() for one in found.network.state_dict().values())


def test_a_training_that_ends_at_infinity_gives_the_start():
    network = net()
    with torch.no_grad():
        found = fine_tune(network, *task(), steps=3, rate=1e38, decay=10.0)
    assert found.step == 0 and same(state(found.network), state(network))


def test_statistics_are_of_the_inputs_as_they_are_and_of_the_last_weights():
    inputs, targets = task()
    kept, found = (
        fine_tune(net(), inputs, targets, steps=12, augment=shrunk, calibration=given).network for given in ((), None)
    )
    assert all(torch.equal(a, b) for a, b in zip(kept.parameters(), found.parameters(), strict=True))
    with torch.no_grad():
        first = found[0](inputs)
    torch.testing.assert_close(found[1].running_mean, first.mean(0))
    torch.testing.assert_close(found[1].running_var, first.var(0))
    assert not torch.allclose(kept[1].running_mean, first.mean(0), atol=0.01)
    other = fine_tune(net(), inputs, targets, steps=12, augment=shrunk, calibration=[inputs[:50], inputs[50:60]])
    with torch.no_grad():
        means = [other.network[0](part).mean(0) for part in (inputs[:50], inputs[50:60])]
    torch.testing.assert_close(other.network[1].running_mean, (means[0] + means[1]) / 2)


def test_the_best_is_chosen_with_these_statistics():
    found = fine_tune(net(), *task(), steps=40, rate=0.05, valid=task(60, seed=9), augment=shrunk)
    assert found.step > 0 and found.after == measured(found.network, *task(60, seed=9))
    first = found.network[0](task()[0]).detach()
    torch.testing.assert_close(found.network[1].running_mean, first.mean(0))


def shrunk(inputs, generator):
    return 0.3 * inputs + 1


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net()

    def forward(self, *, values, factor):
        return self.net(values * factor)


def test_inputs_of_any_form_calibrate():
    inputs, targets = task()
    torch.manual_seed(0)
    found = fine_tune(Named().eval(), {"values": inputs, "factor": torch.tensor(2.0)}, targets, steps=3).network.net
    torch.testing.assert_close(found[1].running_mean, found[0](2 * inputs).detach().mean(0))


def test_a_sample_that_is_not_finite_does_not_calibrate():
    inputs, targets = task(32)
    inputs[3] = torch.inf
    found = fine_tune(net(), inputs, targets, steps=8, batch=8)
    assert found.skipped == 2 and found.step == 8
    assert not same(state(found.network), state(net()))


def test_frozen_and_tied_parameters_stay_so():
    network = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 3))
    network[2].weight = network[0].weight
    network[3].requires_grad_(False)
    found = fine_tune(network, *task(), steps=3).network
    assert found[2].weight is found[0].weight and not torch.equal(found[0].weight, network[0].weight)
    assert torch.equal(found[3].weight, network[3].weight)
    with pytest.raises(InvalidInputError, match="no parameter of the network can be trained"):
        fine_tune(network.requires_grad_(False), *task(), steps=3)


class Pair(nn.Linear):
    def forward(self, x):
        return x, super().forward(x)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"targets": task()[1][:-1]}, "96 samples and 95 targets"),
        ({"targets": task()[1].float()}, "give classes"),
        ({"targets": task()[1] + 7}, "targets go up to 9, but the network returns 3 logits"),
        ({"targets": task()[1] - 1}, "a target of training data is -1"),
        ({"steps": 0}, "steps 0: choose at least 1"),
        ({"rate": math.nan}, "rate nan: choose a finite number"),
        ({"rate": -1.0}, "rate"),
        ({"share": 2}, "share 2"),
        ({"seed": -1}, "seed -1"),
        ({"batch": 1}, "a batch of one sample has no statistics"),
        ({"network": 3}, "give a torch.nn.Module"),
        ({"network": Pair(6, 3)}, "must return logits"),
        ({"network": nn.Linear(5, 3)}, "cannot compute the inputs"),
        ({"teacher": nn.Linear(6, 4)}, "give a teacher with the same classes"),
        ({"teacher": 3}, "teacher 3: give a network"),
        ({"valid": task(3)[:1] * 2}, "classes"),
        ({"valid": task(3)[0]}, r"validation data are given as Tensor: give a pair, \(inputs, targets\)"),
        ({"valid": task(3)[:1]}, "validation data are given as tuple: give a pair"),
        ({"momentum": 2}, "momentum 2: choose"),
        ({"augment": lambda inputs, generator: inputs[1:]}, "augment returns"),
        ({"calibration": [task()[0][:1]]}, "two samples or more"),
        ({"calibration": [task()[0] + torch.inf]}, "finite inputs"),
    ],
)  # fmt: skip
def test_bad_input_is_a_sentence(changed, sentence):
    inputs, targets = task()
    given = {"network": net(), "inputs": inputs, "targets": targets, "steps": 2} | changed
    with pytest.raises(InvalidInputError, match=sentence):
        fine_tune(**given)
