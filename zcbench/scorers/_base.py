"""One protocol for everything that ranks architectures: a proxy, a predictor, a column of a table."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, many
from zcbench.types import Architecture

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Scores:
    """Scores of some architectures; ``numpy.asarray`` gives the values.

    Attributes:
        values: ``(n,)``; nan where there is no score.
        seconds: ``(n,)`` what each score cost, all in; 0 where it was known.
        reasons: by position, why there is no score.
    """

    values: Floats
    seconds: Floats
    reasons: Mapping[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return brief(f"<Scores of {many(len(self), 'architecture')}, {len(self.reasons)} without>")

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: object = None, copy: bool | None = None) -> Floats:
        return np.array(self.values, dtype=dtype, copy=copy)  # type: ignore[call-overload,no-any-return]


class Scorer(ABC):
    """Gives every architecture a number, or the reason why it has none.

    Attributes:
        label: what it is called; equal labels mean equal scores.
        higher_is_better: direction.
    """

    label: str
    higher_is_better: bool = True

    def __repr__(self) -> str:
        return brief(f"<Scorer {self.label}>")

    @abstractmethod
    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Score architectures ``(n,)``, in order."""

    def good(self, architectures: Sequence[Architecture]) -> Floats:
        """Values ``(n,)`` turned so that high is good; nan where there is none."""
        values = np.asarray(self.score(architectures), np.float64)
        return values if self.higher_is_better else -values
