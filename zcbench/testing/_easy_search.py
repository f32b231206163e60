"""A space that is easy to search, with a known best network, for the tests of searchers."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from zcbench._process import stable_seed
from zcbench.scorers import Scorer, Scores
from zcbench.search import Answer, Budget, Domain, Evaluation, Evaluator, Objective, Problem, Proposal, Search, Searcher
from zcbench.spaces.nats_size import CHANNELS, NATSSizeSpace
from zcbench.types import Architecture, Status

#: epochs of a full training
EPOCHS = 27
#: possible channels, and the best value and weight of each of the five choices
_WIDTHS, _BEST, _WEIGHTS = CHANNELS[:6], (4, 4, 1, 3, 5), (2.0, 2.0, 3.0, 1.0, 1.5)
#: number of proposals without an answer after which a run is stopped
_PATIENCE = 20_000

Judge = Callable[[Architecture, "int | None"], tuple[float, ...]]


class EasySpace(NATSSizeSpace):
    """Six widths in each of five groups: 7,776 architectures. The order of the first two has no effect."""

    def __init__(self) -> None:
        super().__init__()
        self.options = (_WIDTHS,) * len(_BEST)


def equal(architecture: Architecture) -> str:
    """Return a key that equal networks share."""
    widths = architecture.key.split(":")
    return ":".join([*sorted(widths[:2]), *widths[2:]])


@functools.cache
def _value(key: str) -> float:
    places = [_WIDTHS.index(width) for width in key.split(":")]
    bent = sum(w * (place - best) ** 2 for w, place, best in zip(_WEIGHTS, places, _BEST, strict=True))
    return 90.0 - bent / 10 + 0.1 * _noise(key)


def _noise(key: str) -> float:
    return stable_seed("easy", key) % 10_007 / 10_007


def quality(architecture: Architecture, epochs: int | None = None) -> float:
    """Return the quality of a network after some epochs of training, or a full training; higher is better."""
    key = equal(architecture)
    if epochs is None or epochs >= EPOCHS:
        return _value(key)
    return _value(key) - (2 + 0.5 * _noise("curve " + key)) * (1 / epochs - 1 / EPOCHS)


def width(architecture: Architecture) -> int:
    """Return the sum of the widths, which constraints bound."""
    return sum(map(int, architecture.key.split(":")))


@functools.cache
def truth() -> np.ndarray:
    """Return the quality of all different networks, best first."""
    return -np.sort(-np.array([_value(key) for key in {equal(one) for one in EasySpace()}]))


class Hint(Scorer):
    """A weakly informative scorer: the quality plus noise."""

    def __init__(self, name: str, noise: float) -> None:
        self.label, self._noise = name, noise

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Return scores ``(n,)`` at no cost."""
        values = [quality(one) + self._noise * 2 * (_noise(self.label + equal(one)) - 0.5) for one in architectures]
        return Scores(np.array(values), np.zeros(len(values)))


class EasyEvaluator(Evaluator):
    """Returns the quality; a full training takes a second per epoch, and a continued training costs the rest.

    Attributes:
        calls: the evaluations, in order.
    """

    simulated = True
    label = "easy"

    def __init__(self, epochs: int | None) -> None:
        self.epochs = epochs
        self.calls: list[tuple[Architecture, int | None]] = []

    def evaluate(self, architecture: Architecture, epochs: int | None = None) -> Evaluation:
        """Look up the quality."""
        self.calls.append((architecture, epochs))
        seconds = {"training": float(epochs or EPOCHS)}
        return Evaluation({"quality": quality(architecture, epochs)}, seconds)


@functools.cache
def easy_domain() -> Domain:
    """Return the domain of the whole easy space."""
    return Domain(EasySpace(), equal=equal)


def bounded_domain(bound: int, candidates: Iterable[Architecture] | None = None) -> Domain:
    """Return the domain of networks up to this width, among some or all."""
    rows = None if candidates is None else tuple(candidates)
    return Domain(EasySpace(), rows, equal, lambda several: [width(one) <= bound for one in several])


@functools.cache
def scattered(count: int) -> tuple[Architecture, ...]:
    """Return different random networks: a table in which networks have few neighbours."""
    return tuple(easy_domain().sample(np.random.default_rng(count), count))


