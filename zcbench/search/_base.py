"""What every searcher does: it is asked for architectures, and told what became of them."""

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
    """What is searched for.

    Attributes:
        name: a column of a table, what an evaluation returns, or the label of a scorer.
        higher_is_better: direction.
    """

    name: str
    higher_is_better: bool = True

    def __str__(self) -> str:
        return self.name if self.higher_is_better else f"-{self.name}"


@dataclass(frozen=True)
class Proposal:
    """An architecture that a searcher wants evaluated.

    Attributes:
        architecture: the architecture.
        epochs: epochs to train it for; None for all of them. A searcher that names epochs can name more of them later.
    """

    architecture: Architecture
    epochs: int | None = None


@dataclass(frozen=True)
class Answer:
    """What became of a proposal.

    Attributes:
        proposal: what was asked.
        good: one number for each objective, turned so that high is good; nan where there is none.
        status: "ok" only if every number is finite.
        detail: the reason where it is not.
        equal: whether an equal network was evaluated before, so that this answer is its, and free.
    """

    proposal: Proposal
    good: tuple[float, ...]
    status: Status = Status.OK
    detail: str = ""
    equal: bool = False

    @property
    def architecture(self) -> Architecture:
        """The architecture that was asked for."""
        return self.proposal.architecture

    @property
    def ok(self) -> bool:
        """Whether there is a number for every objective."""
        return self.status is Status.OK


class Searcher(ABC):
    """Where to look next.

    A subclass writes :meth:`ask`, :meth:`tell`, :meth:`state` and :meth:`restore`. Its constructor's arguments are its
    settings, have defaults, and are stored unchanged under their names ("evolution:population=20"). Everything random
    comes from ``self.problem.rng``; what was evaluated is in ``self.problem.history``, and neither belongs to
    :meth:`state`. The same calls in the same order make the same proposals.
    """

    #: smallest and largest value of settings that are numbers
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}
    #: whether it takes several objectives
    several: ClassVar[bool] = False
    #: whether it names epochs, and so needs learning curves
    epochs: ClassVar[bool] = False
    #: whether it uses scorers with the role "feature"
    featured: ClassVar[bool] = True
    #: whether it can go on while answers to some of what it asked are out, or never come
    patient: ClassVar[bool] = True

    problem: Problem
    label_: str

    def __repr__(self) -> str:
        return brief(f"<Searcher {getattr(self, 'label_', type(self).__name__)}>")

    def begin(self, problem: Problem) -> None:
        """Take the problem; called once, before anything else.

        Raises:
            InvalidInputError: the problem is not for this searcher.
        """
        self.problem = problem

    @abstractmethod
    def ask(self, count: int) -> Sequence[Proposal]:
        """Propose at most ``count`` architectures, of the problem's domain.

        Fewer, even none, where it waits for answers or nothing is left; none while no answer is out ends the search.
        Some may never be evaluated: then nothing is told of them. An architecture whose equal was evaluated may be
        proposed; the answer to it comes at once and costs nothing.
        """

    @abstractmethod
    def tell(self, answers: Sequence[Answer]) -> None:
        """Take answers, in the order in which their architectures were proposed. The history has them already."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Everything that it remembers beside settings, problem, random generator and history, as JSON takes it."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described; called after :meth:`begin`, with the history as it was."""
