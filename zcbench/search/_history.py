"""All evaluations of a search, in order; all of its searchers share this history."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, many
from zcbench.search._base import Answer, Floats, Proposal
from zcbench.types import Architecture, Status


class History:
    """Evaluated architectures, one row for each different network and number of epochs.

    Attributes:
        architectures: by row.
        epochs: by row; None for a full training.
        objectives: number of values of a row.
    """

    def __init__(self, objectives: int) -> None:
        self.objectives = objectives
        self.architectures: list[Architecture] = []
        self.epochs: list[int | None] = []
        self._good: Floats = np.empty((64, objectives))
        self._status: list[tuple[Status, str] | None] = []  # None if it is ok
        self._rows: dict[tuple[str, int | None], int] = {}
        self._partly: dict[object, int] = {}  # by key, most epochs of partly trained networks

    def __repr__(self) -> str:
        return brief(f"<History of {many(len(self), 'evaluation')}>")

    def __len__(self) -> int:
        return len(self.architectures)

    def __contains__(self, key: object) -> bool:
        """Whether a network with this key was evaluated, with any number of epochs."""
        return (key, None) in self._rows or key in self._partly

    @property
    def good(self) -> Floats:
        """``(n, objectives)``, with signs such that high is good; nan if an evaluation has no value."""
        return self._good[: len(self)]

    @property
    def complete(self) -> NDArray[np.intp]:
        """Rows of full trainings that have every number."""
        whole = np.fromiter((epochs is None for epochs in self.epochs), bool, len(self))
        return np.flatnonzero(whole & np.isfinite(self.good).all(1))

    def add(self, key: str, answer: Answer) -> int:
        """Append an answer and return its row."""
        row = len(self)
        if row == len(self._good):
            self._good = np.concatenate([self._good, np.empty_like(self._good)])
        self._good[row] = answer.good
        self.architectures.append(answer.architecture)
        self.epochs.append(answer.proposal.epochs)
        self._status.append(None if answer.ok and not answer.detail else (answer.status, answer.detail))
        self._rows[key, answer.proposal.epochs] = row
        if answer.proposal.epochs is not None:
            self._partly[key] = max(self._partly.get(key, 0), answer.proposal.epochs)
        return row

    def trained(self, key: str, whole: int) -> int:
        """Return the trained epochs of a network with this key, at most ``whole``; 0 if it was not evaluated."""
        return whole if (key, None) in self._rows else self._partly.get(key, 0)

    def row(self, key: str, epochs: int | None = None) -> int | None:
        """Return the row of an evaluation; None if there was none."""
        return self._rows.get((key, epochs))

    def answer(self, row: int) -> Answer:
        """Return the answer in a row."""
        status, detail = self._status[row] or (Status.OK, "")
        good = tuple(self._good[row].tolist())
        return Answer(Proposal(self.architectures[row], self.epochs[row]), good, status, detail)

    def __iter__(self) -> Iterator[Answer]:
        return map(self.answer, range(len(self)))

    def best(self) -> int | None:
        """Return the row of the best full training by the first objective, the earliest of equal ones, or None."""
        rows = self.complete
        return int(rows[np.argmax(self.good[rows, 0])]) if len(rows) else None
