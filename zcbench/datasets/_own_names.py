"""The column of a user-defined table that names its architectures, and the rows of each architecture."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from zcbench._display import abridged
from zcbench.datasets._trainings import LIKELY
from zcbench.errors import DataCorruptError, InvalidArchitectureError, InvalidInputError
from zcbench.spaces import TableSpace, accepting_spaces, said_to_accept
from zcbench.types import Architecture, SearchSpace

if TYPE_CHECKING:
    from zcbench.datasets.own import _Content

#: names of columns that name architectures, in the order of preference
ARCHITECTURE = ("arch", "architecture", "arch_str", "architecture_str", "genotype", "network", "model", "name", "id")
#: words in the names of columns that probably name architectures, such as "Model Name"
_WORDS = frozenset(ARCHITECTURE) - {"id"}


def names_of(
    content: _Content, target: str, arch: str | None, space: SearchSpace | None, seeds: str | None
) -> tuple[list[str], str | None, str]:
    """Return the names of the rows, their column, and a note if rows are numbered.

    Args:
        content: the file.
        target: the column of the target, which cannot name architectures.
        arch: the column that names architectures; None to find it.
        space: the search space that parses the names; None without one.
        seeds: the column that distinguishes repeated trainings.

    Raises:
        InvalidInputError: no column names architectures, and a search space or repeated trainings need one.
    """
    texts = content.texts
    if arch is not None:
        return texts[arch], arch, ""
    others = [name for name in texts if name not in (target, content.index, seeds)]
    if named := sorted(
        (name for name in others if name.lower() in ARCHITECTURE), key=lambda name: ARCHITECTURE.index(name.lower())
    ):
        return texts[named[0]], named[0], ""
    coded = [name for name in others if content.readings[name].code]
    if space is not None:
        if not isinstance(space, TableSpace):  # a TableSpace accepts any text
            fitting = [name for name in (*coded, *others) if _is_of(space, texts[name][0])]
            coded = fitting[:1] or coded
        if not coded:
            raise InvalidInputError(f"{content.path} has no column of architectures: name it with --arch.")
        return texts[coded[0]], coded[0], ""
    found = _likely_names(content, [name for name in coded if "" not in texts[name]], seeds)
    if found is not None:
        return texts[found], found, ""
    if seeds is not None:
        raise InvalidInputError(f"{content.path} has no column of architectures that repeat: name it with --arch.")
    note = ""
    if coded:
        note = (
            f"Rows are numbered because the text in {abridged(coded[0], 60)!r} repeats; --arch names the column of "
            "architectures."
        )
    return [f"row {number}" for number, _ in content.sheet.rows], None, note


def _likely_names(content: _Content, coded: Sequence[str], seeds: str | None) -> str | None:
    """Return the column of text that probably names architectures; None without one.

    A column whose texts all differ names architectures. A column with repetitions does so if its own name says so
    ("Model Name"), and if most texts differ or there are repeated trainings.
    """
    count = len(content.sheet.rows)
    different = {name: len(set(content.texts[name])) for name in coded}
    worded = [name for name in coded if _WORDS & set(re.split(r"[^a-z0-9]+", name.lower()))]
    if seeds is not None:
        return max(worded or coded, key=lambda name: different[name], default=None)
    for name in (*worded, *coded):
        if different[name] == count:
            return name
    repeated = bool(_likely_seeds(content))
    return next((name for name in worded if repeated or 2 * different[name] >= count), None)


def _likely_seeds(content: _Content) -> str:
    """Return the column that probably has the seeds of repeated trainings; "" without one."""
    return next((name for name in content.texts if "_".join(name.lower().split()) in LIKELY), "")


def _is_of(space: SearchSpace, text: str) -> bool:
    try:
        space.parse(text)
    except InvalidArchitectureError:
        return False
    return True


def architectures_of(
    content: _Content, names: list[str], space: SearchSpace, seeds: str | None
) -> tuple[tuple[Architecture, ...], list[list[int]]]:
    """Return architectures that denote different networks, and the rows of each.

    Args:
        content: the file.
        names: names of the rows.
        space: search space that parses the names.
        seeds: the column that distinguishes repeated trainings; without this column names must not repeat.

    Raises:
        DataCorruptError: a row has no name, or a name repeats.
        InvalidArchitectureError: a name is not an architecture of the space.
    """
    parse: Callable[[str], Architecture] = space.parse
    by_name = isinstance(space, TableSpace)
    groups: dict[Architecture | str, list[int]] = {}
    first: dict[Architecture | str, Architecture] = {}
    for place, name in enumerate(names):
        if not name:
            raise DataCorruptError(f"{content.path}, {content.at(place)}: the architecture has no name: give it one.")
        try:
            # Matrices are often printed over several lines.
            architecture = parse(name if len(name.splitlines()) == 1 else " ".join(name.split()))
        except InvalidArchitectureError as error:
            where = f"{content.path}, {content.at(place)}"
            raise InvalidArchitectureError(f"{where}: {error}{_accepted(name, names)}") from None
        # Names that look the same are equal: spaces may differ, and an accented letter may be one or two characters.
        same = unicodedata.normalize("NFC", " ".join(name.split())) if by_name else space.canonical(architecture)
        groups.setdefault(same, []).append(place)
        first.setdefault(same, architecture)
    if by_name and seeds is None and len(groups) < len(names):
        raise _repeated(content, names, list(groups.values()))
    return tuple(first.values()), list(groups.values())


def _repeated(content: _Content, names: Sequence[str], groups: Sequence[Sequence[int]]) -> DataCorruptError:
    repeated = [places for places in groups if len(places) > 1]
    numbers = [content.sheet.rows[place][0] for place in repeated[0]]
    others = len(repeated) - 1
    more = f"; {others} more name{'s repeat' if others > 1 else ' repeats'}" if others else ""
    return DataCorruptError(
        f"{content.path}: {abridged(names[repeated[0][0]], 60)!r} is in {content.sheet.unit}s "
        f"{', '.join(map(str, numbers[:4][:-1]))}{', …' if len(numbers) > 4 else ''} and {numbers[-1]}{more}: keep "
        "one row of each architecture, or name another column with --arch. If these are repeated trainings, name "
        f"the column of their seeds with --seed-column {_likely_seeds(content) or 'COLUMN'}."
    )


def _accepted(name: str, names: Sequence[str]) -> str:
    """Return a sentence with the search spaces that accept an architecture that another one refused; "" for none."""
    if every := accepting_spaces(names):
        return f" All {len(names):,} architectures are of {' and of '.join(every[:3])}: give --space {every[-1]}."
    return said_to_accept(name)
