"""The base class of searchers, which propose architectures (ask) and receive the results (tell)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief
from zcbench.types import Architecture, Status

if TYPE_CHECKING:
    from zcbench.search._problem import Problem

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Objective:
    """A quantity that is optimized.

    Attributes:
        name: a column of a table, a value that an evaluation returns, or the label of a scorer.
        higher_is_better: direction.
    """

    name: str
    higher_is_better: bool = True

    def __str__(self) -> str:
        return self.name if self.higher_is_better else f"-{self.name}"


@dataclass(frozen=True)
class Proposal:
    """An architecture to evaluate.

    Attributes:
        architecture: the architecture.
        epochs: epochs to train it for; None for a full training. A searcher may request more epochs of it later.
    """

    architecture: Architecture
    epochs: int | None = None


@dataclass(frozen=True)
class Answer:
    """The result of a proposal.

    Attributes:
        proposal: the proposal.
        good: one number for each objective, with the sign changed where low is good, so that high is good; nan if
            missing.
        status: "ok" only if every number is finite.
        detail: the reason for any other status.
        equal: whether the result is that of an equal network that was evaluated before, and therefore free.
    """

    proposal: Proposal
    good: tuple[float, ...]
    status: Status = Status.OK
    detail: str = ""
    equal: bool = False

    @property
    def architecture(self) -> Architecture:
        """The proposed architecture."""
        return self.proposal.architecture

    @property
    def ok(self) -> bool:
        """Whether there is a number for every objective."""
        return self.status is Status.OK


class Searcher(ABC):
    """A method that decides which architectures to evaluate next.

    A subclass implements :meth:`ask`, :meth:`tell`, :meth:`state` and :meth:`restore`. Its constructor's arguments are
    its settings, have defaults, and are stored unchanged under their names ("evolution:population=20"). All random
    numbers come from ``self.problem.rng`` and all evaluations are in ``self.problem.history``; neither belongs to
    :meth:`state`. The same calls in the same order make the same proposals.
    """

    #: smallest and largest value of numeric settings
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    #: whether it supports several objectives
    several: ClassVar[bool] = False
    #: whether it requests partial trainings and therefore needs learning curves
    epochs: ClassVar[bool] = False
    #: whether it uses scorers with the role "feature"
    featured: ClassVar[bool] = True
    #: whether it can continue while results of some proposals are pending or never arrive
    patient: ClassVar[bool] = True

    problem: Problem
    label_: str

    def __repr__(self) -> str:
        return brief(f"<Searcher {getattr(self, 'label_', type(self).__name__)}>")

    def begin(self, problem: Problem) -> None:
        """Receive the problem; called once, before all other methods.

        Raises:
            InvalidInputError: this searcher does not support the problem.
        """
        self.problem = problem

    @abstractmethod
    def ask(self, count: int) -> Sequence[Proposal]:
        """Propose at most ``count`` architectures of the problem's domain.

        The list is shorter, or empty, if the searcher waits for results or nothing is left. An empty list while no
        result is pending ends the search. Some proposals may never be evaluated, and then no result of them arrives. An
        architecture that equals an evaluated one may be proposed; its result arrives at once and costs nothing.
        """

    @abstractmethod
    def tell(self, answers: Sequence[Answer]) -> None:
        """Receive results in the order of their proposals; the history contains them already."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return all state except settings, problem, random generator and history, as JSON-compatible values."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`; called after :meth:`begin`, with the history restored."""
