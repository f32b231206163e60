"""What a searcher is given: where it may go, what is searched for, what is known, and random numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zcbench.scorers import Scorer
from zcbench.search._base import Objective
from zcbench.search._budget import Budget
from zcbench.search._domain import Domain
from zcbench.search._history import History
from zcbench.types import Architecture


@dataclass
class Problem:
    """One search as its searcher sees it.

    Attributes:
        domain: the architectures that can be proposed.
        objectives: what is searched for.
        budget: what may be spent in all.
        rng: everything random in the search.
        history: what was evaluated.
        epochs: epochs of a whole training, where parts of it can be asked for; None otherwise.
        warm_start: a scorer that chooses the first architectures; None for a random choice.
        warm_start_from: how many are drawn and scored to choose from.
        features: scorers whose scores a surrogate sees beside its encoding.
    """

    domain: Domain
    objectives: tuple[Objective, ...]
    budget: Budget
    rng: np.random.Generator
    history: History = field(init=False)
    epochs: int | None = None
    warm_start: Scorer | None = None
    warm_start_from: int = 1_000
    features: tuple[Scorer, ...] = ()

    def __post_init__(self) -> None:
        self.history = History(len(self.objectives))

    def initial(self, count: int) -> list[Architecture]:
        """The first architectures of a search: different, new, at random or the best of many by the warm-start scorer.

        Fewer come where the domain has no more.
        """
        if self.warm_start is None:
            return self.domain.sample(self.rng, count, self.history)
        drawn = self.domain.sample(self.rng, max(count, self.warm_start_from), self.history)
        order = np.argsort(-self.warm_start.good(drawn), kind="stable")  # nan comes last
        return [drawn[row] for row in order[:count]]
