"""The instructions of pickles that plain data needs, each limited to its permitted use.

Instructions that fill or change an object apply to lists, dicts, sets and the records of ``_inert``, by exact type.
Instructions that no pickle of plain data has are not included: extension registry, persistent objects (tensors),
classes called by NEWOBJ, OBJ or INST, buffers out of band, DUP, POP. ``pickletools`` of the standard library defines
them.

An upper bound of the memory in use is computed once per 64 KiB of input and before each large object is made. It must
stay below :data:`MEMORY` and :data:`RATIO` times the size of the file.
"""

from __future__ import annotations

import codecs
import pickle
import re
from collections.abc import Callable
from struct import Struct
from typing import Any

from zcbench.datasets._inert import RefusedError, keys
from zcbench.datasets._named import Bounds, build, make, named
from zcbench.datasets._source import BULK, Source

#: bytes of memory that any pickle may need, and additional bytes for each byte of the file
MEMORY, RATIO = 64 << 20, 64
#: estimates of memory, in bytes: for each byte that is read (a short text of two characters is the worst case), for a
#: byte of a long text, for a place in the stack, for a number in the memo
_PER_BYTE, _PER_BULK_BYTE, _PER_SLOT, PER_MEMO = 13, 4, 16, 128
#: larger objects are counted at once
_LARGE = 1 << 16
_INT_BYTES = 32
#: Size of large containers; and the maximum number of their keys that are not text, per pickle. The hash of a number
#: can be chosen so that each key costs as much time as all before it. NAS-Bench-201 needs 2 x 15,625.
_SMALL, _NUMBERS = 1000, 40_000
_MARKS = 1000
#: longest lines of numbers and names
_SHORT, _NAME = 80, 1000
_PROTOCOLS = 5
_INT4, _UINT2, _UINT4, _UINT8 = Struct("<i"), Struct("<H"), Struct("<I"), Struct("<Q")
_DIGITS = re.compile(rb"[+-]?[0-9]{1,75}")
_ODD_ESCAPE = re.compile(rb"\\(?![\\'\"nrtabfv]|x[0-9a-fA-F]{2})")

_TEXTS = frozenset({str, bytes})


def following(number: int, top: int) -> int:
    """Return a new number in the memo; RefusedError unless it follows the largest, as in the output of all picklers."""
    if not 0 <= number <= top + 1:
        raise RefusedError("it numbers its parts out of order")
    return number