@dataclass
class Run:
    """The record of one search.

    Attributes:
        search: the engine in its final state.
        asked: proposals in order.
        told: answers in order, without immediate ones.
    """

    search: Search
    asked: list[Proposal] = field(default_factory=list)
    told: list[Answer] = field(default_factory=list)

    @property
    def best(self) -> float:
        """The best quality among networks that were trained to the end; -inf without any."""
        rows = self.search.problem.history.complete
        return float(self.search.problem.history.good[rows, 0].max()) if len(rows) else -math.inf

    def same(self, other: Run) -> bool:
        """Return whether two runs made the same proposals."""
        return self.asked == other.asked


def problem(
    seed: int, *, domain: Domain | None = None, objectives: int = 1, epochs: bool = False, hints: bool = False
) -> Problem:
    """Create the easy problem, or a variant of it."""
    return Problem(
        domain or easy_domain(),
        tuple(Objective(name) for name in ("quality", "narrow")[:objectives]),
        Budget(evaluations=400),
        np.random.default_rng(stable_seed("search", seed)),
        epochs=EPOCHS if epochs else None,
        features=(Hint("hint", 0.5), Hint("noise", 5.0)) if hints else (),
        warm_start=Hint("hint", 0.5) if hints else None,
    )


def judged(objectives: int) -> Judge:
    """Return the easy problem's objectives as a function."""
    return lambda one, epochs: (quality(one, epochs), -float(width(one)))[:objectives]


def answer(proposal: Proposal, judge: Judge) -> Answer:
    """Answer a proposal; a number that is not finite is a failure."""
    good = judge(proposal.architecture, proposal.epochs)
    if all(map(math.isfinite, good)):
        return Answer(proposal, good)
    return Answer(proposal, good, Status.FAILED, "RuntimeError: the training failed.")


def drive(
    run: Run,
    steps: int,
    judge: Judge,
    *,
    batch: int = 1,
    out: int = 0,
    cost: float = math.inf,
    watch: Callable[[int, Run], None] = lambda step, run: None,
) -> Run:
    """Continue a search.

    Args:
        run: a search that has started.
        steps: largest number of requests.
        judge: from an architecture and epochs to the objectives.
        batch: number of proposals per request.
        out: number of proposals that always wait for their answers.
        cost: total number of epochs that may be trained.
        watch: called after each step.
    """
    search = run.search
    waiting = search.waiting
    trained: dict[str, int] = {}
    for step in range(1, steps + 1):
        proposals = search.ask(batch)
        if not proposals and not waiting:
            break
        run.asked += proposals
        waiting += proposals
        keep = out if proposals else 0  # a searcher without proposals waits for answers
        due = max(0, len(waiting) - keep)
        ready, waiting = waiting[:due], waiting[due:]
        for proposal in ready:
            key = search.problem.domain.key(proposal.architecture)
            cost -= (proposal.epochs or EPOCHS) - trained.get(key, 0)
            trained[key] = proposal.epochs or EPOCHS
            if cost < 0:
                return run
            run.told.append(answer(proposal, judge))
            search.tell(run.told[-1:])
        watch(step, run)
    return run


def watched(searcher: Searcher, most: list[int]) -> Searcher:
    """Record how many proposals a searcher returns beyond the requested number."""
    given = searcher.ask

    def ask(count: int) -> Sequence[Proposal]:
        found = given(count)
        most.append(len(found) - count)
        return found

    searcher.ask = ask  # type: ignore[method-assign]
    return searcher


def thinned(searcher: Searcher) -> Searcher:
    """Drop every third of its proposals, as a filter may, without informing the searcher."""
    given, number = searcher.ask, itertools.count(1)

    def ask(count: int) -> Sequence[Proposal]:
        for _ in range(10):
            proposals = given(count)
            if not proposals or (kept := [one for one in proposals if next(number) % 3]):
                return kept if proposals else []
        return []

    searcher.ask = ask  # type: ignore[method-assign]
    return searcher


def taken_over(history: Iterable[Answer], to: Problem, rows: int) -> None:
    """Copy the first rows of another problem's history to a problem."""
    for _, one in zip(range(rows), history, strict=False):
        to.history.add(to.domain.key(one.architecture), one)
