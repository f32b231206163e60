"""The registry of search spaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zcbench import _arguments as rules
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import SearchSpace, summary_of

#: kinds of networks that a space can build
DOMAINS = ("convolutional", "transformer", "recurrent")
#: other names of search spaces, in lower case
ALIASES = {
    "darts": "nasbench301",
    "nas-bench-101": "nasbench101",
    "nas-bench-201": "nasbench201",
    "nas-bench-301": "nasbench301",
    "nats-sss": "nats-size",
    "nats-tss": "nasbench201",
}
#: a text that denotes an architecture only in spaces that accept any name
ANY_TEXT = "resnet0"
_METHODS = {
    **{"sample": 1, "neighbors": 1, "mutate": 2, "crossover": 3, "parse": 1, "canonical": 1},
    **{"build": 1, "encode": 1, "graph": 1},
}


@dataclass(frozen=True)
class SpaceInfo:
    """A registered search space, and its properties that need no network."""

    name: str
    space: SearchSpace

    @property
    def size(self) -> int | None:
        """Number of architectures; None if it is infinite."""
        return self.space.size

    @property
    def domains(self) -> tuple[str, ...]:
        """Kinds of networks that it builds; empty if it builds no networks."""
        return self.space.domains

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input of its networks; () if it builds none."""
        return tuple(getattr(self.space, "input_shape", ()))

    @property
    def summary(self) -> str:
        """First line of the docstring of its class."""
        return summary_of(type(self.space))


def _shape(what: str, value: object) -> object:
    if not isinstance(value, tuple):
        raise InvalidInputError(f"{what} must be a tuple of sizes, not {rules.shown(value)}.")
    for size in value:
        rules.whole(what, size, 1, 2**31)
    return value


_SPACES: Registry[SearchSpace] = Registry(
    "search space",
    package="zcbench.spaces",
    group="zcbench.spaces",
    rules={
        "name": rules.text,
        "domains": rules.names("domain", DOMAINS),
        "input_shape": _shape,
        "size": rules.optional(lambda what, value: rules.whole(what, value, 1, 10**1000)),
        **{method: rules.called_with(count) for method, count in _METHODS.items()},
    },
    optional={"input_shape", "size", *_METHODS} - {"parse", "canonical"},
)


def register_space(*spaces: SearchSpace, override: bool = False) -> None:
    """Register search spaces under their names, all or none, so that benchmarks and worker processes find them.

    Raises:
        InvalidInputError: a name has other characters than lower-case letters, digits, "_", "-" and ".", or a space
            lacks a required attribute.
        DuplicateNameError: a name is taken and ``override`` is False.
    """
    for space in spaces:
        if isinstance(space, type):
            raise InvalidInputError(f"{space.__name__} is a class: register a search space, {space.__name__}(…).")
    _SPACES.add_all(rules.by_name("search space", spaces), override=override)


def get_space(text: str) -> SearchSpace:
    """Return the search space of a name or an alias (:data:`ALIASES`).

    Raises:
        UnknownNameError: there is none; the message suggests similar names.
    """
    space: SearchSpace = _SPACES.get(_name_of(text))
    return space


def space_info(name: str) -> SpaceInfo:
    """Return the properties of a search space, by its name or an alias; raise UnknownNameError without one."""
    name = _name_of(name)
    return SpaceInfo(name, _SPACES.info(name))


def _name_of(text: str) -> str:
    """Replace an alias by the name that it denotes, unless a search space was registered under it."""
    alias = ALIASES.get(text.lower()) if isinstance(text, str) else None
    return text if alias is None or text in list_spaces() else alias


def accepting_spaces(texts: Iterable[Any]) -> list[str]:
    """Find the registered search spaces that accept all given strings of architectures.

    Spaces that accept any text (names of a table, models of timm) are not counted.

    Args:
        texts: strings, or other forms that :meth:`SearchSpace.parse` reads.

    Returns:
        Names of the spaces, sorted.
    """
    found = [(name, get_space(name)) for name in list_spaces()]
    found = [(name, space) for name, space in found if not _accepts(space, ANY_TEXT)]
    for text in texts:
        found = [(name, space) for name, space in found if _accepts(space, text)]
        if not found:
            break
    return [name for name, _ in found]


def said_to_accept(text: Any) -> str:
    """Say in a sentence, with a space before it, which search spaces accept a text that another one refused.

    Returns:
        "" if none does.
    """
    some = accepting_spaces([text])
    return f" {' and '.join(some[:3])} accept{'s' * (len(some) == 1)} it." if some else ""


def _accepts(space: SearchSpace, text: Any) -> bool:
    try:
        space.parse(text)
    except Exception:  # user-defined spaces may raise anything
        return False
    return True


def list_spaces(*patterns: str) -> list[str]:
    """List the search spaces that match any of the shell patterns, sorted; without patterns, all of them.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SPACES.names(patterns or ("*",))
