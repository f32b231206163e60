"""Train the embedded benchmarks chars-rnn and chars-bert: small language models on the text of Python's help().

    python tools/train_chars.py train rnn    # resumes where it was killed; rows go to work/chars-rnn; --part 0/2
    python tools/train_chars.py pack rnn     # writes zcbench/datasets/data/chars-rnn.npz
    python tools/train_chars.py row rnn 17   # trains the 17th row of the table again and compares
    python tools/train_chars.py recipe rnn   # how the recipe was chosen
    python tools/train_chars.py describe rnn # the figures of docs/cards/chars-rnn.md

``rnn``: recurrent cells of NAS-Bench-NLP's space predict the next character. ``bert``: encoders of the FlexiBERT space
predict characters that are hidden.

The seeds of one recurrent cell train side by side: linear maps and embeddings get one more dimension, of seeds, and the
many small operations of a cell are paid once.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _rows import append_rows, rows_of
from numpy.typing import NDArray
from scipy.stats import kendalltau
from torch import Tensor, nn
from torch.nn import functional as F

from zcbench._process import keep_freed_memory, stable_seed
from zcbench.datasets import load_benchmark
from zcbench.datasets._text import load_text
from zcbench.evaluation import interval
from zcbench.metrics import noise_ceiling
from zcbench.spaces import get_space
from zcbench.types import Architecture

SEEDS = (0, 1)
#: architectures in a frozen random order: those of the table first, those that the recipe was chosen on last
POOL, SELECTION = 700, 24
DATA = Path(__file__).parents[1] / "zcbench" / "datasets" / "data"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What training does; :data:`RECIPES` are the benchmarks'."""

    steps: int
    lr: float
    batch: int = 32
    length: int = 32
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    #: the learning rate stays for this part of training, then falls linearly to nothing
    plateau: float = 0.5
    #: how often validation NLL is measured; test NLL at the end only
    evaluations: int = 10
    #: part of the characters that a masked language model has to predict
    hidden: float = 0.15


RECIPES = {"rnn": Recipe(steps=320, lr=0.003), "bert": Recipe(steps=300, lr=0.003)}
#: a network whose loss is not finite for so many steps in a row has diverged
PATIENCE = 10
#: blocks of the validation part that a curve is measured on
CURVE_BLOCKS = 4


def pool(kind: str) -> list[Architecture]:
    """Different networks that run, in a frozen random order."""
    space = get_space(f"chars-{kind}")
    rng = np.random.default_rng(stable_seed("chars", kind))
    found: dict[Architecture, None] = {}
    while len(found) < POOL:
        architecture = space.canonical(space.sample(rng))
        if architecture not in found and (kind == "bert" or runs(architecture)):
            found[architecture] = None
    return list(found)


def runs(architecture: Architecture) -> bool:
    """Whether a recurrent cell carries a text of the training length without blowing up, weights as they are drawn.

    Sums and products of states without an activation between grow without bound in about four cells of ten.
    """
    text, recipe = load_text(), RECIPES["rnn"]
    torch.manual_seed(stable_seed("chars runs", architecture.key))
    network = get_space(architecture.space).build(architecture, num_classes=text.words)
    tokens = torch.from_numpy(text.parts["valid"][:, : recipe.length + 1])
    loss = losses("rnn", network, tokens[None], None, text.mask).sum()
    loss.backward()
    gradients = [p.grad.abs().max() for p in network.parameters() if p.grad is not None]
    return bool(loss.detach() < 10 and torch.stack(gradients).max() < 100)


# -- several networks as one -------------------------------------------------------------------


