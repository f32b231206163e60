"""Asynchronous successive halving: promote what can be promoted now, and begin a new network else."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Container, Mapping, Sequence
from typing import Any, ClassVar

from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._brackets import rungs
from zcbench.search._looks import Looks
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.types import Architecture

#: networks that are drawn at once
_AHEAD = 20
#: minus the value after a rung's epochs, and the row of the history; failures have inf
_Place = tuple[float, int]
#: a network, the number of the rung that it is on its way to, and the epochs that come next
_Found = tuple[Architecture, int, int | None]


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
    "algorithm 2; threshold: T. Domhan et al., IJCAI 2015, section 3.3",
)
class ASHA(Searcher):
    """Asynchronous successive halving: a network goes on as soon as it is among the best 1/eta of its rung so far.

    Needs learning curves, or a function that takes ``epochs``. A training that goes on pays for the rest alone. Nothing
    waits for a rung to be full: where nothing can go on, a new network begins. New ones are random, or the best of many
    by the warm-start scorer. Failed trainings count as the worst of their rung.

    Two additions: where no network is new, the best of the highest rung goes on, so that a small space is trained to
    the end while there is budget. With a threshold, a training is left where its forecast says that it cannot win: it
    keeps its place in its rung, and is trained on where nothing else is left.

    Args:
        eta: what is divided by from rung to rung.
        least: epochs of the first rung, or a few more: the last rung is a whole training, and each before it has a
            share of 1/eta of the epochs.
        threshold: leave a training as soon as its probability of ending better than the best whole one so far, by a
            forecast of its learning curve, is below this; 0 for no forecasts. .2 pays where trainings can be looked at
            after each epoch.
        predictor: of learning curves, with a threshold; one that learns is fitted to the whole trainings so far.
        every: epochs between two looks at a training, with a threshold.
    """

    featured = False
    epochs = True
    ranges: ClassVar = {"eta": (2, 1_000), "least": (1, 10**9), **Looks.ranges}

    def __init__(
        self, eta: int = 3, least: int = 1, threshold: float = 0.0, predictor: str = "lcpfn", every: int = 1
    ) -> None:
        self.eta = eta
        self.least = least
        self.threshold = threshold
        self.predictor = predictor
        self.every = every

    def begin(self, problem: Problem) -> None:
        """Take the problem.

        Raises:
            UnknownNameError: there is no such predictor of learning curves.
        """
        super().begin(problem)
        self._looks = Looks(problem, self.threshold, self.predictor, self.every)
        first = float(min(self.least, problem.epochs or 1))
        self._epochs: list[int | None] = [epochs for _, epochs in rungs(1, first, problem, self.eta)]
        self._rungs = [_Rung() for _ in self._epochs]
        self._read = 0  # rows of the history that the rungs have
        self._between: dict[str, int] = {}  # rows of trainings that are between two rungs, by network
        self._drawn: list[str] = []
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """What is on its way to a rung, what can go on, from the highest rung down, then new networks."""
        self._take_history()
        taken: dict[str, Proposal] = {}
        while len(taken) < count:
            busy = Either(self._out, taken)
            found = self._going_on(busy) or self._promoted(busy) or self._new(busy) or self._left(busy)
            if found is None:
                break
            one, rung, epochs = found
            taken[self._name(one, rung)] = Proposal(one, epochs)
        self._out.propose(taken)
        return list(taken.values())

    def _name(self, architecture: Architecture, rung: int) -> str:
        return f"{rung} {self.problem.domain.key(architecture)}"

    def _rung_after(self, epochs: int | None) -> int:
        """The first rung of so many epochs or more."""
        last = len(self._epochs) - 1
        return last if epochs is None else next((n for n, e in enumerate(self._epochs[:-1]) if e and e >= epochs), last)

    def _going_on(self, busy: Container[str]) -> _Found | None:
        """A training on its way to a rung that can still win, the nearest to its end."""
        history = self.problem.history
        waiting: list[tuple[int, int, str]] = []
        for network, row in self._between.items():
            rung = self._rung_after(history.epochs[row])
            if self._name(history.architectures[row], rung) not in busy:
                waiting.append((-rung, row, network))
        hopeful = self._looks.hopeful([network for _, _, network in waiting])
        for rung, row, network in sorted(waiting):
            if network in hopeful:
                epochs = self._looks.on_the_way(network, self._epochs[-rung])
                return history.architectures[row], -rung, epochs
        return None

    def _promoted(self, busy: Container[str], *, last: bool = False) -> _Found | None:
        """The best network that may go on, and the rung to which; with ``last`` all may that have a value."""
        for number in reversed(range(len(self._rungs) - 1)):
            rung, following = self._rungs[number], self._epochs[number + 1]
            most = len(rung.places) if last else len(rung.places) // self.eta
            waiting: dict[str, Architecture] = {}
            for place in rung.here:
                if bisect_left(rung.places, place) >= most:
                    break
                one = self.problem.history.architectures[place[1]]
                network = self.problem.domain.key(one)
                if self._name(one, number + 1) in busy or (network in self._between and not last):
                    continue
                if last:
                    return one, number + 1, following
                waiting[network] = one
            hopeful = self._looks.hopeful(list(waiting))
            for network, one in waiting.items():
                if network in hopeful:
                    return one, number + 1, self._looks.on_the_way(network, following)
        return None

    def _left(self, busy: Container[str]) -> _Found | None:
        """The best network of the highest rung, whatever is said of it; then one that was left before the first."""
        found = self._promoted(busy, last=True)
        if found is None:
            history, first = self.problem.history, self._epochs[0]
            there = (
                history.architectures[r] for r in self._between.values() if not self._rung_after(history.epochs[r])
            )
            found = next(((one, 0, first) for one in there if self._name(one, 0) not in busy), None)
        return found

    def _new(self, busy: Container[str]) -> _Found | None:
        """A network that begins; None if none is left."""
        space = self.problem.domain.space.name
        if not self._drawn:
            self._drawn = [one.key for one in self.problem.initial(_AHEAD) if self._name(one, 0) not in busy]
        if not self._drawn:
            return None
        one = Architecture(space, self._drawn.pop(0))
        return one, 0, self._looks.on_the_way(self.problem.domain.key(one), self._epochs[0])

    def _take_history(self) -> None:
        """Put what was answered since into its rung, or between two."""
        history, number_of = self.problem.history, {epochs: number for number, epochs in enumerate(self._epochs)}
        for row in range(self._read, len(history)):
            number = number_of.get(history.epochs[row])
            network = self.problem.domain.key(history.architectures[row])
            self._between.pop(network, None)
            if number is None and math.isfinite(history.good[row, 0]):
                self._between[network] = row
                continue
            if number is None:  # it failed on its way
                number = self._rung_after(history.epochs[row])
            self._rungs[number].add(network, float(history.good[row, 0]), row)
            if number:
                self._rungs[number - 1].leave(network)
        self._read = len(history)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget what was out; the history has the answers."""
        self._out.told([self._name(one.architecture, self._rung_after(one.proposal.epochs)) for one in answers])

    def state(self) -> dict[str, Any]:
        """Networks that were drawn, and what is out; rungs are in the history."""
        return {"drawn": list(self._drawn), "out": self._out.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        self._drawn = list(state["drawn"])
        self._out.restore(state["out"])
