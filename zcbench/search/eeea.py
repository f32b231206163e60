"""EEEA-Net: evolution whose first population is below a threshold, for example of parameters.

An architecture of the first population with a score above the threshold is rejected before it is trained, and another
one is drawn instead ("early exit population initialisation"). Then evolution continues as usual, and children may
exceed the threshold. If fewer architectures below it are found than the population has members, others complete the
population. A bound that applies to the whole search is a constraint.

Source: C. Termritthikun, Y. Jamtsho, J. Ieamsaard, P. Muneesawang, I. Lee, "EEEA-Net: An Early Exit Evolutionary Neural
Architecture Search", Engineering Applications of Artificial Intelligence 104, 2021, arXiv:2108.06156, section 3.
Children may exceed the threshold in the authors' code. The paper optimizes error, parameters and FLOPs together with
the survival of NSGA-II; the operators here are those of our NSGA-II.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, ClassVar

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.search._offspring import Either
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.search.nsga2 import NSGA2
from zcbench.types import Architecture

#: largest number of architectures that are drawn and scored for one population
TRIES = 1_000


@register_searcher(
    "eeea",
    reference="C. Termritthikun et al., 'EEEA-Net: An Early Exit Evolutionary Neural Architecture Search', Eng. Appl. "
    "Artif. Intell. 104, 2021, arXiv:2108.06156, section 3",
)
class EEEA(NSGA2):
    """NSGA-II whose first population has scores up to a threshold, for example few parameters.

    Args:
        population: number of members.
        crossover: probability that a child has two parents.
        mutation: probability that such a child is changed in one place; a child of one parent always is.
        scorer: name of the scorer for the threshold.
        most: largest allowed score; 0 for no threshold, as in the paper's "normal" search.
    """

    ranges: ClassVar = {"most": (0, 1e300)}

    def __init__(
        self,
        population: int = 10,
        crossover: float = 0.9,
        mutation: float = 0.9,
        scorer: str = "params",
        most: float = 0.0,
    ) -> None:
        super().__init__(population, crossover, mutation)
        self.scorer, self.most = scorer, most

    def begin(self, problem: Problem) -> None:
        """Receive the problem, without a population."""
        super().begin(problem)
        self._exhausted = False  # whether no more were found below the threshold

    def _founders(self) -> list[Architecture]:
        if not self.most:
            return super()._founders()
        return self._below(self.population, self.problem.history)

    def _drawn(self, count: int, seen: Container[str]) -> list[Architecture]:
        found = self._below(count, seen) if self.most and not self._exhausted else []
        self._exhausted = self._exhausted or not found
        return found or super()._drawn(count, seen)

    def _below(self, count: int, seen: Container[str]) -> list[Architecture]:
        """Draw new random architectures with scores up to the threshold.

        Raises:
            InvalidInputError: none of many has such a score; the message gives the lowest score.
        """
        domain, rng = self.problem.domain, self.problem.rng
        scorer = self.problem.scorer(self.scorer)
        found: dict[str, Architecture] = {}
        dropped: dict[str, float] = {}
        while len(found) < count and len(found) + len(dropped) < TRIES:
            drawn = domain.sample(rng, count - len(found), Either(seen, found, dropped))
            if not drawn:
                break
            for one, score in zip(drawn, np.asarray(scorer.score(drawn), np.float64).tolist(), strict=True):
                if score <= self.most:
                    found[domain.key(one)] = one
                else:
                    dropped[domain.key(one)] = score
        if dropped and not found and not len(self.problem.history):
            lowest: Any = np.nanmin([*dropped.values(), np.inf])
            raise InvalidInputError(
                f"none of {len(dropped):,} random architectures has {self.scorer} of at most {self.most:g}: the lowest "
                f"is {lowest:g}. Raise the setting  most."
            )
        return list(found.values())

    def state(self) -> dict[str, Any]:
        """Return the state of NSGA-II, and whether more can be found below the threshold."""
        return {**super().state(), "exhausted": self._exhausted}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        super().restore(state)
        self._exhausted = bool(state["exhausted"])