class Instructions:
    """A stack, a memo, and the effects of the instructions on them.

    Args:
        source: the source of the bytes.
        size: size of the file on disk, which limits the memory.
    """

    def __init__(self, source: Source, size: int) -> None:
        self._source = source
        self._budget = MEMORY + RATIO * size
        self._made = 0
        self._stack: list[Any] = []
        #: the places of the marks in the stack
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        #: the largest number in the memo from a line of text
        self._top = 0
        #: number of keys that are not text, in large containers
        self._numbers = 0
        self._bounds = Bounds(self._charge, self._keys_of)

    # -- bounds --------------------------------------------------------------------------------

    def _account(self) -> None:
        """Estimate the memory in use; RefusedError if it is too much."""
        source = self._source
        used = (
            self._made
            + _PER_BYTE * (source.count - source.bulk)
            + _PER_BULK_BYTE * source.bulk
            + _PER_SLOT * (len(self._stack) + len(self._marks))
            + PER_MEMO * len(self._memo)
        )
        if used > self._budget:
            raise RefusedError("it needs far more memory than a table of its size")

    def _charge(self, count: int) -> None:
        """Count bytes that will be needed."""
        self._made += count
        if count > _LARGE:
            self._account()
        elif self._made > self._budget:
            raise RefusedError("it needs far more memory than a table of its size")

    def _taken(self, count: int) -> bytes:
        """Return the bytes of a text whose length is given."""
        if _PER_BULK_BYTE * count > self._budget:
            raise RefusedError("it has a text longer than a table of its size needs")
        if count >= BULK:
            self._account()
        return self._source.take(count)

    def _line(self) -> bytes:
        """Return a text that ends with its line."""
        line = self._source.line(self._budget // 8)
        self._account()
        return line

    # -- stack and memo ------------------------------------------------------------------------

    def _mark(self) -> None:
        if len(self._marks) >= _MARKS:
            raise RefusedError("it is nested too deeply")
        self._marks.append(len(self._stack))

    def _marked(self) -> list[Any]:
        """Remove all values above the last mark from the stack, and return them."""
        place = self._marks.pop()
        items = self._stack[place:]
        del self._stack[place:]
        return items

    def _remember(self, number: int) -> None:
        self._memo[number] = self._stack[-1]

    def _recalled(self, number: int) -> Any:
        return self._memo[number]

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _put(self) -> None:
        number = self._integer(self._source.line(_SHORT))
        if not 0 <= number <= self._top:
            self._top = following(number, self._top)
        self._remember(number)

    def _get(self) -> None:
        self._stack.append(self._recalled(self._integer(self._source.line(_SHORT))))

    # -- numbers and text ----------------------------------------------------------------------

    def _proto(self) -> None:
        if self._source.take(1)[0] > _PROTOCOLS:
            raise RefusedError("it is of an unknown protocol")

    def _frame(self) -> None:
        self._source.take(8)  # a hint for the amount to read

    def _none(self) -> None:
        self._stack.append(None)

    def _true(self) -> None:
        self._stack.append(True)

    def _false(self) -> None:
        self._stack.append(False)

    @staticmethod
    def _integer(line: bytes) -> int:
        if not _DIGITS.fullmatch(line):
            raise RefusedError("it has a malformed number")
        return int(line)

    def _int(self) -> None:
        line = self._source.line(_SHORT)
        self._stack.append(line == b"01" if line in (b"00", b"01") else self._integer(line))

    def _long(self) -> None:
        self._stack.append(self._integer(self._source.line(_SHORT).removesuffix(b"L")))

    def _float(self) -> None:
        try:
            self._stack.append(float(self._source.line(_SHORT)))
        except ValueError:
            raise RefusedError("it has a malformed number") from None

    def _binint(self) -> None:
        self._stack.append(_INT4.unpack(self._source.take(4))[0])

    def _binint2(self) -> None:
        self._stack.append(_UINT2.unpack(self._source.take(2))[0])

    def _long1(self) -> None:
        self._long_of(self._source.take(1)[0])

    def _long4(self) -> None:
        self._long_of(_INT4.unpack(self._source.take(4))[0])

    def _long_of(self, count: int) -> None:
        if not 0 <= count <= _INT_BYTES:
            raise RefusedError("it has a number that is too long")
        self._stack.append(int.from_bytes(self._source.take(count), "little", signed=True))

    def _text(self, raw: bytes) -> None:
        try:
            self._stack.append(str(raw, "utf-8"))
        except UnicodeDecodeError:
            raise RefusedError("it has text that is not UTF-8") from None

    def _unicode(self) -> None:
        try:
            self._stack.append(str(self._line(), "raw-unicode-escape"))
            self._stack[-1].encode()
        except UnicodeError:
            raise RefusedError("it has malformed text") from None

    def _binunicode(self) -> None:
        self._text(self._taken(_UINT4.unpack(self._source.take(4))[0]))

    def _short_binunicode(self) -> None:
        source = self._source  # of all texts, the most frequent
        start = source.at + 1
        stop = start + source.data[source.at]
        if stop > source.end:
            self._text(source.take(source.take(1)[0]))
        else:
            source.at = stop
            self._text(source.data[start:stop])

    def _binunicode8(self) -> None:
        self._text(self._taken(_UINT8.unpack(self._source.take(8))[0]))

    def _old_text(self, raw: bytes) -> None:
        """Push a string of Python 2: as text if it is UTF-8, else as bytes."""
        try:
            self._stack.append(str(raw, "utf-8"))
        except UnicodeDecodeError:
            self._stack.append(raw)

    def _string(self) -> None:
        line = self._line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise RefusedError("it has malformed text")
        line = line[1:-1]
        if b"\\" in line:
            if _ODD_ESCAPE.search(line.replace(b"\\\\", b"..")):
                raise RefusedError("it has malformed text")
            line = codecs.escape_decode(line)[0]
        self._old_text(line)

    def _binstring(self) -> None:
        self._old_text(self._taken(_UINT4.unpack(self._source.take(4))[0]))

    def _short_binstring(self) -> None:
        self._old_text(self._source.take(self._source.take(1)[0]))

    def _binbytes(self) -> None:
        self._stack.append(self._taken(_UINT4.unpack(self._source.take(4))[0]))

    def _short_binbytes(self) -> None:
        self._stack.append(self._source.take(self._source.take(1)[0]))

    def _binbytes8(self) -> None:
        self._stack.append(self._taken(_UINT8.unpack(self._source.take(8))[0]))

    # -- containers ----------------------------------------------------------------------------

    def _empty_list(self) -> None:
        self._charge(64)
        self._stack.append([])

    def _list(self) -> None:
        self._stack.append(self._marked())
        self._charge(64 + 9 * len(self._stack[-1]))

    def _append(self) -> None:
        item = self._stack.pop()
        self._to(list).append(item)
        self._charge(9)

    def _appends(self) -> None:
        items = self._marked()
        self._charge(9 * len(items))
        self._to(list).extend(items)

    def _empty_dict(self) -> None:
        self._charge(64)
        self._stack.append({})

    def _dict(self) -> None:
        items = self._marked()
        self._stack.append({})
        self._charge(64)
        self._set(items)

    def _setitem(self) -> None:
        value, name = self._stack.pop(), self._stack.pop()
        self._set([name, value])

    def _setitems(self) -> None:
        self._set(self._marked())

    def _set(self, items: list[Any]) -> None:
        """Fill the mapping on top of the stack with alternating keys and values."""
        mapping = self._to(dict)
        if len(items) % 2:
            raise RefusedError("its instructions are invalid")
        self._charge(50 * len(items))
        mapping.update(zip(self._keys_of(items[::2], len(mapping)), items[1::2], strict=True))

    def _empty_set(self) -> None:
        self._charge(216)
        self._stack.append(set())

    def _additems(self) -> None:
        items = self._marked()
        self._charge(72 * len(items))
        members = self._to(set)
        members.update(self._keys_of(items, len(members)))

    def _frozenset(self) -> None:
        items = self._marked()
        self._charge(216 + 72 * len(items))
        self._stack.append(frozenset(self._keys_of(items)))

    def _keys_of(self, values: list[Any], held: int = 0) -> list[Any]:
        """Return values as keys of a container with ``held`` keys; RefusedError for invalid or too many keys."""
        found = keys(values)
        if held + len(found) > _SMALL and not set(map(type, found)) <= _TEXTS:
            self._numbers += sum(type(name) not in _TEXTS for name in found)
            if self._numbers > _NUMBERS:
                raise RefusedError("it has more keys that are not text than a table needs")
        return found

    def _to(self, kind: type) -> Any:
        """Return the container on top of the stack; RefusedError if it is another object."""
        if type(self._stack[-1]) is not kind:
            raise RefusedError("it adds to a value that is not a container")
        return self._stack[-1]

    def _empty_tuple(self) -> None:
        self._stack.append(())

    def _tuple(self) -> None:
        items = self._marked()
        self._charge(48 + 8 * len(items))
        self._stack.append(tuple(items))

    def _tuple1(self) -> None:
        self._tuple_of(1)

    def _tuple2(self) -> None:
        self._tuple_of(2)

    def _tuple3(self) -> None:
        self._tuple_of(3)

    def _tuple_of(self, count: int) -> None:
        if len(self._stack) < count:
            raise RefusedError("its instructions are invalid")
        self._charge(48 + 8 * count)
        items = tuple(self._stack[-count:])
        del self._stack[-count:]
        self._stack.append(items)

    # -- records -------------------------------------------------------------------------------

    def _global(self) -> None:
        module, name = self._source.line(_NAME), self._source.line(_NAME)
        self._stack.append(named(str(module, "latin1"), str(name, "latin1")))

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._stack.append(named(module, name))

    def _reduce(self) -> None:
        arguments, function = self._stack.pop(), self._stack.pop()
        self._charge(200)
        self._stack.append(make(function, arguments, self._bounds))

    def _build(self) -> None:
        state = self._stack.pop()
        build(self._stack[-1], state, self._charge)


#: instructions and their methods, without the underscores
STEPS = {
    pickle.PROTO: "proto",
    pickle.FRAME: "frame",
    pickle.MARK: "mark",
    pickle.PUT: "put",
    pickle.MEMOIZE: "memoize",
    pickle.GET: "get",
    pickle.NONE: "none",
    pickle.NEWTRUE: "true",
    pickle.NEWFALSE: "false",
    pickle.INT: "int",
    pickle.BININT: "binint",
    pickle.BININT2: "binint2",
    pickle.LONG: "long",
    pickle.LONG1: "long1",
    pickle.LONG4: "long4",
    pickle.FLOAT: "float",
    pickle.STRING: "string",
    pickle.BINSTRING: "binstring",
    pickle.SHORT_BINSTRING: "short_binstring",
    pickle.UNICODE: "unicode",
    pickle.BINUNICODE: "binunicode",
    pickle.SHORT_BINUNICODE: "short_binunicode",
    pickle.BINUNICODE8: "binunicode8",
    pickle.BINBYTES: "binbytes",
    pickle.SHORT_BINBYTES: "short_binbytes",
    pickle.BINBYTES8: "binbytes8",
    pickle.BYTEARRAY8: "binbytes8",
    pickle.EMPTY_LIST: "empty_list",
    pickle.LIST: "list",
    pickle.APPEND: "append",
    pickle.APPENDS: "appends",
    pickle.EMPTY_DICT: "empty_dict",
    pickle.DICT: "dict",
    pickle.SETITEM: "setitem",
    pickle.SETITEMS: "setitems",
    pickle.EMPTY_SET: "empty_set",
    pickle.ADDITEMS: "additems",
    pickle.FROZENSET: "frozenset",
    pickle.EMPTY_TUPLE: "empty_tuple",
    pickle.TUPLE: "tuple",
    pickle.TUPLE1: "tuple1",
    pickle.TUPLE2: "tuple2",
    pickle.TUPLE3: "tuple3",
    pickle.GLOBAL: "global",
    pickle.STACK_GLOBAL: "stack_global",
    pickle.REDUCE: "reduce",
    pickle.BUILD: "build",
}


def unknown(code: int) -> Callable[[], None]:
    import pickletools

    known = {ord(step.code): step for step in pickletools.opcodes}.get(code)
    if known is None:
        raise RefusedError("it is not a pickle: it has a byte that is not an instruction")
    raise RefusedError(f"it has the instruction {known.name}, which no table needs")
