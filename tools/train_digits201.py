"""Train the embedded benchmark digits-201: every cell, several seeds, on scikit-learn's digits.

    python tools/train_digits201.py train     # resumes where it was killed; rows go to work/digits201
    python tools/train_digits201.py pack      # writes zcbench/datasets/data/digits201.npz
    python tools/train_digits201.py row "|nor_conv_3x3~0|+|…|"  # trains one cell again and compares
    python tools/train_digits201.py recipe    # how the recipe was chosen
    python tools/train_digits201.py describe  # the figures of docs/cards/digits-201.md

The seeds of one cell train side by side: the networks become one network whose convolutions are grouped by seed
(batch norm, pooling and the sum of losses keep groups apart by nature), which costs half of training them in turn.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _rows import append_rows, rows_of
from scipy.stats import kendalltau
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench._process import keep_freed_memory, stable_seed
from zcbench.datasets import load_benchmark
from zcbench.datasets._digits import TEST, load_digits
from zcbench.errors import DataMissingError
from zcbench.evaluation import interval
from zcbench.metrics import kendall_tau, noise_ceiling
from zcbench.spaces.nasbench201 import NASBench201Space
from zcbench.types import Architecture


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What training does; :data:`RECIPE` is the benchmark's."""

    channels: int = 16
    epochs: int = 12
    batch: int = 64
    lr: float = 0.003
    warmup: float = 0.1
    weight_decay: float = 0.01
    momentum: float = 0.9  # of SGD
    bn_momentum: float = 0.3
    optimizer: str = "adamw"


RECIPE = Recipe()
SEEDS = (0, 1, 2)
EVAL_BATCH = 64
TABLE = Path(__file__).parent.parent / "zcbench" / "datasets" / "data" / "digits201.npz"


def space_of(recipe: Recipe) -> NASBench201Space:
    """The search space with the recipe's width."""
    return NASBench201Space("digits-201", channels=recipe.channels, cells_per_stage=1, stages=2, in_channels=1)


# -- several networks as one -------------------------------------------------------------------


