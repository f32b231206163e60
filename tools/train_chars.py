"""Train the embedded benchmarks chars-rnn and chars-bert: small language models on the text of Python's help().

    python tools/train_chars.py train rnn    # resumes after a kill; rows are in work/chars-rnn; --part 0/2
    python tools/train_chars.py pack rnn     # writes zcbench/datasets/data/chars-rnn.npz
    python tools/train_chars.py row rnn 17   # trains the 17th row of the table again and compares
    python tools/train_chars.py recipe rnn   # how the recipe was chosen
    python tools/train_chars.py describe rnn # the figures of docs/cards/chars-rnn.md

``rnn``: recurrent cells of NAS-Bench-NLP's space predict the next character. ``bert``: encoders of the FlexiBERT space
predict masked characters.

The seeds of one recurrent cell train in parallel: linear maps and embeddings get an additional dimension for seeds,
which shares the overhead of a cell's many small operations.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
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
from zcbench.datasets._text import load_text
from zcbench.spaces import get_space
from zcbench.types import Architecture, SearchSpace

#: architectures in the fixed random order
POOL = 700


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Settings of training; :data:`RECIPES` are the benchmarks'."""

    steps: int
    lr: float
    batch: int = 32
    length: int = 32
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    #: the learning rate is constant for this part of training, then decreases linearly to zero
    plateau: float = 0.5
    #: number of measurements of validation NLL; test NLL is measured only at the end
    evaluations: int = 10
    #: part of the characters that a masked language model has to predict
    hidden: float = 0.15


RECIPES = {"rnn": Recipe(steps=320, lr=0.003), "bert": Recipe(steps=300, lr=0.003)}
CANDIDATES = {
    "rnn": {
        f"lr {lr}, {steps} steps": Recipe(steps=steps, lr=lr) for steps, lr in ((320, 0.003), (320, 0.01), (160, 0.01))
    },
    "bert": {
        "lr .003, 400 steps": Recipe(steps=400, lr=0.003, hidden=0.3),
    },
}
#: a network whose loss is not finite for this many consecutive steps has diverged
PATIENCE = 10
#: number of blocks of the validation part for a curve
CURVE_BLOCKS = 4


class Chars(Maker):
    """Language models of one kind.

    Args:
        kind: "rnn" or "bert".
        recipe: settings of training; the benchmark's own by default.
        table: file of the table; the committed one by default.
    """

    seeds = (0, 1)
    columns: ClassVar[Mapping[str, Any]] = {"valid_nll": np.float32, "test_nll": np.float32, "seconds": np.float32}
    finals: ClassVar[Mapping[str, int]] = {"test_nll": -1}
    selection = 24
    selection_in_table = False

    def __init__(self, kind: str, recipe: Recipe | None = None, table: Path | None = None) -> None:
        name = f"chars-{kind}"
        super().__init__(name, table or DATA / f"{name}.npz", recipe or RECIPES[kind])
        self.kind = kind
        self.candidates = CANDIDATES[kind]

    @property
    def space(self) -> SearchSpace:
        """The search space."""
        return get_space(self.name)

    def order(self) -> list[Architecture]:
        """Return different networks that run."""
        space = self.space
        rng = np.random.default_rng(stable_seed("chars", self.kind))
        found: dict[Architecture, None] = {}
        while len(found) < POOL:
            architecture = space.canonical(space.sample(rng))
            if architecture not in found and (self.kind == "bert" or runs(architecture)):
                found[architecture] = None
        return list(found)

    def train(self, architecture: Architecture, seeds: Sequence[int], recipe: Any) -> dict[str, list[Any]]:
        """Return the curve of validation NLL ``[seed][evaluation]``, test NLL ``[seed]``; nan if training diverged."""
        if self.kind == "rnn":
            return train_stack(self.kind, architecture, seeds, recipe)
        parts = [train_stack(self.kind, architecture, [seed], recipe) for seed in seeds]
        return {key: [part[key][0] for part in parts] for key in parts[0]}


def runs(architecture: Architecture) -> bool:
    """Return whether a recurrent cell with new weights processes a text of the training length without overflow.

    In about four cells of ten, sums and products of states without an activation in between grow without bound.
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
    """Parallel linear layers: ``(seeds, …, c_in)`` to ``(seeds, …, c_out)``."""

    def __init__(self, layers: Sequence[nn.Linear]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))
        self.bias = nn.Parameter(torch.stack([layer.bias.detach() for layer in layers]))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(seeds, …, c_in)`` to ``(seeds, …, c_out)``."""
        flat = x.flatten(1, -2)
        return torch.baddbmm(self.bias[:, None], flat, self.weight.transpose(1, 2)).unflatten(1, x.shape[1:-1])


class StackedEmbedding(nn.Module):
    """Parallel embeddings: ``(seeds, …)`` to ``(seeds, …, c)``."""

    def __init__(self, layers: Sequence[nn.Embedding]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.stack([layer.weight.detach() for layer in layers]))

    def forward(self, tokens: Tensor) -> Tensor:
        """Map ``(seeds, …)`` to ``(seeds, …, c)``."""
        seeds, words = self.weight.shape[:2]
        offset = torch.arange(seeds).view(-1, *[1] * (tokens.ndim - 1)) * words
        return F.embedding(tokens + offset, self.weight.flatten(0, 1))


