"""Show what has been run: a table in the terminal, and with --out CSV, Markdown and one self-contained HTML file.

A benchmark has a table for every seed and batch, and one for every set of learning curves that was forecast. A track
has a table of exactly what it asks for; one of proxies with several benchmarks has a row for each.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_ensembles,
    add_json,
    add_store,
    for_each,
    print_boards,
    split_names,
    write_board,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zcbench.evaluation import Board, Evaluation, ForecastComparison
    from zcbench.metrics import Estimate
    from zcbench.records import Store
    from zcbench.runs import Track

EXAMPLE = """examples:
  zcbench leaderboard
  zcbench leaderboard digits-201 --target test_accuracy
  zcbench leaderboard everywhere                      # a row per benchmark
  zcbench leaderboard digits-201 --out leaderboards
  zcbench leaderboard digits-201 --common
  zcbench leaderboard curves-chars-rnn --metric crps     # learning curves
  zcbench leaderboard digits-201 --ensembles vote,"mean_rank(gradsign+naswot)"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="benchmarks, or a track (default: all benchmarks that have records)"
    )
    parser.add_argument("--target", metavar="NAME", help="column to rank against (default: the benchmark's)")
    parser.add_argument(
        "--metric",
        metavar="NAME",
        default="log_density",
        help="of forecasts: log_density, crps, mse, coverage_90, tau, …",
    )
    parser.add_argument("--seed", type=int, help="only runs with this seed")
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    parser.add_argument("--common", action="store_true", help="use only architectures that every proxy scored")
    add_ensembles(parser)
    parser.add_argument("--out", metavar="DIR", help="write NAME.csv, .md and .html into this folder")
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.records import CurveTrial, Store
    from zcbench.runs import named_track

    store = Store(options.store)
    given = options.names or sorted({*store.benchmarks(), *store.benchmarks(CurveTrial)})
    if not given:
        raise InvalidInputError(
            f"nothing has been run in {options.store}: start with  zcbench run digits-201 --limit 300"
        )
    tracks = {name: track for name in options.names if (track := named_track(name))}
    if tracks:
        return _of_track(tracks, [name for name in given if name not in tracks], store, options)
    every, status = for_each(given, lambda name: _of_benchmark(name, store, options))
    for name, (found, forecasts) in every.items() if options.out else ():
        if found:
            _write(Path(options.out), name, found, found, store)
        if forecasts:
            _write_forecasts(Path(options.out), f"{name}-curves", forecasts)
    _show([board for found, forecasts in every.values() for board in (*found, *forecasts)], options)
    return status


def _of_benchmark(
    name: str, store: Store, options: argparse.Namespace
) -> tuple[list[Evaluation], list[ForecastComparison]]:
    """What is stored of a benchmark: scores, and forecasts of learning curves."""
    from zcbench.records import CurveTrial
    from zcbench.runs import forecasts, leaderboard

    curves = name in store.benchmarks(CurveTrial)
    if curves and name not in store.benchmarks():
        evaluations = []
    else:
        evaluations = leaderboard(
            name,
            store,
            target=options.target,
            seed=options.seed,
            common=options.common,
            ensembles=split_names(options.ensembles) or (),
            source=options.source,
        )
    found = forecasts(name, store, source=options.source) if curves else []
    return evaluations, [one.showing(options.metric) for one in found]


def _of_track(tracks: dict[str, Track], benchmarks: Sequence[str], store: Store, options: argparse.Namespace) -> int:
    """Show what a track asks for: an evaluation, or a table of several."""
    from zcbench.errors import InvalidInputError
    from zcbench.leaderboards import Matrix
    from zcbench.runs import forecasts, leaderboard, stored_benchmark
    from zcbench.runs._read import check_scores, proxies_of
    from zcbench.runs._track import CURVES

    if len(tracks) > 1:
        raise InvalidInputError(f"{', '.join(tracks)} are {len(tracks)} tracks: give one.")
    if options.seed is not None:
        raise InvalidInputError("--seed goes with benchmarks: a track has a seed of its own.")
    ((name, track),) = tracks.items()
    if track.kind == CURVES:
        found_forecasts = forecasts(name, store, benchmarks=benchmarks or None, source=options.source)
        shown = [one.showing(options.metric) for one in found_forecasts]
        if options.out:
            _write_forecasts(Path(options.out), track.name, shown)
        _show(shown, options)
        return 0
    check_scores(track, name)

    def find(benchmark: str) -> tuple[Evaluation, Estimate]:
        (evaluation,) = leaderboard(
            name,
            store,
            benchmarks=[benchmark],
            target=options.target,
            common=options.common,
            ensembles=split_names(options.ensembles) or (),
            source=options.source,
        )
        return evaluation, stored_benchmark(benchmark, options.source).noise_ceiling(evaluation.target.name)

    wanted = benchmarks or track.benchmarks
    if not wanted:
        raise InvalidInputError(
            f"the track {name} names no benchmark: say which,  zcbench leaderboard {name} BENCHMARK"
        )
    every, status = for_each(wanted, find)
    if not every:
        raise InvalidInputError(f"nothing that the track {name} asks for can be shown.")
    found = [evaluation for evaluation, _ in every.values()]
    boards: list[Board] = [*found]
    if len(found) > 1:
        ceilings = [ceiling for _, ceiling in every.values()]
        boards = [Matrix(found, ceilings=ceilings, proxies=proxies_of(track), title=track.name)]
    if options.out:
        _write(Path(options.out), track.name, boards, found, store)
    _show(boards, options)
    return status


def _show(boards: Sequence[Board], options: argparse.Namespace) -> None:
    if options.json:
        write_result("[" + ",\n".join(board.to_json() for board in boards) + "]")
    else:
        print_boards(boards)


def _write_forecasts(folder: Path, name: str, boards: Sequence[Board]) -> None:
    from zcbench.evaluation._board import csv_lines
    from zcbench.leaderboards import boards_to_html

    contents = {
        "csv": csv_lines([row for board in boards for row in board.rows()]),
        "md": "\n".join(board.to_markdown() for board in boards),
        "html": boards_to_html(name, boards),
    }
    for suffix, content in contents.items():
        write_board(folder, f"{name}.{suffix}", content)


def _write(folder: Path, name: str, boards: Sequence[Board], evaluations: Sequence[Evaluation], store: Store) -> None:
    from zcbench.evaluation._board import csv_lines
    from zcbench.leaderboards import to_html

    environments: dict[str, dict[str, Any]] = {}
    for benchmark in dict.fromkeys(evaluation.benchmark.rpartition("@")[0] for evaluation in evaluations):
        used = set(store.records(benchmark).distinct("environment"))
        known = store.environments(benchmark)
        environments |= {key: text for key, text in known.items() if key in used}
    contents = {
        "csv": csv_lines([row for board in boards for row in board.rows()]),
        "md": "\n".join(board.to_markdown() for board in boards),
        "html": to_html(
            evaluations,
            environments,
            None if boards[0] in evaluations else boards[0],
            written=datetime.now(UTC).date(),
        ),
    }
    for suffix, content in contents.items():
        write_board(folder, f"{name}.{suffix}", content)
