"""A predictor in a search: fitted to the evaluations, applied to candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from zcbench._notation import unwrapped
from zcbench.encodings import Encoder, Encoding
from zcbench.predictors import Predictor
from zcbench.predictors._base import Uncertain
from zcbench.predictors._targets import Ranks
from zcbench.search._base import Floats
from zcbench.search._problem import Problem
from zcbench.types import Architecture

#: numbers of a pool's matrix that are computed at once
_NUMBERS = 8_000_000
#: columns of a training set whose rows are all equal: nothing can be learned, and all columns may not fit into memory
_FEW = 1_000


class _PoolEncoder(Encoder):
    """Some columns of an encoder, with cached rows for the architectures of a pool.

    Args:
        encoder: gives all columns.
        known: the pool's rows ``(pool, columns)``, and the row number of each architecture.
        kept: numbers of the columns to return.
    """

    def __init__(self, encoder: Encoder, known: _Known, kept: NDArray[np.intp]) -> None:
        self._encoder, self._known, self._kept = encoder, known, kept
        self.names = [encoder.names[column] for column in kept]
        self.groups = encoder.groups[kept]

    def transform(self, architectures: Sequence[Architecture]) -> Floats:
        """Return ``(architectures, columns)``; architectures outside the pool are encoded now."""
        return self._known.columns(architectures, self._encoder, self._kept)


class _Known:
    """A pool and its matrix, sparse because an encoding of paths can have as many columns as there are networks."""

    def __init__(self, encoder: Encoder, pool: Sequence[Architecture]) -> None:
        from scipy.sparse import csc_array, csr_array, vstack

        self._pool = list(pool)
        width = encoder.transform(self._pool[:1]).shape[1]
        at_once = max(1, _NUMBERS // max(1, width))
        parts = [
            csr_array(encoder.transform(self._pool[start : start + at_once]))
            for start in range(0, len(self._pool), at_once)
        ]
        self._by_row = csr_array(vstack(parts, format="csr"))
        self._by_column = csc_array(self._by_row)
        self._row = {one: row for row, one in enumerate(self._pool)}

    def columns(self, architectures: Sequence[Architecture], encoder: Encoder, kept: NDArray[np.intp]) -> Floats:
        """Return some columns of architectures' rows."""
        if architectures == self._pool:  # compares identities first
            found: Floats = self._by_column[:, kept].toarray()
            return found
        return self.rows(architectures, encoder)[:, kept]

    def rows(self, architectures: Sequence[Architecture], encoder: Encoder) -> Floats:
        """Return whole rows; architectures outside the pool are encoded now."""
        try:
            found: Floats = self._by_row[[self._row[one] for one in architectures]].toarray()
        except KeyError:
            return encoder.transform(architectures)
        return found


class PoolEncoding(Encoding):
    """Vectors of a pool, encoded once for all predictions over the pool.

    A training set determines which of the pool's columns are used: those in which its rows differ.

    Args:
        encoding: an encoding of vectors.
        pool: all candidates.
    """

    def __init__(self, encoding: Encoding, pool: Sequence[Architecture]) -> None:
        super().__init__(encoding.name, space=encoding.parts[0].space)
        self._encoder = encoding.fit(pool)
        self._pool = _Known(self._encoder, pool)

    def fit(self, architectures: Sequence[Architecture]) -> Encoder:
        """Select the columns in which these architectures differ; if they differ in none, the first thousand."""
        seen = self._pool.rows(architectures, self._encoder)
        same = np.isnan(seen) & np.isnan(seen[:1]) | (seen == seen[:1])
        kept = np.flatnonzero(~same.all(0))
        return _PoolEncoder(self._encoder, self._pool, kept if len(kept) else np.arange(min(seen.shape[1], _FEW)))

    def rows(self, architectures: Sequence[Architecture]) -> list[Floats]:
        """Return a row for each architecture."""
        return list(self._pool.rows(architectures, self._encoder))


class Surrogate:
    """A predictor that is fitted to the evaluations.

    Targets are replaced by the normal scores of their ranks, unless ``targets`` is "values": accuracies are skewed, and
    a few failed trainings would otherwise dominate every fit.

    Args:
        problem: the problem of the search; its features are added to the predictor's encoding.
        label: name and settings of a predictor, in brackets if there are settings.
        targets: "ranks" or "values".

    Attributes:
        uncertain: whether predictions have deviations.
        best: the best target of the fit, on the fitted scale.

    Raises:
        UnknownNameError: there is no such predictor.
        InvalidInputError: it takes no features, and there are some.
    """

    def __init__(self, problem: Problem, label: str, targets: str = "ranks") -> None:
        self._targets = targets
        self._template = problem.surrogate(unwrapped(label))
        self._predictor: Predictor | None = None
        self.uncertain = hasattr(self._template, "predict_std")
        self.best = np.nan

    def over(self, pool: Sequence[Architecture]) -> Self:
        """Encode all candidates once; vectors have the columns of the pool from now on."""
        self._template.with_encodings(lambda one: PoolEncoding(one, pool) if one.kind == "vector" else one)
        return self

    def fit(self, architectures: Sequence[Architecture], good: Floats) -> None:
        """Fit to architectures ``(n,)`` and finite numbers ``(n,)``, high is good."""
        learned = Ranks(good).forward(good) if self._targets == "ranks" else good
        self.best = float(learned.max())
        self._predictor = clone(self._template).fit(architectures, learned)

    def predict(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """Return means and standard deviations ``(m,)`` on the fitted scale; unknown deviations are nan.

        A mean that is nan is replaced by the worst value.
        """
        assert self._predictor is not None  # it was fitted before
        if isinstance(self._predictor, Uncertain) and type(self._predictor).predict_std is Uncertain.predict_std:
            mean, deviation = self._predictor.predict_with_std(architectures)
        else:
            mean, deviation = self._predictor.predict(architectures), np.full(len(architectures), np.nan)
            if self.uncertain:
                deviation = self._predictor.predict_std(architectures)
        return np.where(np.isfinite(mean), mean, -np.inf), deviation