def side_by_side(modules: list[Any]) -> nn.Module | None:
    """Return one module with a dimension of seeds; None if it has no weights."""
    if isinstance(modules[0], nn.Linear):
        return StackedLinear(modules)
    return StackedEmbedding(modules) if isinstance(modules[0], nn.Embedding) else None


def language_models(networks: Sequence[nn.Module]) -> nn.Module:
    """Combine equal language models with different weights into one, for inputs ``(seeds, batch, length)``."""
    whole: Any = stacked(networks, side_by_side)
    whole.decoder.weight = whole.encoder.weight  # tied, as in the networks
    return whole  # type: ignore[no-any-return]


# -- training ----------------------------------------------------------------------------------


def losses(kind: str, network: nn.Module, tokens: Tensor, hidden: Tensor | None, mask: int) -> Tensor:
    """Return the mean negative log-likelihood per seed ``(seeds,)`` of ``tokens`` ``(seeds, batch, length + 1)``."""
    if kind == "rnn":
        logits, targets = network(tokens[..., :-1]), tokens[..., 1:]
        return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none").view(len(tokens), -1).mean(1)
    assert hidden is not None
    logits = network(tokens[0].where(~hidden[0], mask))
    return F.cross_entropy(logits[hidden[0]], tokens[0][hidden[0]])[None]


def train_stack(kind: str, architecture: Architecture, seeds: Sequence[int], recipe: Recipe) -> dict[str, list[Any]]:
    """Train one architecture with all seeds at once; see :meth:`Chars.train`."""
    text, space = load_text(), get_space(f"chars-{kind}")
    networks = drawn(
        lambda: space.build(architecture, num_classes=text.words),
        [stable_seed("chars init", kind, architecture.key, seed) for seed in seeds],
    )
    generators = [np.random.default_rng(stable_seed("chars order", kind, architecture.key, seed)) for seed in seeds]
    network = language_models(networks) if kind == "rnn" else networks[0]
    parameters = list(network.parameters())
    warm, plateau = recipe.warmup * recipe.steps, recipe.plateau * recipe.steps

    def rate(step: int) -> float:
        return recipe.lr * min((step + 1) / warm, 1.0, (recipe.steps - step) / (recipe.steps - plateau))

    def loss(step: int) -> Tensor:
        windows = [_windows(generator, text.parts["train"], recipe) for generator in generators]
        hidden = [torch.from_numpy(g.random((recipe.batch, recipe.length + 1)) < recipe.hidden) for g in generators]
        return losses(kind, network, torch.stack(windows), torch.stack(hidden), text.mask)

    points = {round((i + 1) * recipe.steps / recipe.evaluations) for i in range(recipe.evaluations)}
    nll = functools.partial(evaluate, kind, network, recipe=recipe, seeds=len(seeds))
    valid = fit(
        network,
        torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay, foreach=True),
        recipe.steps,
        rate=rate,
        loss=loss,
        points=points,
        measure=lambda: nll(text.parts["valid"][:CURVE_BLOCKS]),
        clip=lambda: _clip(parameters, recipe.clip, len(seeds)),
        patience=PATIENCE,
    )
    nothing = [math.nan] * len(seeds)
    test = nll(text.parts["test"]) if len(valid) == len(points) else nothing
    valid += [nothing] * (len(points) - len(valid))
    return {"valid_nll": np.round(np.asarray(valid).T, 5).tolist(), "test_nll": np.round(test, 5).tolist()}


def _windows(generator: np.random.Generator, blocks: NDArray[np.int64], recipe: Recipe) -> Tensor:
    rows = generator.integers(len(blocks), size=recipe.batch)
    starts = generator.integers(blocks.shape[1] - recipe.length, size=recipe.batch)
    return torch.from_numpy(blocks[rows[:, None], starts[:, None] + np.arange(recipe.length + 1)])


def _clip(parameters: Sequence[nn.Parameter], largest: float, seeds: int) -> None:
    """Scale each seed's gradients to a norm of at most ``largest``; gradients that overflowed become zero."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    views = [g.view(seeds, -1) if seeds > 1 or g.shape[0] == 1 else g.view(1, -1) for g in gradients]
    norm = torch.stack([view.square().sum(1) for view in views]).sum(0).sqrt()
    scale = (largest / (norm + 1e-6)).clamp(max=1.0)
    for view in views:
        view.copy_((view * scale[:, None]).where(norm.isfinite()[:, None], 0.0))


@torch.no_grad()
def evaluate(kind: str, network: nn.Module, blocks: NDArray[np.int64], recipe: Recipe, seeds: int) -> list[float]:
    """Return NLL per character and seed, in windows of the training length."""
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
    return [float(value) if math.isfinite(value) else math.nan for value in total / weight]


if __name__ == "__main__":
    command({kind: Chars(kind) for kind in RECIPES}, __doc__)
