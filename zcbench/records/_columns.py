"""Many records or trials in little memory: an array per field, numbered texts, and objects only on request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Self, overload

import numpy as np
from numpy.typing import NDArray

from zcbench.records._kinds import FORECASTS, RECORDS, SEARCHES, TRIALS, Form, Item, Kind
from zcbench.records._record import CurveTrial, Record, SearchTrace, Trial

Codes = NDArray[np.int32]
Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Arrays = Mapping[str, NDArray[Any]]
Texts = Mapping[str, tuple[str, ...]]

#: number of rows that become objects at once
_BATCH = 4096


class Table(Sequence[Item]):
    """An immutable sequence of records or trials that is stored as columns.

    Indexing and iterating give the objects. Columns are read-only arrays with an entry per item. They contain texts as
    numbers, and :meth:`codes` gives both. A slice, :meth:`take` and :meth:`where` give a sequence of the same
    class that shares the texts; the texts may then include some that no item has.

    Attributes:
        notes: sentences about excluded items.
    """

    kind: ClassVar[Kind[Any]]

    def __init__(self, arrays: Arrays, texts: Texts, notes: Sequence[str] = ()) -> None:
        self._arrays = dict(arrays)
        self._texts = dict(texts)
        self.notes = tuple(notes)
        for array in self._arrays.values():
            array.flags.writeable = False

    @classmethod
    def of(cls, items: Iterable[Item], notes: Sequence[str] = ()) -> Self:
        """Make the sequence of these records or trials."""
        if isinstance(items, cls):
            return cls(items._arrays, items._texts, notes or items.notes)
        builder = Builder(cls.kind)
        for item in items:
            builder.append(cls.kind.values(item))
        return cls(*builder.finish(), notes)

    def __len__(self) -> int:
        return len(self._arrays[self.kind.names[0]])

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: int | slice) -> Item | Self:
        if isinstance(place, slice):
            return type(self)({name: array[place] for name, array in self._arrays.items()}, self._texts, self.notes)
        row = range(len(self))[place]
        return next(self._objects(slice(row, row + 1)))

    def __iter__(self) -> Iterator[Item]:
        for start in range(0, len(self), _BATCH):
            yield from self._objects(slice(start, start + _BATCH))

    def _objects(self, rows: slice) -> Iterator[Item]:
        columns = []
        for name in self.kind.names:
            values = self._arrays[name][rows].tolist()
            if name in self._texts:
                texts = self._texts[name]
                values = [texts[code] for code in values]
            columns.append(values)
        return map(self.kind.item, *columns)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a is b or a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,}>"

    def take(self, rows: Rows | Sequence[int]) -> Self:
        """Return the items of these rows, in this order.

        Args:
            rows: numbers from 0.
        """
        chosen = np.asarray(rows, np.intp)
        return type(self)({name: array[chosen] for name, array in self._arrays.items()}, self._texts, self.notes)

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """Return the items for which the mask is true.

        Args:
            mask: ``(items,)``.
        """
        return self.take(np.flatnonzero(mask))

    def codes(self, name: str) -> tuple[Codes, tuple[str, ...]]:
        """Return a column of texts: int32 codes ``(items,)``, and the texts that they number.

        Raises:
            KeyError: there is no such column of texts.
        """
        return self._arrays[name], self._texts[name]

    def numbers(self, name: str) -> NDArray[Any]:
        """Return a column of whole numbers (signed), floats (nan for none) or bools, ``(items,)``.

        Raises:
            KeyError: there is no such column.
        """
        if name in self._texts:
            raise KeyError(name)
        return self._arrays[name]

    def distinct(self, name: str) -> list[str]:
        """Return the texts of a column, in the order of their first item."""
        codes, texts = self.codes(name)
        found, first = np.unique(codes, return_index=True)
        return [texts[code] for code in found[np.argsort(first)]]

    def has(self, name: str, wanted: str | Iterable[str]) -> NDArray[np.bool_]:
        """Return a mask of the items whose text in a column is this text or one of these: bools ``(items,)``."""
        codes, texts = self.codes(name)
        some = {wanted} if isinstance(wanted, str) else set(wanted)
        return np.array([text in some for text in texts], bool)[codes] if texts else np.zeros(len(self), bool)

    def column(self, name: str) -> list[Any]:
        """Return a column as a list of texts or numbers."""
        values = self._arrays[name].tolist()
        texts = self._texts.get(name)
        return values if texts is None else [texts[code] for code in values]

    def keys(self) -> list[tuple[Any, ...]]:
        """Return the key of every item."""
        return list(zip(*(self.column(name) for name in self.kind.keys), strict=True))

    @cached_property
    def _index(self) -> KeyIndex:
        return KeyIndex(self)

    def row(self, key: tuple[Any, ...]) -> int | None:
        """Return the row of the item with this key, or None.

        If several items have the key (never in a sequence from a store), any of them is returned.
        """
        return self._index.row(key)

    def find(self, key: tuple[Any, ...]) -> Item | None:
        """Return the item with this key, or None."""
        row = self.row(key)
        return None if row is None else self[row]


class Records(Table[Record]):
    """An immutable sequence of :class:`Record` that is stored as columns.

    ``codes`` has the columns benchmark, architecture, proxy, batch, code, status, detail, network, environment,
    sample, device and device_name;
    ``numbers`` has seed, value, seconds, higher_is_better, repeats, spread, attempt and memory.

    Example:
        >>> from zcbench.records import Records
        >>> records = Records.of([])
        >>> codes, proxies = records.codes("proxy")
        >>> records.where(records.has("status", "ok")).values
        array([], dtype=float64)
    """

    kind = RECORDS

    @property
    def values(self) -> Floats:
        """Scores, float64 ``(records,)``; nan for a missing score."""
        return self.numbers("value")

    @property
    def seconds(self) -> Floats:
        """The cost of each score alone, float64 ``(records,)``; nan where unknown."""
        return self.numbers("seconds")


class Trials(Table[Trial]):
    """An immutable sequence of :class:`Trial` that is stored as columns.

    ``codes`` has the columns benchmark, target, transfer_from, predictor, data, code, status, metrics (as JSON), detail
    and environment; ``numbers`` has pool, train_size, tuned_size, seed and attempt.
    """

    kind = TRIALS


class Searches(Table[SearchTrace]):
    """An immutable sequence of :class:`SearchTrace` that is stored as columns.

    ``codes`` has the columns benchmark, guide, searcher, scorers, budget, constraints, data, code, status, detail and
    environment, and metrics, rows, clock and epochs as JSON; ``numbers`` has seed and attempt.
    """

    kind = SEARCHES


class CurveTrials(Table[CurveTrial]):
    """An immutable sequence of :class:`CurveTrial` that is stored as columns.

    ``codes`` has the columns benchmark, curve, curve_predictor, data, code, context, status, metrics (as JSON), detail
    and environment; ``numbers`` has pool, complete, parts, seed and attempt.
    """

    kind = FORECASTS


class Builder:
    """Collects columns, row by row or many rows at once.

    Args:
        kind: the kind of the rows.
    """

    def __init__(self, kind: Kind[Any]) -> None:
        self.kind = kind
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in kind.texts}
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in kind.names}
        self._pending: list[tuple[Any, ...]] = []
        self._rows = 0

    def code(self, name: str, text: str) -> int:
        """Return the number of a text in a column."""
        known = self._numbers[name]
        return known.setdefault(text, len(known))

    @property
    def rows(self) -> int:
        """Number of rows so far."""
        return self._rows + len(self._pending)

    def append(self, values: tuple[Any, ...]) -> None:
        """Add a row: its values in the order of the kind's fields."""
        self._pending.append(values)
        if len(self._pending) >= 1 << 14:
            self.flush()

    def extend(self, arrays: Arrays) -> None:
        """Add rows: an array per column, with texts as the numbers of :meth:`code`."""
        self.flush()
        self._rows += len(arrays[self.kind.names[0]])
        for field in self.kind.fields:
            self._parts[field.name].append(_compact(arrays[field.name], field.form))

    def flush(self) -> None:
        """Convert the rows of :meth:`append` to arrays."""
        if not self._pending:
            return
        rows, self._pending = self._pending, []
        arrays: dict[str, NDArray[Any]] = {}
        for field, values in zip(self.kind.fields, zip(*rows, strict=True), strict=True):
            if field.form is Form.TEXT:
                known = self._numbers[field.name]
                arrays[field.name] = np.array([known.setdefault(text, len(known)) for text in values], np.int32)
            else:
                arrays[field.name] = np.array(values, _TYPES[field.form])
        self.extend(arrays)

    def finish(self) -> tuple[dict[str, NDArray[Any]], dict[str, tuple[str, ...]]]:
        """Return the columns and their texts; the builder is empty afterwards."""
        self.flush()
        arrays = {}
        for field in self.kind.fields:
            parts, self._parts[field.name] = self._parts[field.name], []
            arrays[field.name] = np.concatenate(parts) if parts else np.empty(0, _TYPES[field.form])
        texts = {name: tuple(known) for name, known in self._numbers.items()}
        self._numbers = {name: {} for name in self.kind.texts}
        return arrays, texts


