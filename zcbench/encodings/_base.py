"""Encodings: a cached function of an architecture, and a matrix whose columns depend on the training set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import shown
from zcbench._code import code_digest, joined_codes
from zcbench._display import brief
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.spaces import get_space
from zcbench.types import Architecture, SearchSpace, summary_of

if TYPE_CHECKING:
    from zcbench.encodings._feed import Feed

Floats: TypeAlias = NDArray[np.float64]
#: The encoding of one architecture: a vector, numbers by name, or an object (a graph, a network).
Row: TypeAlias = Any
#: Kinds of rows. Vectors can be joined; the other kinds are for special predictors.
KINDS = ("vector", "graph", "layers", "computation")
#: Maximum number of cached rows; enough for the largest exhaustive cell spaces except NAS-Bench-101.
REMEMBERED = 100_000


@dataclass(frozen=True, repr=False)
class EncodingInfo:
    """A registered encoding.

    Attributes:
        name: name in the registry.
        function: maps a search space and an architecture to a row; or a subclass of :class:`Encoding`.
        kind: one of :data:`KINDS`.
        version: increased whenever rows may change.
        reference: paper and section.
        arguments: an example of the text in brackets after the name, "params+naswot"; "" without brackets.
    """

    name: str
    function: Callable[[SearchSpace, Architecture], Row] | type[Encoding]
    kind: str = "vector"
    version: int = 1
    reference: str = ""
    arguments: str = ""

    def __repr__(self) -> str:
        return brief(f"<EncodingInfo {self.written}@{self.version}: {self.kind}>")

    @property
    def written(self) -> str:
        """Its text, "proxies(params+naswot)"."""
        return f"{self.name}({self.arguments})" if self.arguments else self.name

    @property
    def code(self) -> str:
        """Digest of the code of the function or the class; "" for built-in code."""
        return code_digest(self.function)

    @property
    def summary(self) -> str:
        """First line of the function's docstring, or the class's."""
        return summary_of(self.function)


class Needs(NamedTuple):
    """The inputs of an encoding from a table, in addition to its facts.

    Attributes:
        proxies: labels of proxies, which are first measured on all of the table's architectures.
        curves: metrics whose learning curves it uses.
    """

    proxies: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()

    @classmethod
    def of(cls, encodings: Iterable[Encoding]) -> Needs:
        """Combine the needs of several encodings, each once, in their order.

        Raises:
            InvalidInputError: the declaration of a user-defined encoding is not tuples of texts.
        """
        every = []
        for encoding in encodings:
            needs = encoding.needs
            if not isinstance(needs, Needs) or not all(type(one) is tuple for one in needs):
                raise InvalidInputError(
                    f"the encoding {encoding.name} needs {shown(needs)}: write needs = Needs(proxies=('params',), "
                    "curves=('valid_nll',))."
                )
            every.append(needs)
        return cls(
            tuple(dict.fromkeys(label for needs in every for label in needs.proxies)),
            tuple(dict.fromkeys(metric for needs in every for metric in needs.curves)),
        )


class Encoding:
    """The input of a predictor for architectures: an object that any predictor of its kind accepts.

    A row depends only on the architecture and is cached, so that fitting many predictors to one table encodes it
    once. Copies share the cache; pickles do not contain it.

    Args:
        name: its name, "onehot".
        function: maps a search space and an architecture to a row: a vector of one length for the whole space, a
            mapping from names to numbers (missing names are 0), or an object of the kind.
        kind: one of :data:`KINDS`; default the class's own.
        space: the search space, if it is not a registered one.
        version: increased whenever rows may change.
    """

    kind = "vector"
    #: its inputs from a table in addition to facts; nothing if it depends only on the architecture
    needs = Needs()
    #: whether it has rows only for a table's architectures
    from_table = False

    def __init__(
        self,
        name: str = "",
        function: Callable[[SearchSpace, Architecture], Row] | None = None,
        kind: str | None = None,
        space: SearchSpace | None = None,
        version: int = 1,
    ) -> None:
        self.name = name
        self.function = function
        if kind is not None:
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
        """The joined encodings."""
        return (self,)

    @classmethod
    def read(cls, *arguments: str) -> Encoding:
        """Make an encoding from the texts in brackets after its name, "a" and "b" of "name(a+b)"."""
        return cls(*arguments)  # type: ignore[arg-type]  # a subclass defines the arguments

    @property
    def code(self) -> str:
        """Digest of its user-defined code; "" for built-in code."""
        return joined_codes(code_digest(type(self)), code_digest(self.function))

    def fed(self, feeds: Sequence[Feed]) -> Encoding:
        """Return the encoding with rows from these tables."""
        return self

    def ready(self) -> Encoding:
        """Return the encoding in a state that a predictor can use, with rows from a table if it needs one."""
        return self

    def digest(self, feed: Feed) -> bytes:
        """Return the bytes of its rows for a table; nothing if rows depend only on the architecture."""
        return b""

    def seconds(self, feed: Feed) -> Mapping[str, float]:
        """Return the cost of measuring the inputs of one architecture's row, by measurement."""
        return {}

    def rows(self, architectures: Sequence[Architecture]) -> list[Row]:
        """Return a row for each architecture.

        Raises:
            UnknownNameError: an architecture is of no registered space.
            UnsupportedModelError, InvalidArchitectureError: the space cannot provide the encoded object.
        """
        return [self._row(architecture) for architecture in architectures]

    def _row(self, architecture: Architecture) -> Row:
        known = self._known.get(architecture)
        if known is None:
            known = self._encode(architecture)
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[architecture] = known
        return known

    def _encode(self, architecture: Architecture) -> Row:
        if self.function is None:
            raise NotImplementedError(f"{type(self).__name__} has no function and does not implement _encode.")
        space = self._space_of(architecture)
        try:
            row = self.function(space, architecture)
        except AttributeError as error:
            if error.obj is not space:
                raise
            raise self._lacking(space, str(error.name)) from error
        except NotImplementedError as error:
            raise self._lacking(space, "build") from error
        return np.asarray(row, np.float64) if self.kind == "vector" and not isinstance(row, Mapping) else row

    def _lacking(self, space: SearchSpace, method: str) -> UnsupportedModelError:
        return UnsupportedModelError(
            f"the search space {space.name} has no {method}, which the encoding {self.name} needs: implement it, or "
            "choose another encoding."
        )

    def _space_of(self, architecture: Architecture) -> SearchSpace:
        return self.space if self.space is not None else get_space(architecture.space)

    def beginnings(self, architectures: Sequence[Architecture]) -> Floats:
        """Return the beginnings of learning curves that it uses, ``(n, epochs)``.

        Raises:
            InvalidInputError: it uses none.
        """
        raise InvalidInputError(
            f"the encoding {self.name} has no learning curve: choose one, such as curve(valid_nll/3)."
        )

    def fit(self, architectures: Sequence[Architecture]) -> Encoder:
        """Determine the columns of a training set."""
        if self.kind != "vector":
            raise InvalidInputError(f"the encoding {self.name} gives no vectors: choose another, or another predictor.")
        return Encoder([_Columns(part, part.rows(architectures)) for part in (one.ready() for one in self.parts)])


