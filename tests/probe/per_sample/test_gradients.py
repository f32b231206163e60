"""What single samples contribute: notes where they went one by one, and sums of inner products."""

import weakref

import torch
from networks import convnet, images
from torch import nn

import zcbench
from zcbench.probe.per_sample import inner_products, output_sums


class Bare(nn.Module):
    """A parameter that belongs to no layer."""

    def __init__(self):
        super().__init__()
        self.layer, self.scale = nn.Linear(192, 5), nn.Parameter(torch.ones(5))

    def forward(self, x):
        return self.layer(x.flatten(1)) * self.scale


def test_a_note_tells_that_samples_went_one_by_one():
    inputs, labels = images()
    names = ["gradsign", "ntk_norm", "grad_norm"]
    slow, fast = zcbench.score(Bare(), inputs, labels, names), zcbench.score(convnet(), inputs, labels, names)
    assert ["one at a time" in slow[name].detail for name in names] == [True, "ntk_norm" in slow and True, False]
    assert not any(score.detail for score in fast.values())


def test_inner_products_are_summed_up_by_parameter():
    rows = [{"a": torch.randn(2, 3), "b": torch.randn(4)} for _ in range(5)]
    flat = torch.stack([torch.cat([part.flatten() for part in row.values()]) for row in rows]).double()
    torch.testing.assert_close(inner_products(iter(rows), 5), flat @ flat.T, rtol=1e-5, atol=1e-6)


def test_inner_products_hold_the_last_row_at_most():
    """A row is written down before the next is asked for, so that memory does not fill with pieces."""
    living = []

    def rows():
        for _ in range(4):
            assert sum(one() is not None for one in living) <= 1
            gradient = torch.randn(3)
            living.append(weakref.ref(gradient))
            yield {"a": gradient}
            del gradient

    assert inner_products(rows(), 4).shape == (4, 4)


def test_sums_of_outputs():
    assert output_sums(torch.ones(3, 2, 4)).tolist() == [8.0, 8.0, 8.0]
