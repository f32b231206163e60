"""Asynchronous successive halving: promote what can be promoted now, and begin a new network else."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._brackets import rungs
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: networks that are drawn at once
_AHEAD = 20
#: minus the value after a rung's epochs, and the row of the history; failures have inf
_Place = tuple[float, int]


class _Rung:
    """What was trained for some epochs, best first, the earlier of equal ones.

    Attributes:
        places: all.
        here: those with a value that the next rung has not got.
        of: by network.
    """

    def __init__(self) -> None:
        self.places: list[_Place] = []
        self.here: list[_Place] = []
        self.of: dict[str, _Place] = {}

    def add(self, network: str, value: float, row: int) -> None:
        """Take an answer."""
        place = (-value if math.isfinite(value) else math.inf, row)
        insort(self.places, place)
        self.of[network] = place
        if math.isfinite(place[0]):
            insort(self.here, place)

    def leave(self, network: str) -> None:
        """Take that the next rung has it."""
        place = self.of.get(network)
        if place is not None and (at := bisect_left(self.here, place)) < len(self.here) and self.here[at] == place:
            del self.here[at]


@register_searcher(
    "asha",
    reference="L. Li et al., 'A System for Massively Parallel Hyperparameter Tuning', MLSys 2020, arXiv:1810.05934, "
    "algorithm 2",
)
class ASHA(Searcher):
    """Asynchronous successive halving: a network goes on as soon as it is among the best 1/eta of its rung so far.

    Needs learning curves, or a function that takes ``epochs``. A training that goes on pays for the rest alone. Nothing
    waits for a rung to be full: where nothing can go on, a new network begins. New ones are random, or the best of many
    by the warm-start scorer. Failed trainings count as the worst of their rung.

    One addition: where no network is new, the best of the highest rung goes on, so that a small space is trained
    to the end while there is budget.

    Args:
        eta: what is divided by from rung to rung.
        least: epochs of the first rung, or a few more: the last rung is a whole training, and each before it has a
            share of 1/eta of the epochs.
    """

    featured = False
    epochs = True
    ranges: ClassVar = {"eta": (2, 1_000), "least": (1, 10**9)}

    def __init__(self, eta: int = 3, least: int = 1) -> None:
        self.eta = eta
        self.least = least

    def begin(self, problem: Problem) -> None:
        """Take the problem."""
        super().begin(problem)
        first = float(min(self.least, problem.epochs or 1))
        self._epochs: list[int | None] = [epochs for _, epochs in rungs(1, first, problem, self.eta)]
        self._rungs = [_Rung() for _ in self._epochs]
        self._read = 0  # rows of the history that the rungs have
        self._drawn: list[str] = []
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """What can go on, from the highest rung down, then new networks."""
        self._take_history()
        taken: dict[str, Proposal] = {}
        while len(taken) < count:
            busy = Either(self._out, taken)
            found = self._promoted(busy) or self._new(busy) or self._promoted(busy, every=True)
            if found is None:
                break
            one, rung = found
            taken[self._name(one, rung)] = Proposal(one, self._epochs[rung])
        self._out.propose(taken)
        return list(taken.values())

    def _name(self, architecture: Architecture, rung: int) -> str:
        return f"{rung} {self.problem.domain.key(architecture)}"

    def _promoted(self, busy: Container[str], *, every: bool = False) -> tuple[Architecture, int] | None:
        """The best network that may go on, and the rung to which; with ``every`` all may that have a value."""
        for number in reversed(range(len(self._rungs) - 1)):
            rung = self._rungs[number]
            most = len(rung.places) if every else len(rung.places) // self.eta
            for place in rung.here:
                if bisect_left(rung.places, place) >= most:
                    break
                one = self.problem.history.architectures[place[1]]
                if self._name(one, number + 1) not in busy:
                    return one, number + 1
        return None

    def _new(self, busy: Container[str]) -> tuple[Architecture, int] | None:
        """A network that begins; None if none is left."""
        space = self.problem.domain.space.name
        if not self._drawn:
            self._drawn = [one.key for one in self.problem.initial(_AHEAD) if self._name(one, 0) not in busy]
        return (Architecture(space, self._drawn.pop(0)), 0) if self._drawn else None

    def _take_history(self) -> None:
        """Put what was answered since into its rung."""
        history, number_of = self.problem.history, {epochs: number for number, epochs in enumerate(self._epochs)}
        for row in range(self._read, len(history)):
            number = number_of.get(history.epochs[row])
            if number is not None:
                network = self.problem.domain.key(history.architectures[row])
                self._rungs[number].add(network, float(history.good[row, 0]), row)
                if number:
                    self._rungs[number - 1].leave(network)
        self._read = len(history)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget what was out; the history has the answers."""
        number_of = {epochs: number for number, epochs in enumerate(self._epochs)}
        self._out.told(self._name(one.architecture, number_of[one.proposal.epochs]) for one in answers)

    def state(self) -> dict[str, Any]:
        """Networks that were drawn, and what is out; rungs are in the history."""
        return {"drawn": list(self._drawn), "out": self._out.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        self._drawn = list(state["drawn"])
        self._out.restore(state["out"])
