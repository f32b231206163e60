"""GBDT-NAS: boosted trees choose what is evaluated next, in a space without what they hold against networks."""

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
    """A search space without what was pruned.

    Attributes:
        space: the whole search space.
        options: options that are left out.
        pairs: pairs of options of different choices that are not taken together.
    """

    space: ChoiceSpace
    options: frozenset[Option] = frozenset()
    pairs: frozenset[tuple[Option, Option]] = frozenset()

    def allows(self, architecture: Architecture) -> bool:
        """Whether an architecture makes none of the pruned choices."""
        made = list(enumerate(self.space.choices(architecture)))
        return not any(choice in self.options for choice in made) and not any(
            (a, b) in self.pairs for i, a in enumerate(made) for b in made[i + 1 :]
        )

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw uniformly from what is left.

        Raises:
            InvalidInputError: so little is left that a thousand draws find none.
        """
        left = [
            [option for option in options if (i, option) not in self.options]
            for i, options in enumerate(self.space.options)
        ]
        for _ in range(_TRIES):
            drawn = self.space.from_choices([options[int(rng.integers(len(options)))] for options in left])
            if self.allows(drawn):
                return drawn
        raise InvalidInputError(f"of {self.space.name} hardly anything is left: prune fewer pairs.")


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
    """Prune a search space by what boosted trees say of a few hundred trained networks.

    First order: the mean SHAP value of each option over the networks that take it; the worst are left out, but never
    a choice's last option. Second order: for each pair of options of two choices, the mean SHAP interaction value over
    the networks that take both; the worst pairs are not taken together. Only negative contributions are pruned. SHAP
    values are exact (LightGBM's ``pred_contrib``, XGBoost's ``pred_interactions``).

    Deviations: the authors' code leaves out both options of such a pair altogether, here they are only not taken
    together, and only if that costs more than trees find by chance.

    Args:
        space: a space of choices.
        architectures: trained networks ``(n,)``.
        targets: ``(n,)``.
        most_options: options to leave out at most.
        most_pairs: pairs to forbid at most.
        least: what a pair must cost to be forbidden, in standard deviations of the targets. Where there is no
            interaction at all but 30 % noise, trees on 400 networks find up to .22.
        higher_is_better: False if targets are losses or errors.
        seed: of the trees.

    Raises:
        InvalidInputError: the space makes no choices, or targets cannot be learned from.

    Source: R. Luo et al., "Accuracy Prediction with Non-neural Model for Neural Architecture Search" (GBDT-NAS),
    arXiv:2007.04785, section 3.2.
    """
    if not isinstance(space, ChoiceSpace):
        raise InvalidInputError(
            f"{getattr(space, 'name', space)} is no space of choices: there are no options to prune."
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
    """Mean SHAP value ``(columns,)`` of each option over the networks that take it; 0 where none does.

    Args:
        taken: ``(n, columns)``, 1 where a network takes an option.
        good: targets ``(n,)``, high is good.
        seed: of the trees.
    """
    model = GBDTNAS(seed=seed)
    model._learn(taken, (good - good.mean()) / good.std())
    shap = np.asarray(model.model_.predict(taken, pred_contrib=True))[:, :-1]
    effect: Floats = (shap * taken).sum(0) / np.maximum(taken.sum(0), 1)
    return effect


def pair_effects(taken: Floats, good: Floats, seed: int = 0) -> Floats:
    """Mean SHAP interaction ``(columns, columns)`` of each pair over the networks that take both; 0 where none does.

    It is twice the value that XGBoost gives, which splits an interaction between the halves of a symmetric matrix.

    Args:
        taken: ``(n, columns)``, 1 where a network takes an option.
        good: targets ``(n,)``, high is good.
        seed: of the trees.
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
    """Prune, then search: rounds of the networks that boosted trees rank highest, of those without pruned choices.

    Every round the trees are fitted to all that was evaluated, and SHAP values of the same networks say which options
    and pairs of options are left out of the next round's candidates (:func:`prune`). What was left out may come back.

    Args:
        predictor: name and settings of a predictor.
        initial: evaluations before the first round.
        every: evaluations of a round.
        options: options to leave out at most; 0 for none.
        pairs: pairs of options to leave out at most; 0 for none. Their interactions take seconds a round to compute.
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
        """Take the problem.

        Raises:
            InvalidInputError: options are to be pruned, and the space makes no choices.
        """
        super().begin(problem)
        self._pruned: Pruned | None = None
        if (self.options or self.pairs) and not isinstance(problem.domain.space, ChoiceSpace):
            raise InvalidInputError(
                f"{problem.domain.space.name} is no space of choices: there are no options to prune. Do without, as "
                " gbdt_nas:options=0."
            )

    def _learn(self, architectures: Sequence[Architecture], good: Floats) -> None:
        """Prune by what was evaluated."""
        space = self.problem.domain.space
        if isinstance(space, ChoiceSpace) and (self.options or self.pairs):
            self._pruned = prune(space, architectures, good, most_options=self.options, most_pairs=self.pairs)

    def _may(self, architecture: Architecture) -> bool:
        """Whether nothing was pruned that it chooses."""
        return self._pruned is None or self._pruned.allows(architecture)
