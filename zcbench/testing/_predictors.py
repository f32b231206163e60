"""The contract of predictors: named checks on an easy table with known truth."""

from __future__ import annotations

import functools
import math
import pickle
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from sklearn.base import clone

from zcbench._process import stable_seed
from zcbench.encodings import Encoding, Feed, join
from zcbench.encodings.graphs import has_weights, living
from zcbench.errors import DataMissingError, InvalidInputError, MissingDependencyError
from zcbench.predictors import Predictor, get_predictor, predictor_info
from zcbench.spaces import get_space
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._world import differs, world
from zcbench.types import Architecture

T = TypeVar("T")

#: Number of trained and unseen architectures of the easy table.
_TRAINED, _UNSEEN = 48, 80


@dataclass(frozen=True)
class EasyTable:
    """Cells of digits-201; the target is the number of weights on used operations, plus a little noise.

    Attributes:
        known: architectures to learn from.
        targets: their targets ``(n,)``.
        unseen: architectures to predict.
        truth: their targets ``(m,)``.
        curves: a learning curve ``(n + m, 4)`` of each, known ones first.
    """

    known: tuple[Architecture, ...]
    targets: np.ndarray
    unseen: tuple[Architecture, ...]
    truth: np.ndarray
    curves: np.ndarray

    @property
    def known_of_all(self) -> Feed:
        """Learning curves and columns for every encoding; their numbers contain information about the target."""
        value = np.concatenate([self.targets, self.truth])

        def column(name: str) -> np.ndarray:
            return value + np.random.default_rng(stable_seed("column", name)).normal(0, 3, len(value))

        return Feed(
            (*self.known, *self.unseen),
            facts=_Every(column, ("a", "b", "params", "flops")),
            curves=_Every(lambda metric: self.curves, ("valid_nll",)),
            epoch_seconds=_Every(lambda metric: 1.0, ("valid_nll",)),
        )


class _Every(Mapping[str, T]):
    """A mapping that has every key, and lists a few of them."""

    def __init__(self, make: Callable[[str], T], names: Sequence[str]) -> None:
        self._make = make
        self._names = names

    def __getitem__(self, name: str) -> T:
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@functools.cache
def easy_table(seed: int = 0) -> EasyTable:
    """Return the easy table, the same for the same seed; architectures differ."""
    space = get_space("digits-201")
    numbers = np.random.default_rng(seed)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < _TRAINED + _UNSEEN:
        drawn[space.sample(numbers)] = None
    architectures = list(drawn)
    value = np.array([_learning(space.graph(a).nodes, living(space.graph(a)).nodes) for a in architectures])
    value = 60 + 5 * value + numbers.normal(0, 0.3, len(value))
    epochs = np.arange(1, 5)
    curves = (100 - value[:, None]) / 20 + 1 / epochs + numbers.normal(0, 0.02, (len(value), 4))
    return EasyTable(
        tuple(architectures[:_TRAINED]),
        value[:_TRAINED],
        tuple(architectures[_TRAINED:]),
        value[_TRAINED:],
        curves,
    )


def _learning(nodes: Sequence[str], alive: Sequence[str]) -> float:
    wide = sum(label == "nor_conv_3x3" for label in alive)
    return 2.0 * sum(map(has_weights, alive)) + wide + 0.3 * sum(label == "skip_connect" for label in nodes)


def check_predictor(name: str, *, seed: int = 0) -> Report:
    """Run all checks on a registered predictor, built in or user-defined.

    Args:
        name: its name, optionally with settings: "gcn:loss=hinge".
        seed: seed of the table and of the predictor.

    Returns:
        A :class:`Report`. Checks that need missing packages or weights are skipped.

    Raises:
        UnknownNameError: the predictor or the setting does not exist.
    """
    checker = _Checker(name, seed)
    return run_checks(checker.make().label_, checker.checks())