class Joined(Encoding):
    """Concatenated vectors of several encodings."""

    def __init__(self, parts: Sequence[Encoding]) -> None:
        super().__init__("+".join(part.name for part in parts))
        self._parts = tuple(parts)
        if odd := [part.name for part in parts if part.kind != "vector"]:
            raise InvalidInputError(f"the encoding {odd[0]} gives no vectors and cannot be joined with others.")

    @property
    def parts(self) -> tuple[Encoding, ...]:
        """The joined encodings."""
        return self._parts

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The combined needs of its parts."""
        return Needs.of(self._parts)

    @property
    def from_table(self) -> bool:  # type: ignore[override]
        """Whether one of its parts has rows only for a table's architectures."""
        return any(part.from_table for part in self._parts)

    @property
    def code(self) -> str:
        """Digest of the user-defined code of its parts."""
        return joined_codes(*(part.code for part in self._parts))

    def fed(self, feeds: Sequence[Feed]) -> Encoding:
        """Return the same parts, each with rows from these tables."""
        return Joined([part.fed(feeds) for part in self._parts])

    def ready(self) -> Encoding:
        """Return the same parts, each in a state that a predictor can use."""
        return Joined([part.ready() for part in self._parts])

    def digest(self, feed: Feed) -> bytes:
        """Return the bytes of its parts' rows for a table."""
        return b"".join(part.digest(feed) for part in self._parts)

    def seconds(self, feed: Feed) -> Mapping[str, float]:
        """Return the total cost of its parts."""
        return combined(self._parts, feed)

    def rows(self, architectures: Sequence[Architecture]) -> list[Row]:
        """Raise InvalidInputError, because rows belong to the parts."""
        raise InvalidInputError(f"{self.name} is several encodings: get rows from its parts.")


def join(parts: Sequence[Encoding]) -> Encoding:
    """Join all parts to one encoding."""
    return parts[0] if len(parts) == 1 else Joined(parts)


def combined(encodings: Iterable[Encoding], feed: Feed) -> dict[str, float]:
    """Return seconds by measurement of one architecture for several encodings; shared measurements count once."""
    found: dict[str, float] = {}
    for encoding in encodings:
        for what, seconds in encoding.seconds(feed).items():
            found[what] = float(np.maximum(found.get(what, 0.0), seconds))  # nan (unknown) stays nan
    return found


class _Columns:
    """Columns of one part: all columns of vectors, or the names of mappings in the training set."""

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
    """An encoding whose columns a training set has determined.

    Attributes:
        names: "part[column]" for each column.
        groups: for each column, the number of its part.
    """

    def __init__(self, columns: Sequence[_Columns]) -> None:
        self._columns = list(columns)
        self.names = [f"{c.part.name}[{name}]" for c in columns for name in c.names]
        self.groups = np.repeat(np.arange(len(columns)), [len(c.names) for c in columns])

    def transform(self, architectures: Sequence[Architecture]) -> Floats:
        """Return ``(architectures, columns)``, float64; nan where a proxy has no score."""
        return np.hstack([column.matrix(architectures) for column in self._columns])
