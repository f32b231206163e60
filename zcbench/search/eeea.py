"""EEEA-Net: evolution whose first population keeps below a threshold, say of parameters.

An architecture of the first population whose score is above the threshold is dropped before it is trained, and another
one is drawn in its place ("early exit population initialisation"). Then evolution goes on as without; children may
leave the threshold. Where fewer architectures below it are found than the population has members, others fill it up. A
bound that holds throughout is a constraint of the search.

Source: C. Termritthikun, Y. Jamtsho, J. Ieamsaard, P. Muneesawang, I. Lee, "EEEA-Net: An Early Exit Evolutionary Neural
Architecture Search", Engineering Applications of Artificial Intelligence 104, 2021, arXiv:2108.06156, section 3; that
children may leave the threshold is what the authors' code does. The paper evolves error, parameters and FLOPs together
by the survival of NSGA-II; operators here are those of our NSGA-II.
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

#: architectures that are drawn and scored for one population, at most
TRIES = 1_000


@register_searcher(
    "eeea",
    reference="C. Termritthikun et al., 'EEEA-Net: An Early Exit Evolutionary Neural Architecture Search', Eng. Appl. "
    "Artif. Intell. 104, 2021, arXiv:2108.06156, section 3",
)
class EEEA(NSGA2):
    """NSGA-II whose first population has scores of at most a threshold, say few parameters.

    Args:
        population: members.
        crossover: probability that a child has two parents.
        mutation: probability that such a child is changed in one place; a child of one parent always is.
        scorer: name of the scorer that the threshold is on.
        most: the threshold, included; 0 for none, as in the paper's "normal" search.
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
        """Take the problem, without a population."""
        super().begin(problem)
        self._exhausted = False  # whether looking for more below the threshold found none

    def _founders(self) -> list[Architecture]:
        if not self.most:
            return super()._founders()
        return self._below(self.population, self.problem.history)

    def _drawn(self, count: int, seen: Container[str]) -> list[Architecture]:
        found = self._below(count, seen) if self.most and not self._exhausted else []
        self._exhausted = self._exhausted or not found
        return found or super()._drawn(count, seen)

    def _below(self, count: int, seen: Container[str]) -> list[Architecture]:
        """New architectures, drawn at random, with scores of at most the threshold.

        Raises:
            InvalidInputError: none of many has such a score; the message says what the lowest is.
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
                f"is {lowest:g}. Raise the threshold  most."
            )
        return list(found.values())

    def state(self) -> dict[str, Any]:
        """That of NSGA-II, and whether more can be found below the threshold."""
        return {**super().state(), "exhausted": self._exhausted}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        super().restore(state)
        self._exhausted = bool(state["exhausted"])
