"""Values that look different in a table and in JSON: a count is "4,930" in the one and 4930 in the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zcbench._display import amount


@dataclass(frozen=True)
class Cell:
    """A value for JSON, and its text for a table."""

    value: Any
    text: str


def yes(value: object) -> Cell:
    """Return a truth value: "yes" or "no" in a table."""
    return Cell(bool(value), "yes" if value else "no")


def count(value: int | None, nothing: str = "") -> Cell:
    """Return a number of things; None is null in JSON, and has a text of its own in a table."""
    return Cell(value, nothing if value is None else amount(value))


def values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries as JSON shows them."""
    return {name: entry.value if isinstance(entry, Cell) else entry for name, entry in content.items()}


def text(entry: object) -> str:
    """Return an entry as a table shows it."""
    return entry.text if isinstance(entry, Cell) else str(entry)
