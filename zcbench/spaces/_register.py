"""The registry of search spaces."""

from __future__ import annotations

from zcbench._registry import Registry
from zcbench.types import SearchSpace

_SPACES: Registry[SearchSpace] = Registry("search space", package="zcbench.spaces", group="zcbench.spaces")


def register_space(*spaces: SearchSpace, override: bool = False) -> None:
    """Register search spaces under their names, so that benchmarks and worker processes find them.

    Raises:
        InvalidInputError: a name has other characters than lower-case letters, digits, "_", "-" and ".".
        DuplicateNameError: a name is taken and ``override`` is False.
    """
    for space in spaces:
        _SPACES.add(space.name, space, override=override)


def list_spaces() -> list[str]:
    """Names of the search spaces, sorted."""
    return _SPACES.names()


def get_space(name: str) -> SearchSpace:
    """The search space of that name; UnknownNameError with suggestions if there is none."""
    return _SPACES.get(name)