_TYPES = {Form.TEXT: np.int32, Form.WHOLE: np.int64, Form.FLAG: np.bool_, Form.FLOAT: np.float64}


def _compact(array: NDArray[Any], form: Form) -> NDArray[Any]:
    """Convert whole numbers to the smallest signed type that can represent them."""
    if form is not Form.WHOLE or not len(array):
        return array
    highest = int(array.max())
    for kind in (np.int8, np.int16, np.int32):
        if highest <= np.iinfo(kind).max:
            return array.astype(kind)
    return array


class KeyIndex:
    """Finds rows by key: 12 bytes a row instead of a dictionary of tuples."""

    def __init__(self, table: Table[Any]) -> None:
        self._columns: list[dict[Any, int]] = []
        for name in table.kind.keys:
            texts = table._texts.get(name)
            values = np.unique(table._arrays[name]).tolist() if texts is None else texts
            self._columns.append({value: code for code, value in enumerate(values)})
        packed = key_numbers(table._arrays, table._texts, table.kind)
        self._possible = packed is not None
        if packed is None:
            self._rows: dict[Any, int] = {key: row for row, key in enumerate(table.keys())}
        else:
            self._order = np.argsort(packed, kind="stable")
            self._sorted = packed[self._order]

    def row(self, key: tuple[Any, ...]) -> int | None:
        """Return the row of a key, or None."""
        if not self._possible:
            return self._rows.get(key)
        number = 0
        for value, known in zip(key, self._columns, strict=True):
            code = known.get(value)
            if code is None:
                return None
            number = number * len(known) + code
        place = int(np.searchsorted(self._sorted, number))
        found = place < len(self._sorted) and self._sorted[place] == number
        return int(self._order[place]) if found else None


def key_numbers(arrays: Arrays, texts: Texts, kind: Kind[Any], *, exact: bool = True) -> NDArray[np.int64] | None:
    """Return a whole number per row that is the same only for equal keys.

    Args:
        arrays: the columns.
        texts: their texts.
        kind: the kind of the rows.
        exact: return None if the product of all columns' counts does not fit into 63 bits; else number the
            combinations that occur.
    """
    total, packed = 1, np.zeros(len(arrays[kind.names[0]]), np.int64)
    for name in kind.keys:
        codes, count = _coded(arrays[name], texts.get(name))
        if total * count >= 1 << 63:
            if exact:
                return None
            found, packed = np.unique(packed, return_inverse=True)
            total = len(found)
        total *= count
        packed *= count
        packed += codes
    return packed


def _coded(array: NDArray[Any], texts: Sequence[str] | None) -> tuple[NDArray[Any], int]:
    if texts is not None:
        return array, max(1, len(texts))
    if not len(array) or array.min() == array.max():
        return np.zeros(len(array), np.int8), 1
    values, codes = np.unique(array, return_inverse=True)
    return codes, len(values)
