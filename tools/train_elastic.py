"""Train the embedded benchmarks of the elastic spaces: stand-alone subnets, several seeds, on scikit-learn's digits.

    python tools/train_elastic.py train mobilenet      # resumes after a kill; --part 0/2; also: transformer
    python tools/train_elastic.py pack mobilenet       # writes zcbench/datasets/data/elastic-mobilenet.npz
    python tools/train_elastic.py row mobilenet 0      # trains one row again and compares
    python tools/train_elastic.py recipe mobilenet     # how the recipe was chosen
    python tools/train_elastic.py describe mobilenet   # the figures of docs/cards/elastic-mobilenet.md

These are the ground truth of supernets: the results of a subnet that is trained alone. Images, augmentation and
held-out parts are those of digits-201. The seeds of one MobileNet train in parallel, grouped; those of a transformer
one after another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from _loop import drawn, stacked
from _maker import DATA, Maker, command
from torch import Tensor, nn
from train_digits201 import grouped, train_stack

from zcbench._process import stable_seed
from zcbench.spaces import get_space
from zcbench.types import Architecture, SearchSpace


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of training."""

    epochs: int = 20
    batch: int = 64
    lr: float = 0.05
    warmup: float = 0.1
    weight_decay: float = 1e-4
    bn_momentum: float = 0.3
    optimizer: str = "sgd"
    clip: float = 5.0
    momentum: ClassVar[float] = 0.9  # momentum of SGD


class Elastic(Maker):
    """Subnets of an elastic space in a fixed random order, the largest and the smallest first."""

    seeds = (0, 1, 2, 3)
    columns: ClassVar[Mapping[str, Any]] = {
        **{"valid_hits": np.uint16, "test_hits": np.uint16},
        **{"valid_nll": np.float32, "test_nll": np.float32, "seconds": np.float32},
    }
    finals: ClassVar[Mapping[str, int]] = {"test_nll": -1, "test_hits": 1}
    selection = 24
    selection_in_table = True

    def __init__(self, name: str, recipe: Recipe, candidates: Mapping[str, Recipe]) -> None:
        super().__init__(name, DATA / f"{name}.npz", recipe)
        self.candidates = candidates

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.name)

    def order(self) -> list[Architecture]:
        """Return the whole space."""
        space: Any = self.space
        ends = [space.largest, space.smallest]
        rest = [one for one in space if one not in ends]
        return ends + [rest[i] for i in np.random.RandomState(16).permutation(len(rest))]

    def train(self, architecture: Architecture, seeds: Sequence[int], recipe: Any) -> dict[str, list[Any]]:
        """Return hits (counts) and mean NLL of both held-out parts, each ``[seed][epoch]``."""
        if self.name == "elastic-mobilenet":
            return _trained(self.space, architecture, seeds, recipe)
        each = [_trained(self.space, architecture, [seed], recipe) for seed in seeds]
        return {name: [one[name][0] for one in each] for name in each[0]}


class _Several(nn.Module):
    """Logits ``(batch, seeds, classes)``, also of a single network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.network(x)
        return logits if logits.ndim == 3 else logits[:, None]


def _trained(space: SearchSpace, one: Architecture, seeds: Sequence[int], recipe: Recipe) -> dict[str, list[Any]]:
    label = space.name
    networks = drawn(lambda: space.build(one), [stable_seed(f"{label} init", one.key, seed) for seed in seeds])
    orders = [np.random.RandomState(stable_seed(f"{label} order", one.key, seed) % 2**32) for seed in seeds]
    merge = grouped if len(seeds) > 1 else _alone
    network = _Several(stacked(networks, merge).to(memory_format=torch.channels_last))
    return train_stack(network, orders, recipe, _clipped(network, len(seeds), recipe.clip))


def _alone(_: list[Any]) -> None:
    """Merge nothing: one network is unchanged."""


def _clipped(network: nn.Module, seeds: int, most: float) -> Callable[[], object]:
    """Return a function that clips the gradient of each seed's network by its own norm, grouped or not."""

    def clip() -> None:
        parts = [p.grad.unflatten(0, (seeds, -1)) for p in network.parameters() if p.grad is not None]
        norms = torch.stack([part.flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()
        factor = (most / (norms + 1e-6)).clamp(max=1.0)
        for part in parts:
            part.mul_(factor.view(-1, *[1] * (part.ndim - 1)))

    return clip


ADAM = Recipe(epochs=40, batch=32, lr=0.004, weight_decay=0.01, optimizer="adamw")
MAKERS = {
    "mobilenet": Elastic(
        "elastic-mobilenet",
        Recipe(),
        {
            "SGD .05, 20 epochs": Recipe(),
            "SGD .05, 60 epochs": Recipe(epochs=60),
            "SGD .1, 20 epochs": Recipe(lr=0.1),
            "SGD .1, 12 epochs": Recipe(lr=0.1, epochs=12),
            "AdamW .01, 12 epochs": Recipe(epochs=12, lr=0.01, weight_decay=0.01, optimizer="adamw"),
        },
    ),
    "transformer": Elastic(
        "elastic-transformer",
        ADAM,
        {
            "AdamW .004, 40 epochs, batches of 32": ADAM,
            "AdamW .004, 40 epochs": dataclasses.replace(ADAM, batch=64),
            "AdamW .004, 80 epochs": dataclasses.replace(ADAM, batch=64, epochs=80),
            "AdamW .01, 40 epochs": dataclasses.replace(ADAM, batch=64, lr=0.01),
        },
    ),
}

if __name__ == "__main__":
    command(MAKERS, __doc__)
