"""Read pickles with a small interpreter that has fifty instructions and calls no function.

Python's unpicklers build any object that a pickle requests and let the pickle change it. A restriction of names is not
enough: a permitted object may be changed into one that reads and writes memory, as NumPy's can, and the size of objects
has no limit. This machine makes None, booleans, numbers, text, bytes, lists, tuples, dicts, sets and the records of
``_inert``. It has a separate table of instructions (``_opcodes``) instead of a check before Python's fast unpickler.
Therefore a single table decides, and no second implementation must agree with it on the end and the effect of an
instruction. Every instruction takes a time in proportion to its bytes or to the memory that it is charged for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from struct import Struct
from typing import Any

from zcbench.datasets._inert import DType, Named, RefusedError, Shrunk
from zcbench.datasets._opcodes import PER_MEMO, STEPS, Instructions, following, unknown
from zcbench.datasets._settle import Settler
from zcbench.datasets._source import LONGEST, Source

#: number of parts of a tree that any pickle may contain
_PARTS = 1 << 20
#: number of strings of one text that are kept when a mapping is freed, in case they are needed again
_COPIES = 3
#: number of names that all freed mappings may share; authors' files have some hundreds
_SHARED = 1 << 16
_FLOAT, _UINT4 = Struct(">d"), Struct("<I")


class GoneError(RefusedError):
    """A freed part of a pickle is needed again."""


class Machine(Instructions):
    """Reads one pickle.

    With ``shrink``, parts of a large pickle are freed while it is read. A mapping with exactly the keys ``keys`` is
    replaced by :class:`Shrunk` as soon as it is complete, with the result of ``shrink``. Its parts are freed, except
    for the names that such mappings share; a later reference to them raises :class:`GoneError`.

    Args:
        source: the source of the bytes.
        size: size of the file on disk, which limits the memory.
        keys: keys of the mappings to shrink.
        shrink: converts the complete mapping to the part that is kept.
    """

    def __init__(
        self,
        source: Source,
        size: int,
        keys: frozenset[str] = frozenset(),
        shrink: Callable[[dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__(source, size)
        self._keys, self._shrink = keys, shrink
        #: memo numbers of the objects since the last shrunk mapping, and of those that were needed again
        self._new: list[int] = []
        self._note = None if shrink is None else self._new.append
        self._needed: set[int] = set()
        self._kept: Counter[str] = Counter()
        self._began = source.count
        self._shrunk = False

    def load(self) -> Any:
        """Return the content of the pickle, in plain data and NumPy's arrays and numbers.

        Raises:
            RefusedError: it requests a forbidden object, is invalid, or needs too much memory.
        """
        try:
            self._run()
        except (IndexError, KeyError):
            raise RefusedError("its instructions are invalid") from None
        if len(self._stack) != 1 or self._marks:
            raise RefusedError("it ends before its content is complete")
        return self._settled(self._stack[0])

    def _run(self) -> None:
        """Execute instructions until the last one: the most frequent here, the others by the table."""
        source, stack, memo = self._source, self._stack, self._memo
        push, note, number_at, float_at = stack.append, self._note, _UINT4.unpack_from, _FLOAT.unpack_from
        recalled = self._recalled if note else memo.__getitem__
        steps = {ord(code): getattr(self, f"_{name}") for code, name in STEPS.items()}
        top = 0  # the largest number in the memo
        while True:
            data, at = source.data, source.at
            last = len(data) - LONGEST
            if at >= last:
                self._account()
                source.fill()
                continue
            while at < last:
                code = data[at]
                if code == 0x47:  # BINFLOAT
                    push(float_at(data, at + 1)[0])
                    at += 9
                elif code == 0x71 or code == 0x72:  # BINPUT, LONG_BINPUT
                    number = data[at + 1] if code == 0x71 else number_at(data, at + 1)[0]
                    at += 2 if code == 0x71 else 5
                    if number > top:
                        top = following(number, top)
                    memo[number] = stack[-1]
                    if note:
                        note(number)
                elif code == 0x68 or code == 0x6A:  # BINGET, LONG_BINGET
                    number = data[at + 1] if code == 0x68 else number_at(data, at + 1)[0]
                    at += 2 if code == 0x68 else 5
                    push(recalled(number))
                elif code == 0x4B:  # BININT1
                    push(data[at + 1])
                    at += 2
                elif code == 0x94 and not note:  # MEMOIZE
                    memo[len(memo)] = stack[-1]
                    at += 1
                elif code == 0x2E:  # STOP
                    source.at = at + 1
                    return
                else:
                    source.at = at + 1
                    (steps.get(code) or unknown(code))()
                    data, at = source.data, source.at
                    last = len(data) - LONGEST
            source.at = at

    def _settled(self, value: Any) -> Any:
        """Return the value in plain data; a walk over it takes a time in proportion to the bytes that were read."""
        return Settler(_PARTS + 8 * (self._source.count - self._began), self._charge).settle(value)

    # -- parts that are freed ------------------------------------------------------------------

    def _give_away(self, mapping: dict[str, Any]) -> None:
        """Replace the mapping on top of the stack by its kept part."""
        assert self._shrink is not None
        self._stack[-1] = Shrunk(self._shrink(self._settled(mapping)))
        for number in self._new:
            if number in self._memo and not self._shared(number):
                del self._memo[number]
        if len(self._memo) > _SHARED:  # with sparse numbers, which can be chosen so that the search takes long
            raise GoneError("too many names are shared")
        self._new.clear()
        self._needed.clear()
        self._began = self._source.count
        self._shrunk = True

    def _shared(self, number: int) -> bool:
        """Return whether later mappings may refer to it: names, strings of the first mapping, strings needed twice."""
        value = self._memo[number]
        if type(value) is str and (not self._shrunk or (number in self._needed and self._kept[value] < _COPIES)):
            self._charge(PER_MEMO)
            self._kept[value] += 1
            return True
        return type(value) is Named or type(value) is DType

    def _remember(self, number: int) -> None:
        super()._remember(number)
        if self._note:
            self._note(number)

    def _memoize(self) -> None:
        if self._note:  # torch.save uses protocol 2, in which numbers are written
            raise GoneError("this protocol cannot be read in parts")
        super()._memoize()

    def _set(self, items: list[Any]) -> None:
        super()._set(items)
        if self._shrink is not None and self._stack[-1].keys() == self._keys:
            self._give_away(self._stack[-1])

    def _recalled(self, number: int) -> Any:
        if not self._note:
            return self._memo[number]
        if number not in self._memo:
            raise GoneError("a part that was freed is needed again")
        self._needed.add(number)
        return self._memo[number]
