"""Batch-norm statistics against plain means, and what calibration leaves alone."""

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.supernets import calibrate
from zcbench.supernets.calibration import batch_norms


def some(shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 3 + 1


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.9), nn.Flatten(), nn.Linear(12, 2), nn.BatchNorm1d(2)
    )


def test_statistics_are_means_over_batches_of_their_mean_and_unbiased_variance():
    net, batches = network(), [some((5, 2, 2, 2)), some((3, 2, 2, 2), 1)]
    calibrate(net.double(), [batch.double() for batch in batches])
    firsts, lasts = [], []
    for batch in batches:  # each norm sees what the one before made of the same batch's statistics; dropout is off
        x = net[0](batch.double())
        firsts.append((x.mean((0, 2, 3)), x.transpose(0, 1).flatten(1).var(1, correction=1)))
        scale = (x.var((0, 2, 3), correction=0, keepdim=True) + net[1].eps).sqrt()
        x = net[4](((x - x.mean((0, 2, 3), keepdim=True)) / scale).flatten(1))
        lasts.append((x.mean(0), x.var(0, correction=1)))
    for norm, seen in ((net[1], firsts), (net[5], lasts)):
        assert torch.allclose(norm.running_mean, (seen[0][0] + seen[1][0]) / 2, atol=1e-12)
        assert torch.allclose(norm.running_var, (seen[0][1] + seen[1][1]) / 2, atol=1e-12)
        assert norm.num_batches_tracked == 2


def test_earlier_statistics_leave_no_trace():
    a, b = network(), network()
    with torch.no_grad():
        for norm in batch_norms(b):
            norm.running_mean.fill_(50.0)
            norm.num_batches_tracked.fill_(99)
    for one in (a, b):
        calibrate(one, [some((4, 2, 2, 2))])
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    calibrate(b, [some((4, 2, 2, 2))])
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_all_but_the_statistics_stays():
    net = network()
    net[1].momentum, net[5].momentum = 0.3, None
    net.train()
    net[2].eval()
    net(some((4, 2, 2, 2))).sum().backward()
    modes, weights = [m.training for m in net.modules()], [p.clone() for p in net.parameters()]
    gradients, random = [p.grad.clone() for p in net.parameters()], torch.get_rng_state()
    assert calibrate(net, iter([some((4, 2, 2, 2))])) is net
    assert modes == [m.training for m in net.modules()]
    assert (net[1].momentum, net[5].momentum) == (0.3, None)
    assert all(torch.equal(a, b) for a, b in zip(weights, net.parameters(), strict=True))
    assert all(torch.equal(a, b.grad) for a, b in zip(gradients, net.parameters(), strict=True))
    assert torch.equal(random, torch.get_rng_state())


def test_networks_without_statistics_need_no_batch():
    for net in (nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)):
        assert calibrate(net, []) is net


def fails(net, batches):
    modes, momenta = [m.training for m in net.modules()], [m.momentum for m in batch_norms(net)]
    try:
        calibrate(net, batches)
    finally:
        assert modes == [m.training for m in net.modules()]
        assert momenta == [m.momentum for m in batch_norms(net)]


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([], "there is no batch"),
        ([some((4, 2, 2, 2)), some((1, 2, 2, 2))], "a batch of one sample"),
        ([torch.full((4, 2, 2, 2), float("nan"))], "not finite"),
        ([torch.full((4, 2, 2, 2), float("inf"))], "not finite"),
    ],
)
def test_batches_that_give_no_statistics(batches, said):
    with pytest.raises(InvalidInputError, match=said):
        fails(network(), batches)


def test_one_value_for_each_channel():
    halves = nn.Sequential(
        nn.Flatten(0, 1), nn.Linear(3, 2), nn.Unflatten(0, (1, -1)), nn.Flatten(1), nn.BatchNorm1d(4)
    )
    with pytest.raises(InvalidInputError, match="too small for statistics"):
        fails(halves, [some((2, 1, 3))])


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x):
        raise ValueError("my own")


def test_errors_of_the_network_stay_its_own():
    with pytest.raises(ValueError, match="my own"):
        fails(Broken(), [some((4, 2))])
