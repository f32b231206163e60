"""Arguments and output that several commands share."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from zcbench._display import NOTHING, SENTENCE, json_text, plain, plain_lines
from zcbench.cli._output import results, write_message, write_result
from zcbench.cli._status import status_of_several

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zcbench.datasets import Benchmark
    from zcbench.evaluation import Board

_T = TypeVar("_T")
#: width in characters that makes the last column of a table readable
_LAST = 30
#: columns of the leaderboard that a narrow terminal drops first, in this order
_SPARE = ("rho [95 % CI]", "of ceiling", "over params")


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``."""
    parser.add_argument(
        "--store",
        metavar="DIR",
        default=os.environ.get("ZCBENCH_RUNS", "runs"),
        help="folder of the records (default: $ZCBENCH_RUNS, else runs)",
    )


def add_ensembles(parser: argparse.ArgumentParser) -> None:
    """Add ``--ensembles``."""
    parser.add_argument(
        "--ensembles",
        metavar="NAMES",
        help='combinations to rank too, separated by commas: az_nas,"vote(naswot+synflow)"',
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """Add ``--import``."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="FILE",
        action="append",
        default=[],
        help="Python file that registers more proxies, predictors or benchmarks; may be repeated",
    )


def add_renamed(parser: argparse.ArgumentParser, old: str, new: str) -> None:
    """Add the old name of an option, which works for one release and prints a line on stderr.

    Args:
        parser: the parser that has the option under its new name.
        old: the old name, such as ``--suite``.
        new: the new name, such as ``--track``.
    """
    (action,) = (action for action in parser._actions if new in action.option_strings)

    class Renamed(argparse.Action):
        def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
            say(f"zcbench: the option {old} is called {new} now; the next release removes the old name.")
            action(parser, namespace, values, new)

    parser.add_argument(old, action=Renamed, dest=action.dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_timeout(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--timeout``."""
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help=what)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``, the device of all computations of torch in the command."""
    parser.add_argument(
        "--device",
        metavar="WHERE",
        help="device of torch: cpu, cuda, cuda:1 or mps; workers share one GPU, or use several GPUs, one each "
        "(default: $ZCBENCH_DEVICE, else cpu)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def import_files(paths: Sequence[str]) -> None:
    """Import the files of ``--import``."""
    for path in paths:
        from zcbench._imports import import_file  # imports torch, which a list of spaces does not need

        import_file(path)


def split_names(text: str | None) -> list[str] | None:
    """Return the names, with their settings, in ``a,b:epochs=1 c*``; None for None.

    Commas and spaces in brackets do not separate names.
    """
    from zcbench._notation import split_list

    return None if text is None else split_list(text)


def split_columns(text: str | None) -> list[str] | None:
    """Split names of columns or files at commas; names may have spaces."""
    return None if text is None else [" ".join(name.split()) for name in text.split(",") if name.strip()]


def numbers(option: str, text: str | None) -> tuple[int, ...]:
    """Return the whole numbers in "10,20,50" in ascending order; an empty tuple for None.

    Raises:
        InvalidInputError: a part is not a whole number.
    """
    from zcbench.errors import InvalidInputError

    try:
        return tuple(sorted({int(part) for part in (text or "").split(",") if part.strip()}))
    except ValueError:
        raise InvalidInputError(f"{option} {text!r}: write whole numbers separated by commas, 10,50,200.") from None


def decimals(option: str, text: str | None) -> list[float] | None:
    """Return the numbers in ".1,.2,.5"; None for None.

    Raises:
        InvalidInputError: a part is not a number.
    """
    from zcbench.errors import InvalidInputError

    try:
        return None if text is None else [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise InvalidInputError(f"{option} {text!r}: write numbers separated by commas, .1,.2,.5.") from None


def write_board(folder: Path, name: str, content: str | Callable[[Path], object]) -> None:
    """Create or replace a file in one step, create its folder, and print the path.

    Args:
        folder: folder of the file.
        name: name of the file.
        content: its text, or a function that writes a file at a given path.

    Raises:
        StoreError: there is no space or no permission.
    """
    from zcbench._files import whole, write_text

    path, advice = folder / name, "choose another folder with --out."
    if isinstance(content, str):
        write_text(path, content, advice)
    else:
        with whole(path, advice) as temporary:
            content(temporary)
    say(f"wrote {path}")


def show(text: object = "") -> None:
    """Print lines on stdout, with control characters of foreign texts escaped."""
    write_result(plain_lines(text, 4 * SENTENCE))


def filled(text: str) -> str:
    """Fill the paragraphs of a text to the width of the terminal; return the text unchanged without a terminal.

    An indented line begins an entry, and lines that are indented further continue it.
    """
    width = _width(0)
    if not width or all(len(line) <= width for line in text.split("\n")):
        return text
    found: list[tuple[int, str]] = []
    for line in text.split("\n"):
        inner = line.lstrip(" ")
        indent = len(line) - len(inner)
        before, begun = found[-1] if found else (0, "")
        if inner and begun and (indent > before > 0 or (indent == before == 0 and not inner.startswith("- "))):
            found[-1] = before, f"{begun} {inner}"
        else:
            found.append((indent, inner))
    lines = []
    for indent, inner in found:
        hanging = " " * (indent and indent + 4)
        lines += textwrap.wrap(
            inner, width, initial_indent=" " * indent, subsequent_indent=hanging, break_on_hyphens=False
        ) or [""]
    return "\n".join(lines)


def unmarked(text: str) -> str:
    """Remove the markup of a docstring: ``x`` and :class:`x` become x."""
    return re.sub(r"``(.+?)``|:\w+:`~?([^`]+)`", lambda found: found[1] or found[2], text)


def say(text: object) -> None:
    """Print a sentence on stderr, on one line."""
    write_message(plain(text, 2 * SENTENCE))


def sentence(text: str) -> str:
    """Return a reason with a full stop if it has no closing mark, so that another sentence can follow."""
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def for_each(names: Sequence[str], find: Callable[[str], _T]) -> tuple[dict[str, _T], int]:
    """Return the results of a function by benchmark, and the exit status; errors of benchmarks are printed.

    Raises:
        ZcbenchError: the error of ``find``, if there is only one benchmark.
    """
    from zcbench.errors import ZcbenchError

    found: dict[str, _T] = {}
    errors: list[ZcbenchError] = []
    for name in names:
        try:
            found[name] = find(name)
        except ZcbenchError as error:
            if len(names) == 1:
                raise
            say(f"zcbench: {name}: {error}")
            errors.append(error)
    return found, status_of_several(errors, len(found))


def say_notes(benchmark: Benchmark) -> None:
    """Print on stderr the notes of a table about excluded and changed content."""
    for note in benchmark.notes:
        say(f"zcbench: {benchmark.source}: {note[0].lower()}{note[1:]}")


def say_table_notes(boards: Sequence[Board]) -> None:
    """Print on stderr the notes of the tables of boards, each sentence once."""
    found = {(str(getattr(board, "benchmark", "")), note): None for board in boards for note in board.table_notes}
    for benchmark, note in found:
        say(f"zcbench: {benchmark.rpartition('@')[0]}: {note[0].lower()}{note[1:]}")


def print_json(content: object) -> None:
    """Print as JSON."""
    write_result(json_text(content))


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table, or one row after the other if the table is too wide."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    cells = [[plain(cell, SENTENCE) for cell in row] for row in rows]
    width = _width(200)
    columns = list(zip(titles, *cells, strict=True))[:-1]
    words = [[column[0], *(word for cell in column[1:] for word in cell.split())] for column in columns]
    needed = sum(1 + max(map(cell_len, column)) for column in words)  # titles must not be folded
    if len(titles) > 2 and needed + _LAST > width:
        parts: list[RenderableType] = []
        for row in cells:
            facts = [f"{title} {cell}" for title, cell in zip(titles[1:-1], row[1:-1], strict=True) if cell]
            lines = [line for line in (" · ".join(facts), row[-1]) if line]
            parts += [Text(row[0], style="bold"), *(Padding(Text(line), (0, 0, 0, 2), expand=False) for line in lines)]
        _print(parts, width)
        return
    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in cells:
        table.add_row(*map(Text, row))
    _print([table], width)


def print_board(board: Board) -> None:
    """Print headline, table and footnotes, without the notes on reading the table, which were printed before.

    If the terminal is too narrow, a board with repeated columns is printed in several tables. Another board drops
    columns until it fits and names them: first empty ones, then those of :data:`_SPARE`, then the last. Names of rows
    are never cut: long ones continue on the next line.
    """
    from rich.padding import Padding
    from rich.text import Text

    width = _width(200)
    notes = board.footnotes()
    notes = notes[: len(notes) - len(board.table_notes)]
    titles, rows = board.titles(), board.cells()
    if board.repeated:
        parts = _parted(titles, rows, board.repeated, width)
    else:
        titles, rows, hidden = _fitting(titles, rows, width)
        parts = [(titles, rows)]
        if hidden:
            notes.append(f"Dropped at {width} columns: {', '.join(hidden)}. --json and --out have all columns.")
    shown: list[RenderableType] = [Text(board.headline())]
    for number, part in enumerate(parts):
        shown += [*([Text()] if number else []), _table(*part, width)]
    _print([*shown, *(Padding(Text(note, style="dim"), (0, 0, 0, 2), expand=False) for note in notes)], width)


def print_boards(boards: Sequence[Board]) -> None:
    """Print boards, with an empty line between two."""
    for number, board in enumerate(boards):
        if number:
            show()
        print_board(board)


def _table(titles: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], width: int) -> RenderableType:
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, (title, numeric) in enumerate(titles):
        names = not numeric and max((cell_len(row[place]) for row in rows), default=0) > width // 2
        table.add_column(Text(title), justify="right" if numeric else "left", no_wrap=not names, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _parted(
    titles: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], repeated: int, width: int
) -> list[tuple[list[tuple[str, bool]], list[list[str]]]]:
    """Return the table in parts that fit; the first columns are in every part."""
    sizes = _sizes(titles, rows, width)
    first = list(range(repeated))
    parts, used = [[*first]], sum(sizes[:repeated])
    for place in range(repeated, len(titles)):
        if used + sizes[place] - 2 > width and len(parts[-1]) > repeated:
            parts.append([*first])
            used = sum(sizes[:repeated])
        parts[-1].append(place)
        used += sizes[place]
    return [([titles[k] for k in part], [[row[k] for k in part] for row in rows]) for part in parts]


def _sizes(titles: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the characters that each column needs, with the space after it; names need at most half of the width."""
    from rich.cells import cell_len

    sizes = [2 + max(map(cell_len, column)) for column in zip((title for title, _ in titles), *rows, strict=True)]
    return [size if numeric else min(size, width // 2) for size, (_, numeric) in zip(sizes, titles, strict=True)]


def _fitting(
    titles: Sequence[tuple[str, bool]], rows: Sequence[Sequence[str]], width: int
) -> tuple[list[tuple[str, bool]], list[list[str]], list[str]]:
    """Return the titles and cells of the columns that fit, and the titles of the others that are not empty."""
    sizes = _sizes(titles, rows, width)
    kept = list(range(len(titles)))
    empty = [place for place in kept if titles[place][1] and {row[place] for row in rows} <= {NOTHING, ""}]
    spare = [place for title in _SPARE for place in kept if titles[place][0] == title]
    for place in dict.fromkeys([*reversed(empty), *spare, *reversed(kept[3:])]):
        if sum(sizes[k] for k in kept) - 2 <= width:
            break
        kept.remove(place)
    hidden = [titles[place][0] for place in range(len(titles)) if place not in (*kept, *empty)]
    return [titles[k] for k in kept], [[row[k] for k in kept] for row in rows], hidden


def _width(usual: int) -> int:
    """Return the width of the terminal in characters; without a terminal, return ``usual``."""
    # Interactive programs export COLUMNS to programs whose output may go to a file: only a terminal has a width.
    stream = results()
    return max(20, shutil.get_terminal_size().columns) if stream is not None and stream.isatty() else usual


def _print(parts: Sequence[RenderableType], width: int) -> None:
    """Print the parts in lines of ``width`` characters."""
    from rich.console import Console

    # Without a height, rich assumes that simple terminals are 80 columns wide.
    console = Console(highlight=False, markup=False, emoji=False, width=width, height=25)
    with console.capture() as text:  # rich would end the process if the reader of the output ends
        for part in parts:
            console.print(part)
    write_result(text.get(), end="")


@contextmanager
def progress_bar(
    title: str, what: str = "scores", *, idle: bool = True
) -> Iterator[Callable[[int, int, object], None]]:
    """Show a bar on a terminal, else print a line every ten seconds; with ``idle``, show it before the first report."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(what),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        with bar:
            task = bar.add_task(plain(title, 40), total=None, visible=idle)
            yield lambda done, total, latest: bar.update(task, completed=done, total=total, visible=True)
        return
    import time

    last = 0.0
    first: tuple[float, int] | None = None

    def report(done: int, total: int, latest: object) -> None:
        nonlocal last, first
        now = time.monotonic()
        first = first or (now, done)
        if now - last >= 10 or done == total:
            last = now
            left = ""
            if first[1] < done < total:  # this process spent no time on the work of an earlier process
                seconds = (now - first[0]) * (total - done) / (done - first[1])
                left = f", about {seconds:.0f} s left" if seconds < 120 else f", about {seconds / 60:.0f} min left"
            say(f"{title}: {done}/{total} {what}{left}")

    yield report
