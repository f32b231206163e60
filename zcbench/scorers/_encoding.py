"""Scores as features of a surrogate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench.encodings import Encoding
from zcbench.encodings._base import REMEMBERED, Row
from zcbench.scorers._base import Scorer
from zcbench.types import Architecture


class ScoreEncoding(Encoding):
    """The score of an architecture as a vector of one column; nan where there is none.

    A scorer that is made of others gives one column for each, because their scores do not depend on the architectures
    that are scored together.

    Args:
        scorer: the scorer; all architectures without a stored score are scored at once.
    """

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(f"score({scorer.label})")
        self.scorers = tuple(scorer.units())

    def rows(self, architectures: Sequence[Architecture]) -> list[Row]:
        """Return a vector ``(scorers,)`` for each architecture."""
        if new := [one for one in dict.fromkeys(architectures) if one not in self._known]:
            if len(self._known) + len(new) > REMEMBERED:
                self._known.clear()
                new = list(dict.fromkeys(architectures))
            columns = [np.asarray(scorer.score(new), np.float64) for scorer in self.scorers]
            self._known.update(zip(new, np.stack(columns, axis=1), strict=True))
        return [self._known[one] for one in architectures]
