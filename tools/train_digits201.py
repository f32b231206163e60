"""Train the embedded benchmark digits-201: every cell, several seeds, on scikit-learn's digits.

    python tools/train_digits201.py train     # resumes after a kill; rows are in work/digits-201; --part 0/2
    python tools/train_digits201.py pack      # writes zcbench/datasets/data/digits201.npz
    python tools/train_digits201.py row "|nor_conv_3x3~0|+|…|"  # trains one cell again and compares
    python tools/train_digits201.py recipe    # how the recipe was chosen
    python tools/train_digits201.py describe  # the figures of docs/cards/digits-201.md

The seeds of one cell train in parallel: the networks become one network whose convolutions are grouped by seed (batch
norm, pooling and the sum of losses do not mix groups), which costs half of training them one after the other.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from _loop import drawn, fit, stacked
from _maker import DATA, Maker, command
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench._process import stable_seed
from zcbench.datasets import get_benchmark
from zcbench.datasets._digits import load_digits
from zcbench.errors import DataMissingError
from zcbench.spaces.nasbench201 import NASBench201Space
from zcbench.types import Architecture


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of training; :data:`RECIPE` is the benchmark's."""

    channels: int = 16
    epochs: int = 12
    batch: int = 64
    lr: float = 0.003
    warmup: float = 0.1
    weight_decay: float = 0.01
    momentum: float = 0.9  # momentum of SGD
    bn_momentum: float = 0.3
    optimizer: str = "adamw"


RECIPE = Recipe()
SGD = Recipe(lr=0.05, bn_momentum=0.1, weight_decay=5e-4, optimizer="sgd")
EVAL_BATCH = 64


def space_of(recipe: Recipe) -> NASBench201Space:
    """Return the search space with the recipe's width."""
    return NASBench201Space("digits-201", channels=recipe.channels, cells_per_stage=1, stages=2, in_channels=1)


class Digits201(Maker):
    """One cell of each functional class, on 500 images."""

    seeds = (0, 1, 2)
    columns: ClassVar[Mapping[str, Any]] = {
        **{"valid_hits": np.uint16, "test_hits": np.uint16},
        **{"valid_nll": np.float32, "test_nll": np.float32, "seconds": np.float32},
    }
    finals: ClassVar[Mapping[str, int]] = {"test_nll": -1, "test_hits": 1}
    selection = 48
    selection_in_table = True
    candidates: ClassVar[Mapping[str, Recipe]] = {
        "SGD .05, 12 epochs": SGD,
        "SGD .05, 8 epochs": dataclasses.replace(SGD, epochs=8),
        "SGD .1, 12 epochs, BN .3": dataclasses.replace(SGD, lr=0.1, bn_momentum=0.3),
        "SGD .02, 12 epochs, BN .3": dataclasses.replace(SGD, lr=0.02, bn_momentum=0.3),
        "AdamW .001, 12 epochs, BN .3": Recipe(lr=0.001),
        "AdamW .003, 6 epochs, BN .3": Recipe(lr=0.003, epochs=6),
        "AdamW .003, 12 epochs, BN .3": Recipe(lr=0.003),
        "AdamW .006, 8 epochs, BN .3": Recipe(lr=0.006, epochs=8),
        "AdamW .01, 12 epochs, BN .3": Recipe(lr=0.01),
    }

    def __init__(self, recipe: Recipe = RECIPE, table: Path = DATA / "digits201.npz") -> None:
        super().__init__("digits-201", table, recipe)

    @property
    def space(self) -> NASBench201Space:
        """The search space."""
        return space_of(self.recipe)

    def order(self) -> list[Architecture]:
        """Return one cell of each functional class: fewest convolutions (none dead), then first in iteration order."""
        space = self.space
        best: dict[str, tuple[int, int, Architecture]] = {}
        for position, cell in enumerate(space):
            weight = sum(operation.startswith("nor_conv") for operation in space.choices(cell))
            entry = (weight, position, cell)
            key = space.functional_key(cell)
            if key not in best or entry[:2] < best[key][:2]:
                best[key] = entry
        cells = [cell for _, _, cell in best.values()]
        return [cells[i] for i in np.random.RandomState(201).permutation(len(cells))]

    def table_order(self) -> Iterator[Architecture]:
        """Yield all cells, in the order of the space."""
        return iter(self.space)

    def train(self, architecture: Architecture, seeds: Sequence[int], recipe: Any) -> dict[str, list[Any]]:
        """Return hits (counts) and mean NLL of both held-out parts, each ``[seed][epoch]``."""
        return train_cell(architecture, seeds, recipe)

    def others(self, architectures: Sequence[Architecture]) -> Mapping[str, NDArray[np.float64]]:
        """Return NAS-Bench-201's results of the same cells on CIFAR-10, if its table is available."""
        try:
            table = get_benchmark("nasbench201")
        except DataMissingError:
            return {}
        rows = table.rows(table.space.parse(cell.key) for cell in architectures)
        return {"CIFAR-10 test accuracy": table.truth("cifar10_test_accuracy_200ep")[rows]}


# -- several networks as one -------------------------------------------------------------------


class GroupedLinear(nn.Module):
    """Parallel linear layers: ``(batch, seeds * c_in)`` to ``(batch, seeds, c_out)``."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, seeds * c_in)`` to logits ``(batch, seeds, c_out)``."""
        grouped = x.unflatten(1, (self.weight.shape[0], -1))
        return torch.einsum("bsi,soi->bso", grouped, self.weight) + self.bias


