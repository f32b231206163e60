"""The notation for names with settings, sums and brackets; only this module reads and writes it.

::

    list  = item {("," | blanks) item}                        naswot, synflow:repeats=3
    sum   = part {"+" part}                                   naswot+2*synflow
    part  = [number "*"] (term | "(" alone ")")               2*(mine:mode=a+b)
    term  = name ["(" sum ")"] {":" setting "=" value}        vote(naswot+2*synflow), curve(valid_nll/3)
    alone = a term, whose values may contain "+" and ","      gp:encoding=onehot+stats:seed=3

A *name* is text without ``:``, ``=``, ``+``, ``,`` and brackets: a registered name, a pattern ("ntk_*"), a name with a
number ("cifar100@224", "valid_nll/3"). A *value* is text up to the next ``:`` outside brackets; in a sum, up to the
next ``+`` or ``,`` as well. Its brackets are part of it: "mean:members=(gp+gcn:loss=hinge)". A *number* is a positive
weight. An *item* is the text of a term or sum. Blanks are allowed around "+" and "*" only.

The parsed objects are immutable, and ``str`` writes them in one canonical form: without blanks, settings in
alphabetical order, weights exactly and omitted where they are 1, brackets around a term only where the text would
otherwise be ambiguous.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from zcbench import _arguments as rules
from zcbench.errors import InvalidInputError
from zcbench.types import written

#: Characters that a name cannot contain.
_MARKS = ":=+,()"
_WEIGHT = re.compile(r"(-?[0-9.]+(?:[eE]-?[0-9]+)?) *\* *")
#: Largest depth of nested brackets: enough for every label, and below the limit of Python's stack.
_DEEPEST = 20


@dataclass(frozen=True)
class Term:
    """A name, an optional sum in brackets, and settings.

    Attributes:
        name: see the module.
        inside: the sum in brackets, if any.
        settings: names and values, both text; sorted by name.

    Raises:
        InvalidInputError: the written form of a part would be parsed differently.
    """

    name: str
    inside: Sum | None = None
    settings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", tuple(sorted(self.settings)))
        if _Reader(str(self)).alone_to_the_end() != self:
            raise InvalidInputError(
                f"{rules.shown(str(self))} would be parsed as something else: it is not a valid term."
            )

    def __str__(self) -> str:
        inside = "" if self.inside is None else f"({self.inside})"
        return self.name + inside + "".join(f":{key}={value}" for key, value in self.settings)

    def bare(self, kind: str) -> str:
        """Return the name, for kinds without settings and brackets.

        Raises:
            InvalidInputError: there are some; the message says that ``kind`` ("a batch") takes none.
        """
        if self.inside is not None or self.settings:
            what = "brackets" if self.inside is not None else "settings"
            raise InvalidInputError(f"{rules.shown(str(self))}: {kind} takes no {what}, write {self.name}.")
        return self.name


@dataclass(frozen=True)
class Part:
    """A term and its weight in a sum, a positive number."""

    term: Term
    weight: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", float(self.weight))
        if not 0 < self.weight < math.inf:
            raise InvalidInputError(f"{self.weight:g}*{self.term}: weights must be positive numbers.")

    def __str__(self) -> str:
        text = str(self.term)
        if _WEIGHT.match(text) or any(mark in ",+" for _, mark in _outside(text)):
            text = f"({text})"
        return text if self.weight == 1 else f"{_weight(self.weight)}*{text}"


@dataclass(frozen=True)
class Sum:
    """Terms with weights, at least one."""

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise InvalidInputError("a sum needs at least one part.")

    def __str__(self) -> str:
        return "+".join(map(str, self.parts))

    @property
    def weights(self) -> tuple[float, ...]:
        """One weight per part."""
        return tuple(part.weight for part in self.parts)

    @property
    def labels(self) -> tuple[str, ...]:
        """The text of each part without its weight."""
        return tuple(str(part.term) for part in self.parts)

    def unweighted(self, kind: str) -> tuple[str, ...]:
        """Return the labels, for kinds where weights have no meaning.

        Raises:
            InvalidInputError: there are weights; the message says that ``kind`` ("a batch") takes none.
        """
        for part in self.parts:
            if part.weight != 1:
                raise InvalidInputError(f"{rules.shown(str(self))}: {kind} takes no weights, write {part.term}.")
        return self.labels


def parse_term(text: str) -> Term:
    """Parse a single term; a pair of brackets around it is ignored.

    Raises:
        InvalidInputError: it is not a term; the message quotes the text and the position of the error.
    """
    return _term_of(_only_text(text))


def parse_sum(text: str) -> Sum:
    """Parse terms with weights, joined by "+".

    Raises:
        InvalidInputError: as for :func:`parse_term`.
    """
    return _sum_of(_only_text(text))


def split_list(text: str) -> list[str]:
    """Split a list into the texts of its items, at commas or blanks outside brackets, except blanks around "+".

    Raises:
        InvalidInputError: brackets do not match.
    """
    text = "".join(" " if character.isspace() else character for character in _only_text(text))
    runs = [run.span() for run in re.finditer(" +", text)]
    joined = {
        place
        for first, end in runs
        if "+" in (text[first - 1 : first], text[end : end + 1])
        for place in range(first, end)
    }
    items, start = [], 0
    for place, mark in _outside(text):
        if mark in ", " and place not in joined:
            items.append(text[start:place])
            start = place + 1
    return [item.strip() for item in [*items, text[start:]] if item.strip()]


def join_list(items: Iterable[str]) -> str:
    """Join several items to one text for :func:`split_list`; items that it would split are put in brackets."""
    texts = rules.all_text("a list of names", items)
    return ",".join(text if split_list(text) == [text] else f"({text})" for text in texts)


def unwrapped(text: str) -> str:
    """Return the text without a pair of brackets around all of it: a value such as "(gp+gcn:loss=hinge)" is a sum."""
    stripped = text.strip()
    if stripped.startswith("(") and _closing(stripped, 0) == len(stripped) - 1:
        return stripped[1:-1].strip()
    return stripped


def _only_text(text: object) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"a name must be text, not {rules.shown(text)}.")
    return text


@functools.lru_cache(maxsize=4096)  # labels are parsed once for each network that is scored
def _term_of(text: str) -> Term:
    return _Reader(text).alone_to_the_end()


@functools.lru_cache(maxsize=4096)
def _sum_of(text: str) -> Sum:
    return _Reader(text).sum_to_the_end()


def _weight(weight: float) -> str:
    """Format a weight for labels: exactly, whole numbers without a point."""
    return str(int(weight)) if weight == int(weight) and weight < 1e15 else written(weight)


def _outside(text: str) -> Iterator[tuple[int, str]]:
    """Yield positions and characters outside brackets, without the brackets.

    Raises:
        InvalidInputError: brackets do not match.
    """
    opened: list[int] = []
    for place, character in enumerate(text):
        if character == "(":
            opened.append(place)
        elif character == ")":
            if not opened:
                raise _wrong(text, place, "brackets do not match, this one was not opened")
            opened.pop()
        elif not opened:
            yield place, character
    if opened:
        raise _wrong(text, opened[-1], "brackets do not match, this one is not closed")


def _closing(text: str, opening: int) -> int:
    """Return the position of the bracket that closes the one at ``opening``."""
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    raise _wrong(text, opening, "brackets do not match, this one is not closed")


def _wrong(text: str, place: int, what: str) -> InvalidInputError:
    at = f"at character {place + 1}" if place < len(text) else "at its end"
    return InvalidInputError(f"{rules.shown(text)}, {at}: {what}.")


def _term(name: str, inside: Sum | None, settings: dict[str, str]) -> Term:
    """Create a term that was just parsed, without parsing it again, which would be slow for nested terms."""
    term = object.__new__(Term)
    for attribute, value in {"name": name, "inside": inside, "settings": tuple(sorted(settings.items()))}.items():
        object.__setattr__(term, attribute, value)
    return term


class _Reader:
    """Reads a text from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.depth = 0
        for place, character in enumerate(text):
            if not character.isprintable():
                raise self._wrong(f"{character!r} is not allowed in a name", place)
        for _ in _outside(text):
            pass  # brackets match

    def _wrong(self, what: str, place: int | None = None) -> InvalidInputError:
        return _wrong(self.text, self.place if place is None else place, what)

    @property
    def _next(self) -> str:
        return self.text[self.place : self.place + 1]

    def _blanks(self) -> None:
        while self._next == " ":
            self.place += 1

    def alone_to_the_end(self) -> Term:
        self._blanks()
        found = self._alone()
        self._blanks()
        if self._next:
            raise self._wrong(f"{self._next!r} is not allowed here, where one name is expected")
        return found

    def sum_to_the_end(self) -> Sum:
        found = self._sum()
        if self._next:
            raise self._wrong(f"{self._next!r} is not allowed here")
        return found

    def _alone(self) -> Term:
        if self._next != "(":
            return self._term(":")
        self._open()
        self._blanks()
        found = self._alone()
        self._blanks()
        self._close("contain one name with its settings")
        return found

    def _sum(self) -> Sum:
        parts = [self._part()]
        while self._next == "+":
            self.place += 1
            parts.append(self._part())
        return Sum(tuple(parts))

    def _part(self) -> Part:
        self._blanks()
        start, weight = self.place, 1.0
        number = _WEIGHT.match(self.text, self.place)
        if number and self.text[number.end() : number.end() + 1] not in ("", *"+):,"):  # "2*" is a pattern
            self.place = number.end()
            try:
                weight = float(number.group(1))
            except ValueError:  # 1.2.3
                weight = math.nan
            if not 0 < weight < math.inf:
                raise self._wrong("weights must be positive numbers", start)
        found = self._alone() if self._next == "(" else self._term(":+,")
        self._blanks()
        return Part(found, weight)

    def _term(self, marks: str) -> Term:
        start = self.place
        while self._next and self._next not in _MARKS:
            self.place += 1
        name = self.text[start : self.place].rstrip()
        if not name:
            raise self._wrong(f"a name is missing before {self._next!r}" if self._next else "a name is missing")
        inside = None
        if self._next == "(":
            if name != self.text[start : self.place]:
                raise self._wrong("there is a blank before the bracket")
            self._open()
            inside = self._sum()
            self._close("contain names joined by '+'")
        if self._next == "=":
            raise self._wrong(f"write settings as {name}:setting=value")
        settings: dict[str, str] = {}
        while self._next == ":":
            key, value = self._setting(name, marks)
            if key in settings:
                raise self._wrong(f"{key} is set twice")
            settings[key] = value
        if self._next and self._next not in "+,) ":
            raise self._wrong("only settings can follow the brackets")
        return _term(name, inside, settings)

    def _setting(self, name: str, marks: str) -> tuple[str, str]:
        self.place += 1
        start = self.place
        while self._next and self._next not in _MARKS:
            self.place += 1
        key = self.text[start : self.place]
        if self._next != "=" or not key or key != key.strip():
            raise self._wrong(f"write settings as {name}:setting=value", start)
        self.place += 1
        start = self.place
        while self._next and self._next not in marks and self._next != ")":
            self.place = _closing(self.text, self.place) + 1 if self._next == "(" else self.place + 1
        value = self.text[start : self.place]
        if self._next != ":":
            value = value.rstrip(" ")  # blanks around the whole text
        if value != value.strip():
            raise self._wrong("there are blanks around the value", start)
        return key, value

    def _open(self) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._wrong(f"more than {_DEEPEST} brackets are nested")
        self.place += 1

    def _close(self, rule: str) -> None:
        if self._next != ")":
            raise self._wrong(f"{self._next!r} is not allowed here, the brackets {rule}")
        self.depth -= 1
        self.place += 1
