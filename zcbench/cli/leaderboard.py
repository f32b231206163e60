"""Show stored results in the terminal; --out writes them as CSV, Markdown and one self-contained HTML file.

A benchmark has a table for every seed and batch, and one for every set of forecast learning curves. Give your table by
its path, or by the name that its run printed ("own-my"). A track has a table of exactly the results that it requests; a
track of proxies with several benchmarks has a row for each benchmark.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_ensembles,
    add_imports,
    add_json,
    add_store,
    for_each,
    import_files,
    print_boards,
    say_table_notes,
    split_names,
)
from zcbench.cli._written import write_boards, write_evaluations

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
  zcbench leaderboard my.csv --out leaderboards       # your table
  zcbench leaderboard mine --import my_benchmark.py   # registered by a file
  zcbench leaderboard curves-chars-rnn --metric crps     # learning curves
  zcbench leaderboard digits-201 --ensembles vote,"mean_rank(gradsign+naswot)"
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="benchmarks, your tables, or a track (default: all benchmarks and tables that were run)",
    )
    parser.add_argument("--target", metavar="NAME", help="column to rank against (default: the benchmark's)")
    parser.add_argument(
        "--metric",
        metavar="NAME",
        default="log_density",
        help="metric of forecasts: log_density, crps, mse, coverage_90, tau, …",
    )
    parser.add_argument("--seed", type=int, help="only runs with this seed")
    parser.add_argument(
        "--source",
        metavar="PATH",
        help="read the table from this file or folder: the official one, or yours at its new place",
    )
    parser.add_argument("--common", action="store_true", help="use only architectures that every proxy scored")
    add_ensembles(parser)
    parser.add_argument("--out", metavar="DIR", help="write NAME.csv, .md and .html into this folder")
    add_imports(parser)
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.records import Store
    from zcbench.runs import named_track
    from zcbench.runs._own_boards import boards

    import_files(options.imports)
    store = Store(options.store)
    given = options.names or boards(store)
    if not given:
        raise InvalidInputError(_nothing(store))
    tracks = {name: track for name in options.names if (track := named_track(name))}
    if tracks:
        return _of_track(tracks, [name for name in given if name not in tracks], store, options)
    every, status = for_each(given, lambda name: _of_benchmark(name, store, options))
    for name, found in every.items() if options.out else ():
        write_found(Path(options.out), name, *found, store)
    _show([board for found, forecasts in every.values() for board in (*found, *forecasts)], options)
    return status


def _nothing(store: Store) -> str:
    """Return a message that the store has no scores, and which other results it has."""
    from zcbench.records import SearchTrace, Trial

    if store.benchmarks(Trial):
        return f"no scores are in {store.folder}, but trials of predictors are: see  zcbench efficiency"
    if searched := store.benchmarks(SearchTrace):
        names = ", ".join(searched)
        return f"no scores are in {store.folder}, but searches on {names} are: give their  zcbench run  command again"
    return f"nothing has been run in {store.folder}: start with  zcbench run digits-201 --limit 300"


def write_found(
    folder: Path, name: str, evaluations: list[Evaluation], forecasts: list[ForecastComparison], store: Store
) -> None:
    """Write the results of a benchmark to files with its name."""
    from zcbench.runs._own_boards import own_table
    from zcbench.runs._remembered import name_of

    name = name if own_table(name) is None else name_of(name)
    if evaluations:
        write_evaluations(folder, name, evaluations, evaluations, store)
    if forecasts:
        write_boards(folder, f"{name}-curves", forecasts)


def _of_benchmark(
    name: str, store: Store, options: argparse.Namespace
) -> tuple[list[Evaluation], list[ForecastComparison]]:
    """Return the stored results of a benchmark: scores, and forecasts of learning curves."""
    from zcbench.records import CurveTrial
    from zcbench.runs import forecasts, leaderboard
    from zcbench.runs._own_boards import own_table, ranked
    from zcbench.runs._remembered import name_of

    called = name if own_table(name) is None else name_of(name)
    curves = called in store.benchmarks(CurveTrial)
    if curves and called not in ranked(store):
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
    """Show the results of a track: an evaluation, or a table of several."""
    from zcbench.errors import InvalidInputError
    from zcbench.runs import forecasts
    from zcbench.runs._track import CURVES

    if len(tracks) > 1:
        raise InvalidInputError(f"{', '.join(tracks)} are {len(tracks)} tracks: give one.")
    if options.seed is not None:
        raise InvalidInputError("--seed applies to benchmarks: a track has its own seed.")
    ((name, track),) = tracks.items()
    if track.kind == CURVES:
        found_forecasts = forecasts(name, store, benchmarks=benchmarks or None, source=options.source)
        shown = [one.showing(options.metric) for one in found_forecasts]
        if options.out:
            write_boards(Path(options.out), track.name, shown)
        _show(shown, options)
        return 0
    boards, found, status = of_track(
        name,
        track,
        benchmarks or track.benchmarks,
        store,
        target=options.target,
        common=options.common,
        ensembles=split_names(options.ensembles) or (),
        source=options.source,
    )
    if options.out:
        write_evaluations(Path(options.out), track.name, boards, found, store)
    _show(boards, options)
    return status


def of_track(
    name: str | Track, track: Track, benchmarks: Sequence[str], store: Store, **chosen: Any
) -> tuple[list[Board], list[Evaluation], int]:
    """Return the tables of a track of proxies, the evaluations in a store, and the exit status.

    Args:
        name: name or file of the track, as the user gave it, or the track.
        track: the track.
        benchmarks: benchmarks of the track to show.
        store: store of the runs.
        chosen: further arguments of :func:`zcbench.leaderboard`.

    Raises:
        InvalidInputError: the track is not one of proxies, it names no benchmark, or no part of it was run.
    """
    from zcbench.errors import InvalidInputError
    from zcbench.leaderboards import Matrix
    from zcbench.runs import leaderboard, stored_benchmark
    from zcbench.runs._read import check_scores, proxies_of

    called = name if isinstance(name, str) else track.name
    check_scores(track, called)

    def find(benchmark: str) -> tuple[Evaluation, Estimate]:
        (evaluation,) = leaderboard(name, store, benchmarks=[benchmark], **chosen)
        table = stored_benchmark(benchmark, chosen.get("source"), store=store)
        return evaluation, table.noise_ceiling(evaluation.target.name)

    if not benchmarks:
        raise InvalidInputError(
            f"the track {called} names no benchmark: give one,  zcbench leaderboard {called} BENCHMARK"
        )
    every, status = for_each(benchmarks, find)
    if not every:
        raise InvalidInputError(f"none of the results that the track {called} requests can be shown.")
    found = [evaluation for evaluation, _ in every.values()]
    boards: list[Board] = [*found]
    if len(found) > 1:
        ceilings = [ceiling for _, ceiling in every.values()]
        boards = [Matrix(found, ceilings=ceilings, proxies=proxies_of(track), title=track.name)]
    return boards, found, status


def _show(boards: Sequence[Board], options: argparse.Namespace) -> None:
    if options.json:
        write_result("[" + ",\n".join(board.to_json() for board in boards) + "]")
    else:
        say_table_notes(boards)
        print_boards(boards)
