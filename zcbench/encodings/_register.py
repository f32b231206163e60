"""The registry of encodings, and the notation for joining them: "onehot+stats+proxies(params+naswot)"."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._registry import Registry, split_outside
from zcbench.encodings._base import KINDS, Encoding, EncodingInfo, join
from zcbench.errors import InvalidInputError
from zcbench.types import SearchSpace

F = TypeVar("F", bound=Callable[..., Any])

_ENCODINGS: Registry[EncodingInfo] = Registry(
    "encoding",
    package="zcbench.encodings",
    group="zcbench.encodings",
    rules={
        "function": rules.called_with(2),
        "kind": rules.choice("kind", KINDS),
        "version": rules.version,
        "reference": rules.text,
    },
)
_MADE: dict[str, Encoding] = {}


def register_encoding(
    name: str, *, kind: str = "vector", version: int = 1, reference: str = "", override: bool = False
) -> Callable[[F], F]:
    """Register a function from a search space and an architecture to what predictors see of it.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        kind: "vector": the function returns a vector of one length for the whole space, or a mapping from names to
            numbers; "graph": a :class:`zcbench.types.Graph`; "layers", "computation": see the encodings of that name.
        version: a positive integer, raised whenever rows may change.
        reference: paper and section.
        override: replace an encoding of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.

    Example:
        >>> import zcbench
        >>> @zcbench.register_encoding("key-length")
        ... def key_length(space, architecture):
        ...     return [len(architecture.key)]
        >>> zcbench.get_encoding("key-length").kind
        'vector'
    """
    _ENCODINGS.check(name, {"kind": kind, "version": version, "reference": reference})

    def decorate(function: F) -> F:
        _ENCODINGS.add(name, EncodingInfo(name, function, kind, version, reference), override=override)
        _MADE.pop(name, None)
        return function

    return decorate


def get_encoding(text: str | Encoding, space: SearchSpace | None = None) -> Encoding:
    """The encoding of that name, or several joined by "+".

    Args:
        text: a name; "proxies(params+naswot)" for scores of proxies; "curve(valid_nll/3)" for three epochs of a
            table's learning curves; "columns" for a table's columns of numbers; "onehot+stats" for both one behind the
            other. An encoding is returned as it is.
        space: the search space, if it is not a registered one.

    Raises:
        UnknownNameError: there is no such encoding or proxy.
        InvalidInputError: brackets do not match, or what is joined are not vectors.
    """
    if isinstance(text, Encoding):
        return text
    rules.text("the name of an encoding", text)
    return join([_part(part.strip(), space) for part in split_outside(text, "+")])


def _part(text: str, space: SearchSpace | None) -> Encoding:
    if space is None and text in _MADE:
        return _MADE[text]
    name, bracket, rest = text.partition("(")
    if bracket or name in ("proxies", "columns"):
        made = _with_brackets(text, name, rest.removesuffix(")") if bracket else None, space)
    else:
        info = _ENCODINGS.info(name)
        made = Encoding(name, info.function, info.kind, space, info.version)
    if space is None and name not in ("curve", "columns"):
        _MADE[text] = made  # one object per name: what it remembers serves all predictors
    return made


def _with_brackets(text: str, name: str, inside: str | None, space: SearchSpace | None) -> Encoding:
    from zcbench.encodings.curves import CurveEncoding
    from zcbench.encodings.proxies import ColumnEncoding, ProxyEncoding

    if name == "proxies" and (inside is None or text.endswith(")")):
        return ProxyEncoding(None if inside is None else split_outside(inside, "+"), space=space)
    if text == "columns":
        return ColumnEncoding(())
    metric, _, epochs = (inside or "").partition("/")
    if name == "curve" and re.fullmatch("[0-9]{1,9}", epochs):
        return CurveEncoding(metric, int(epochs))
    raise InvalidInputError(f"{text!r}: brackets are for proxies(params+naswot) and curve(valid_nll/3).")


def encoding_info(name: str) -> EncodingInfo:
    """The encoding as it was registered; UnknownNameError if there is none."""
    return _ENCODINGS.info(name)


def list_encodings(*patterns: str) -> list[str]:
    """Names of the registered encodings that match any of the shell patterns (all without one), sorted."""
    return _ENCODINGS.names(patterns or ("*",))
