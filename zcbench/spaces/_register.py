"""The registry of search spaces."""

from __future__ import annotations

from dataclasses import dataclass

from zcbench import _arguments as rules
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import SearchSpace, summary_of

#: kinds of networks that a space can build
DOMAINS = ("convolutional", "transformer", "recurrent")
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
    """Return the search space with this name.

    Raises:
        UnknownNameError: it does not exist; the message suggests similar names.
    """
    space: SearchSpace = _SPACES.get(text)
    return space


def space_info(name: str) -> SpaceInfo:
    """Return the properties of a search space.

    Raises:
        UnknownNameError: it does not exist; the message suggests similar names.
    """
    return SpaceInfo(name, _SPACES.info(name))


def list_spaces(*patterns: str) -> list[str]:
    """List the search spaces that match any of the shell patterns, sorted; without patterns, all of them.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SPACES.names(patterns or ("*",))
