"""Columns of numbers and of categories of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from zcbench._arguments import all_text
from zcbench._display import abridged
from zcbench.encodings._base import Floats
from zcbench.encodings._feed import Feed, TableEncoding
from zcbench.encodings._register import register_encoding
from zcbench.encodings._suspects import suspicious_columns
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

#: columns that a sentence names
_NAMED = 6


@register_encoding("columns")
class ColumnEncoding(TableEncoding):
    """The columns of the table (your own, say), or some of them: "columns(params+flops)".

    A column of numbers is one number, nan where it is missing. A column of text is one-hot: a number for each category
    that the training rows have; all are 0 where the text is missing or another one.

    By default it uses all columns that every table has, except the target and columns that are probably results of the
    same training (``val_top5`` where ``val_top1`` is the target). Columns that are named are used in any case.

    Args:
        names: names of the columns.

    Attributes:
        excluded: reason by name of the columns that it excluded by itself.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(all_text("names of columns", names))
        self.excluded: dict[str, str] = {}
        super().__init__(f"columns({'+'.join(self.names)})" if self.names else "columns")

    @classmethod
    def read(cls, *names: str) -> ColumnEncoding:
        """Read names of columns."""
        return cls(names)

    @classmethod
    def of(cls, benchmark: Benchmark, names: Iterable[str] | None = None) -> ColumnEncoding:
        """Return the columns of a benchmark, or of your own table (:func:`zcbench.own_benchmark`).

        Args:
            benchmark: the table.
            names: of the columns; default as the class says.

        Raises:
            UnknownNameError: there is no such column.
            InvalidInputError: the table has none besides the target.
        """
        return cls(names or ()).fed([Feed.of(benchmark)])

    def choose(self, feeds: Sequence[Feed]) -> None:
        """Choose the columns that all tables have and that are not suspicious, unless a user chose columns."""
        for feed in feeds:
            if odd := [name for name in self.names if name not in feed.facts and name not in feed.texts]:
                raise UnknownNameError("column", odd[0], {*feed.facts, *feed.texts})
        if self.names:
            return
        common = set.intersection(*({*feed.facts, *feed.texts} for feed in feeds)) if feeds else set[str]()
        kept = {name for feed in feeds for name in feed.requested}
        self.excluded = {
            name: reason
            for feed in feeds
            if feed.target and feed.truth is not None
            for name, reason in suspicious_columns(
                feed.target, feed.truth, {name: feed.fact(name) for name in sorted(common & set(feed.facts) - kept)}
            ).items()
        }
        self.names = tuple(sorted(common - set(self.excluded)))
        if not self.names:
            table = feeds[0].name if feeds else "the table"
            if self.excluded:
                raise InvalidInputError(f"{table} has no features left: {self._left_out()}")
            raise InvalidInputError(f"{table} has no columns of numbers besides the target.")

    def used(self) -> str:
        """Say in a sentence which columns it uses and which it excluded by itself."""
        shown = ", ".join(abridged(name, 40) for name in self.names[:20])
        more = f" and {len(self.names) - 20} more" if len(self.names) > 20 else ""
        return f"Features are the columns {shown}{more}.{' ' * bool(self.excluded)}{self._left_out()}"

    def _left_out(self) -> str:
        """Say which columns are excluded, why, and how to include them."""
        if not self.excluded:
            return ""
        reasons: dict[str, list[str]] = {}
        for name, reason in self.excluded.items():
            reasons.setdefault(reason, []).append(abridged(name, 40))
        parts = []
        for reason, names in list(reasons.items())[:_NAMED]:
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            parts.append(
                f"{', '.join(map(repr, names[:_NAMED]))}{more} ({'each' if len(names) > 1 else 'it'} {reason})"
            )
        if len(reasons) > _NAMED:
            parts.append(f"{sum(map(len, list(reasons.values())[_NAMED:]))} more")
        return (
            f"Excluded: {'; '.join(parts)}. To use all columns, give --features '*' or features='*'; to use some, name "
            "all features."
        )

    def look_up(self, feed: Feed) -> Any:
        """Return the columns ``(n, names)``, or with columns of text a mapping for each row."""
        if not set(self.names) & set(feed.texts):
            return np.stack([feed.fact(name) for name in self.names], axis=1)
        columns = [(name, feed.text(name) if name in feed.texts else feed.fact(name)) for name in self.names]
        rows: list[Mapping[str, float]] = []
        for place in range(len(feed.architectures)):
            row = {}
            for name, values in columns:
                value = values[place]
                if isinstance(value, str):
                    row.update({f"{name}={value}": 1.0} if value else {})
                else:
                    row[name] = float(value)
            rows.append(row)
        return rows

    def _bytes(self, rows: Floats) -> bytes:
        return rows.T.tobytes()  # column by column, as in earlier trials

    def _unknown(self, architecture: Architecture) -> NoReturn:
        if not self._fed:
            raise InvalidInputError(
                "the encoding columns needs a table: give architectures of one, fit(table.architectures, …), or name "
                "it, fit(…, table=table); on the command line, zcbench run my.csv --predictors …"
            )
        super()._unknown(architecture)
