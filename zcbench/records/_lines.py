"""Reads files of lines into columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from zcbench.records import _schema
from zcbench.records._columns import RECORDS, Builder, Kind
from zcbench.records._layout import Source
from zcbench.records._schema import BadLineError, LeftOut


@dataclass
class Part:
    """What one file holds besides its rows.

    Attributes:
        environments: descriptions by id.
        left_out: lines that cannot be used.
        lines: number of lines.
        old: whether there are lines of schema 1.
    """

    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    lines: int = 0
    old: bool = False


class Reader:
    """Reads files into one builder.

    Args:
        kind: what the rows are, with their origin.
        builder: what gets the rows.
    """

    def __init__(self, kind: Kind[Any], builder: Builder) -> None:
        self._kind, self._builder = kind, builder
        self._parse = _schema.record if kind.mark == RECORDS.mark else _schema.trial

    def read(self, source: Source) -> Part:
        """Add a file's rows to the builder.

        Raises:
            OSError: it cannot be read.
        """
        part = Part()
        with source.path.open("rb") as file:
            for number, text in _schema.numbered(file):
                self._line(text, number, source, part)
        return part

    def _line(self, text: bytes, number: int, source: Source, part: Part) -> None:
        part.lines = number
        try:
            line = _schema.parsed(text, self._kind.mark)
            if self._kind.mark not in line:
                part.environments[line["environment"]] = line
                return
            values = self._parse(line)
        except BadLineError as error:
            if text.endswith(b"\n"):  # else a kill cut it short, or it is being written
                part.left_out.append(LeftOut(source.path, number, str(error)))
            return
        part.old = part.old or line["schema"] == 1
        self._builder.append((*values, source.stem))
