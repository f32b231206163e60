"""Convert the forms in which users write an architecture to plain Python objects: literals, arrays, named tuples."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: largest depth of brackets and number of entries; no architecture needs more
DEPTH, ENTRIES = 20, 10_000
#: largest number of values in one literal; a million take a second and 80 MB
VALUES = 1_000_000
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>[\[({]) | (?P<close>[\])}]) | (?P<mark>[,:])
        | (?P<number>[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
        | (?P<word>None|True|False|null|true|false|nan|NaN)\b
        | (?P<text>'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")
    )\s*""",
    re.VERBOSE,
)
_WORDS = {"None": None, "null": None, "True": True, "true": True, "False": False, "false": False}
_ESCAPE = re.compile(r"\\(?:(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})|(.))")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}


class NotPlainError(ValueError):
    """The input is not a literal, or is nested too deeply, or is too long."""


def literal(text: str) -> Any:
    """Read a literal of Python or JSON: numbers, strings, True, None, lists, tuples and mappings.

    Unlike ``ast.literal_eval``, it needs no more memory than its result, and deep nesting cannot cause other errors.

    Raises:
        NotPlainError: it is anything else, or has more than a million values.
    """
    tokens = _tokens(text)
    value = _value(*next(tokens), tokens, DEPTH)
    if next(tokens) != ("end", ""):
        raise NotPlainError("there is text after the literal")
    return value


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = values = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise NotPlainError(f"{text[place : place + 20]!r} is not a literal")
        place = match.end()
        kind = str(match.lastgroup)
        values += kind not in ("close", "mark")
        if values > VALUES:
            raise NotPlainError(f"it has more than {VALUES:,} values")
        yield kind, match[kind]
    while True:
        yield "end", ""


def _value(kind: str, token: str, tokens: Iterator[tuple[str, str]], depth: int) -> Any:
    if kind == "number":
        digits = token.lstrip("+-")
        if len(digits) > 400:
            raise NotPlainError("a number has hundreds of digits")
        return int(token) if digits.isdigit() else float(token)
    if kind == "word":
        return _WORDS.get(token, float("nan"))
    if kind == "text":
        return _joined(_ESCAPE.sub(_unescaped, token[1:-1]))
    if kind != "open":
        raise NotPlainError(f"{token!r} is where a value should be" if token else "it ends too early")
    if not depth:
        raise NotPlainError("brackets are nested too deeply")
    return _container(token, tokens, depth - 1)


def _unescaped(match: re.Match[str]) -> str:
    if match[2] is not None:
        return _ESCAPES.get(match[2], match[2])
    code = int(match[1][1:], 16)
    if code > 0x10FFFF:
        raise NotPlainError("a text has an escape for a character that does not exist")
    return chr(code)


def _joined(text: str) -> str:
    """Return the text with each surrogate pair, as in JSON, replaced by one character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _container(bracket: str, tokens: Iterator[tuple[str, str]], depth: int) -> Any:
    entries: list[Any] = []
    keys: list[Any] = []
    comma = False
    while True:
        kind, token = next(tokens)
        if kind == "close" and token == _CLOSING[bracket]:
            break
        if entries and not comma:
            raise NotPlainError(f"{token!r} is where a comma should be")
        value = _value(kind, token, tokens, depth)
        if bracket == "{":
            if next(tokens) != ("mark", ":"):
                raise NotPlainError("a name in a mapping has no value")
            keys.append(value)
            value = _value(*next(tokens), tokens, depth)
        entries.append(value)
        kind, token = next(tokens)
        comma = (kind, token) == ("mark", ",")
        if not comma:
            if kind != "close" or token != _CLOSING[bracket]:
                raise NotPlainError(f"{token!r} is where a comma should be" if token else "it ends too early")
            break
    if bracket == "{":
        return _mapping(keys, entries)
    if bracket == "[":
        return entries
    return entries[0] if len(entries) == 1 and not comma else tuple(entries)


def _mapping(keys: list[Any], values: list[Any]) -> dict[Any, Any]:
    if any(isinstance(key, (list, dict)) for key in keys):
        raise NotPlainError("a name in a mapping is a list")
    try:
        mapping = dict(zip(keys, values, strict=True))
    except TypeError:
        raise NotPlainError("a name in a mapping contains a list") from None
    if len(mapping) < len(keys):
        raise NotPlainError("a name is repeated in a mapping")
    return mapping


def plain(value: Any) -> Any:
    """Convert an object to lists, dictionaries, numbers and strings: arrays, tensors, tuples and ranges become lists.

    A named tuple becomes a dictionary.

    Raises:
        NotPlainError: it contains anything else, is nested too deeply (or in itself), or is too long.
    """
    return _Plain().of(value, DEPTH)


class _Plain:
    def __init__(self) -> None:
        self.left = ENTRIES

    def of(self, value: Any, depth: int) -> Any:
        self.left -= 1
        if self.left < 0 or not depth:
            raise NotPlainError("it is too long" if depth else "it is nested too deep")
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            value = value._asdict()
        if isinstance(value, Mapping):
            return {self._name(key): self.of(entry, depth - 1) for key, entry in value.items()}
        if isinstance(value, (list, tuple, range)):
            if len(value) > ENTRIES:
                raise NotPlainError("it is too long")
            return [self.of(entry, depth - 1) for entry in value]
        if hasattr(value, "dtype") and hasattr(value, "tolist"):  # an array, a tensor, or a number of one of them
            if math.prod(map(int, value.shape)) > ENTRIES:
                raise NotPlainError("it is too long")
            return self.of(value.tolist(), depth - 1)
        raise NotPlainError(f"a {type(value).__name__}")

    def _name(self, key: Any) -> Any:
        if isinstance(key, tuple) and all(type(part) in (int, str) for part in key):
            return key
        if not isinstance(key, (str, int)):
            raise NotPlainError("names in a mapping must be texts")
        return key
