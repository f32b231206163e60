"""The place of a user-defined table and the arguments of its reading, so that it can be read again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class OwnSource:
    """A file, and the arguments of :func:`zcbench.own_benchmark`.

    Attributes:
        path: the file, as it was given.
        digest: SHA-256 of its content.
        rows: number of its rows, before equal networks were merged.
        columns: names of its columns.
        target: the column to rank against.
        space: name of the search space; "FILE.py:FUNCTION" if a function builds the networks; None without networks.
        factory: whether a function builds the networks, so that architectures are names.
        settings: the other arguments that differ from their defaults, as values of JSON.
        arch: the column that names the architectures; None if rows are numbered.
        lines: place of the first row of each architecture, such as "line 3".
    """

    path: str
    digest: str
    rows: int
    columns: tuple[str, ...]
    target: str
    space: str | None = None
    factory: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    arch: str | None = None
    lines: tuple[str, ...] = field(default=(), repr=False)

    @property
    def file(self) -> str:
        """Name of the file without its folders."""
        return Path(self.path).name


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file's content; OSError if it cannot be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
