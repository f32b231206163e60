"""The files that ``--out`` writes, for the commands that read a store and for ``zcbench run``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._shared import write_board

if TYPE_CHECKING:
    from zcbench.evaluation import Board, Evaluation, SampleEfficiency, SearchComparison
    from zcbench.records import Store


def write_evaluations(
    folder: Path, name: str, boards: Sequence[Board], evaluations: Sequence[Evaluation], store: Store
) -> None:
    """Write evaluations as CSV, Markdown and HTML.

    Args:
        folder: folder of the files.
        name: name of the files, without suffix.
        boards: the tables, which are the evaluations or one table of all of them.
        evaluations: evaluations that the page shows one after the other.
        store: store that describes the machines that computed the scores.
    """
    from zcbench.leaderboards import to_html

    environments: dict[str, dict[str, Any]] = {}
    for benchmark in dict.fromkeys(evaluation.benchmark.rpartition("@")[0] for evaluation in evaluations):
        used = set(store.records(benchmark).distinct("environment"))
        known = store.environments(benchmark)
        environments |= {key: text for key, text in known.items() if key in used}
    overview = None if boards[0] in evaluations else boards[0]
    _write(folder, name, boards, to_html(evaluations, environments, overview, written=datetime.now(UTC).date()))


def write_boards(folder: Path, name: str, boards: Sequence[Board]) -> None:
    """Write tables as CSV, Markdown and HTML."""
    from zcbench.leaderboards import boards_to_html

    _write(folder, name, boards, boards_to_html(name, boards))


def write_figure(folder: Path, name: str, draw: Callable[[Path], object]) -> None:
    """Write a figure; callers write all files that need no further package before it.

    Raises:
        ZcbenchError: matplotlib is not installed; all other work of the command is done.
        StoreError: the file cannot be written.
    """
    from zcbench.errors import MissingDependencyError, ZcbenchError

    try:
        write_board(folder, name, draw)
    except MissingDependencyError as error:
        raise ZcbenchError(f"{name} was not written: {error}") from None


def write_efficiency(folder: Path, benchmark: str, found: SampleEfficiency, *, transfer: bool = False) -> None:
    """Write sample efficiency as CSV, Markdown and a figure."""
    from zcbench.leaderboards import draw_efficiency

    stem = benchmark + ("-transfer" if transfer else "-predictors")
    for suffix, content in (("csv", found.to_csv()), ("md", found.to_markdown())):
        write_board(folder, f"{stem}.{suffix}", content)
    if any(not point.transfer_from for point in found.points):
        write_figure(folder, f"{stem}.svg", partial(draw_efficiency, found))


def write_searches(folder: Path, benchmark: str, found: SearchComparison) -> None:
    """Write a comparison of searches as CSV, Markdown, HTML and a figure."""
    from zcbench.leaderboards import draw_comparison

    write_boards(folder, f"{benchmark}-searches", [found])
    write_figure(folder, f"{benchmark}-searches.svg", partial(draw_comparison, found))


def _write(folder: Path, name: str, boards: Sequence[Board], page: str) -> None:
    from zcbench.evaluation._board import csv_lines

    contents = {
        "csv": csv_lines([row for board in boards for row in board.rows()]),
        "md": "\n".join(board.to_markdown() for board in boards),
        "html": page,
    }
    for suffix, content in contents.items():
        write_board(folder, f"{name}.{suffix}", content)
