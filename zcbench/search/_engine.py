"""The engine of ask and tell: one search, independent of the evaluator."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from zcbench._arguments import shown
from zcbench._display import brief
from zcbench._foreign import is_users
from zcbench.errors import InvalidInputError, ZcbenchError, first_line
from zcbench.scorers import Scorer
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.types import Architecture, Status

#: proposals of already evaluated architectures in a row after which the search ends
REPEATS = 2_000
#: calls in a row that return only pending proposals after which the searcher waits for results
IDLE = 20
#: identifies a proposal by the key of its network and its epochs
_Name = tuple[str, int | None]


class Search:
    """A running search: equal networks are evaluated once, constraints are enforced, and the state is JSON-compatible.

    Args:
        searcher: the searcher, whose ``begin`` is called here.
        problem: the problem.
        filter_by: a scorer that selects the proposals to evaluate from many.
        filter_from: number of proposals from which one is selected.

    Attributes:
        ended: sentence on why the search has ended; "" while it continues.
        asks: number of proposals so far, including those that equal an evaluated architecture.
        repeated: number of these that equal an evaluated or pending architecture.
    """

    def __init__(
        self, searcher: Searcher, problem: Problem, *, filter_by: Scorer | None = None, filter_from: int = 100
    ) -> None:
        self.searcher, self.problem = searcher, problem
        self._filter, self._filter_from = filter_by, filter_from
        if len(problem.objectives) > 1 and not searcher.several:
            raise InvalidInputError(
                f"{searcher!r} takes one objective, not {len(problem.objectives)}: give one objective, or a "
                "multi-objective searcher such as nsga2, ehvi or linas."
            )
        if searcher.epochs and problem.epochs is None:
            raise InvalidInputError(
                f"{searcher!r} stops trainings early and needs learning curves, but there are none."
            )
        self.ended = ""
        self.asks = self.repeated = 0
        self.equal: list[Answer] = []  # results that were known at once, since the last call of ask
        self._out: dict[_Name, Proposal] = {}
        self._names: dict[Proposal, _Name] = {}  # of pending proposals, because canonical forms are slow to compute
        self._followers: dict[_Name, list[Proposal]] = {}
        searcher.begin(problem)

    def __repr__(self) -> str:
        return brief(f"<Search of {self.searcher!r}: {self.problem.history!r}>")

    @property
    def waiting(self) -> list[Proposal]:
        """Proposals without a result, in order."""
        return list(self._out.values())

    def key(self, proposal: Proposal) -> str:
        """Return the text that networks equal to that of a proposal share."""
        return self._name(proposal)[0]

    def _name(self, proposal: Proposal) -> _Name:
        return self._names.get(proposal) or (self.problem.domain.key(proposal.architecture), proposal.epochs)

    def ask(self, count: int = 1, most: int | None = None) -> list[Proposal]:
        """Return new architectures to evaluate, all different; none if the search has ended or waits for results.

        Args:
            count: largest number of architectures.
            most: largest number of proposals to request from the searcher for this, including those that equal an
                evaluated architecture; None for any number.

        Raises:
            InvalidInputError: the searcher made a proposal that is not allowed.
        """
        self.equal = []
        end = None if most is None else self.asks + most
        found: list[Proposal] = []
        repeats = idle = 0
        while len(found) < count and not self.ended:
            if self._out and (idle >= IDLE or repeats >= REPEATS):
                break  # pending results may lead to new proposals
            if repeats >= REPEATS:
                self.ended = f"{REPEATS:,} proposals in a row had been evaluated before: nothing new is found."
                break
            wanted = (count - len(found)) * (self._filter_from if self._filter is not None else 1)
            if end is not None and (wanted := min(wanted, end - self.asks)) <= 0:
                break
            proposals = self._asked(wanted)
            if len(proposals) > wanted:
                raise InvalidInputError(
                    f"{self.searcher!r} proposed {len(proposals)} architectures when {wanted} were requested: this is "
                    "an error in the searcher."
                )
            if not proposals:
                if not self._out and not found:
                    self.ended = "the searcher has nothing more to propose."
                break
            fresh, known = self._sorted(proposals)
            repeats = 0 if fresh else repeats + len(proposals)
            idle = 0 if fresh or known else idle + 1
            if known:
                self.equal += known
                self._told(known)
            names = {proposal: name for name, proposal in fresh.items()}
            for proposal in self._chosen(list(names), count - len(found)):
                self._names[proposal] = names[proposal]
                self._out[names[proposal]] = proposal
                found.append(proposal)
        return found

    def _asked(self, wanted: int) -> list[Proposal]:
        """Return the searcher's proposals.

        Raises:
            InvalidInputError: it raised an exception of another kind than zcbench's, or returned something else than
                proposals.
        """
        with self._named("ask"):
            proposals = list(self.searcher.ask(wanted))
        for one in proposals:
            if not isinstance(one, Proposal) or not isinstance(one.architecture, Architecture):
                raise InvalidInputError(
                    f"{self.searcher!r} proposed {shown(one)}, which is not a proposal: write Proposal(architecture)."
                )
        return proposals

    def _told(self, answers: Sequence[Answer]) -> None:
        with self._named("tell"):
            self.searcher.tell(answers)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Name the searcher in errors that it raises, also in those that would end the program."""
        try:
            yield
        except (KeyboardInterrupt, ZcbenchError):
            raise
        except (Exception, SystemExit) as error:
            if is_users(error):
                raise
            label = getattr(self.searcher, "label_", type(self.searcher).__name__)
            raise InvalidInputError(f"{label} failed in {what}: {first_line(error)}") from error

    def _sorted(self, proposals: Sequence[Proposal]) -> tuple[dict[_Name, Proposal], list[Answer]]:
        """Return new proposals, and the results of those that equal an evaluated architecture."""
        history, domain = self.problem.history, self.problem.domain
        fresh: dict[_Name, Proposal] = {}
        known: list[Answer] = []
        proposals = list(map(self._in_parts, proposals))
        allowed = set(domain.allowed({one.architecture: None for one in proposals}))
        for proposal in proposals:
            if proposal.architecture not in allowed or proposal.architecture.space != domain.space.name:
                raise InvalidInputError(
                    f"{self.searcher!r} proposed {proposal.architecture}, which is not an allowed architecture: "
                    "this is an error in the searcher."
                )
            self.asks += 1
            name = self._name(proposal)
            if not domain.confirms(proposal.architecture):
                continue
            if (row := history.row(*name)) is not None:
                known.append(replace(history.answer(row), proposal=proposal, equal=True))
            elif name in self._out:
                self._followers.setdefault(name, []).append(proposal)
            elif name not in fresh:
                fresh[name] = proposal
                continue
            self.repeated += 1
        return fresh, known

    def _in_parts(self, proposal: Proposal) -> Proposal:
        """Check a proposal's epochs; the number of epochs of a full training becomes None."""
        epochs, whole, levels = proposal.epochs, self.problem.epochs, self.problem.levels
        if epochs is None or (whole is not None and type(epochs) is int and epochs == whole):
            return replace(proposal, epochs=None)
        there = self.searcher.epochs and whole is not None and type(epochs) is int and 1 <= epochs < whole
        if there and (not levels or epochs in levels):
            return proposal
        raise InvalidInputError(
            f"{self.searcher!r} requests {proposal.architecture} trained for {epochs!r} epochs, which is not "
            "available: this is an error in the searcher."
        )

    def _chosen(self, fresh: list[Proposal], count: int) -> list[Proposal]:
        if self._filter is None or len(fresh) <= count:
            return fresh[:count]
        good = self._filter.good([proposal.architecture for proposal in fresh])
        order = np.argsort(-good, kind="stable")[:count]  # nan is last
        return [fresh[row] for row in order]

    def tell(self, answers: Iterable[Answer]) -> None:
        """Receive the results of proposals.

        Raises:
            InvalidInputError: a proposal was not made, or has a result already.
        """
        named: dict[_Name, Answer] = {}
        for answer in answers:  # check all of them before any is recorded
            name = self._name(answer.proposal)
            if name not in self._out or name in named:
                raise InvalidInputError(f"{answer.architecture} was not proposed, or has a result already.")
            if len(answer.good) != self.problem.history.objectives:
                raise InvalidInputError(f"give {self.problem.history.objectives} numbers for {answer.architecture}.")
            named[name] = _honest(answer)
        told: list[Answer] = []
        for name, answer in named.items():
            self._names.pop(self._out.pop(name), None)
            self.problem.history.add(name[0], answer)
            told.append(answer)
            told += [replace(answer, proposal=one, equal=True) for one in self._followers.pop(name, [])]
        if told:
            self._told(told)

    def state(self) -> dict[str, Any]:
        """Return everything except history and settings, as JSON-compatible values."""
        return {
            "searcher": self.searcher.state(),
            "random": self.problem.rng.bit_generator.state,
            "asks": self.asks,
            "repeated": self.repeated,
            "constraints": {} if self.problem.domain.constraints is None else self.problem.domain.constraints.state(),
            "ended": self.ended,
            "out": [_written(one) for one in self._out.values()],
            "followers": [_written(one) for several in self._followers.values() for one in several],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`; the problem's history must be the same as then."""
        self.problem.rng.bit_generator.state = state["random"]
        self.asks, self.repeated, self.ended = state["asks"], state["repeated"], state["ended"]
        self._names = {}
        if self.problem.domain.constraints is not None:
            self.problem.domain.constraints.restore(state["constraints"])
        self._out = {self._name(one): one for one in map(self._read, state["out"])}
        self._followers = {}
        for one in map(self._read, state["followers"]):
            self._followers.setdefault(self._name(one), []).append(one)
        self.searcher.restore(state["searcher"])

    def _read(self, written: Sequence[Any]) -> Proposal:
        return Proposal(Architecture(self.problem.domain.space.name, written[0]), written[1])


def _honest(answer: Answer) -> Answer:
    """Return an answer that is "ok" only if every number is finite."""
    if answer.status is not Status.OK or all(map(math.isfinite, answer.good)):
        return answer
    return replace(answer, status=Status.NON_FINITE, detail=answer.detail or "an objective is not a finite number.")


def _written(proposal: Proposal) -> list[Any]:
    return [proposal.architecture.key, proposal.epochs]
