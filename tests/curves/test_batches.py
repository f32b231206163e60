"""Batches that training draws."""

from __future__ import annotations

import numpy as np
import torch

from zcbench.curves._batches import LENGTHS, draw, held_out
from zcbench.curves.priors import PRIORS


def test_batches_have_all_lengths_and_all_priors() -> None:
    rng = np.random.default_rng(0)
    batches = [draw(rng, 4) for _ in range(60)]
    assert {batch.values.shape[1] for batch in batches} == set(LENGTHS)
    assert {int(batch.prior[0]) for batch in batches} == {0, 1, 2}
    for batch in batches:
        assert (torch.diff(batch.times) > 0).all()
        assert (batch.times[:, -1] <= batch.ends).all()
        assert (batch.targets >= batch.prefixes[:, None]).all()
        assert batch.values.min() >= -1
        assert batch.values.max() <= 2


def test_held_out_curves_are_always_the_same() -> None:
    for prior in PRIORS:
        assert torch.equal(held_out(prior, 5).values, held_out(prior, 5).values)
