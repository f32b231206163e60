"""The base of all predictors: checks of the training data, a canonical order of rows, and trivial cases."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from zcbench._arguments import SEEDS
from zcbench._code import code_digest, joined_codes
from zcbench._display import brief
from zcbench.datasets import Benchmark
from zcbench.encodings import Encoder, Encoding, get_encoding
from zcbench.encodings._feed import tables_known
from zcbench.errors import InvalidInputError
from zcbench.predictors._features import Scaling, within_float32
from zcbench.predictors._given import read_architectures, tables_of
from zcbench.predictors._targets import Floats, Ranks, TargetScale, target_scale
from zcbench.types import Architecture, SearchSpace

#: Ranges of settings that are counts or steps, and of rates.
COUNT, STEPS, RATE = (1, 10**6), (0, 10**9), (0.0, 1e6)


class Predictor(BaseEstimator):  # type: ignore[misc]
    """A predictor that is fitted to a few trained architectures: ``fit``, ``predict``, and scikit-learn's ``clone``.

    A subclass implements :meth:`_fit` and :meth:`_predict`, and ``predict_std`` if it has an uncertainty. Its
    constructor only stores its arguments. ``_fit`` receives sorted training rows, so that nothing depends on their
    order. It is called only if their targets differ: otherwise the prediction is that target.

    Args:
        encoding: the input for an architecture: a name, several joined by "+", or an object.
        seed: determines all random numbers.
    """

    #: kind of encoding that it accepts
    kind = "vector"
    #: settings that name its encodings
    encoding_settings: ClassVar[tuple[str, ...]] = ("encoding",)
    #: smallest and largest value of numeric settings; a subclass adds its settings to those of its parents
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"seed": SEEDS}
    #: whether predictions are in the targets' units; if not, they only increase with the target
    calibrated = True
    #: search space of architectures that are given as strings; None for the one that accepts them
    space: str | SearchSpace | None = None

    def __init__(self, encoding: str | Encoding = "onehot", seed: int = 0) -> None:
        self.encoding = encoding
        self.seed = seed

    def __repr__(self) -> str:
        return brief(" ".join(super().__repr__().split()))

    # -- what users call -----------------------------------------------------------------------

    def __sklearn_clone__(self) -> Self:
        from sklearn.base import _clone_parametrized

        made: Self = _clone_parametrized(self)
        if self.space is not None:  # not an argument of the constructor
            made.space = self.space
        return made

    def fit(
        self,
        architectures: Iterable[Architecture | str],
        targets: ArrayLike,
        *,
        space: str | SearchSpace | None = None,
        table: Benchmark | None = None,
    ) -> Self:
        """Fit the predictor to trained architectures.

        Args:
            architectures: ``n`` architectures, or their strings; an architecture may occur several times.
            targets: ``(n,)`` results of training. If ``calibrated`` is False (rankers, RoBoT), negate losses, because
                these predictors learn the top of a ranking best.
            space: search space of these and later strings; default the setting ``space``, else the only registered
                space that accepts them.
            table: the table in which encodings such as ``columns`` find the architectures; default the table of
                ``architectures``, if they are ``table.architectures``, a slice or a sample of it.

        Raises:
            InvalidInputError: there are no architectures, lengths differ, a target is nan or infinite, or the search
                space of strings is not known.
            InvalidArchitectureError: a string is not an architecture of the space.
        """
        self.space_ = space if space is not None else self.space
        tables = tables_of(architectures, table)
        known, values = checked(self._read(architectures), targets)
        self.spaces_ = tuple(dict.fromkeys(one.space for one in known))
        self.constant_: float | None = None if varied(known, values) else float(values.mean())
        if self.constant_ is None:
            with _own_random_numbers(self.seed), tables_known(tables):
                self._fit(known, values)
        return self

    def fit_across(
        self,
        source: Iterable[Architecture],
        source_targets: ArrayLike,
        architectures: Iterable[Architecture] = (),
        targets: ArrayLike = (),
    ) -> Self:
        """Fit the predictor to networks of another benchmark, and to a few, or none, of the target benchmark.

        The two benchmarks' targets have only their direction in common, so each set is replaced by the normal
        scores of its ranks, and one fit uses both. Predictors with a special method for transfer implement
        :meth:`_cross`. Predictions only rank; they have no unit.

        Args:
            source: ``n`` architectures of the other benchmark.
            source_targets: ``(n,)``.
            architectures: ``k`` architectures of the target benchmark.
            targets: ``(k,)``, of the same direction.
        """
        self.space_ = self.space
        others, values = checked(self._read(source), source_targets)
        few = self._read(architectures)
        few, own = checked(few, targets) if few else (few, np.zeros(0))
        self._cross(others, values, few, own)
        self.spaces_ = tuple(dict.fromkeys(one.space for one in (*few, *others)))
        return self

    def predict(self, architectures: Iterable[Architecture | str], *, table: Benchmark | None = None) -> Floats:
        """Predict targets ``(m,)``; if ``calibrated`` is False, scores that increase with the target.

        Args:
            architectures: ``m`` architectures, or strings of the fitted search space.
            table: the table in which encodings such as ``columns`` find them; default as in :meth:`fit`, then the
                fitted table.

        Raises:
            InvalidInputError: the predictor was not fitted.
        """
        tables = tables_of(architectures, table)
        unseen = self._asked(architectures)
        if self.constant_ is not None or not unseen:
            return np.full(len(unseen), self.constant_ or 0.0)
        with tables_known(tables):
            return np.asarray(self._predict(unseen), np.float64)

    def rank(
        self,
        architectures: Iterable[Architecture | str],
        *,
        higher_is_better: bool = True,
        table: Benchmark | None = None,
    ) -> list[Architecture]:
        """Return the architectures, most promising first; equal predictions keep their order.

        Args:
            architectures: candidates, or their strings.
            higher_is_better: False if the targets were losses or errors.
            table: as in :meth:`predict`.
        """
        tables = tables_of(architectures, table)
        candidates = self._asked(architectures)
        predicted = self.predict(candidates, table=tables[0] if tables else None)
        order = np.argsort(-predicted if higher_is_better else predicted, kind="stable")
        return [candidates[i] for i in order]

    def encodings(self) -> list[Encoding]:
        """Return all encodings that it uses."""
        return [get_encoding(getattr(self, name)) for name in self.encoding_settings if hasattr(self, name)]

    def with_encodings(self, change: Callable[[Encoding], Encoding], space: SearchSpace | None = None) -> Self:
        """Replace every encoding by the result of ``change``, for example an encoding with rows of a table.

        Args:
            change: converts an encoding to another of the same kind.
            space: the search space of names of encodings, if it is not a registered one.
        """
        for name in filter(functools.partial(hasattr, self), self.encoding_settings):
            setattr(self, name, change(get_encoding(getattr(self, name), space)))
        return self

    def others(self) -> list[Predictor]:
        """Return the predictors that are its parts, not fitted."""
        return []

    @property
    def code(self) -> str:
        """Digest of the user-defined code of it, its encodings and its parts; "" without such code."""
        others = [other.code for other in self.others()]
        return joined_codes(code_digest(type(self)), *(e.code for e in self.encodings()), *others)

    # -- what subclasses write -----------------------------------------------------------------

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        raise NotImplementedError

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        raise NotImplementedError

    def _cross(self, others: Sequence[Architecture], values: Floats, few: Sequence[Architecture], own: Floats) -> None:
        """Fit to targets ``(n,)`` of another benchmark and ``(k,)``, or none, of the target one; set ``constant_``."""
        normal = [Ranks(part).forward(part) for part in (values, own) if len(part)]
        self.fit([*others, *few], np.concatenate(normal))

    # -- what they use -------------------------------------------------------------------------

    @property
    def _encoding(self) -> Encoding:
        encoding = get_encoding(self.encoding)
        if encoding.kind != self.kind:
            raise InvalidInputError(
                f"{type(self).__name__} takes encodings of the kind {self.kind!r}, and {encoding.name} is of another: "
                f"{encoding.kind!r}."
            )
        return encoding

    def _asked(self, architectures: Iterable[Architecture | str]) -> list[Architecture]:
        if not hasattr(self, "constant_"):
            raise InvalidInputError(f"{type(self).__name__} is not fitted: call fit(architectures, targets) first.")
        return self._read(architectures)

    def _read(self, architectures: Iterable[Architecture | str]) -> list[Architecture]:
        """Read architectures, strings by the space that was named or fitted."""
        named = getattr(self, "space_", self.space)
        return read_architectures(architectures, [named] if named is not None else getattr(self, "spaces_", ()))


@contextmanager
def _own_random_numbers(seed: int) -> Iterator[None]:
    """Seed numpy's global random numbers in a block and restore them, because some libraries use them."""
    before = np.random.get_state()
    np.random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(before)


