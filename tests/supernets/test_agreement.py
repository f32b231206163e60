"""Which differences pass: those that rounding explains, and no others."""

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.supernets._agreement import Trial, trials
from zcbench.types import Batch


def linear(dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Linear(16, 4).to(dtype).eval(), Batch(torch.randn(5, 16, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_rounding_passes_and_errors_do_not(dtype):
    """The same sums in another order pass; one of sixteen weights that is another does not."""
    network, example = linear(dtype)
    found = trials(network, example, dynamic=True)
    assert [one.size for one in found] == [5, 1, 1, 2, 2, 3, 3, 5, 5, 11, 11]
    order = torch.randperm(16)
    for trial in found:
        products = (trial.inputs[:, None, order] * network.weight[None, :, order]).sum(-1) + network.bias
        difference, share = trial.difference([products])
        assert difference <= max(trial.tolerances) and share <= 10 * difference
    off = network.weight.detach().clone()
    off[0, 0] += {torch.float64: 1e-8, torch.float32: 1e-3}.get(dtype, 0.25)
    with pytest.raises(InvalidInputError, match="its numbers differ from the network's by"):
        for trial in found:
            trial.difference([trial.inputs @ off.T + network.bias])


def test_float32_allows_a_hundred_thousandth_and_never_ten():
    network, example = linear()
    for trial in trials(network, example, dynamic=False):
        largest = float(trial.expected[0].abs().max())
        assert 1e-5 * largest <= trial.tolerances[0] <= 1.5e-5 * largest
    cancelling = nn.Sequential(nn.Linear(16, 4), nn.Linear(4, 4)).eval()
    with torch.no_grad():
        cancelling[1].weight.copy_(1e6 * torch.tensor([[1, -1, 1, -1]] * 4))
        cancelling[0].weight.copy_(cancelling[0].weight[:1] + 1e-7 * torch.rand(4, 16))
        cancelling[0].bias.zero_()
        cancelling[1].bias.zero_()
    for trial in trials(cancelling, example, dynamic=False):  # its own rounding is as large as its outputs
        assert trial.tolerances[0] == pytest.approx(1e-4 * float(trial.expected[0].abs().max()))


def test_shapes_counts_infinities_and_integers_must_agree():
    inf = torch.tensor([[1.0, -torch.inf]])
    trial = Trial(torch.zeros(1), 1, [inf, torch.tensor([3])], [1e-5, 0.0])
    assert trial.difference([inf.clone(), torch.tensor([3])]) == (0, 0)
    assert Trial(torch.zeros(1), 1, [inf * 4], [1.0]).difference([inf * 4 + 0.5]) == (0.5, 0.125)
    for other in (
        [inf],
        [inf, torch.tensor([4])],
        [inf.abs(), torch.tensor([3])],
        [torch.zeros(1, 2), torch.tensor([3])],
        [torch.full((1, 2), torch.nan), torch.tensor([3])],
        [inf[0], torch.tensor([3])],
    ):
        with pytest.raises(InvalidInputError):
            trial.difference(other)


def test_inputs_like_the_example():
    """Integers stay rows of the example, real numbers get noise, and the example itself comes first."""
    seen = []

    class Seeing(nn.Module):
        def forward(self, x, mask):
            seen.append((x.clone(), mask.clone()))
            return x * mask

    x, mask = torch.randn(4, 3), torch.tensor([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 0]])
    found = trials(Seeing().eval(), Batch((x, mask)), dynamic=True)
    assert torch.equal(found[0].inputs[0], x)
    rows = set(map(tuple, mask.tolist()))
    assert all(set(map(tuple, given.tolist())) <= rows for _, given in seen)
    assert any(not (given[:, None] == x[None]).all(-1).any() for given, _ in seen)
    assert {len(given) for given, _ in seen} == {1, 2, 3, 4, 9}


def test_sizes_that_the_network_refuses_are_left_out():
    class Pairs(nn.Module):
        def forward(self, x):
            return x.view(len(x) // 2, 2, -1) if len(x) % 2 == 0 else 1 / 0

    assert {one.size for one in trials(Pairs().eval(), Batch(torch.randn(4, 3)), dynamic=True)} == {2, 4}


def test_a_network_that_writes_to_its_inputs_leaves_the_example():
    class Writing(nn.Module):
        def forward(self, x):
            return x.mul_(2)

    x = torch.ones(3, 2)
    trials(Writing().eval(), Batch(x), dynamic=True)
    assert torch.equal(x, torch.ones(3, 2))
