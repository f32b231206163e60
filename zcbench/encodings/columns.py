"""Columns of numbers that a table has of its architectures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from zcbench._arguments import all_text
from zcbench.encodings._base import Floats
from zcbench.encodings._feed import Feed, TableEncoding
from zcbench.encodings._register import register_encoding
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark


@register_encoding("columns")
class ColumnEncoding(TableEncoding):
    """The columns of numbers of the table (your own, say), or some of them: "columns(params+flops)".

    A row has one number of each column, nan where there is none.

    Args:
        names: of the columns; default all that every table has, the target left out.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(all_text("names of columns", names))
        super().__init__(f"columns({'+'.join(self.names)})" if self.names else "columns")

    @classmethod
    def read(cls, *names: str) -> ColumnEncoding:
        """Read names of columns."""
        return cls(names)

    @classmethod
    def of(cls, benchmark: Benchmark, names: Iterable[str] | None = None) -> ColumnEncoding:
        """The columns of a benchmark, or of your own table (:func:`zcbench.own_benchmark`); default all its facts.

        Raises:
            UnknownNameError: there is no such column.
            InvalidInputError: the table has none besides the target.
        """
        return cls(names or ()).fed([Feed.of(benchmark)])

    def choose(self, feeds: Sequence[Feed]) -> None:
        """Take what all tables have, unless it was said which."""
        for feed in feeds:
            if odd := [name for name in self.names if name not in feed.facts]:
                raise UnknownNameError("column", odd[0], feed.facts)
        common = set.intersection(*(set(feed.facts) for feed in feeds)) if feeds else set[str]()
        self.names = self.names or tuple(sorted(common))
        if not self.names:
            raise InvalidInputError(
                f"{feeds[0].name if feeds else 'the table'} has no columns of numbers besides the target."
            )

    def look_up(self, feed: Feed) -> Floats:
        """The columns ``(n, names)``."""
        return np.stack([feed.fact(name) for name in self.names], axis=1)

    def _bytes(self, rows: Floats) -> bytes:
        return rows.T.tobytes()  # column by column, as trials of old digested them

    def _unknown(self, architecture: Architecture) -> NoReturn:
        if not self._fed:
            raise InvalidInputError(
                "say whose columns: ColumnEncoding.of(benchmark), or  zcbench run my.csv --predictors …"
            )
        super()._unknown(architecture)
