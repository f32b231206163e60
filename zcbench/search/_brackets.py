"""Successive halving in brackets: many networks are trained for few epochs and the best of them for more."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.types import Architecture

#: brackets that are open at once; if all wait, the oldest continues without its pending results
OPEN = 3


@dataclass
class Bracket:
    """One bracket; architectures are stored as strings.

    Attributes:
        rungs: for each rung, the number of networks and their epochs; None for a full training.
        rung: the current rung.
        left: architectures of the rung that are not proposed yet.
        out: proposed architectures without a result.
        done: architectures with their values; None for a failed evaluation.
    """

    rungs: list[list[Any]]
    rung: int = 0
    left: list[str] = field(default_factory=list)
    out: list[str] = field(default_factory=list)
    done: list[list[Any]] = field(default_factory=list)

    @property
    def epochs(self) -> int | None:
        """Epochs of the current rung."""
        epochs: int | None = self.rungs[self.rung][1]
        return epochs

    def promote(self) -> bool:
        """Continue with the best on the next rung, the earlier of equal ones; return False if the bracket has ended."""
        finite = [(key, good) for key, good in self.done if good is not None]
        self.rung += 1
        if self.rung >= len(self.rungs) or not finite:
            return False
        best = sorted(finite, key=lambda pair: -pair[1])[: self.rungs[self.rung][0]]
        self.left, self.out, self.done = [key for key, _ in best], [], []
        return True


def rungs(networks: int, first: float, problem: Problem, eta: int) -> list[list[Any]]:
    """Return the networks and epochs of each rung: 1/eta of the networks and eta times the epochs at each step.

    Epochs are rounded to the available ones. Rungs with the same epochs after rounding are merged into the first.
    """
    whole = problem.epochs or 1
    steps = max(0, math.floor(math.log(whole / first) / math.log(eta) + 1e-9))
    found: list[list[Any]] = []
    for step in range(steps + 1):
        epochs = problem.part(whole / eta ** (steps - step))
        if not found or found[-1][1] != epochs:
            found.append([max(1, networks // eta**step), epochs])
    return found


class Brackets(Searcher):
    """Brackets one after the other, until the budget is spent or no network is left.

    While a bracket waits for results, the next one begins.
    """

    featured = False
    epochs = True
    eta: int

    @abstractmethod
    def plan(self, number: int) -> tuple[int, float]:
        """Return the networks of a bracket by its number, and the epochs of its first rung."""

    def begin(self, problem: Problem) -> None:
        """Receive the problem."""
        super().begin(problem)
        self._number = 0
        self._open: list[Bracket] = []

    def ask(self, count: int) -> list[Proposal]:
        """Propose the remaining architectures of the open brackets' rungs, the oldest bracket first."""
        found: list[Proposal] = []
        while len(found) < count:
            bracket = next((one for one in self._open if one.left), None) or self._next()
            if bracket is None:
                break
            taken = bracket.left[: count - len(found)]
            bracket.left = bracket.left[len(taken) :]
            bracket.out += taken
            space = self.problem.domain.space.name
            found += [Proposal(Architecture(space, key), bracket.epochs) for key in taken]
        return found

    def _next(self) -> Bracket | None:
        """Return a bracket that has an architecture left to propose."""
        for bracket in list(self._open):
            if not bracket.out:
                if bracket.promote():
                    return bracket
                self._open.remove(bracket)
        while True:
            if len(self._open) < OPEN and (fresh := self._fresh()) is not None:
                self._open.append(fresh)
                return fresh
            if not self._open or self._open[0].promote():
                return self._open[0] if self._open else None
            del self._open[0]

    def _fresh(self) -> Bracket | None:
        """Return the next bracket, with new networks; None if there are none."""
        networks, first = self.plan(self._number)
        taken = {key for one in self._open for key in [*one.left, *one.out, *(key for key, _ in one.done)]}
        drawn = [one.key for one in self.problem.initial(networks) if one.key not in taken]
        if not drawn:
            return None
        self._number += 1
        return Bracket(rungs(len(drawn), first, self.problem, self.eta), left=drawn)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Record values; a result that arrives after its bracket has continued is ignored."""
        for answer in answers:
            key, epochs = answer.architecture.key, answer.proposal.epochs
            for bracket in self._open:
                if bracket.epochs == epochs and key in bracket.out:
                    bracket.out.remove(key)
                    bracket.done.append([key, answer.good[0] if answer.ok else None])
                    break

    def state(self) -> dict[str, Any]:
        """Return the open brackets and the number of the next."""
        return {"number": self._number, "open": [asdict(one) for one in self._open]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        self._number = state["number"]
        self._open = [Bracket(**one) for one in state["open"]]
