"""The registry of encodings; their names are joined by "+": "onehot+stats+proxies(params+naswot)"."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._notation import parse_sum, parse_term
from zcbench._registry import Registry
from zcbench.encodings._base import KINDS, Encoding, EncodingInfo, join
from zcbench.errors import InvalidInputError
from zcbench.types import SearchSpace

F = TypeVar("F", bound=Callable[..., Any])


def _function_or_class(what: str, value: object) -> object:
    if not isinstance(value, type):
        return rules.called_with(2)(what, value)
    if not issubclass(value, Encoding):
        raise InvalidInputError(
            f"{what}: register a function of a search space and an architecture, or a subclass of zcbench.Encoding."
        )
    return value


_ENCODINGS: Registry[EncodingInfo] = Registry(
    "encoding",
    package="zcbench.encodings",
    group="zcbench.encodings",
    rules={
        "function": _function_or_class,
        "kind": rules.choice("kind", KINDS),
        "version": rules.version,
        "reference": rules.text,
        "arguments": rules.text,
    },
)


def register_encoding(
    name: str,
    *,
    kind: str = "vector",
    version: int = 1,
    reference: str = "",
    arguments: str = "",
    override: bool = False,
) -> Callable[[F], F]:
    """Register an encoding: a function of a search space and an architecture, or a class.

    A class is a subclass of :class:`Encoding`, or of :class:`TableEncoding` if rows come from a table. The texts in
    brackets after its name, joined by "+", are the arguments of its constructor (or of ``read``, if it has it).

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        kind: "vector": the function returns a vector of one length for the whole space, or a mapping from names to
            numbers; "graph": a :class:`zcbench.types.Graph`; "layers", "computation": see the encodings of that name.
            A class declares its kind.
        version: a positive integer, increased whenever rows may change.
        reference: paper and section.
        arguments: an example of the text in brackets, "params+naswot"; for lists and messages.
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
    _ENCODINGS.check(name, {"kind": kind, "version": version, "reference": reference, "arguments": arguments})

    def decorate(function: F) -> F:
        own = function.kind if isinstance(function, type) and issubclass(function, Encoding) else kind
        _ENCODINGS.add(name, EncodingInfo(name, function, own, version, reference, arguments), override=override)
        return function

    return decorate


def get_encoding(text: str | Encoding, space: SearchSpace | None = None) -> Encoding:
    """Return the encoding with this name, or several joined by "+".

    Args:
        text: a name, with a text in brackets: "proxies(params+naswot)" for scores of proxies, "columns" for a
            table's columns of numbers, "curve(valid_nll/3)" for three epochs of its learning curves; "onehot+stats" for
            both concatenated. An encoding is returned unchanged.
        space: the search space, if it is not a registered one.

    Raises:
        UnknownNameError: there is no such encoding or proxy.
        InvalidInputError: brackets do not match, or joined encodings are not vectors.
    """
    if isinstance(text, Encoding):
        return text
    rules.text("the name of an encoding", text)
    return join([_part(part, space) for part in parse_sum(text).unweighted("a sum of encodings")])


def _part(text: str, space: SearchSpace | None) -> Encoding:
    if space is None and isinstance(found := _ENCODINGS.made.get(text), Encoding):
        return found
    term = parse_term(text)
    info = _ENCODINGS.info(term.name)
    function = info.function
    if isinstance(function, type):
        if term.settings:
            raise InvalidInputError(f"{text!r}: an encoding takes no settings, write {info.written}.")
        arguments = () if term.inside is None else term.inside.unweighted("a list in brackets")
        made = _read(function, info, arguments, text)
        made.space = space
        made.version = info.version
    else:
        made = Encoding(term.bare("this encoding"), function, info.kind, space, info.version)
    if space is None and not made.from_table:
        _ENCODINGS.made[text] = made  # one object per name: all predictors share its cache
    return made


def _read(make: type[Encoding], info: EncodingInfo, arguments: tuple[str, ...], text: str) -> Encoding:
    """Make an encoding from the text in brackets, read by the class."""
    inherited = make.read.__func__ is Encoding.read.__func__  # type: ignore[attr-defined]
    try:
        inspect.signature(make if inherited else make.read).bind(*arguments)
    except TypeError:
        raise InvalidInputError(f"{text!r}: write the encoding as {info.written}.") from None
    made = make.read(*arguments)
    made.name = made.name or text
    return made


def encoding_info(name: str) -> EncodingInfo:
    """Return the registered encoding; UnknownNameError for an unknown name."""
    return _ENCODINGS.info(name)


def list_encodings(*patterns: str) -> list[str]:
    """List the registered encodings that match any of the shell patterns (all without one), sorted."""
    return _ENCODINGS.names(patterns or ("*",))
