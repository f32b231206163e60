"""The input of predictors: architectures, or strings of architectures, and their tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from zcbench._arguments import shown
from zcbench.datasets import Benchmark
from zcbench.datasets._benchmark import Rows
from zcbench.errors import InvalidArchitectureError, InvalidInputError
from zcbench.spaces import accepting_spaces, get_space, said_to_accept
from zcbench.types import Architecture, SearchSpace


def read_architectures(given: Iterable[Any], spaces: Sequence[str | SearchSpace] = ()) -> list[Architecture]:
    """Read architectures, or strings of architectures.

    Args:
        given: architectures; or strings of one search space.
        spaces: possible search spaces of strings. The first that accepts all strings reads them; without spaces the
            only registered one that does.

    Raises:
        InvalidInputError: it is not a list of these, or the search space of strings is not known.
        InvalidArchitectureError: a string is not an architecture of the space.
    """
    try:
        items = [given] if isinstance(given, str) else list(given)
    except TypeError:
        raise InvalidInputError(f"{shown(given)} is no list of architectures: give a list of them.") from None
    strings = [item for item in items if isinstance(item, str)]
    for item in items:
        if not isinstance(item, Architecture | str):
            raise InvalidInputError(f"{type(item).__name__} is no architecture: give zcbench.Architecture objects.")
    if isinstance(given, str):
        raise InvalidInputError(f"{shown(given)} is one architecture: give a list of them.")
    if not strings:
        return [item for item in items if isinstance(item, Architecture)]
    known = {item.space: None for item in items if isinstance(item, Architecture)}
    space = _space_of(strings, [*spaces, *known])
    return [item if isinstance(item, Architecture) else _read(space, item, n) for n, item in enumerate(items, 1)]


def _read(space: SearchSpace, text: str, number: int) -> Architecture:
    try:
        return space.parse(text)
    except InvalidArchitectureError as error:
        raise InvalidArchitectureError(f"architecture {number}: {error}{said_to_accept(text)}") from None


def _space_of(strings: Sequence[str], spaces: Sequence[str | SearchSpace]) -> SearchSpace:
    """Determine the search space of strings."""
    known = [get_space(space) if isinstance(space, str) else space for space in spaces]
    if len(known) == 1:
        return known[0]
    for space in known:
        if _accepts(space, strings):
            return space
    if known:
        return known[0]  # its message has the reason
    found = accepting_spaces(strings)
    if len(found) == 1:
        return get_space(found[0])
    example = found[-1] if found else "nasbench201"
    how = f"name the space, fit(…, space={example!r}) or get_predictor('gp:space={example}'), or give architectures"
    if found:
        raise InvalidInputError(f"several search spaces accept these strings ({', '.join(found)}): {how}.")
    raise InvalidInputError(
        f"no search space accepts all of these strings, such as {shown(strings[0], 60)}: {how}; rows of a table are "
        "given as table.architectures."
    )


def _accepts(space: SearchSpace, strings: Sequence[str]) -> bool:
    try:
        for text in strings:
            space.parse(text)
    except InvalidArchitectureError:
        return False
    return True


def tables_of(given: object, table: Benchmark | None) -> list[Benchmark]:
    """Return the table that a user named, or the table of the given architectures."""
    if table is not None:
        if not isinstance(table, Benchmark):
            raise InvalidInputError(f"table {shown(table)}: give a benchmark, such as zcbench.own_benchmark(…) makes.")
        return [table]
    return [given.table] if isinstance(given, Rows) else []


__all__ = ["read_architectures", "tables_of"]