class GroupedLinear(nn.Module):
    """Several linear layers side by side: ``(batch, seeds * c_in)`` to ``(batch, seeds, c_out)``."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """From ``(batch, seeds * c_in)`` to logits ``(batch, seeds, c_out)``."""
        grouped = x.unflatten(1, (self.weight.shape[0], -1))
        return torch.einsum("bsi,soi->bso", grouped, self.weight) + self.bias


def stack(networks: Sequence[nn.Module]) -> nn.Module:
    """Equal networks with different weights as one network over the channels of all of them."""
    first = copy.deepcopy(networks[0])
    for name, module in list(first.named_modules()):
        twins = [network.get_submodule(name) for network in networks]
        if isinstance(module, nn.Conv2d):
            merged: nn.Module = nn.Conv2d(
                module.in_channels * len(twins),
                module.out_channels * len(twins),
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                groups=len(twins),
                bias=False,
            )
        elif isinstance(module, nn.BatchNorm2d):
            merged = nn.BatchNorm2d(module.num_features * len(twins))
        elif isinstance(module, nn.Linear):
            merged = GroupedLinear(twins)  # type: ignore[arg-type]
        else:
            continue
        if not isinstance(merged, GroupedLinear):
            for key, parameter in merged.named_parameters():
                parameter.data = torch.cat([twin.get_parameter(key).detach() for twin in twins])
        parent, _, leaf = name.rpartition(".")
        setattr(first.get_submodule(parent), leaf, merged)
    return first


# -- training ----------------------------------------------------------------------------------


def train_cell(cell: Architecture, seeds: Sequence[int], recipe: Recipe = RECIPE) -> dict[str, object]:
    """Train one cell with all seeds; per-epoch accuracy (counts of hits) and mean NLL, each ``[seed][epoch]``."""
    started = time.process_time()
    space = space_of(recipe)
    networks = []
    generators = []
    for seed in seeds:
        torch.manual_seed(stable_seed("digits-201 init", cell.key, seed))
        networks.append(space.build(cell, num_classes=10))
        generators.append(np.random.RandomState(stable_seed("digits-201 order", cell.key, seed) % 2**32))
    network = stack(networks).to(memory_format=torch.channels_last)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = recipe.bn_momentum
    digits = load_digits()
    shifted = torch.stack([torch.from_numpy(image) for image in _shifts(digits["train"].inputs)])  # (9, n, 8, 8)
    labels = torch.from_numpy(digits["train"].targets)
    held_out = np.concatenate([digits["valid"].inputs, digits["test"].inputs])
    held_labels = torch.from_numpy(np.concatenate([digits["valid"].targets, digits["test"].targets]))
    held_inputs = (
        torch.from_numpy(held_out).expand(-1, len(seeds), -1, -1).contiguous(memory_format=torch.channels_last)
    )
    n_valid = len(digits["valid"].targets)

    if recipe.optimizer == "adamw":
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay, foreach=True
        )
    else:
        optimizer = torch.optim.SGD(
            network.parameters(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=True,
            foreach=True,
        )
    n = len(labels)
    steps_per_epoch = n // recipe.batch
    total = steps_per_epoch * recipe.epochs
    warm = max(1, round(recipe.warmup * total))
    step = 0
    curves: dict[str, list[list[float]]] = {key: [] for key in ("valid_hits", "valid_nll", "test_hits", "test_nll")}
    for _ in range(recipe.epochs):
        network.train()
        order = torch.from_numpy(np.stack([g.permutation(n) for g in generators], axis=1))  # (n, seeds)
        shift = torch.from_numpy(np.stack([g.randint(9, size=n) for g in generators], axis=1))
        for start in range(0, steps_per_epoch * recipe.batch, recipe.batch):
            index = order[start : start + recipe.batch]
            x = shifted[shift[start : start + recipe.batch], index].contiguous(memory_format=torch.channels_last)
            factor = (step + 1) / warm if step < warm else 0.5 * (1 + np.cos(np.pi * (step - warm) / (total - warm)))
            optimizer.param_groups[0]["lr"] = recipe.lr * float(factor)
            logits = network(x)
            loss = F.cross_entropy(logits.flatten(0, 1), labels[index].flatten()) * len(seeds)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            step += 1
        network.eval()
        with torch.no_grad():
            # Small chunks stay in the cache: 2.5 times faster than one pass over all.
            log_p = F.log_softmax(torch.cat([network(x) for x in held_inputs.split(EVAL_BATCH)]), dim=2)
        nll = -log_p[torch.arange(len(held_labels)), :, held_labels]
        hits = log_p.argmax(2) == held_labels[:, None]
        for part, rows in (("valid", slice(None, n_valid)), ("test", slice(n_valid, None))):
            curves[f"{part}_hits"].append(hits[rows].sum(0).tolist())
            curves[f"{part}_nll"].append([round(v, 5) for v in nll[rows].mean(0).tolist()])
    result: dict[str, object] = {key: np.asarray(value).T.tolist() for key, value in curves.items()}
    # Seeds share one pass, so each is charged its equal part.
    result["seconds"] = round((time.process_time() - started) / len(seeds), 4)
    return {"arch": cell.key, "seeds": list(seeds), **result}


def _shifts(images: np.ndarray) -> Iterator[np.ndarray]:
    padded = np.pad(images[:, 0], ((0, 0), (1, 1), (1, 1)), constant_values=images.min())
    for dy, dx in itertools.product(range(3), range(3)):
        yield padded[:, dy : dy + 8, dx : dx + 8]


# -- which cells, and in which order -----------------------------------------------------------


def representatives() -> list[Architecture]:
    """One cell of each functional class: fewest convolutions (no dead ones), then first in iteration order."""
    space = space_of(RECIPE)
    best: dict[str, tuple[int, int, Architecture]] = {}
    for position, cell in enumerate(space):
        weight = sum(operation.startswith("nor_conv") for operation in space.choices(cell))
        entry = (weight, position, cell)
        key = space.functional_key(cell)
        if key not in best or entry[:2] < best[key][:2]:
            best[key] = entry
    cells = [cell for _, _, cell in best.values()]
    return [cells[i] for i in np.random.RandomState(201).permutation(len(cells))]


def train(work: Path, limit: int | None, part: str) -> None:
    """Train all cells that are not done yet; ``part`` "i/n" takes every n-th, for n processes side by side."""
    index, count = map(int, part.split("/"))
    finished = rows_of(work).keys() | committed_rows(TABLE).keys()
    cells = representatives()[:limit]
    todo = [cell for i, cell in enumerate(cells) if i % count == index and cell.key not in finished]
    append_rows(work, part, todo, lambda cell: train_cell(cell, SEEDS), every=50)


# -- choosing the recipe -----------------------------------------------------------------------

#: the last cells of the random order; no figure about the benchmark is computed on them
SELECTION = 48
SGD = Recipe(lr=0.05, bn_momentum=0.1, weight_decay=5e-4, optimizer="sgd")
CANDIDATES = {
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


def seed_tau(values: np.ndarray) -> float:
    """Mean Kendall tau-b over pairs of seeds; ``values`` is ``(cells, seeds)``."""
    pairs = itertools.combinations(range(values.shape[1]), 2)
    return float(np.mean([kendalltau(values[:, a], values[:, b]).statistic for a, b in pairs]))


def compare_recipes() -> None:
    """Print what each candidate gives on the selection cells: seed-to-seed tau, agreement with CIFAR-10, cost."""
    cells = representatives()[-SELECTION:]
    cifar = cifar10(cells)
    print(
        f"{len(cells)} cells, {len(SEEDS)} seeds\n"
        "recipe | NLL: seed-to-seed tau, in the better half, tau with CIFAR-10 | accuracy: the same | mean | s per seed"
    )
    for name, recipe in CANDIDATES.items():
        rows: list[Any] = [train_cell(cell, SEEDS, recipe) for cell in cells]
        columns = []
        for key, sign in (("test_nll", -1), ("test_hits", 1)):
            final = sign * np.asarray([[curve[-1] for curve in row[key]] for row in rows])
            mean = final.mean(1)
            agreement = kendalltau(mean, cifar).statistic if cifar is not None else np.nan
            columns += [seed_tau(final), seed_tau(final[mean >= np.median(mean)]), agreement]
        accuracy = np.mean([[curve[-1] for curve in row["test_hits"]] for row in rows]) / TEST
        seconds = np.mean([row["seconds"] for row in rows])
        cells_text = " | ".join(" ".join(f"{value:.2f}" for value in columns[i : i + 3]) for i in (0, 3))
        print(f"{name:30s} | {cells_text} | {accuracy:.3f} | {seconds:.2f}", flush=True)


def cifar10(cells: Sequence[Architecture]) -> np.ndarray | None:
    """What NAS-Bench-201 measured for the same cells on CIFAR-10, if its table is at hand."""
    try:
        table = load_benchmark("nasbench201")
    except DataMissingError:
        return None
    rows = table.rows(table.space.parse(cell.key) for cell in cells)
    return table.truth("cifar10_test_accuracy_200ep")[rows]


def describe() -> None:
    """Print the figures of the data card, without the selection cells."""
    table = load_benchmark("digits-201")
    chosen = {cell.key for cell in representatives()[-SELECTION:]}
    rows = np.asarray([i for i, cell in enumerate(table.architectures) if cell.key not in chosen])
    cells = [table.architectures[i] for i in rows]
    cifar = cifar10(cells)
    print(f"{len(cells)} fresh cells of {len(table)}, seconds per training {table.facts['train_seconds'].mean():.2f}")
    for name, target in table.targets.items():
        values = table.values[name][rows] * (1 if target.higher_is_better else -1)
        mean = values.mean(1)
        top = values[mean >= np.median(mean)]
        print(f"{name}: seed-to-seed {interval(noise_ceiling(values))}, better half {interval(noise_ceiling(top))}")
        quantiles = np.quantile(table.values[name][rows].mean(1), (0, 0.05, 0.5, 0.95, 1))
        print(f"  quantiles 0, .05, .5, .95, 1: {' '.join(f'{q:.4f}' for q in quantiles)}")
        if cifar is not None:
            print(f"  tau with CIFAR-10 test accuracy: {interval(kendall_tau(mean, cifar))}")


# -- the table ---------------------------------------------------------------------------------


def pack(work: Path, table: Path) -> None:
    """Gather all finished rows into the committed table, in the order of the space."""
    rows = {**committed_rows(table), **rows_of(work)}  # rows of earlier sessions stay
    space = space_of(RECIPE)
    kept = [rows[cell.key] for cell in space if cell.key in rows]
    arrays = {key: np.asarray([row[key] for row in kept], np.uint16) for key in ("valid_hits", "test_hits")}
    arrays |= {key: np.asarray([row[key] for row in kept], np.float32) for key in ("valid_nll", "test_nll")}
    table.parent.mkdir(exist_ok=True)
    np.savez_compressed(
        table,
        version=np.int64(1),
        recipe=np.str_(json.dumps(dataclasses.asdict(RECIPE))),
        seeds=np.asarray(SEEDS, np.int64),
        arch=np.asarray([row["arch"] for row in kept]),
        seconds=np.asarray([row["seconds"] for row in kept], np.float32),
        **arrays,  # type: ignore[arg-type]
    )
    print(f"{table}: {len(kept)} cells, {table.stat().st_size / 1e6:.2f} MB")


def committed_rows(table: Path) -> dict[str, dict[str, object]]:
    """Rows of the committed table by cell; none if it was made by another recipe."""
    if not table.exists():
        return {}
    with np.load(table, allow_pickle=False) as data:
        if json.loads(str(data["recipe"])) != dataclasses.asdict(RECIPE):
            return {}
        keys = ("valid_hits", "test_hits", "valid_nll", "test_nll", "seconds")
        columns = {key: data[key] for key in keys}
        return {
            str(arch): {"arch": str(arch), **{key: columns[key][i].tolist() for key in keys}}
            for i, arch in enumerate(data["arch"])
        }


def compare_row(text: str) -> None:
    """Train one cell again and print the committed row beside it."""
    cell = space_of(RECIPE).parse(text)
    fresh, stored = train_cell(cell, SEEDS), committed_rows(TABLE).get(cell.key)
    if stored is None:
        raise SystemExit(f"{text} is not in {TABLE}; it may be written differently there (see functional_key).")
    for key in ("test_hits", "test_nll"):
        for seed, (new, old) in enumerate(zip(fresh[key], stored[key], strict=True)):  # type: ignore[call-overload]
            print(f"{key} seed {seed}: trained now {new[-1]:.5g}, committed {old[-1]:.5g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("train", "pack", "row", "recipe", "describe"))
    parser.add_argument("cell", nargs="?", help="for row: the architecture string")
    parser.add_argument("--work", type=Path, default=Path("work/digits201"), help="where finished rows are kept")
    parser.add_argument("--limit", type=int, help="train the first cells of the random order only")
    parser.add_argument("--part", default="0/1", help="i/n: this process trains every n-th cell")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if arguments.action == "train":
        train(arguments.work, arguments.limit, arguments.part)
    elif arguments.action == "pack":
        pack(arguments.work, TABLE)
    elif arguments.action == "recipe":
        compare_recipes()
    elif arguments.action == "describe":
        describe()
    else:
        compare_row(arguments.cell or "")


if __name__ == "__main__":
    main()
