"""GBDT-NAS: boosted trees choose the next evaluations, in a space from which they prune bad choices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from zcbench.errors import InvalidInputError
from zcbench.predictors._base import checked
from zcbench.predictors._targets import Floats
from zcbench.predictors.trees import GBDTNAS, XGBoost
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.search.guided import Guided
from zcbench.spaces import ChoiceSpace
from zcbench.types import Architecture

#: A choice (its number) and an option of it.
Option: TypeAlias = tuple[int, str]
_TRIES = 1000


@dataclass(frozen=True)
class Pruned:
    """A search space without pruned options.

    Attributes:
        space: the whole search space.
        options: excluded options.
        pairs: excluded pairs of options of different choices.
    """

    space: ChoiceSpace
    options: frozenset[Option] = frozenset()
    pairs: frozenset[tuple[Option, Option]] = frozenset()

    def allows(self, architecture: Architecture) -> bool:
        """Return whether an architecture contains no excluded option or pair."""
        made = list(enumerate(self.space.choices(architecture)))
        return not any(choice in self.options for choice in made) and not any(
            (a, b) in self.pairs for i, a in enumerate(made) for b in made[i + 1 :]
        )

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from the remaining architectures.

        Raises:
            InvalidInputError: so few remain that a thousand draws find none.
        """
        left = [
            [option for option in options if (i, option) not in self.options]
            for i, options in enumerate(self.space.options)
        ]
        for _ in range(_TRIES):
            drawn = self.space.from_choices([options[int(rng.integers(len(options)))] for options in left])
            if self.allows(drawn):
                return drawn
        raise InvalidInputError(f"hardly any architecture of {self.space.name} remains: prune fewer pairs.")


def prune(
    space: ChoiceSpace,
    architectures: Sequence[Architecture],
    targets: ArrayLike,
    *,
    most_options: int = 20,
    most_pairs: int = 20,
    least: float = 0.25,
    higher_is_better: bool = True,
    seed: int = 0,
) -> Pruned:
    """Prune a search space by boosted trees that are fitted to a few hundred trained networks.

    First order: the mean SHAP value of each option over the networks with this option; the worst options are excluded,
    but never a choice's last option. Second order: for each pair of options of two choices, the mean SHAP interaction
    value over the networks with both; the worst pairs are excluded. Only negative contributions are pruned. SHAP values
    are exact (LightGBM's ``pred_contrib``, XGBoost's ``pred_interactions``).

    Deviations: the authors' code excludes both options of such a pair entirely. Here only the pair is excluded, and
    only if its cost is larger than trees find by chance.

    Args:
        space: a space of choices.
        architectures: trained networks ``(n,)``.
        targets: ``(n,)``.
        most_options: largest number of options to exclude.
        most_pairs: largest number of pairs to exclude.
        least: least cost of an excluded pair, in standard deviations of the targets. Without any interaction but with
            30 % noise, trees on 400 networks find up to .22.
        higher_is_better: False if targets are losses or errors.
        seed: seed of the trees.

    Raises:
        InvalidInputError: the space has no choices, or targets cannot be learned from.

    Source: R. Luo et al., "Accuracy Prediction with Non-neural Model for Neural Architecture Search" (GBDT-NAS),
    arXiv:2007.04785, section 3.2.
    """
    if not isinstance(space, ChoiceSpace):
        raise InvalidInputError(
            f"{getattr(space, 'name', space)} is not a space of choices: there are no options to prune."
        )
    known, values = checked(architectures, targets)
    good = values if higher_is_better else -values
    columns: list[Option] = [(i, option) for i, options in enumerate(space.options) for option in options]
    taken = np.array([[choice[i] == option for i, option in columns] for choice in map(space.choices, known)])
    if np.ptp(good) == 0:
        return Pruned(space)
    first = option_effects(taken.astype(np.float64), good, seed)
    options: set[Option] = set()
    for column in np.argsort(first):
        i, option = columns[column]
        left = sum((i, other) not in options for other in space.options[i])
        if first[column] >= 0 or len(options) == most_options:
            break
        if left > 1:
            options.add((i, option))
    both = pair_effects(taken.astype(np.float64), good, seed) if most_pairs else np.zeros((len(columns),) * 2)
    pairs: list[tuple[Option, Option]] = []
    for flat in np.argsort(both, axis=None):
        a, b = np.unravel_index(flat, both.shape)
        if both[a, b] > -least or len(pairs) == most_pairs:
            break
        apart = columns[a][0] < columns[b][0]
        if apart and not {columns[a], columns[b]} & options:
            pairs.append((columns[a], columns[b]))
    return Pruned(space, frozenset(options), frozenset(pairs))


