"""Train the embedded benchmarks of the elastic spaces: subnets by themselves, several seeds, on scikit-learn's digits.

    python tools/train_elastic.py train mobilenet      # resumes where it was killed; --part 0/2; also: transformer
    python tools/train_elastic.py pack mobilenet       # writes zcbench/datasets/data/elastic-mobilenet.npz
    python tools/train_elastic.py row mobilenet 0      # trains one row again and compares
    python tools/train_elastic.py recipe mobilenet     # how the recipe was chosen
    python tools/train_elastic.py describe mobilenet   # the figures of docs/cards/elastic-mobilenet.md

These are the ground truth of supernets: what a subnet reaches without the others. Images, augmentation and held-out
parts are those of digits-201. The seeds of one MobileNet train side by side, grouped; those of a transformer one after
another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from _loop import drawn, fit, stacked
from _maker import DATA, Maker, command
from torch import Tensor, nn
from torch.nn import functional as F
from train_digits201 import GroupedLinear, HeldOut, shifts

from zcbench._process import stable_seed
from zcbench.datasets._digits import load_digits
from zcbench.spaces import get_space
from zcbench.types import Architecture, SearchSpace


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What training does."""

    epochs: int = 20
    batch: int = 64
    lr: float = 0.05
    warmup: float = 0.1
    weight_decay: float = 1e-4
    bn_momentum: float = 0.3
    optimizer: str = "sgd"
    clip: float = 5.0


class Elastic(Maker):
    """Subnets of an elastic space in a frozen random order, the largest and the smallest first."""

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
        """All of the space."""
        space: Any = self.space
        ends = [space.largest, space.smallest]
        rest = [one for one in space if one not in ends]
        return ends + [rest[i] for i in np.random.RandomState(16).permutation(len(rest))]

    def train(self, architecture: Architecture, seeds: Sequence[int], recipe: Any) -> dict[str, list[Any]]:
        """Hits (counts) and mean NLL of both parts that are held out, each ``[seed][epoch]``."""
        if self.name == "elastic-mobilenet":
            return _trained(self.space, architecture, seeds, recipe)
        each = [_trained(self.space, architecture, [seed], recipe) for seed in seeds]
        return {name: [one[name][0] for one in each] for name in each[0]}


def grouped(modules: list[Any]) -> nn.Module | None:
    """One module over the channels of all of them; None if it has no weights."""
    first, count = modules[0], len(modules)
    if count == 1 and not isinstance(first, nn.Linear):
        return None
    if isinstance(first, nn.Linear):
        return GroupedLinear(modules) if count > 1 else None
    if isinstance(first, nn.Conv2d):
        merged: nn.Module = nn.Conv2d(
            first.in_channels * count,
            first.out_channels * count,
            first.kernel_size,  # type: ignore[arg-type]
            first.stride,  # type: ignore[arg-type]
            first.padding,  # type: ignore[arg-type]
            groups=first.groups * count,
            bias=False,
        )
    elif isinstance(first, nn.BatchNorm2d):
        merged = nn.BatchNorm2d(first.num_features * count)
    else:
        return None
    for key, parameter in merged.named_parameters():
        parameter.data = torch.cat([module.get_parameter(key).detach() for module in modules])
    return merged


class _Several(nn.Module):
    """Logits ``(batch, seeds, classes)``, of one network too."""

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
    network = _Several(stacked(networks, grouped).to(memory_format=torch.channels_last))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = recipe.bn_momentum
    digits = load_digits()
    shifted = torch.stack([torch.from_numpy(image) for image in shifts(digits["train"].inputs)])
    labels = torch.from_numpy(digits["train"].targets)
    per_epoch = len(labels) // recipe.batch
    total = per_epoch * recipe.epochs
    warm = max(1, round(recipe.warmup * total))
    drawn_order: list[Tensor] = []

    def rate(step: int) -> float:
        factor = (step + 1) / warm if step < warm else 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))
        return recipe.lr * float(factor)

    def loss(step: int) -> Tensor:
        start = step % per_epoch * recipe.batch
        if start == 0:
            order = torch.from_numpy(np.stack([g.permutation(len(labels)) for g in orders], axis=1))
            moved = torch.from_numpy(np.stack([g.randint(9, size=len(labels)) for g in orders], axis=1))
            drawn_order[:] = order, moved
        index, move = (part[start : start + recipe.batch] for part in drawn_order)
        logits = network(shifted[move, index].contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(logits.flatten(0, 1), labels[index].flatten()) * len(seeds)

    measured = fit(
        network,
        _optimizer(network, recipe),
        total,
        rate=rate,
        loss=loss,
        points=range(per_epoch, total + 1, per_epoch),
        measure=HeldOut(network, len(seeds)),
        clip=_clipped(network, len(seeds), recipe.clip),
    )
    return {name: np.asarray([at[name] for at in measured]).T.tolist() for name in measured[0]}


def _clipped(network: nn.Module, seeds: int, most: float) -> Callable[[], object]:
    """Clip the gradient of each seed's network by its own norm, grouped or not."""

    def clip() -> None:
        parts = [p.grad.unflatten(0, (seeds, -1)) for p in network.parameters() if p.grad is not None]
        norms = torch.stack([part.flatten(1).square().sum(1) for part in parts]).sum(0).sqrt()
        factor = (most / (norms + 1e-6)).clamp(max=1.0)
        for part in parts:
            part.mul_(factor.view(-1, *[1] * (part.ndim - 1)))

    return clip


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    settings: dict[str, Any] = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "foreach": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), **settings)
    return torch.optim.SGD(network.parameters(), momentum=0.9, nesterov=True, **settings)


ADAM = Recipe(epochs=40, lr=0.01, weight_decay=0.01, optimizer="adamw")
MAKERS = {
    "mobilenet": Elastic(
        "elastic-mobilenet",
        Recipe(),
        {
            "SGD .05, 20 epochs": Recipe(),
            "SGD .1, 20 epochs": Recipe(lr=0.1),
            "SGD .1, 12 epochs": Recipe(lr=0.1, epochs=12),
            "AdamW .01, 12 epochs": Recipe(epochs=12, lr=0.01, weight_decay=0.01, optimizer="adamw"),
        },
    ),
    "transformer": Elastic(
        "elastic-transformer",
        ADAM,
        {
            "AdamW .01, 40 epochs": ADAM,
            "AdamW .005, 40 epochs": dataclasses.replace(ADAM, lr=0.005),
            "AdamW .01, 20 epochs": dataclasses.replace(ADAM, epochs=20),
        },
    ),
}

if __name__ == "__main__":
    command(MAKERS, __doc__)