C = TypeVar("C", bound=type[Predictor])


def with_defaults(**changed: Any) -> Callable[[C], C]:
    """Give a class its parent's constructor with other defaults, which ``get_params`` returns."""

    def decorate(make: C) -> C:
        inherited = make.__init__
        known = inspect.signature(inherited)
        parameters = [p.replace(default=changed.get(p.name, p.default)) for p in known.parameters.values()]
        signature = known.replace(parameters=parameters)

        @functools.wraps(inherited)
        def construct(self: Any, *arguments: Any, **settings: Any) -> None:
            bound = signature.bind(self, *arguments, **settings)
            bound.apply_defaults()
            inherited(*bound.args, **bound.kwargs)

        construct.__signature__ = signature  # type: ignore[attr-defined]
        make.__init__ = construct  # type: ignore[method-assign]
        return make

    return decorate


def checked(architectures: Iterable[Architecture], targets: ArrayLike) -> tuple[list[Architecture], Floats]:
    """Return architectures and targets in a canonical order.

    Raises:
        InvalidInputError: there are no architectures, lengths differ, or a target is nan or infinite.
    """
    known = read_architectures(architectures)
    try:
        values = np.asarray(targets, np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError("targets must be numbers, one for each architecture.") from None
    if values.shape != (len(known),):
        raise InvalidInputError(
            f"{len(known)} architectures and targets of shape {values.shape}: give one target each."
        )
    if not known:
        raise InvalidInputError("there is nothing to learn from: give at least one architecture with its target.")
    if bad := [a for a, value in zip(known, values, strict=True) if not np.isfinite(value)]:
        raise InvalidInputError(f"the target of {bad[0]} is nan or infinite ({len(bad)} in all): remove such rows.")
    order = sorted(range(len(known)), key=lambda i: (known[i], values[i]))
    return [known[i] for i in order], values[order]


def varied(known: Sequence[Architecture], values: Floats) -> bool:
    """Return whether targets of several architectures differ: repeats of one architecture cannot be learned from."""
    return bool(np.ptp(values) > 0) and known[0] != known[-1]


class VectorPredictor(Predictor):
    """A predictor that is fitted to a matrix of numbers.

    A subclass implements :meth:`_learn` and :meth:`_value`.

    Args:
        encoding: vectors.
        targets: "standard" (zero mean, unit deviation) or "ranks" (normal scores of ranks; predictions are mapped
            back).
        seed: determines all random numbers.
    """

    #: whether columns are scaled and missing values filled; trees need neither
    scaled = True

    def __init__(self, encoding: str | Encoding = "onehot+stats", targets: str = "ranks", seed: int = 0) -> None:
        super().__init__(encoding, seed)
        self.targets = targets

    def _learn(self, x: Floats, y: Floats) -> None:
        """Learn from ``(n, columns)`` and transformed targets ``(n,)``."""
        raise NotImplementedError

    def _value(self, x: Floats) -> Floats:
        """Predict transformed targets ``(m,)``."""
        raise NotImplementedError

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        self.encoder_: Encoder = self._encoding.fit(architectures)
        x = self.encoder_.transform(architectures)
        self.scaling_ = Scaling(x, self.encoder_.groups) if self.scaled else None
        self.scale_: TargetScale = target_scale(self.targets, targets)
        seen = self._scaled(x)
        if not seen.shape[1]:  # all rows are equal
            self.constant_ = float(targets.mean())
            return
        self._learn(seen, self.scale_.forward(targets))

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        value = self._value(self._matrix(architectures))
        return self.scale_.backward(value) if self.calibrated else value

    def _matrix(self, architectures: Sequence[Architecture]) -> Floats:
        return self._scaled(self.encoder_.transform(architectures))

    def _scaled(self, x: Floats) -> Floats:
        return within_float32(x) if self.scaling_ is None else self.scaling_(x)


class Uncertain:
    """A mixin for predictors with standard deviations; a subclass implements :meth:`_moments`."""

    constant_: float | None
    scale_: TargetScale
    _asked: Callable[[Iterable[Architecture | str]], list[Architecture]]

    def _moments(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        """Return means and standard deviations on the scale of the fit, both ``(m,)``."""
        raise NotImplementedError

    def predict_std(self, architectures: Iterable[Architecture | str], *, table: Benchmark | None = None) -> Floats:
        """Return the standard deviation of each prediction ``(m,)``, in the targets' units.

        It is half the range of mean ± one deviation in these units, exact where the scale of targets is linear; nan if
        all targets were the same.
        """
        return self.predict_with_std(architectures, table=table)[1]

    def predict_with_std(
        self, architectures: Iterable[Architecture | str], *, table: Benchmark | None = None
    ) -> tuple[Floats, Floats]:
        """Return predictions and standard deviations, both ``(m,)``, as ``predict`` and ``predict_std``, at once."""
        tables = tables_of(architectures, table)
        unseen = self._asked(architectures)
        if self.constant_ is not None or not unseen:  # one result contains no information on the deviation of others
            return np.full(len(unseen), self.constant_ or 0.0), np.full(len(unseen), np.nan)
        with tables_known(tables):
            mean, deviation = self._moments(unseen)
        return self.scale_.backward(mean), self._deviations(mean, deviation)

    def _deviations(self, mean: Floats, deviation: Floats) -> Floats:
        return (self.scale_.backward(mean + deviation) - self.scale_.backward(mean - deviation)) / 2


class UncertainPredictor(Uncertain, VectorPredictor):
    """A predictor on a matrix of numbers with standard deviations; a subclass implements :meth:`_value_and_std`."""

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        """Return transformed targets and their standard deviations, both ``(m,)``."""
        raise NotImplementedError

    def _value(self, x: Floats) -> Floats:
        return self._value_and_std(x)[0]

    def _moments(self, architectures: Sequence[Architecture]) -> tuple[Floats, Floats]:
        return self._value_and_std(self._matrix(architectures))