class StackedLinear(nn.Module):
    """Linear layers side by side: ``(seeds, …, c_in)`` to ``(seeds, …, c_out)``."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """``(seeds, …, c_in)`` to ``(seeds, …, c_out)``."""
        flat = x.flatten(1, -2)
        return torch.baddbmm(self.bias[:, None], flat, self.weight.transpose(1, 2)).unflatten(1, x.shape[1:-1])


class StackedEmbedding(nn.Module):
    """Embeddings side by side: ``(seeds, …)`` to ``(seeds, …, c)``."""

    def __init__(self, layers: Sequence[nn.Embedding]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))

    def forward(self, tokens: Tensor) -> Tensor:
        """``(seeds, …)`` to ``(seeds, …, c)``."""
        seeds, words = self.weight.shape[:2]
        offset = torch.arange(seeds).view(-1, *[1] * (tokens.ndim - 1)) * words
        return F.embedding(tokens + offset, self.weight.flatten(0, 1))


def stack(networks: Sequence[nn.Module]) -> nn.Module:
    """Equal recurrent language models with different weights as one over inputs ``(seeds, batch, length)``."""
    first = copy.deepcopy(networks[0])
    for name, module in list(first.named_modules()):
        twins: list[Any] = [network.get_submodule(name) for network in networks]
        if isinstance(module, (nn.Linear, nn.Embedding)):
            merged = StackedLinear(twins) if isinstance(module, nn.Linear) else StackedEmbedding(twins)
            parent, _, leaf = name.rpartition(".")
            setattr(first.get_submodule(parent), leaf, merged)
    first.decoder.weight = first.encoder.weight  # tied, as in the networks
    return first


# -- training ----------------------------------------------------------------------------------


def losses(kind: str, network: nn.Module, tokens: Tensor, hidden: Tensor | None, mask: int) -> Tensor:
    """Mean negative log-likelihood per seed ``(seeds,)`` of ``tokens`` ``(seeds, batch, length + 1)``."""
    if kind == "rnn":
        logits, targets = network(tokens[..., :-1]), tokens[..., 1:]
        return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none").view(len(tokens), -1).mean(1)
    assert hidden is not None
    logits = network(tokens[0].where(~hidden[0], mask))
    return F.cross_entropy(logits[hidden[0]], tokens[0][hidden[0]])[None]


def train(kind: str, architecture: Architecture, seeds: Sequence[int], recipe: Recipe) -> dict[str, object]:
    """Train one architecture with all seeds: curve of validation NLL ``[seed][evaluation]``, test NLL ``[seed]``.

    Nan where it diverged.
    """
    started = time.process_time()
    if kind == "rnn":
        curves = _train(kind, architecture, seeds, recipe)
    else:
        parts = [_train(kind, architecture, [seed], recipe) for seed in seeds]
        curves = {key: [part[key][0] for part in parts] for key in parts[0]}
    # Seeds may share one pass, so each is charged its equal part.
    return {"arch": architecture.key, **curves, "seconds": round((time.process_time() - started) / len(seeds), 3)}


def _train(kind: str, architecture: Architecture, seeds: Sequence[int], recipe: Recipe) -> dict[str, list[Any]]:
    text, space = load_text(), get_space(f"chars-{kind}")
    networks, generators = [], []
    for seed in seeds:
        torch.manual_seed(stable_seed("chars init", kind, architecture.key, seed))
        networks.append(space.build(architecture, num_classes=text.words))
        generators.append(np.random.default_rng(stable_seed("chars order", kind, architecture.key, seed)))
    network = stack(networks) if kind == "rnn" else networks[0]
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, foreach=True)
    blocks = text.parts["train"]
    warm, plateau = recipe.warmup * recipe.steps, recipe.plateau * recipe.steps
    points = {round((i + 1) * recipe.steps / recipe.evaluations) for i in range(recipe.evaluations)}
    valid = []
    lost = 0  # steps in a row without any seed whose loss is finite
    for step in range(recipe.steps):
        windows = [_windows(generator, blocks, recipe) for generator in generators]
        hidden = [torch.from_numpy(g.random((recipe.batch, recipe.length + 1)) < recipe.hidden) for g in generators]
        lr = recipe.lr * min((step + 1) / warm, 1.0, (recipe.steps - step) / (recipe.steps - plateau))
        optimizer.param_groups[0]["lr"] = lr
        loss = losses(kind, network, torch.stack(windows), torch.stack(hidden), text.mask)
        lost = 0 if loss.isfinite().any() else lost + 1
        if lost == PATIENCE:
            break
        optimizer.zero_grad(set_to_none=True)
        loss.sum().backward()
        _clip(parameters, recipe.clip, len(seeds))
        optimizer.step()
        if step + 1 in points:
            valid.append(evaluate(kind, network, text.parts["valid"][:CURVE_BLOCKS], recipe, len(seeds)))
    if lost == PATIENCE:
        valid += [[math.nan] * len(seeds)] * (recipe.evaluations - len(valid))
        test = [math.nan] * len(seeds)
    else:
        test = evaluate(kind, network, text.parts["test"], recipe, len(seeds))
    return {"valid_nll": np.round(np.asarray(valid).T, 5).tolist(), "test_nll": np.round(test, 5).tolist()}


def _windows(generator: np.random.Generator, blocks: NDArray[np.int64], recipe: Recipe) -> Tensor:
    rows = generator.integers(len(blocks), size=recipe.batch)
    starts = generator.integers(blocks.shape[1] - recipe.length, size=recipe.batch)
    return torch.from_numpy(blocks[rows[:, None], starts[:, None] + np.arange(recipe.length + 1)])


def _clip(parameters: Sequence[nn.Parameter], largest: float, seeds: int) -> None:
    """Scale gradients to a norm of at most ``largest``, each seed's by itself; those that overflowed count as zero."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    views = [g.view(seeds, -1) if seeds > 1 or g.shape[0] == 1 else g.view(1, -1) for g in gradients]
    norm = torch.stack([view.square().sum(1) for view in views]).sum(0).sqrt()
    scale = (largest / (norm + 1e-6)).clamp(max=1.0)
    for view in views:
        view.copy_((view * scale[:, None]).where(norm.isfinite()[:, None], 0.0))


