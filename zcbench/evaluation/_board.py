"""Results as a table for people and as rows for programs: one form for every result, and its text formats."""

from __future__ import annotations

import csv
import html
import io
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench import _arguments as rules
from zcbench._display import SENTENCE, cell, json_text, markdown, markdown_line, plain
from zcbench._files import write_text
from zcbench.errors import MissingDependencyError
from zcbench.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd

_ADVICE = "choose another path."


class Board:
    """A headline, a table and notes.

    A subclass defines the contents; this class writes them in all formats.

    Attributes:
        table_notes: the last of the footnotes: sentences about what reading the table excluded or changed.
        repeated: number of columns that each part of a table repeats if it is too wide for a terminal; with 0, columns
            that do not fit are omitted and named.
    """

    table_notes: tuple[str, ...] = ()
    repeated = 0

    def headline(self) -> str:
        """Return one sentence that describes the table."""
        raise NotImplementedError

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        raise NotImplementedError

    def cells(self) -> list[list[str]]:
        """Return the cells of the table as text, a list per row."""
        raise NotImplementedError

    def footnotes(self) -> list[str]:
        """Return the notes of the table, a sentence each."""
        raise NotImplementedError

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows for programs: values by name, in full precision; None where undefined."""
        raise NotImplementedError

    def content(self) -> dict[str, Any]:
        """Return the contents of the JSON file."""
        raise NotImplementedError

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return one line per row, numbers in full precision, empty where undefined.

        Args:
            path: a file to which the text is also written.

        Raises:
            StoreError: the file cannot be written.
        """
        return _written(csv_lines(self.rows()), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the results as JSON: the same keys as the CSV, null where undefined, and the notes.

        Args:
            path: where to write the text too.

        Raises:
            StoreError: the file cannot be written.
        """
        return _written(json_text(self.content()), path)

    def to_markdown(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return headline, table and notes as Markdown.

        Args:
            path: where to write the text too.

        Raises:
            StoreError: the file cannot be written.
        """
        return _written(markdown_table(self), path)

    def to_text(self) -> str:
        """Return headline, table and footnotes as plain text, for a terminal of 80 columns."""
        titles = self.titles()
        rows = [[title for title, _ in titles], *([plain(cell) for cell in row] for row in self.cells())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            cells = zip(row, titles, widths, strict=True)
            lines.append("  ".join(c.rjust(w) if right else c.ljust(w) for c, (_, right), w in cells).rstrip())
        notes = [
            textwrap.fill(plain(note, 2_000), 80, initial_indent="  ", subsequent_indent="  ")
            for note in self.footnotes()
        ]
        head = textwrap.fill(plain(self.headline(), 2_000), 80, break_long_words=False, break_on_hyphens=False)
        return "\n".join([head, "", *lines, "", *notes])

    def to_pandas(self) -> pd.DataFrame:
        """Return the rows of the CSV as a data frame; undefined values are nan in a column of numbers.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingDependencyError("pandas", "", "a data frame") from None
        rows = self.rows()
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pd.DataFrame([[row.get(name) for name in names] for row in rows], columns=names)

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows."""
        return html_table(self)


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        write_text(Path(rules.path("the file", path)), text, _ADVICE)
    return text


def csv_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write a header and a line per row; empty for None and missing values. No cell is a spreadsheet's formula."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(cell, names))
    writer.writerows([cell(row.get(name)) for name in names] for row in rows)
    return text.getvalue()


def markdown_table(board: Board) -> str:
    """Write headline, table and notes as Markdown; no text acts as markup."""
    titles, notes = board.titles(), board.footnotes()
    lines = [markdown_line(board.headline()), ""]
    lines.append("| " + " | ".join(markdown(title) for title, _ in titles) + " |")
    lines.append("|" + "|".join("---:" if numeric else ":---" for _, numeric in titles) + "|")
    lines += ["| " + " | ".join(markdown(text) for text in row) + " |" for row in board.cells()]
    if notes:
        lines += ["", *(f"- {markdown_line(note)}" for note in notes)]
    return "\n".join(lines) + "\n"


def html_table(board: Board) -> str:
    """Write headline, table and notes as HTML: no script, no link; no text acts as markup or as a formula."""
    titles, notes = board.titles(), board.footnotes()

    def row(tag: str, texts: Sequence[str]) -> str:
        sides = ("right" if numeric else "left" for _, numeric in titles)
        cells = (
            f'<{tag} style="text-align:{side}">{_inert(text)}</{tag}>' for side, text in zip(sides, texts, strict=True)
        )
        return f"<tr>{''.join(cells)}</tr>"

    # Notebooks typeset text between dollar signs as formulas; these classes disable MathJax 2 and 3.
    lines = ['<div class="tex2jax_ignore mathjax_ignore">', f"<p>{_inert(board.headline())}</p>"]
    lines += ["<table>", f"<thead>{row('th', [title for title, _ in titles])}</thead>", "<tbody>"]
    lines += [*(row("td", texts) for texts in board.cells()), "</tbody>", "</table>"]
    if notes:
        lines.append(f"<ul>{''.join(f'<li>{_inert(note)}</li>' for note in notes)}</ul>")
    return "\n".join([*lines, "</div>"]) + "\n"


def _inert(text: str) -> str:
    return html.escape(plain(text, 4 * SENTENCE))


def estimate_columns(name: str, estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as three columns; None where undefined."""
    return {
        name: number_or_none(estimate.value),
        f"{name}_low": number_or_none(estimate.low),
        f"{name}_high": number_or_none(estimate.high),
    }


def number_or_none(value: float) -> float | None:
    """Return the value, None if it is nan or infinite, which JSON cannot represent."""
    return value if math.isfinite(value) else None
