"""Training rules of papers that were measured on elastic-mobilenet and are not registered; docs/supernets.md says why.

``supernet_rules.py`` registers them for its own run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

import zcbench
from zcbench.spaces.elastic_mobilenet import DEPTHS, EXPANSIONS, KERNELS, WIDTHS
from zcbench.supernets import Step, TrainingRule, WeightSharing
from zcbench.types import Architecture

#: options of each decision: depths, widths, kernels, expansions of the first stage, then of the second
DECISIONS = tuple(part for widths in WIDTHS for part in (DEPTHS, widths, KERNELS, EXPANSIONS))


def decided(space: Any, values: Sequence[int]) -> Architecture:
    """Return the architecture with one option of each decision."""
    made: Architecture = space.from_choices(["d{}w{}k{}e{}".format(*values[:4]), "d{}w{}k{}e{}".format(*values[4:])])
    return made


def size_of(supernet: WeightSharing, architecture: Architecture) -> int:
    """Return the number of parameters."""
    return sum(value.numel() for value in supernet.structure(architecture).parameters())


def dealt(options: Sequence[Any], count: int, rng: np.random.Generator) -> list[Any]:
    """Return ``count`` options in random order, each as often as the others or once more."""
    rounds, more = divmod(count, len(options))
    rows = [*list(range(len(options))) * rounds, *rng.permutation(len(options))[:more]]
    return [options[rows[place]] for place in rng.permutation(count)]


@zcbench.register_training_rule("fair", reference="X. Chu et al., 'FairNAS', ICCV 2021, arXiv:1907.01845, algorithm 1")
class Fair(TrainingRule):
    """Together, the subnets of a step take every option of a decision equally often."""

    def __init__(self, subnets: int = 4) -> None:
        self.subnets = subnets

    def step(self, step: Step) -> None:
        """Distribute the options, and train."""
        columns = [dealt(options, self.subnets, step.rng) for options in DECISIONS]
        for values in zip(*columns, strict=True):
            step.learn(decided(step.supernet.space, values), weight=1 / self.subnets)


@zcbench.register_training_rule(
    "complexity",
    reference="after M. Zhang et al., 'ShiftNAS', ICCV 2023, arXiv:2307.08300: sizes first, then subnets of the size; "
    "sizes are uniform here and do not shift",
)
class Complexity(TrainingRule):
    """A range of sizes is drawn uniformly from equal ranges of log parameters; then a subnet of this range."""

    def __init__(self, subnets: int = 1, bins: int = 5) -> None:
        self.subnets = subnets
        self.bins = bins

    def begin(self, supernet: WeightSharing) -> None:
        """Sort six hundred subnets by size."""
        rng = np.random.default_rng(0)
        pool = list(dict.fromkeys(supernet.space.sample(rng) for _ in range(600)))
        sizes = np.log([size_of(supernet, one) for one in pool])
        share = (sizes - sizes.min()) / (sizes.max() - sizes.min())
        rows = np.minimum(self.bins - 1, (share * self.bins).astype(int))
        self._pools = [[one for one, row in zip(pool, rows, strict=True) if row == k] for k in range(self.bins)]

    def step(self, step: Step) -> None:
        """Draw a range, then a subnet."""
        for _ in range(self.subnets):
            pool = self._pools[int(step.rng.integers(self.bins))]
            step.learn(pool[int(step.rng.integers(len(pool)))], weight=1 / self.subnets)


@zcbench.register_training_rule(
    "path",
    reference="S. Lu et al., 'PA&DA', CVPR 2023, arXiv:2302.14772; only paths, data are sampled uniformly",
)
class Path(TrainingRule):
    """Options are drawn with probabilities that change from uniform to their share of gradient norms.

    For each option, the gradient norm of subnets with it is stored, and each new one is averaged with the stored one.
    At the end of each epoch the probability becomes ``progress * norm / sum of norms + (1 - progress) / options``.
    """

    def __init__(self, subnets: int = 1, every: int = 7) -> None:
        self.subnets = subnets
        self.every = every

    def begin(self, supernet: WeightSharing) -> None:
        """Start uniformly."""
        self._chances = [np.full(len(options), 1 / len(options)) for options in DECISIONS]
        self._norms = [np.zeros(len(options)) for options in DECISIONS]

    def step(self, step: Step) -> None:
        """Draw, train, and store norms."""
        if step.number and step.number % self.every == 0:
            for place, norms in enumerate(self._norms):
                if norms.sum() > 0:
                    uniform = (1 - step.progress) / len(norms)
                    self._chances[place] = step.progress * norms / norms.sum() + uniform
            self._norms = [np.zeros(len(options)) for options in DECISIONS]
        before = gradients(step.supernet)
        for _ in range(self.subnets):
            rows = [int(step.rng.choice(len(chances), p=chances)) for chances in self._chances]
            values = [options[row] for options, row in zip(DECISIONS, rows, strict=True)]
            step.learn(decided(step.supernet.space, values), weight=1 / self.subnets)
            after = gradients(step.supernet)
            norm, before = float((after - before).norm()) * self.subnets, after
            for norms, row in zip(self._norms, rows, strict=True):
                norms[row] = (norms[row] + norm) / 2 if norms[row] else norm


def gradients(supernet: WeightSharing) -> torch.Tensor:
    """Return all gradients as one vector, with zeros for missing ones."""
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in supernet.parameters()])


@zcbench.register_training_rule("sorted", reference="M. Valipour et al., 'SortedNet', arXiv:2309.00255; own ladder")
class Sorted(TrainingRule):
    """Subnets of one nested ladder, drawn uniformly: from the smallest up, each with the neighbour that adds least."""

    def __init__(self, subnets: int = 1) -> None:
        self.subnets = subnets

    def begin(self, supernet: WeightSharing) -> None:
        """Build the ladder."""
        space: Any = supernet.space
        self._ladder = [supernet.smallest]
        while (last := self._ladder[-1]) != supernet.largest:
            mine = np.array(space.stages(last))
            above = [one for one in space.neighbors(last) if (np.array(space.stages(one)) >= mine).all()]
            self._ladder.append(min(above, key=lambda one: size_of(supernet, one)))

    def step(self, step: Step) -> None:
        """Draw and train."""
        for _ in range(self.subnets):
            step.learn(self._ladder[int(step.rng.integers(len(self._ladder)))], weight=1 / self.subnets)