@torch.no_grad()
def evaluate(kind: str, network: nn.Module, blocks: NDArray[np.int64], recipe: Recipe, seeds: int) -> list[float]:
    """NLL per character and seed, in windows of the training length."""
    count = (blocks.shape[1] - 1) // recipe.length
    starts = np.arange(count) * recipe.length
    tokens = torch.from_numpy(blocks[:, starts[:, None] + np.arange(recipe.length + 1)].reshape(-1, recipe.length + 1))
    hidden = torch.from_numpy(np.random.RandomState(201).random_sample(tokens.shape) < recipe.hidden)
    network.eval()
    total, weight = torch.zeros(seeds), 0.0
    for rows, hide in zip(tokens.split(256), hidden.split(256), strict=True):
        amount = float(hide.sum()) if kind == "bert" else len(rows)
        total += amount * losses(
            kind, network, rows.expand(seeds, -1, -1), hide.expand(seeds, -1, -1), load_text().mask
        )
        weight += amount
    network.train()
    return [float(value) if math.isfinite(value) else math.nan for value in total / weight]


# -- which recipe ------------------------------------------------------------------------------

CANDIDATES = {
    "rnn": {
        f"lr {lr}, {steps} steps": Recipe(steps=steps, lr=lr) for steps, lr in ((320, 0.003), (320, 0.01), (160, 0.01))
    },
    "bert": {
        "lr .003, 400 steps": Recipe(steps=400, lr=0.003, hidden=0.3),
    },
}


def compare_recipes(kind: str) -> None:
    """Print what each candidate gives on the selection architectures: ceiling, spread, cost."""
    chosen = pool(kind)[-SELECTION:]
    print(f"{len(chosen)} architectures, {len(SEEDS)} seeds")
    print("recipe | trained | tau of seeds | quantiles of NLL | s per seed")
    for name, recipe in CANDIDATES[kind].items():
        rows: list[Any] = [train(kind, architecture, SEEDS, recipe) for architecture in chosen]
        final = np.asarray([row["test_nll"] for row in rows], float)
        good = np.isfinite(final).all(1)
        quantiles = " ".join(f"{q:.2f}" for q in np.quantile(final[good].mean(1), (0, 0.25, 0.5, 0.75, 1)))
        tau = kendalltau(*final[good].T).statistic
        seconds = np.mean([row["seconds"] for row in rows])
        print(f"{name} | {good.mean():.2f} | {tau:.2f} | {quantiles} | {seconds:.1f}", flush=True)