class _Checker:
    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.seed = seed
        self.table = easy_table(seed)
        self.info = predictor_info(name.partition(":")[0])
        self.returned: list[tuple[Predictor, object]] = []  # predictors with the return value of their fit

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name, in the order in which they run."""
        return {
            "declaration": self.declaration,
            "parameters": self.parameters,
            "shape": self.shape,
            "inputs unchanged": self.untouched,
            "better than chance": self.better_than_chance,
            "same seed, same predictions": self.deterministic,
            "order of the training set": self.training_order,
            "independent predictions": self.company,
            "pickle": self.pickled,
            "uncertainty": self.uncertainty,
            "units": self.units,
            "one network": self.one,
            "two networks": self.two,
            "constant targets": self.constant,
            "duplicates": self.duplicates,
            "bad targets": self.bad_targets,
            "not fitted": self.not_fitted,
        }

    # -- helpers -------------------------------------------------------------------------------

    def make(self) -> Predictor:
        """Create a predictor whose encodings read the easy table."""
        predictor = get_predictor(self.name) if ":seed=" in self.name else get_predictor(self.name, seed=self.seed)
        return predictor.with_encodings(self._fed)

    def _fed(self, encoding: Encoding) -> Encoding:
        return join([part.fed([self.table.known_of_all]) if part.from_table else part for part in encoding.parts])

    def fit(self, predictor: Predictor, known: Sequence[Architecture], targets: np.ndarray) -> Predictor:
        """Fit the predictor, and return it whatever its ``fit`` returns; the check "shape" checks that."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.returned.append((predictor, predictor.fit(known, targets)))
        except (MissingDependencyError, DataMissingError) as error:
            raise SkippedError(str(error)) from None
        return predictor

    @functools.cached_property
    def fitted(self) -> Predictor:
        return self.fit(self.make(), self.table.known, self.table.targets)

    @functools.cached_property
    def predicted(self) -> np.ndarray:
        return self.fitted.predict(self.table.unseen)

    # -- the checks ----------------------------------------------------------------------------

    def declaration(self) -> str:
        if not self.info.reference:
            raise FailedError("it cites no reference: pass reference=… to register_predictor")
        if not self.info.summary:
            raise FailedError("its class has no docstring: lists show its first line")
        return f"{self.info.kind}{', uncertain' if self.info.uncertain else ''}"

    def parameters(self) -> str:
        predictor = self.make()
        for name in self.info.parameters:
            if not hasattr(predictor, name):
                raise FailedError(f"its constructor does not store its argument {name}")
        before = predictor.get_params(deep=False)
        if set(before) != set(self.info.parameters):
            raise FailedError("its constructor stores something other than its arguments: get_params lacks some")
        again = _cloned(predictor)
        if {k: str(v) for k, v in again.get_params(deep=False).items()} != {k: str(v) for k, v in before.items()}:
            raise FailedError("clone has other parameters")
        if hasattr(again, "constant_"):
            raise FailedError("clone is fitted")
        return f"{len(before)}, and clone preserves them"

    def shape(self) -> str:
        if self.predicted.shape != (len(self.table.unseen),):
            raise FailedError(f"predictions of shape {self.predicted.shape} for {len(self.table.unseen)} architectures")
        if self.predicted.dtype != np.float64 or not np.isfinite(self.predicted).all():
            raise FailedError("predictions are not finite float64 numbers")
        if self.fitted.predict([]).shape != (0,):
            raise FailedError("predict([]) does not return an empty array")
        for predictor, returned in self.returned:
            if returned is not predictor:
                raise FailedError(f"fit does not return the predictor, but a {type(returned).__name__}")
        return f"({len(self.predicted)},) float64"

    def untouched(self) -> str:
        known, targets = list(self.table.known[:12]), self.table.targets[:12].copy()
        before, around = (list(known), targets.copy()), world()
        predictor = self.fit(self.make(), known, targets)
        predictor.predict(self.table.unseen[:5])
        if known != before[0] or not np.array_equal(targets, before[1]):
            raise FailedError("fit changed the given architectures or targets")
        if differs(around, world()):
            raise FailedError("global random states of Python, numpy or torch were changed")
        return "architectures, targets, random states"

    def better_than_chance(self) -> str:
        from scipy.stats import kendalltau

        tau = kendalltau(self.predicted, self.table.truth).statistic
        # three standard deviations of chance
        floor = 3 * math.sqrt(2 * (2 * _UNSEEN + 5) / (9 * _UNSEEN * (_UNSEEN - 1)))
        if not tau > floor:
            raise FailedError(f"tau {tau:.2f} on an easy table, where chance reaches {floor:.2f}")
        return f"tau {tau:.2f} on {_UNSEEN} unseen architectures; chance reaches {floor:.2f}"

    def deterministic(self) -> str:
        again = self.fit(_cloned(self.fitted), self.table.known, self.table.targets).predict(self.table.unseen)
        if not np.array_equal(again, self.predicted):
            raise FailedError("a second fit gives other predictions")
        if not np.array_equal(self.fitted.predict(self.table.unseen), self.predicted):
            raise FailedError("a second predict gives other predictions")
        return "bit for bit, after clone"

    def training_order(self) -> str:
        order = np.random.default_rng(self.seed).permutation(len(self.table.known))
        shuffled = self.fit(self.make(), [self.table.known[i] for i in order], self.table.targets[order])
        if not np.allclose(shuffled.predict(self.table.unseen), self.predicted, rtol=1e-6, atol=1e-9):
            raise FailedError("the order of the training set changes predictions")
        return "has no effect"

    def company(self) -> str:
        alone = np.concatenate([self.fitted.predict([a]) for a in self.table.unseen[:6]])
        back = self.fitted.predict(self.table.unseen[::-1])[::-1]
        if not np.allclose(back, self.predicted, rtol=1e-4, atol=1e-6):
            raise FailedError("the order of the predicted architectures changes predictions")
        if not np.allclose(alone, self.predicted[:6], rtol=1e-4, atol=1e-6):
            raise FailedError("a prediction depends on the other predicted architectures")
        return "predictions do not depend on each other"

    def pickled(self) -> str:
        again: Predictor = pickle.loads(pickle.dumps(self.fitted))
        if not np.array_equal(again.predict(self.table.unseen), self.predicted):
            raise FailedError("a pickled copy gives other predictions")
        return f"{len(pickle.dumps(self.fitted)) / 1e6:.2f} MB"

    def uncertainty(self) -> str:
        if not self.info.uncertain:
            raise SkippedError("it has no predict_std")
        deviation = self.fitted.predict_std(self.table.unseen)
        if deviation.shape != self.predicted.shape or not (np.isfinite(deviation).all() and (deviation > 0).all()):
            raise FailedError("deviations are not finite and positive")
        distance = np.abs(self.predicted - self.table.truth)
        inside = float(np.mean(distance <= 3 * deviation))
        if inside < 0.5:
            raise FailedError(f"only {inside:.0%} of the truth lies within three deviations")
        return f"{inside:.0%} of the truth within three deviations"

    def units(self) -> str:
        if not self.fitted.calibrated:
            raise SkippedError("its predictions only rank")
        low, high = self.table.targets.min(), self.table.targets.max()
        span = high - low
        if self.predicted.min() < low - span or self.predicted.max() > high + span:
            raise FailedError("predictions are not in the targets' units")
        return "predictions are in the range of the targets"

    def one(self) -> str:
        predicted = self.fit(self.make(), self.table.known[:1], self.table.targets[:1]).predict(self.table.unseen)
        if not np.array_equal(predicted, np.full(len(self.table.unseen), self.table.targets[0])):
            raise FailedError("after fitting one network the prediction is not its target")
        return "the prediction is its target"

    def two(self) -> str:
        low, high = int(np.argmin(self.table.targets)), int(np.argmax(self.table.targets))
        known = [self.table.known[low], self.table.known[high]]
        predicted = self.fit(self.make(), known, self.table.targets[[low, high]]).predict(self.table.unseen)
        if not np.isfinite(predicted).all():
            raise FailedError("after fitting two networks predictions are not finite")
        return "finite predictions"

    def constant(self) -> str:
        predicted = self.fit(self.make(), self.table.known[:6], np.full(6, 71.5)).predict(self.table.unseen)
        if not np.array_equal(predicted, np.full(len(self.table.unseen), 71.5)):
            raise FailedError("if all targets are equal, the prediction is different")
        return "the prediction is the constant"

    def duplicates(self) -> str:
        known = [*self.table.known[:10], *self.table.known[:4]]
        targets = np.concatenate([self.table.targets[:10], self.table.targets[:4] + 0.5])
        if not np.isfinite(self.fit(self.make(), known, targets).predict(self.table.unseen)).all():
            raise FailedError("with a repeated architecture, predictions are not finite")
        same = self.fit(self.make(), [self.table.known[0]] * 4, self.table.targets[:4])
        if not np.isfinite(same.predict(self.table.unseen)).all():
            raise FailedError("with one architecture only, predictions are not finite")
        return "one architecture may have several targets, and may be the only one"

    def bad_targets(self) -> str:
        targets = self.table.targets[:5].copy()
        targets[3] = math.nan
        culprit = self.table.known[3]
        try:
            self.make().fit(self.table.known[:5], targets)
        except InvalidInputError as error:
            if str(culprit) not in str(error):
                raise FailedError(f"the message does not name {culprit}: {error}") from None
        else:
            raise FailedError("a target that is nan is accepted")
        bad: list[tuple[Sequence[Any], Sequence[float]]] = [
            (self.table.known[:3], (1.0, 2.0)),
            ((), ()),
            (["a"], [1.0]),
        ]
        for known, values in bad:
            try:
                self.make().fit(known, values)
            except InvalidInputError:
                continue
            raise FailedError("different lengths, empty input, or text for an architecture is accepted")
        return "refused with their names"

    def not_fitted(self) -> str:
        try:
            self.make().predict(self.table.unseen[:1])
        except InvalidInputError:
            return "raises InvalidInputError"
        raise FailedError("predict before fit returns something")


def _cloned(predictor: Predictor) -> Predictor:
    try:
        again: Predictor = clone(predictor)
    except RuntimeError:  # scikit-learn's own check
        raise FailedError("its constructor changes an argument before it stores it") from None
    return again
