"""Curves for training and evaluation: drawn from priors, with all lengths and with missing epochs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from zcbench.curves.priors import PRIORS

#: probability of each prior in a batch; the extended one is the widest
OFTEN = {"paper": 0.3, "extended": 0.5, "sizes": 0.2}
#: numbers of epochs of curves, and their probabilities
LENGTHS, SHARES = (100, 50, 25, 12), (0.55, 0.2, 0.15, 0.1)
#: values are clipped to this range, because values far outside it are not informative and overflow in float32
RANGE = (-1.0, 2.0)
#: seed of held-out curves, different from all seeds of training
_HELD_OUT = 987_654_321


class Batch(NamedTuple):
    """Curves of one length, and the requested positions; see :meth:`CurveNetwork.forward`."""

    times: Tensor
    values: Tensor
    ends: Tensor
    prior: Tensor
    prefixes: Tensor
    targets: Tensor

    def on(self, device: torch.device) -> Batch:
        """Return the same batch on a device."""
        return Batch(*(part.to(device, non_blocking=True) for part in self))


class Drawn(IterableDataset[Batch]):
    """Batches from a step on. The number of the step determines the batch, so that workers can draw in parallel."""

    def __init__(self, seed: int, start: int, curves: int) -> None:
        self.seed, self.start, self.curves = seed, start, curves

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        step, stride = (self.start, 1) if worker is None else (self.start + worker.id, worker.num_workers)
        while True:
            yield draw(np.random.default_rng([self.seed, 1, step]), self.curves)
            step += stride


def draw(rng: np.random.Generator, curves: int) -> Batch:
    """Draw a batch.

    All curves of a batch have the same prior and the same number of observed epochs. Curves of the paper's prior end at
    epoch 100; those of the extended prior end at their last epoch. One batch in four has missing epochs.

    Args:
        rng: random numbers.
        curves: number of curves of 100 epochs; there are more curves if they are shorter.
    """
    number = int(rng.choice(len(PRIORS), p=[OFTEN[name] for name in PRIORS]))
    length = int(rng.choice(LENGTHS, p=SHARES))
    prior = list(PRIORS.values())[number]
    count = curves * 100 // length
    sparse = length < 100 and (prior.name == "paper" or rng.random() < 0.25)
    epochs = 100 if sparse else length
    sample = prior.sample(rng, count, epochs)
    times, values = np.broadcast_to(sample.times, sample.values.shape), sample.values
    if sparse:
        kept = np.sort(rng.random((count, 100)).argsort(1)[:, :length], 1)
        times, values = np.take_along_axis(times, kept, 1), np.take_along_axis(values, kept, 1)
    prefixes = np.sort(rng.choice(length, min(24, length), replace=False))
    targets = np.stack([rng.integers(start, length, 6) for start in prefixes])
    return Batch(
        torch.tensor(times, dtype=torch.float32),
        torch.tensor(np.clip(values, *RANGE), dtype=torch.float32),
        torch.full((count,), float(epochs)),
        torch.full((count,), number),
        torch.tensor(prefixes),
        torch.tensor(targets),
    )


def held_out(prior: str, curves: int = 400) -> Batch:
    """Return curves that are not used in training, with 100 epochs; all later values are requested."""
    sample = PRIORS[prior].sample(np.random.default_rng(_HELD_OUT), curves)
    return Batch(
        torch.tensor(sample.times, dtype=torch.float32).expand(curves, -1),
        torch.tensor(sample.values, dtype=torch.float32),
        torch.full((curves,), 100.0),
        torch.full((curves,), list(PRIORS).index(prior)),
        torch.empty(0, dtype=torch.long),
        torch.empty(0, dtype=torch.long),
    )
