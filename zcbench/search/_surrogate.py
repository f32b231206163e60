"""A predictor in a search: fitted to what was evaluated, asked of what may come next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zcbench._notation import unwrapped
from zcbench.encodings import Encoder, Encoding, join
from zcbench.errors import InvalidInputError
from zcbench.predictors import Predictor, get_predictor
from zcbench.predictors._targets import Ranks
from zcbench.scorers import Scorer
from zcbench.search._base import Floats
from zcbench.types import Architecture, SearchSpace


def predictor_named(label: str) -> Predictor:
    """A predictor from a setting, whose own settings stand in brackets: "(gp:encoding=onehot)".

    Raises:
        UnknownNameError: there is none, or it has no such setting.
        InvalidInputError: it would measure what no clock counts.
    """
    made = get_predictor(unwrapped(label))
    for encoding in made.encodings():
        if encoding.needs.proxies or encoding.needs.curves or encoding.from_table:
            raise InvalidInputError(
                f"{label} sees {encoding.name}, whose cost a search does not count: choose another encoding, as "
                f"predictor=({unwrapped(label).partition(':')[0]}:encoding=onehot), and give scorers with the role "
                "'feature'."
            )
    return made


class ScoresEncoding(Encoding):
    """Scores of a scorer as a feature; each architecture is scored once.

    Args:
        scorer: what scores; gaps are nan.
    """

    def __init__(self, scorer: Scorer) -> None:
        super().__init__(f"scores({scorer.label})")
        self._scorer = scorer

    def rows(self, architectures: Sequence[Architecture]) -> list[Floats]:
        """A row of one number for each architecture."""
        new = list(dict.fromkeys(one for one in architectures if one not in self._known))
        if new:
            self._known.update((one, np.array([value])) for one, value in zip(new, self._scorer.good(new), strict=True))
        return [self._known[one] for one in architectures]


class _PoolEncoder(Encoder):
    """Columns that a pool has, and the pool's rows encoded once."""

    def __init__(self, encoder: Encoder, pool: Sequence[Architecture]) -> None:
        self._encoder = encoder
        self.names, self.groups = encoder.names, encoder.groups
        self._pool = list(pool)
        self._matrix = encoder.transform(self._pool)
        self._row = {one: row for row, one in enumerate(self._pool)}

    def transform(self, architectures: Sequence[Architecture]) -> Floats:
        """``(architectures, columns)``; what is not of the pool is encoded now."""
        if architectures == self._pool:  # compares identities first
            return self._matrix.copy()
        try:
            found: Floats = self._matrix[[self._row[one] for one in architectures]]
        except KeyError:
            found = self._encoder.transform(architectures)
        return found


class PoolEncoding(Encoding):
    """Vectors whose columns are those of a pool, so that predictions over the pool encode nothing.

    Args:
        encoding: vectors.
        pool: all candidates.
    """

    def __init__(self, encoding: Encoding, pool: Sequence[Architecture]) -> None:
        super().__init__(encoding.name, space=encoding.parts[0].space)
        self._encoder = _PoolEncoder(encoding.fit(pool), pool)

    def fit(self, architectures: Sequence[Architecture]) -> Encoder:
        """The pool's columns, whatever the training set."""
        return self._encoder

    def rows(self, architectures: Sequence[Architecture]) -> list[Floats]:
        """A row for each architecture."""
        return list(self._encoder.transform(architectures))


class Surrogate:
    """A predictor that learns from what was evaluated.

    Targets are replaced by the normal scores of their ranks, unless ``targets`` is "values": accuracies are skewed, and
    a few broken networks would else decide every fit.

    Args:
        label: name and settings of a predictor.
        space: the search space of its encodings.
        pool: all candidates, if they can be gone through: their encodings are computed once.
        features: scorers whose scores stand beside its encoding.
        targets: "ranks" or "values".
    """

    def __init__(
        self,
        label: str,
        space: SearchSpace,
        pool: Sequence[Architecture] | None = None,
        features: Sequence[Encoding] = (),
        targets: str = "ranks",
    ) -> None:
        self.label, self._space, self._pool, self._targets = label, space, pool, targets
        self._features = tuple(features)
        self._encodings: dict[str, Encoding] = {}
        self._predictor: Predictor | None = None
        self.best = np.nan
        made = predictor_named(label)
        self.uncertain = hasattr(made, "predict_std")
        if self._features and (odd := [one.name for one in made.encodings() if one.kind != "vector"]):
            raise InvalidInputError(
                f"{label} sees {odd[0]}, which takes no features beside it: choose a predictor of vectors, as gp."
            )

    def _seen(self, encoding: Encoding) -> Encoding:
        """The encoding with features beside it, of the pool if there is one."""
        if encoding.kind != "vector":
            return encoding
        if encoding.name not in self._encodings:
            joined = join([*encoding.parts, *self._features])
            self._encodings[encoding.name] = PoolEncoding(joined, self._pool) if self._pool else joined
        return self._encodings[encoding.name]

    def fit(self, architectures: Sequence[Architecture], good: Floats) -> None:
        """Learn from architectures ``(n,)`` and finite numbers ``(n,)``, high is good."""
        learned = Ranks(good).forward(good) if self._targets == "ranks" else good
        self.best = float(learned.max())
        made = predictor_named(self.label).with_encodings(self._seen, self._space)
        self._predictor = made.fit(architectures, learned)

    def predict(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """Means and standard deviations, both ``(m,)``, on the scale that is learned; deviations are nan without any.

        A mean that is nan counts as the worst.
        """
        assert self._predictor is not None  # it is asked after it was fitted
        mean = self._predictor.predict(architectures)
        mean = np.where(np.isfinite(mean), mean, -np.inf)
        if not self.uncertain:
            return mean, np.full(len(mean), np.nan)
        deviation: Floats = self._predictor.predict_std(architectures)  # type: ignore[attr-defined]
        return mean, deviation