def option_effects(taken: Floats, good: Floats, seed: int = 0) -> Floats:
    """Return the mean SHAP value ``(columns,)`` of each option over the networks with it; 0 if there is none.

    Args:
        taken: ``(n, columns)``, 1 if a network has an option.
        good: targets ``(n,)``, high is good.
        seed: seed of the trees.
    """
    model = GBDTNAS(seed=seed)
    model._learn(taken, (good - good.mean()) / good.std())
    shap = np.asarray(model.model_.predict(taken, pred_contrib=True))[:, :-1]
    effect: Floats = (shap * taken).sum(0) / np.maximum(taken.sum(0), 1)
    return effect


def pair_effects(taken: Floats, good: Floats, seed: int = 0) -> Floats:
    """Return the mean SHAP interaction ``(columns, columns)`` of each pair over the networks with both, or 0.

    It is twice the value that XGBoost returns, because XGBoost splits an interaction between the halves of a symmetric
    matrix.

    Args:
        taken: ``(n, columns)``, 1 if a network has an option.
        good: targets ``(n,)``, high is good.
        seed: seed of the trees.
    """
    import xgboost

    model = XGBoost(seed=seed)
    model._learn(taken, (good - good.mean()) / good.std())
    values = np.asarray(model.model_.predict(xgboost.DMatrix(taken), pred_interactions=True), np.float64)[:, :-1, :-1]
    together = np.einsum("nab,na,nb->ab", values, taken, taken)
    effect: Floats = 2 * together / np.maximum(taken.T @ taken, 1)
    np.fill_diagonal(effect, 0)
    return effect


@register_searcher(
    "gbdt_nas",
    reference="R. Luo et al., 'Accuracy Prediction with Non-neural Model for NAS' (GBDT-NAS), arXiv:2007.04785, "
    "algorithm 1 and section 3.2",
    extra="predictors",
)
class GBDTNASSearch(Guided):
    """GBDT-NAS: rounds of evaluating the networks that boosted trees rank highest, without pruned choices.

    In every round the trees are fitted to all evaluations. SHAP values of the same networks determine which options and
    pairs of options are excluded from the next round's candidates (:func:`prune`). Excluded options may be allowed
    again in later rounds.

    Args:
        predictor: name and settings of a predictor.
        initial: evaluations before the first round.
        every: evaluations of a round.
        options: largest number of excluded options; 0 for none.
        pairs: largest number of excluded pairs of options; 0 for none. Their interactions take seconds in each round.
        explore: share of proposals that are random.
    """

    ranges: ClassVar = {"options": (0, 10**6), "pairs": (0, 10**6)}

    def __init__(
        self,
        predictor: str = "gbdt_nas",
        initial: int = 20,
        every: int = 10,
        options: int = 20,
        pairs: int = 0,
        explore: float = 0.1,
    ) -> None:
        super().__init__(predictor, "top", initial, every, explore)
        self.options = options
        self.pairs = pairs

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            InvalidInputError: options are to be pruned, but the space has no choices.
        """
        super().begin(problem)
        self._pruned: Pruned | None = None
        if (self.options or self.pairs) and not isinstance(problem.domain.space, ChoiceSpace):
            raise InvalidInputError(
                f"{problem.domain.space.name} is not a space of choices: there are no options to prune. Turn pruning "
                "off with  gbdt_nas:options=0."
            )

    def _learn(self, architectures: Sequence[Architecture], good: Floats) -> None:
        """Prune by the evaluations."""
        space = self.problem.domain.space
        if isinstance(space, ChoiceSpace) and (self.options or self.pairs):
            self._pruned = prune(space, architectures, good, most_options=self.options, most_pairs=self.pairs)

    def _may(self, architecture: Architecture) -> bool:
        """Return whether the architecture contains no excluded option or pair."""
        return self._pruned is None or self._pruned.allows(architecture)