def grouped(modules: list[Any]) -> nn.Module | None:
    """Return one module over the channels of all modules; None if it has no weights."""
    first, count = modules[0], len(modules)
    if isinstance(first, nn.Linear):
        return GroupedLinear(modules)
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


# -- training ----------------------------------------------------------------------------------


def train_cell(cell: Architecture, seeds: Sequence[int], recipe: Recipe = RECIPE) -> dict[str, list[Any]]:
    """Train one cell with all seeds; see :meth:`Digits201.train`."""
    space = space_of(recipe)
    networks = drawn(
        lambda: space.build(cell, num_classes=10), [stable_seed("digits-201 init", cell.key, seed) for seed in seeds]
    )
    generators = [
        np.random.RandomState(stable_seed("digits-201 order", cell.key, seed) % 2**32)  # larger seeds are not allowed
        for seed in seeds
    ]
    network = stacked(networks, grouped).to(memory_format=torch.channels_last)
    return train_stack(network, generators, recipe)


def train_stack(
    network: nn.Module,
    generators: Sequence[np.random.RandomState],
    recipe: Any,
    clip: Callable[[], object] = lambda: None,
) -> dict[str, list[Any]]:
    """Train a stack of networks on the digits, and measure it after every epoch.

    Args:
        network: from images ``(batch, seeds, 8, 8)`` to logits ``(batch, seeds, classes)``.
        generators: random generators for the order of images and for shifts, one for each network.
        recipe: epochs, batch, lr, warmup, weight_decay, momentum, bn_momentum and optimizer.
        clip: called after the gradients are computed.

    Returns:
        By column ``[seed][epoch]``.
    """
    seeds = len(generators)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = recipe.bn_momentum
    digits = load_digits()
    shifted = torch.stack([torch.from_numpy(image) for image in shifts(digits["train"].inputs)])  # (9, n, 8, 8)
    labels = torch.from_numpy(digits["train"].targets)
    n = len(labels)
    per_epoch = n // recipe.batch
    total = per_epoch * recipe.epochs
    warm = max(1, round(recipe.warmup * total))
    drawn_order: list[Tensor] = []

    def rate(step: int) -> float:
        factor = (step + 1) / warm if step < warm else 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))
        return recipe.lr * float(factor)

    def loss(step: int) -> Tensor:
        start = step % per_epoch * recipe.batch
        if start == 0:
            order = torch.from_numpy(np.stack([g.permutation(n) for g in generators], axis=1))  # (n, seeds)
            shift = torch.from_numpy(np.stack([g.randint(9, size=n) for g in generators], axis=1))
            drawn_order[:] = order, shift
        index, moved = (part[start : start + recipe.batch] for part in drawn_order)
        logits = network(shifted[moved, index].contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(logits.flatten(0, 1), labels[index].flatten()) * seeds

    measured = fit(
        network,
        optimizer_of(network, recipe),
        total,
        rate=rate,
        loss=loss,
        points=range(per_epoch, total + 1, per_epoch),
        measure=HeldOut(network, seeds),
        clip=clip,
    )
    return {name: np.asarray([at[name] for at in measured]).T.tolist() for name in measured[0]}


def optimizer_of(network: nn.Module, recipe: Any) -> torch.optim.Optimizer:
    """Return AdamW, or SGD with Nesterov's momentum."""
    settings = {"lr": recipe.lr, "weight_decay": recipe.weight_decay, "foreach": True}
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), **settings)  # type: ignore[arg-type]
    return torch.optim.SGD(
        network.parameters(),
        momentum=recipe.momentum,
        nesterov=True,
        **settings,  # type: ignore[arg-type]
    )


class HeldOut:
    """Measures a stack of networks on the validation and test images.

    Args:
        network: the stack.
        seeds: number of networks in it.
    """

    def __init__(self, network: nn.Module, seeds: int) -> None:
        self.network = network
        digits = load_digits()
        parts = digits["valid"], digits["test"]
        inputs = torch.from_numpy(np.concatenate([part.inputs for part in parts]))
        self.inputs = inputs.expand(-1, seeds, -1, -1).contiguous(memory_format=torch.channels_last)
        self.labels = torch.from_numpy(np.concatenate([part.targets for part in parts]))
        self.n_valid = len(digits["valid"].targets)

    def __call__(self) -> dict[str, list[float]]:
        """Return hits and mean NLL by seed."""
        # Small chunks stay in the cache, which is 2.5 times faster than one pass over all.
        log_p = F.log_softmax(torch.cat([self.network(x) for x in self.inputs.split(EVAL_BATCH)]), dim=2)
        nll = -log_p[torch.arange(len(self.labels)), :, self.labels]
        hits = log_p.argmax(2) == self.labels[:, None]
        found = {}
        for part, rows in (("valid", slice(None, self.n_valid)), ("test", slice(self.n_valid, None))):
            found[f"{part}_hits"] = hits[rows].sum(0).tolist()
            found[f"{part}_nll"] = [round(v, 5) for v in nll[rows].mean(0).tolist()]
        return found


def shifts(images: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield images ``(n, 1, 8, 8)`` shifted by at most one pixel, nine times ``(n, 8, 8)``, filled with background."""
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=images.min())
    for dy, dx in itertools.product(range(3), range(3)):
        yield padded[:, dy : dy + 8, dx : dx + 8]


if __name__ == "__main__":
    command({"digits-201": Digits201()}, __doc__)
