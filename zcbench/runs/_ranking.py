"""Choose a predictor, fit it to all trained networks and rank candidates with it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from zcbench._display import abridged
from zcbench.datasets import Benchmark
from zcbench.encodings import Encoding, join
from zcbench.errors import InvalidInputError, MissingDependencyError, ZcbenchError, first_line
from zcbench.predictors import Predictor, get_predictor, predictor_info
from zcbench.runs._cross_validation import FOLDS, Choice, HeldOut, choose, folds, hold_out
from zcbench.runs._deviations import Deviations, deviations
from zcbench.runs._pool import equivalence
from zcbench.runs._predict_features import Usable, line_of
from zcbench.runs._predicted import Candidate, Prediction
from zcbench.types import Architecture

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: called with folds done, folds in all, and the predictor
Report = Callable[[int, int, str], None]

#: predictors that are tried; of equal ones the first is chosen
TRIED = ("one_column", "bayesian_ridge", "gp", "random_forest", "lightgbm")
#: the mean of their predictions is tried too; it is what is used where there are too few networks to choose
AVERAGED = ("bayesian_ridge", "gp", "random_forest")
AVERAGE = f"average({'+'.join(AVERAGED)})"
#: fewest trained networks that can be told anything about, and that are learned from
TOLD, LEAST = 10, 3
#: trained networks from which on the Gaussian process, whose cost is cubic, is not tried
_MANY = 2000


class Ranking:
    """One choice, fit and prediction.

    Args:
        trained: networks with results.
        candidates: others.
        usable: features of both.
        predictor: label of the predictor to use; None to choose one.
        seed: decides divisions, and everything random in predictors.
        progress: called after each fold.
    """

    def __init__(
        self,
        trained: Benchmark,
        candidates: Benchmark,
        usable: Usable,
        predictor: str | None,
        seed: int,
        progress: Report | None,
    ) -> None:
        self.trained, self.candidates, self.usable = trained, candidates, usable
        self.forced, self.seed, self.progress = predictor, seed, progress
        self.known = list(trained.architectures)
        self.truth = trained.truth()
        self.good = self.truth if trained.target().higher_is_better else -self.truth
        self.notes: list[str] = []

    def made(self, lower: bool, notes: Sequence[str], top: int) -> Prediction:
        """Rank the candidates.

        Args:
            lower: whether small values of the target are good.
            notes: sentences about the tables.
            top: number of candidates that people read.
        """
        choice, spread, repeats = None, None, 0
        label = self.forced or AVERAGE
        if len(self.known) >= TOLD:
            choice, spread, repeats = self._choose()
            label = choice.label
        values, deviation = self._predicted(label, range(len(self.known)), self.candidates.architectures)
        if spread is None:
            deviation = np.full(len(values), np.nan)
        else:
            values, deviation = spread.of(values, deviation)
        values[self.usable.nothing] = deviation[self.usable.nothing] = np.nan
        order = np.argsort(np.where(np.isnan(values), np.inf, values if lower else -values), kind="stable")
        found = [
            Candidate(
                self.candidates.architectures[i].key, float(values[i]), float(deviation[i]), line_of(self.candidates, i)
            )
            for i in order.tolist()
        ]
        return Prediction(
            candidates=tuple(found),
            target=self.trained.default_target,
            lower_is_better=lower,
            trained=len(self.known),
            predictor=label,
            source=self.trained.public_source,
            features=self._features(label),
            choice=choice,
            forced=self.forced is not None,
            repeats=repeats,
            deviations=spread,
            notes=(*self.notes, *notes),
            top=top,
            column=(self.candidates.own.arch if self.candidates.own else None) or "architecture",
        )

    def _choose(self) -> tuple[Choice, Deviations, int]:
        """Return the predictor that ranks held-out rows best, and the standard deviations of its predictions."""
        rows = len(self.known)
        groups = [
            equivalence(self.trained.space, one) if self.usable.by_space else shared
            for one, shared in zip(self.known, self.usable.shared(self.known), strict=True)
        ]
        if len(set(groups)) < FOLDS:
            raise InvalidInputError(
                f"{rows:,} trained networks of {self.trained.source} have {len(set(groups))} different rows of "
                f"features: cross-validation needs {FOLDS}."
            )
        repeats = 3 if rows <= 100 else 1
        dealt = folds(groups, repeats, self.seed)
        labels = list(TRIED if self.forced is None else dict.fromkeys((self.forced, TRIED[0])))
        if rows > _MANY and self.forced is None:
            labels.remove("gp")
            self.notes.append(f"gp was not tried because it is slow from {_MANY:,} networks on.")
        held: dict[str, HeldOut] = {}
        total, done = len(labels) * repeats * FOLDS, 0
        for label in labels:

            def advance(label: str = label) -> None:
                nonlocal done
                done += 1
                if self.progress is not None:
                    self.progress(done, total, label)

            try:
                held[label] = self._held_out(label, dealt, advance)
            except MissingDependencyError as error:
                self._not_tried(label, "it is not installed", error)
            except Exception as error:
                self._not_tried(label, first_line(error), error)
        if self.forced is None and set(AVERAGED) <= set(held):
            held = {AVERAGE: _averaged([held[label] for label in AVERAGED]), **held}
        if not held:
            raise InvalidInputError(f"no predictor can learn from these networks. {' '.join(self.notes)}")
        eligible = [self.forced] if self.forced is not None else list(held)
        choice = choose(dealt, held, self.truth, self.seed, eligible, AVERAGE)
        calibrated = choice.label == AVERAGE or predictor_info(choice.label.partition(":")[0]).make.calibrated
        spread = deviations(dealt, held[choice.label], self.truth, calibrated=calibrated)
        return choice, spread, repeats

    def _not_tried(self, label: str, reason: str, error: Exception) -> None:
        """Note that a predictor was not tried; the error of one that a user named is raised."""
        if label == self.forced:
            if isinstance(error, ZcbenchError):
                raise error
            raise InvalidInputError(f"{label} cannot be used here: {reason}") from error
        self.notes.append(f"{label} was not tried: {reason}{'' if reason.endswith('.') else '.'}")

    def _held_out(self, label: str, dealt: Ints, done: Callable[[], None]) -> HeldOut:
        def fit(learned: Ints, test: Ints) -> tuple[Floats, Floats]:
            return self._predicted(label, learned.tolist(), [self.known[row] for row in test])

        return hold_out(dealt, fit, done)

    def _predicted(
        self, label: str, rows: Sequence[int], architectures: Sequence[Architecture]
    ) -> tuple[Floats, Floats]:
        """Predictions of a predictor, or of the average of several, that learned from some of the trained networks."""
        labels = AVERAGED if label == AVERAGE else (label,)
        parts = [HeldOut(*self._predict(self._fitted(one, rows), architectures)) for one in labels]
        both = parts[0] if len(parts) == 1 else _averaged(parts)
        return both.predicted, both.deviation

    def _fitted(self, label: str, rows: Sequence[int]) -> Predictor:
        """Return a predictor that was fitted to some of the trained networks."""
        info = predictor_info(label.partition(":")[0])
        seeded = "seed" in info.parameters and ":seed=" not in label
        made = get_predictor(label, seed=self.seed) if seeded else get_predictor(label)
        made.with_encodings(lambda one: self._encoding(label, one), self.trained.space)
        # Where predictions only rank, high is good: rankers learn the top best.
        truth = self.truth if made.calibrated else self.good
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that did not converge: cross-validation tells how good they are
            return made.fit([self.known[row] for row in rows], truth[list(rows)])

    def _predict(self, predictor: Predictor, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """Predictions and the predictor's own standard deviations, nan where it gives none."""
        asked = list(architectures)
        deviation = np.full(len(asked), np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if predictor.calibrated and hasattr(predictor, "predict_with_std"):
                predicted, deviation = (np.array(one, np.float64) for one in predictor.predict_with_std(asked))
            else:
                predicted = np.array(predictor.predict(asked), np.float64)
        if predicted.shape != (len(asked),) or not np.isfinite(predicted).all():
            raise InvalidInputError(
                f"{type(predictor).__name__} gives no finite number for each of {len(asked)} networks."
            )
        return predicted, deviation

    def _encoding(self, label: str, given: Encoding) -> Encoding:
        """Return the encoding that replaces the named or default encoding of a predictor."""
        usable, feeds = self.usable, list(self.usable.feeds)
        if usable.columns is not None and not usable.by_space:
            if given.kind != "vector":
                raise InvalidInputError(
                    f"{abridged(label)} uses encodings of the kind {given.kind!r}, which need a search space: name it "
                    "with --space, or choose a predictor of vectors."
                )
            if "encoding=" not in label or given.name == "columns":
                return usable.columns
            return join([one.fed(feeds) for one in given.parts])
        parts = [one.fed(feeds) for one in given.parts]
        if usable.columns is not None and given.kind == "vector" and not any(one.name == "columns" for one in parts):
            parts.append(usable.columns)
        return join(parts)

    def _features(self, label: str) -> tuple[str, ...]:
        """Names of what the predictor uses."""
        if self.usable.columns is not None and not self.usable.by_space:
            return self.usable.columns.names
        labels = AVERAGED if label == AVERAGE else (label,)
        parts = [part.name for one in labels for given in get_predictor(one).encodings() for part in given.parts]
        columns = self.usable.columns.names if self.usable.columns is not None else ()
        return tuple(dict.fromkeys([*parts, *columns]))


def _averaged(parts: Sequence[HeldOut]) -> HeldOut:
    """Return the mean of several predictions, and the root mean square of their standard deviations."""
    predicted = np.mean([one.predicted for one in parts], axis=0)
    return HeldOut(predicted, np.sqrt(np.mean([one.deviation**2 for one in parts], axis=0)))


__all__ = ["LEAST", "TOLD", "TRIED", "Ranking", "Report"]
