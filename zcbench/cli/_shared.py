"""Arguments and output that several commands share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

    from zcbench._store import Store
    from zcbench.datasets import Benchmark
    from zcbench.evaluation import Curves, Evaluation
    from zcbench.types import Record


def add_store(parser: argparse.ArgumentParser) -> None:
    """``--store``."""
    parser.add_argument(
        "--store",
        metavar="DIR",
        default=os.environ.get("ZCBENCH_RUNS", "runs"),
        help="folder of the records (default: $ZCBENCH_RUNS, else runs)",
    )


def add_ensembles(parser: argparse.ArgumentParser) -> None:
    """``--ensembles``."""
    parser.add_argument(
        "--ensembles",
        metavar="NAMES",
        help='combinations to rank too, separated by commas: az_nas,"vote(naswot+synflow)"',
    )


def add_imports(parser: argparse.ArgumentParser) -> None:
    """``--import``."""
    parser.add_argument(
        "--import",
        dest="imports",
        metavar="FILE",
        action="append",
        default=[],
        help="Python file that registers further proxies; may be repeated",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def import_files(paths: Sequence[str]) -> None:
    """Import the files of ``--import``."""
    from zcbench.evaluation import import_file

    for path in paths:
        import_file(path)


def split_names(text: str | None) -> list[str] | None:
    """Names from ``a,b c*``; None for None."""
    if text is None:
        return None
    return [name for name in text.replace(",", " ").split() if name]


def split_labels(text: str | None) -> list[str] | None:
    """Labels from ``gp:encoding=proxies(a+b),lightgbm``; commas in brackets stay. None for None."""
    from zcbench._registry import split_outside

    return None if text is None else [label.strip() for label in split_outside(text, ",") if label.strip()]


def numbers(option: str, text: str | None) -> tuple[int, ...]:
    """Whole numbers from "10,20,50", ascending; nothing for None.

    Raises:
        InvalidInputError: something in it is no whole number.
    """
    from zcbench.errors import InvalidInputError

    try:
        return tuple(sorted({int(part) for part in (text or "").split(",") if part.strip()}))
    except ValueError:
        raise InvalidInputError(f"{option} {text!r}: write whole numbers separated by commas, 10,50,200.") from None


def at_zero(benchmark: Benchmark, target: str | None, store: Store) -> Evaluation | None:
    """The proxies of the largest run on a benchmark, if any: what zero trained networks buy."""
    from zcbench.evaluation import summarize

    found = tracks(benchmark, target, store)
    return summarize(found[0], benchmark, target) if found else None


def tracks(benchmark: Benchmark, target: str | None, store: Store) -> list[list[Record]]:
    """The records on what proxies see for a target, by seed and batch, the largest run first."""
    samples = benchmark.batch_of(target)
    found: dict[tuple[int, str], list[Record]] = {}
    for record in store.records(benchmark.name):
        if record.benchmark == benchmark.identifier and record.batch.partition("/")[0] == samples:
            found.setdefault((record.seed, record.batch), []).append(record)
    return sorted(found.values(), key=len, reverse=True)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Make a file that is never half written, and its folder; say so.

    Args:
        path: where it shall be.
        write: writes a file of the path it is given.

    Raises:
        StoreError: there is no room or no permission.
    """
    from zcbench.errors import StoreError

    partial = path.with_name(f"partial-{path.name}")  # with its suffix: figures go by it
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise StoreError(
            f"cannot write {path}: {error.strerror or error}. Make room, or choose another folder with --out."
        ) from None
    print(f"wrote {path}", file=sys.stderr)


def print_json(content: object) -> None:
    """Print as JSON."""
    import json

    print(json.dumps(content, indent=2, ensure_ascii=False, default=str))


def print_rows(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a plain table."""
    from rich.table import Table

    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    _print([table], width=200)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def print_leaderboard(evaluation: Evaluation) -> None:
    """Print headline, table and footnotes."""
    from zcbench.leaderboards import COLUMNS, footnotes, headline

    titles = {column.title: column.numeric for column in COLUMNS}
    rows = [[column.text(rank, entry) for column in COLUMNS] for rank, entry in enumerate(evaluation.entries, 1)]
    _print_table(headline(evaluation), titles, rows, footnotes(evaluation), width=160)


def print_curves(curves: Curves, metric: str = "tau") -> None:
    """Print headline, table and notes."""
    from zcbench.leaderboards import curve_headline, curve_notes, curve_rows

    titles, rows = curve_rows(curves, metric)
    numeric = {title: number > 0 for number, title in enumerate(titles)}
    _print_table(curve_headline(curves, metric), numeric, rows, curve_notes(curves, metric), width=200)


def _print_table(
    headline: str, titles: Mapping[str, bool], rows: Sequence[Sequence[str]], notes: Sequence[str], width: int
) -> None:
    """As Markdown, for eyes."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title, numeric in titles.items():
        table.add_column(_plain(title), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_plain(cell) for cell in row))
    _print([Text(headline), table, *(Text(f"  {note}", style="dim") for note in notes)], width)


def _print(parts: Sequence[RenderableType], width: int) -> None:
    """Print, ``width`` columns wide where there is no terminal."""
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else width)
    with console.capture() as text:  # rich itself would end the process where the reader goes away
        for part in parts:
            console.print(part)
    print(text.get(), end="")


@contextmanager
def progress_bar(title: str, what: str = "scores") -> Iterator[Callable[[int, int, object], None]]:
    """A bar on a terminal's stderr, a line every ten seconds elsewhere."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn(what),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        with bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total, latest: bar.update(task, completed=done, total=total)
        return
    import time

    last = 0.0

    def report(done: int, total: int, latest: object) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 10 or done == total:
            last = now
            print(f"{title}: {done}/{total} {what}", file=sys.stderr, flush=True)

    yield report
