"""What an encoding is: a function of an architecture, remembered, and a table of columns that a training set fixes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zcbench._code import code_digest
from zcbench._display import brief
from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space
from zcbench.types import Architecture, SearchSpace, summary_of

Floats: TypeAlias = NDArray[np.float64]
#: What an encoding says of one architecture: numbers in order, numbers by name, or an object (a graph, a network).
Row: TypeAlias = Any
#: Kinds of rows. Vectors can be joined; the other kinds are for predictors that are made for them.
KINDS = ("vector", "graph", "layers", "computation")
#: Rows that one encoding remembers at most; all of the largest exhaustive cell spaces but NAS-Bench-101.
REMEMBERED = 100_000


@dataclass(frozen=True)
class EncodingInfo:
    """A registered encoding.

    Attributes:
        name: name in the registry.
        function: from a search space and an architecture to a row.
        kind: one of :data:`KINDS`.
        version: raised whenever rows may change.
        reference: paper and section.
    """

    name: str
    function: Callable[[SearchSpace, Architecture], Row]
    kind: str = "vector"
    version: int = 1
    reference: str = ""

    @property
    def code(self) -> str:
        """Digest of the function's code; "" where zcbench wrote it."""
        return code_digest(self.function)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)


class Encoding:
    """What a predictor sees of architectures: an object of its own that any predictor takes, if its kind fits.

    A row follows from the architecture alone and is remembered, so that fitting many predictors on one table encodes it
    once. Copies share what is remembered; pickles leave it behind.

    Args:
        name: what it is called, "onehot".
        function: from a search space and an architecture to a row: a vector of one length for the whole space, a
            mapping from names to numbers (what is not named is 0), or an object of the kind.
        kind: one of :data:`KINDS`.
        space: the search space, if it is not a registered one.
        version: raised whenever rows may change.
    """

    #: whether it knows rows of a table's architectures only
    told = False

    def __init__(
        self,
        name: str,
        function: Callable[[SearchSpace, Architecture], Row],
        kind: str = "vector",
        space: SearchSpace | None = None,
        version: int = 1,
    ) -> None:
        self.name = name
        self.function = function
        self.kind = kind
        self.space = space
        self.version = version
        self._known: dict[Architecture, Row] = {}

    def __repr__(self) -> str:
        return brief(f"{type(self).__name__}({self.name!r})")

    def __str__(self) -> str:
        return self.name

    def __deepcopy__(self, _: object) -> Encoding:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_known": {}}

    @property
    def parts(self) -> tuple[Encoding, ...]:
        """What is joined."""
        return (self,)

    @property
    def members(self) -> tuple[str, ...]:
        """Proxies whose scores it is made of."""
        return ()

    def rows(self, architectures: Sequence[Architecture]) -> list[Row]:
        """A row for each architecture.

        Raises:
            UnknownNameError: an architecture is of no registered space.
            UnsupportedModelError, InvalidArchitectureError: the space cannot give what is encoded.
        """
        return [self._row(architecture) for architecture in architectures]

    def _row(self, architecture: Architecture) -> Row:
        known = self._known.get(architecture)
        if known is None:
            space = self.space if self.space is not None else get_space(architecture.space)
            known = self.function(space, architecture)
            if self.kind == "vector" and not isinstance(known, Mapping):
                known = np.asarray(known, np.float64)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[architecture] = known
        return known

    def fit(self, architectures: Sequence[Architecture]) -> Encoder:
        """The columns that a training set has."""
        if self.kind != "vector":
            raise InvalidInputError(f"the encoding {self.name} gives no vectors: choose another, or another predictor.")
        return Encoder([_Columns(part, part.rows(architectures)) for part in self.parts])


class Joined(Encoding):
    """Vectors of several encodings, one behind the other."""

    def __init__(self, parts: Sequence[Encoding]) -> None:
        super().__init__("+".join(part.name for part in parts), _never)
        self._parts = tuple(parts)
        if odd := [part.name for part in parts if part.kind != "vector"]:
            raise InvalidInputError(f"the encoding {odd[0]} gives no vectors and cannot be joined with others.")

    @property
    def parts(self) -> tuple[Encoding, ...]:
        """What is joined."""
        return self._parts

    @property
    def members(self) -> tuple[str, ...]:
        """Proxies whose scores it is made of."""
        return tuple(dict.fromkeys(member for part in self._parts for member in part.members))

    def rows(self, architectures: Sequence[Architecture]) -> list[Row]:
        """Not possible: rows belong to the parts."""
        raise InvalidInputError(f"{self.name} is several encodings: ask its parts for rows.")


def join(parts: Sequence[Encoding]) -> Encoding:
    """One encoding of all parts."""
    return parts[0] if len(parts) == 1 else Joined(parts)


def _never(space: SearchSpace, architecture: Architecture) -> Row:
    raise NotImplementedError


class _Columns:
    """Columns of one part: of a vector all, of mappings the names that the training set has."""

    def __init__(self, part: Encoding, rows: Sequence[Row]) -> None:
        self.part = part
        if rows and isinstance(rows[0], Mapping):
            self.names: list[Any] = sorted({name for row in rows for name in row})
            self.index: dict[Any, int] | None = {name: i for i, name in enumerate(self.names)}
        else:
            self.names, self.index = list(range(len(rows[0]) if rows else 0)), None

    def matrix(self, architectures: Sequence[Architecture]) -> Floats:
        rows = self.part.rows(architectures)
        if self.index is None:
            if any(len(row) != len(self.names) for row in rows):
                raise InvalidInputError(
                    f"the encoding {self.part.name} gives vectors of different lengths: it fits one search space only."
                )
            return np.asarray(rows, np.float64).reshape(len(rows), len(self.names))
        matrix = np.zeros((len(rows), len(self.names)))
        for i, row in enumerate(rows):
            for name, value in row.items():
                column = self.index.get(name)
                if column is not None:
                    matrix[i, column] = value
        return matrix


class Encoder:
    """An encoding whose columns a training set has fixed.

    Attributes:
        names: "part[column]" for each column.
        groups: for each column, the number of its part.
    """

    def __init__(self, columns: Sequence[_Columns]) -> None:
        self._columns = list(columns)
        self.names = [f"{c.part.name}[{name}]" for c in columns for name in c.names]
        self.groups = np.repeat(np.arange(len(columns)), [len(c.names) for c in columns])

    def transform(self, architectures: Sequence[Architecture]) -> Floats:
        """``(architectures, columns)``, float64; nan where a proxy has no score."""
        return np.hstack([column.matrix(architectures) for column in self._columns])
