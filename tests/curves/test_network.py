"""The network: causal, with a density in every bin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zcbench.curves._frames import Frames
from zcbench.curves._network import CurveNetwork, Shape

SMALL = Shape(width=16, layers=2, heads=2, bins=64)


def network() -> CurveNetwork:
    """A small one with weights that are not zero anywhere."""
    torch.manual_seed(0)
    made = CurveNetwork(SMALL)
    for value in made.parameters():
        torch.nn.init.normal_(value, std=0.3)
    return made.eval()


def curves(count: int = 3, epochs: int = 20) -> tuple[torch.Tensor, ...]:
    """Times, values, ends and priors."""
    values = torch.rand(count, epochs, generator=torch.Generator().manual_seed(1))
    return (
        torch.arange(1.0, epochs + 1).expand(count, epochs),
        values,
        torch.full((count,), 20.0),
        torch.tensor([0, 1, 0]),
    )


def test_the_cost_of_a_prefix_does_not_depend_on_what_follows() -> None:
    made, (times, values, ends, prior) = network(), curves()
    other = values.clone()
    other[:, 9:15] = 0.0  # between context and target
    asked = (torch.tensor([5, 9]), torch.tensor([[15, 16], [17, 19]]))
    with torch.no_grad():
        first, second = (made(times, one, ends, prior, *asked) for one in (values, other))
    assert torch.equal(first, second)
    assert first.shape == (3, 2, 2)


def test_each_prefix_is_as_if_it_were_alone() -> None:
    made, (times, values, ends, prior) = network(), curves()
    with torch.no_grad():
        together = made(times, values, ends, prior, torch.tensor([4, 8]), torch.tensor([[15], [19]]))
        for column, (context, target) in enumerate(((4, 15), (8, 19))):
            seen, wanted = times[:, :context], times[:, target]
            frames = Frames(values[:, :context])
            token = frames.tokens(seen, ends)
            understood = made.encode(token, prior)[:, -1:]
            logits = made.ask(understood, token[:, -1:], seen[:, -1:], wanted[:, None, None], ends)
            z = (values[:, target] - frames.centres[:, -1]) / frames.scales[:, -1]
            alone = made.cost(logits, z[:, None, None]) + frames.scales[:, -1, None, None].log()
            # float32 sums in another order
            assert alone[:, 0, 0].tolist() == pytest.approx(together[:, column, 0].tolist(), abs=1e-4)


def test_one_chosen_prefix_is_what_all_give() -> None:
    made, (times, values, ends, prior) = network(), curves()
    tokens, chosen = Frames(values).tokens(times, ends), torch.tensor([3, 20, 0])
    with torch.no_grad():
        every, one = made.encode(tokens, prior), made.encode(tokens, prior, chosen)
    assert one[:, 0].numpy() == pytest.approx(every[torch.arange(3), chosen].numpy(), abs=1e-5)


def test_densities_of_all_values_are_of_sum_one() -> None:
    made = network()
    logits = torch.randn(1, 64, generator=torch.Generator().manual_seed(2))
    # fine where the bins are fine: equal steps of asinh
    a = torch.linspace(-9, 9, 200_001, dtype=torch.float64)
    z = torch.sinh(a)
    density = torch.exp(-made.cost(logits.expand(len(z), 64), z.float())).double()
    # the outermost bins are counted beyond their edges; these hold little of sinh(9)
    inside = (z.abs() < float(made.edges[-1])).double()
    total = torch.trapezoid(density * inside, z)
    assert float(total) == pytest.approx(1.0, abs=0.01)


def test_bins_are_a_constant_share_of_the_distance() -> None:
    edges = network().edges.numpy()
    assert (np.diff(edges) > 0).all()
    far = edges[edges > 10]
    assert np.ptp(np.diff(far) / far[:-1]) < 0.05


def test_its_shape_is_told_by_its_configuration() -> None:
    assert Shape(**network().config()) == SMALL
