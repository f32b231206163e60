"""Values that differ between a table and JSON: a count is "4,930" in a table and 4930 in JSON."""

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
    """Return the cell of a truth value, which is "yes" or "no" in a table."""
    return Cell(bool(value), "yes" if value else "no")


def count(value: int | None, nothing: str = "") -> Cell:
    """Return the cell of a count; None is null in JSON, and ``nothing`` in a table."""
    return Cell(value, nothing if value is None else amount(value))


def values(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return entries as JSON shows them."""
    return {name: entry.value if isinstance(entry, Cell) else entry for name, entry in content.items()}


def text(entry: object) -> str:
    """Return an entry as a table shows it."""
    return entry.text if isinstance(entry, Cell) else str(entry)