def describe(kind: str) -> None:
    """Print the figures of the data card, without the selection architectures."""
    table = load_benchmark(f"chars-{kind}")
    print(f"{len(table)} architectures, seconds per training {table.facts['train_seconds'].mean():.1f}")
    for name, target in table.targets.items():
        values = table.values[name] * (1 if target.higher_is_better else -1)
        top = values[values.mean(1) >= np.median(values.mean(1))]
        print(f"{name}: seed-to-seed {interval(noise_ceiling(values))}, better half {interval(noise_ceiling(top))}")
        quantiles = np.quantile(table.values[name].mean(1), (0, 0.05, 0.5, 0.95, 1))
        print(f"  quantiles 0, .05, .5, .95, 1: {' '.join(f'{q:.3f}' for q in quantiles)}")


# -- the table ---------------------------------------------------------------------------------


def table_path(kind: str) -> Path:
    """Where the committed table lies."""
    return DATA / f"chars-{kind}.npz"


def pack(kind: str, work: Path) -> None:
    """Gather all finished rows into the committed table, in the order of the pool."""
    rows = {**committed_rows(kind), **rows_of(work)}
    kept = [rows[architecture.key] for architecture in pool(kind) if architecture.key in rows]
    np.savez_compressed(
        table_path(kind),
        version=np.int64(1),
        recipe=np.str_(json.dumps(dataclasses.asdict(RECIPES[kind]))),
        seeds=np.asarray(SEEDS, np.int64),
        arch=np.asarray([row["arch"] for row in kept]),
        **{key: np.asarray([row[key] for row in kept], np.float32) for key in ("valid_nll", "test_nll", "seconds")},
    )
    failed = sum(not np.isfinite(row["test_nll"]).all() for row in kept)
    size = table_path(kind).stat().st_size / 1e6
    print(f"{table_path(kind)}: {len(kept)} architectures, {failed} of which diverged, {size:.2f} MB")


def committed_rows(kind: str) -> dict[str, dict[str, Any]]:
    """Rows of the committed table by architecture; none if it was made by another recipe."""
    if not table_path(kind).exists():
        return {}
    with np.load(table_path(kind), allow_pickle=False) as data:
        if json.loads(str(data["recipe"])) != dataclasses.asdict(RECIPES[kind]):
            return {}
        columns = {key: data[key].tolist() for key in ("arch", "valid_nll", "test_nll", "seconds")}
        return {arch: {key: columns[key][i] for key in columns} for i, arch in enumerate(columns["arch"])}


def compare_row(kind: str, number: int) -> None:
    """Train one row of the table again and print the committed values beside it."""
    rows = list(committed_rows(kind).values())
    if not 0 <= number < len(rows):
        raise SystemExit(f"row {number}: the table has rows 0 to {len(rows) - 1}.")
    stored = rows[number]
    fresh: Any = train(kind, Architecture(f"chars-{kind}", stored["arch"]), SEEDS, RECIPES[kind])
    print(stored["arch"])
    for seed, new, old in zip(SEEDS, fresh["test_nll"], stored["test_nll"], strict=True):
        print(f"test NLL, seed {seed}: trained now {new:.5g}, committed {old:.5g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("train", "pack", "row", "recipe", "describe"))
    parser.add_argument("kind", choices=tuple(RECIPES))
    parser.add_argument("number", nargs="?", type=int, default=0, help="for row: its number")
    parser.add_argument("--work", type=Path, help="where finished rows are kept (default: work/chars-KIND)")
    parser.add_argument("--limit", type=int, default=POOL - SELECTION, help="train the first ones of the random order")
    parser.add_argument("--part", default="0/1", help="i/n: this process trains every n-th architecture")
    arguments = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    kind: str = arguments.kind
    work = arguments.work or Path(f"work/chars-{kind}")
    if arguments.action == "train":
        index, count = map(int, arguments.part.split("/"))
        finished = rows_of(work).keys() | committed_rows(kind).keys()
        mine = pool(kind)[: min(arguments.limit, POOL - SELECTION)][index::count]
        todo = [architecture for architecture in mine if architecture.key not in finished]
        append_rows(work, arguments.part, todo, lambda architecture: train(kind, architecture, SEEDS, RECIPES[kind]))
    elif arguments.action == "pack":
        pack(kind, work)
    elif arguments.action == "recipe":
        compare_recipes(kind)
    elif arguments.action == "describe":
        describe(kind)
    else:
        compare_row(kind, arguments.number)


if __name__ == "__main__":
    main()
