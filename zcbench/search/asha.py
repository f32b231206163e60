"""Asynchronous successive halving: promotes a network as soon as possible, otherwise starts a new one."""

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

#: number of networks drawn at once
_AHEAD = 20
#: minus the value after a rung's epochs (inf for failures), and the row of the history
_Place = tuple[float, int]
#: a network, the number of its next rung, and the epochs to train next
_Found = tuple[Architecture, int, int | None]


class _Rung:
    """The networks trained for a rung's epochs, best first, the earlier of equal ones first.

    Attributes:
        places: all networks.
        here: networks with a value that have not reached the next rung.
        of: places by network.
    """

    def __init__(self) -> None:
        self.places: list[_Place] = []
        self.here: list[_Place] = []
        self.of: dict[str, _Place] = {}

    def add(self, network: str, value: float, row: int) -> None:
        """Add a network."""
        place = (-value if math.isfinite(value) else math.inf, row)
        insort(self.places, place)
        self.of[network] = place
        if math.isfinite(place[0]):
            insort(self.here, place)

    def leave(self, network: str) -> None:
        """Record that a network has reached the next rung."""
        place = self.of.get(network)
        if place is not None and (at := bisect_left(self.here, place)) < len(self.here) and self.here[at] == place:
            del self.here[at]


@register_searcher(
    "asha",
    reference="L. Li et al., 'A System for Massively Parallel Hyperparameter Tuning', MLSys 2020, arXiv:1810.05934, "
    "algorithm 2; threshold: T. Domhan et al., IJCAI 2015, section 3.3",
)
class ASHA(Searcher):
    """Asynchronous successive halving: a network continues as soon as it is among the best 1/eta of its rung so far.

    It needs learning curves, or a function with an argument ``epochs``. A continued training costs only the remaining
    epochs. No training waits until a rung is full: if no network can continue, a new one begins. New networks are
    random, or the best of many by the warm-start scorer. Failed trainings rank last in their rung.

    There are two additions to the source. If there is no new network, the best of the highest rung continues, so that a
    small space is fully trained while there is budget. With a threshold, a training stops if its forecast cannot win;
    it keeps its place in its rung, and continues only if nothing else is left.

    Args:
        eta: ratio of networks, and of epochs, between rungs.
        least: epochs of the first rung, or a few more: the last rung is a full training, and each earlier rung has
            1/eta of the epochs of the next.
        threshold: a training stops as soon as a forecast of its learning curve gives it a probability below this of
            ending better than the best full training so far; 0 for no forecasts. .2 saves epochs if trainings can be
            checked after each epoch.
        predictor: learning-curve predictor, with a threshold; one that learns is fitted to the full trainings so far.
        every: epochs between two checks of a training, with a threshold.
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
        """Receive the problem.

        Raises:
            UnknownNameError: there is no such learning-curve predictor.
        """
        super().begin(problem)
        self._looks = Looks(problem, self.threshold, self.predictor, self.every)
        first = float(min(self.least, problem.epochs or 1))
        self._epochs: list[int | None] = [epochs for _, epochs in rungs(1, first, problem, self.eta)]
        self._rungs = [_Rung() for _ in self._epochs]
        self._read = 0  # number of rows of the history that the rungs contain
        self._between: dict[str, int] = {}  # rows of trainings between two rungs, by network
        self._drawn: list[str] = []
        self._out = Outstanding()

    def ask(self, count: int) -> list[Proposal]:
        """Propose networks on their way to a rung, then promotions from the highest rung down, then new networks."""
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
        """Return the first rung with these epochs or more."""
        last = len(self._epochs) - 1
        return last if epochs is None else next((n for n, e in enumerate(self._epochs[:-1]) if e and e >= epochs), last)

    def _going_on(self, busy: Container[str]) -> _Found | None:
        """Return the training between rungs that is nearest to its end among those that can still win."""
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
        """Return the best network to promote, and its next rung; with ``last``, any network with a value."""
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
        """Return the best network of the highest rung, independent of forecasts; then one stopped before the first."""
        found = self._promoted(busy, last=True)
        if found is None:
            history, first = self.problem.history, self._epochs[0]
            there = (
                history.architectures[r] for r in self._between.values() if not self._rung_after(history.epochs[r])
            )
            found = next(((one, 0, first) for one in there if self._name(one, 0) not in busy), None)
        return found

    def _new(self, busy: Container[str]) -> _Found | None:
        """Return a new network; None if none is left."""
        space = self.problem.domain.space.name
        if not self._drawn:
            self._drawn = [one.key for one in self.problem.initial(_AHEAD) if self._name(one, 0) not in busy]
        if not self._drawn:
            return None
        one = Architecture(space, self._drawn.pop(0))
        return one, 0, self._looks.on_the_way(self.problem.domain.key(one), self._epochs[0])

    def _take_history(self) -> None:
        """Add new results to their rung, or between two rungs."""
        history, number_of = self.problem.history, {epochs: number for number, epochs in enumerate(self._epochs)}
        for row in range(self._read, len(history)):
            number = number_of.get(history.epochs[row])
            network = self.problem.domain.key(history.architectures[row])
            self._between.pop(network, None)
            if number is None and math.isfinite(history.good[row, 0]):
                self._between[network] = row
                continue
            if number is None:  # it failed between two rungs
                number = self._rung_after(history.epochs[row])
            self._rungs[number].add(network, float(history.good[row, 0]), row)
            if number:
                self._rungs[number - 1].leave(network)
        self._read = len(history)

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals; the history contains the results."""
        self._out.told([self._name(one.architecture, self._rung_after(one.proposal.epochs)) for one in answers])

    def state(self) -> dict[str, Any]:
        """Return the drawn networks and the pending proposals; the history contains the rungs."""
        return {"drawn": list(self._drawn), "out": self._out.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        self._drawn = list(state["drawn"])
        self._out.restore(state["out"])
