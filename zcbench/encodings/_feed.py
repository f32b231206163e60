"""Encodings with rows from a table: they can encode only the table's architectures."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench._arguments import all_text
from zcbench._code import code_digest, value_digest
from zcbench._display import brief, many, plain
from zcbench.encodings._base import Encoding, Floats, Row
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError, first_line
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

#: Tables of a predictor's architectures, see :func:`tables_known`.
_TABLES: ContextVar[tuple[Feed, ...]] = ContextVar("tables", default=())
#: Key of training epochs in :meth:`TableEncoding.seconds`: all curves of a network come from one training.
TRAINING = "training"


@dataclass(frozen=True, repr=False)
class Feed:
    """The data of a table on some architectures, the input of table encodings.

    Attributes:
        architectures: ``n`` architectures.
        facts: the table's own columns of numbers, ``(n,)`` each, by name; nan where one is missing.
        scores: scores of proxies, ``(n,)`` each, by label; nan where a proxy has none.
        curves: learning curves, ``(n, epochs)`` each, by metric: the mean over trainings of a network.
        seconds: cost of a score on one architecture, by label of the proxy.
        epoch_seconds: cost of one epoch of all trainings of one network, by metric of the curve.
        name: its name in messages.
        asked: architectures whose rows encodings take from it; None for all. It determines the table of an
            architecture that is in two tables.
        texts: the table's own columns of categories, a text for each architecture, by name; "" where one is missing.
        target: name of the column that is predicted; "" if it is not known.
        truth: its values ``(n,)``; nan where one is missing, None if they are not known.
        requested: columns that a user chose. The encoding ``columns`` then uses these, even suspicious ones.
    """

    architectures: Sequence[Architecture]
    facts: Mapping[str, ArrayLike] = field(default_factory=dict)
    scores: Mapping[str, ArrayLike] = field(default_factory=dict)
    curves: Mapping[str, ArrayLike] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    epoch_seconds: Mapping[str, float] = field(default_factory=dict)
    name: str = "the table"
    asked: frozenset[Architecture] | None = None
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    target: str = ""
    truth: ArrayLike | None = None
    requested: Sequence[str] = ()

    def __repr__(self) -> str:
        known = (({**self.facts, **self.texts}, "column"), (self.scores, "score"), (self.curves, "curve"))
        counts = ", ".join(many(len(one), what) for one, what in known if one)
        of = many(len(self.architectures), "architecture")
        return brief(f"<Feed of {of} of {plain(self.name, 40)}: {counts or 'nothing'}>")

    @classmethod
    def of(cls, benchmark: Benchmark, curves: Iterable[str] = (), target: str | None = None) -> Feed:
        """Return a benchmark's facts and texts, and its learning curves of some metrics.

        Args:
            benchmark: the table.
            curves: metrics.
            target: the column that is predicted; default the benchmark's default target.

        Raises:
            InvalidInputError: it has no learning curves.
            UnknownNameError: it has no curve of the metric, or no such target.
        """
        found = {metric: mean_curves(benchmark, metric) for metric in all_text("names of curves", curves)}
        return cls(
            benchmark.architectures,
            benchmark.facts,
            curves=found,
            name=benchmark.name,
            texts=benchmark.texts,
            target=benchmark.target(target).name,
            truth=benchmark.truth(target),
            requested=benchmark.requested,
        )

    def text(self, name: str) -> Sequence[str]:
        """Return one of the table's own columns of categories, ``n`` texts.

        Raises:
            UnknownNameError: there is no column with this name.
            InvalidInputError: it does not have one text for each architecture.
        """
        if name not in self.texts:
            raise UnknownNameError("column of text", name, self.texts)
        if len(self.texts[name]) != len(self.architectures):
            raise InvalidInputError(
                f"{self.name}: give one text of {name} for each of {len(self.architectures)} architectures, not "
                f"{len(self.texts[name])}."
            )
        return self.texts[name]

    def fact(self, name: str) -> Floats:
        """Return one of the table's own columns ``(n,)``.

        Raises:
            UnknownNameError: there is no column with this name.
            InvalidInputError: it does not have one number for each architecture.
        """
        if name not in self.facts:
            raise UnknownNameError("column", name, self.facts)
        return self._column(name, self.facts[name])

    def score(self, label: str) -> Floats:
        """Return scores of a proxy ``(n,)``: measured scores, else the table's own column with this name.

        Raises:
            UnknownNameError: neither exists.
            InvalidInputError: there is not one number for each architecture.
        """
        for known in (self.scores, self.facts):
            if label in known:
                return self._column(label, known[label])
        raise UnknownNameError("score", label, {*self.scores, *self.facts})

    def curve(self, metric: str) -> Floats:
        """Return learning curves ``(n, epochs)``.

        Raises:
            UnknownNameError: there are no curves of the metric.
            InvalidInputError: there is not one curve for each architecture.
        """
        if metric not in self.curves:
            raise UnknownNameError("learning curve", metric, self.curves)
        values = np.asarray(self.curves[metric], np.float64)
        if values.ndim != 2 or len(values) != len(self.architectures):
            raise InvalidInputError(
                f"{self.name}: give curves of {metric} of shape ({len(self.architectures)}, epochs), "
                f"not {values.shape}."
            )
        return values

    def _column(self, name: str, values: ArrayLike) -> Floats:
        column = np.asarray(values, np.float64)
        if column.shape != (len(self.architectures),):
            raise InvalidInputError(
                f"{self.name}: give one number of {name} for each architecture, ({len(self.architectures)},), "
                f"not {column.shape}."
            )
        return column


def mean_curves(benchmark: Benchmark, metric: str, rows: NDArray[np.intp] | None = None) -> Floats:
    """Return a benchmark's learning curves of a metric, the mean over trainings, ``(rows, epochs)``; default all rows.

    Raises:
        InvalidInputError: the benchmark has no learning curves.
        UnknownNameError: it has no curves of the metric.
    """
    if not benchmark.curves:
        raise InvalidInputError(
            f"{benchmark.name} has no learning curves: choose predictors on architectures, such as gp."
        )
    if metric not in benchmark.curves:
        raise UnknownNameError("learning curve", metric, benchmark.curves)
    every = benchmark.curves[metric] if rows is None else benchmark.curves[metric][rows]
    mean: Floats = np.asarray(every, np.float64).mean(1)
    return mean


class TableEncoding(Encoding):
    """An encoding whose rows come from a table.

    A subclass declares in :attr:`Encoding.needs` its inputs in addition to the table's facts, and implements
    :meth:`look_up`. It is registered with :func:`zcbench.register_encoding`; the texts in brackets after its name are
    the arguments of its constructor. It has no rows until :meth:`fed` returns a copy with rows.

    Args:
        name: its name; default the registered name with the text in brackets.

    Example:
        >>> import zcbench
        >>> @zcbench.register_encoding("per-parameter", arguments="flops")
        ... class PerParameter(zcbench.TableEncoding):
        ...     '''One of the table's columns, divided by its column "params".'''
        ...     def __init__(self, column):
        ...         super().__init__()
        ...         self.column = column
        ...     def look_up(self, feed):
        ...         return feed.fact(self.column) / feed.fact("params")
        >>> one = zcbench.Architecture("table", "one")
        >>> known = zcbench.Feed([one], {"params": [2.0], "flops": [8.0]})
        >>> zcbench.get_encoding("per-parameter(flops)").fed([known]).rows([one])[0].tolist()
        [4.0]
    """

    from_table = True

    def __init__(self, name: str = "") -> None:
        super().__init__(name)
        self._fed: dict[Architecture, Row] = {}
        self._latest: tuple[Feed | None, dict[Architecture, Row]] = (None, {})

    @property
    def code(self) -> str:
        """Digest of the class's code; "" for built-in code."""
        return code_digest(type(self))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_latest": (None, {})}  # the cache of the table is not kept

    # -- methods of subclasses -----------------------------------------------------------------

    def look_up(self, feed: Feed) -> Any:
        """Return a row for each of the table's ``n`` architectures, in order.

        Vectors are an array ``(n, columns)`` or ``(n,)``, or mappings from names to numbers; other kinds are objects.
        """
        raise NotImplementedError(f"{type(self).__name__} must write look_up(self, feed).")

    def choose(self, feeds: Sequence[Feed]) -> None:
        """Set values that depend on all tables together, before any look-up; called on a copy."""

    def used(self) -> str:
        """Say in a sentence which columns it uses and which it excluded by itself; "" for nothing to say."""
        return ""

    def seconds(self, feed: Feed) -> dict[str, float]:
        """Return the cost of one architecture's row, by measurement; a measurement of two encodings counts once."""
        found = {label: feed.seconds.get(label, 0.0) for label in self.needs.proxies}
        epochs = [feed.curve(metric).shape[1] * feed.epoch_seconds.get(metric, np.nan) for metric in self.needs.curves]
        return {**found, TRAINING: float(np.max(epochs))} if epochs else found

    # -- methods for callers -------------------------------------------------------------------

    def fed(self, feeds: Sequence[Feed]) -> Self:
        """Return the same encoding with the rows of these tables' architectures, and of no others.

        For an architecture of several tables it has the row of the last.

        Raises:
            InvalidInputError, UnknownNameError: a table lacks an input of the encoding.
        """
        made = copy.copy(self)
        made._known, made._fed = {}, {}
        with _said_of(self):
            made.choose(feeds)
        for feed in feeds:
            rows = zip(feed.architectures, made._rows_of(feed), strict=True)
            made._fed.update((one, row) for one, row in rows if feed.asked is None or one in feed.asked)
        return made

    def digest(self, feed: Feed) -> bytes:
        """Return the bytes of its rows for a table: different numbers give different bytes."""
        rows = self._rows_of(feed)
        return self._bytes(rows) if isinstance(rows, np.ndarray) else value_digest(list(rows)).encode()

    def _bytes(self, rows: Floats) -> bytes:
        return rows.tobytes()

    def _rows_of(self, feed: Feed) -> Sequence[Row]:
        with _said_of(self):
            rows = self.look_up(feed)
            count = len(rows)
            mappings = bool(count) and isinstance(rows[0], Mapping)
            if self.kind == "vector" and not mappings:
                rows = np.asarray(rows, np.float64)
                rows = rows[:, None] if rows.ndim == 1 else rows
        if count != len(feed.architectures) or (isinstance(rows, np.ndarray) and rows.ndim != 2):
            raise InvalidInputError(
                f"the encoding {self.name} gives {getattr(rows, 'shape', count)} for {len(feed.architectures)} "
                "architectures: look_up must give one row of numbers for each."
            )
        found: Sequence[Row] = rows
        return found

    def ready(self) -> Encoding:
        """Return the encoding with rows from the tables of :func:`tables_known` if it has none."""
        feeds = _TABLES.get()
        return self.fed(feeds) if feeds and not self._fed else self

    def _row(self, architecture: Architecture) -> Row:
        for feed in _TABLES.get() if self._fed else ():  # two tables may use one name for different rows
            if self._latest[0] is not feed:
                self._latest = feed, dict(zip(feed.architectures, self._rows_of(feed), strict=True))
            if architecture in self._latest[1]:
                return self._latest[1][architecture]
        known = self._fed.get(architecture)
        return super()._row(architecture) if known is None else known

    def _encode(self, architecture: Architecture) -> Row:
        self._unknown(architecture)

    def _unknown(self, architecture: Architecture) -> NoReturn:
        raise InvalidInputError(f"the table has no row of {architecture}: {self.name} cannot encode it.")


@contextmanager
def tables_known(tables: Iterable[Benchmark]) -> Iterator[None]:
    """Open a block in which encodings without rows use these tables."""
    feeds = tuple(Feed.of(table) for table in tables)
    token = _TABLES.set(feeds or _TABLES.get())
    try:
        yield
    finally:
        _TABLES.reset(token)


@contextmanager
def _said_of(encoding: Encoding) -> Iterator[None]:
    """Turn exceptions of a user-defined encoding into a sentence; exceptions of zcbench are not changed."""
    try:
        yield
    except ZcbenchError:
        raise
    except Exception as error:
        raise InvalidInputError(f"the encoding {encoding.name} cannot be fed: {first_line(error)}") from error
