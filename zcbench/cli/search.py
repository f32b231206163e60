"""Search for the best architecture in the table of a benchmark, or with your function; report the result.

A validation column guides the search, and test columns of the chosen architecture are reported. --ledger writes every
evaluation to a file: the same command continues a stopped search, and --show reports it at any time.
"""

from __future__ import annotations

import argparse
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._shared import (
    add_device,
    add_imports,
    add_json,
    add_timeout,
    import_files,
    print_board,
    progress_bar,
    say,
    say_notes,
    write_board,
)
from zcbench.cli._written import write_figure

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark
    from zcbench.evaluation import SearchReport
    from zcbench.search import Budget, Clock, SearchResult

EXAMPLE = """examples:
  zcbench search digits-201
  zcbench search digits-201 --searcher random --budget 500s --out found
  zcbench search digits-201 --scorer synflow --constraint "params<=50000"
  zcbench search digits-201 --budget 1000 --ledger mine.jsonl
  zcbench search --show mine.jsonl
  zcbench search digits-201 --evaluate my_training.py:train --ledger my.jsonl
  zcbench search digits-201 --evaluate my_training.py:train --executor submitit"""


#: options that say how --evaluate is called
_OF_CALLS = ("workers", "timeout", "executor")
#: a name to minimise, "-flops", which is not an option
_TURNED = re.compile("-(?!-).+")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser._negative_number_matcher = _TURNED  # so that "-flops" is the argument of --objective
    parser.add_argument("place", nargs="?", metavar="BENCHMARK", help="a benchmark; with --evaluate a search space")
    parser.add_argument(
        "--searcher",
        metavar="NAME",
        default="evolution",
        help="a searcher, with settings after colons (default: evolution; zcbench list searchers)",
    )
    parser.add_argument("--scorer", metavar="NAME", help="score without training: a proxy, a column, …")
    parser.add_argument(
        "--role",
        metavar="ROLE",
        action="append",
        help="role of the scorer: warm-start (default), filter, feature, objective; may be repeated",
    )
    parser.add_argument(
        "--budget", metavar="N", default="100", help="evaluations, 100; seconds, 12000s; or both, 100,12000s"
    )
    parser.add_argument(
        "--constraint",
        metavar="BOUND",
        action="append",
        default=[],
        help='bound on every architecture, "params<=1e6"; may be repeated',
    )
    parser.add_argument(
        "--objective",
        metavar="NAME",
        action="append",
        help="guiding column, -NAME to minimise it; may be repeated (default: the validation column)",
    )
    parser.add_argument(
        "--report",
        metavar="NAME",
        action="append",
        help="column to report, which no searcher may use; may be repeated (default: the test columns)",
    )
    parser.add_argument(
        "--reference",
        metavar="NAME=X",
        action="append",
        help="reference point of the hypervolume, a value per objective; may be repeated",
    )
    parser.add_argument("--cost", metavar="NAME", help="column of training seconds (default: that of the table)")
    parser.add_argument("--store", metavar="DIR", help="folder in which scores of proxies are looked up and kept")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: 0)")
    parser.add_argument("--ledger", metavar="FILE", help="file of all evaluations; an existing search continues")
    parser.add_argument("--show", metavar="LEDGER", help="report the search of a ledger, also while it is written")
    parser.add_argument(
        "--batch", type=int, default=1, metavar="N", help="architectures requested at once (default: 1)"
    )
    parser.add_argument(
        "--evaluate", metavar="FILE:NAME", help="function that returns a number, or numbers by name, of an architecture"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes that call --evaluate (default: this one)")
    add_timeout(parser, "time limit of one call of --evaluate (default: none)")
    parser.add_argument(
        "--executor",
        metavar="WHERE",
        help="where --evaluate is called: local (default), submitit:partition=NAME:hours=4:jobs=50 (SLURM, a job for "
        "each call), or dask://HOST:PORT; at most --batch and --workers calls run at the same time",
    )
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    parser.add_argument("--out", metavar="DIR", help="write a report into this folder: .md .json .csv .html .png")
    add_device(parser)
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; return 1 if no evaluation gave a value."""
    import_files(options.imports)
    try:
        result = _shown(options) if options.show is not None else _searched(options)
    except KeyboardInterrupt:
        if options.show is None and options.ledger is None:
            say("zcbench: interrupted; nothing is kept without --ledger.")
            return 130
        raise
    report: SearchReport = result.report
    if options.json:
        from zcbench.cli._output import write_result

        write_result(report.to_json())
    else:
        print_board(report)
    if options.out:
        _write(Path(options.out), report)
    if report.found is None and len(report):
        from zcbench.search._failures import FIRST_REASON

        reasons = [note.removeprefix(FIRST_REASON) for note in report.notes if note.startswith(FIRST_REASON)]
        say(f"zcbench: no evaluation gave a {report.guide}{': ' + reasons[0] if reasons else '.'}")
        return 1
    return 0


def _searched(options: argparse.Namespace) -> SearchResult:
    """Run the search that the options describe."""
    from zcbench.errors import InvalidInputError
    from zcbench.search import Budget, guide_and_report, search

    if options.place is None:
        raise InvalidInputError("say what to search:  zcbench search BENCHMARK  or  zcbench search --show LEDGER")
    budget = Budget.of(options.budget)
    further: dict[str, Any] = {
        "objectives": options.objective,
        "report": options.report or (),
        "reference": _numbers(options.reference),
        "cost": options.cost,
        "store": options.store,
    }
    evaluate: Callable[..., Any] | None = None
    place: Any
    if options.evaluate is not None:
        from zcbench.spaces import get_space

        if options.report:
            raise InvalidInputError("--report names columns of a table: omit it with --evaluate.")
        evaluate, place = _function(options.evaluate), get_space(options.place)
        further |= {name: value for name in _OF_CALLS if (value := getattr(options, name)) is not None}
    else:
        for name in _OF_CALLS:
            if getattr(options, name) is not None:
                raise InvalidInputError(f"--{name} applies to --evaluate: a table needs no evaluations.")
        place = _benchmark(options.place, options.source)
        say_notes(place)
        guide, reported = guide_and_report(place)
        further["objectives"] = options.objective or [guide]
        if options.report is None and guide in further["objectives"]:
            further["report"] = [name for name in reported if name not in further["objectives"]]
    with _progress(options.searcher, budget) as progress, _warnings_said():
        return search(
            place,
            evaluate,
            scorer=options.scorer,
            role=options.role or "warm-start",
            searcher=options.searcher,
            budget=budget,
            constraints=options.constraint or None,
            seed=options.seed,
            ledger=options.ledger,
            batch=options.batch,
            progress=progress,
            **further,
        )


def _benchmark(name: str, source: str | None) -> Benchmark:
    from zcbench.datasets import get_benchmark

    return get_benchmark(name) if source is None else get_benchmark(name, source=source)


def _numbers(words: list[str] | None) -> dict[str, float] | None:
    """Return numbers by name, from "name=number"."""
    from zcbench.errors import InvalidInputError

    found = {}
    for word in words or ():
        name, _, number = word.rpartition("=")
        try:
            found[name or word] = float(number)
        except ValueError:
            raise InvalidInputError(f"--reference {word!r}: write a name and a number, flops=110.") from None
    return found or None


def _function(text: str) -> Callable[..., Any]:
    """Import the function that "file.py:name" names."""
    from zcbench._imports import import_file
    from zcbench.errors import InvalidInputError

    place, _, name = text.rpartition(":")
    if not place.endswith(".py"):
        raise InvalidInputError(f"--evaluate {text!r} names no function: write file.py:function.")
    found = getattr(import_file(place), name, None)
    if not callable(found):
        raise InvalidInputError(f"{place} has no function {name!r}: write the name of a function in this file.")
    function: Callable[..., Any] = found
    return function


@contextmanager
def _progress(title: str, budget: Budget) -> Iterator[Callable[[Clock, int], None]]:
    """Return a bar of the spent part of the budget: evaluations, seconds or proposals."""
    kind = next(name for name in ("evaluations", "seconds", "asks") if getattr(budget, name) is not None)
    whole = int(getattr(budget, kind))
    with progress_bar(title, "proposals" if kind == "asks" else kind, idle=False) as bar:

        def report(clock: Clock, asks: int) -> None:
            done = {"evaluations": int(clock.evaluations), "seconds": int(clock.total), "asks": asks}[kind]
            bar(min(done, whole), whole, None)

        yield report


@contextmanager
def _warnings_said() -> Iterator[None]:
    """Print the warnings of an engine as sentences."""
    from zcbench.executors import EngineWarning

    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Any, category: type[Warning], *where: Any, **further: Any) -> None:
            if issubclass(category, EngineWarning):
                say(f"zcbench: {message}")
            else:
                usual(message, category, *where, **further)

        warnings.simplefilter("always", EngineWarning)
        warnings.showwarning = show
        yield


def _shown(options: argparse.Namespace) -> SearchResult:
    """Return the report of a ledger."""
    from zcbench.errors import InvalidInputError, ZcbenchError
    from zcbench.search import read_ledger, read_search

    if options.ledger is not None:
        raise InvalidInputError("--show only reports: omit --ledger, or omit --show to continue the search.")
    head, _ = read_ledger(options.show)
    name, _, version = str(head.get("evaluate", "")).rpartition("@")
    table = None
    if name and version.isdigit():
        try:
            table = _benchmark(options.place or name, options.source)
        except ZcbenchError as error:
            say(f"zcbench: the result is not compared with the best of {name}, which cannot be read: {error}")
    if table is not None and table.identifier != head["evaluate"]:
        raise InvalidInputError(
            f"{options.show} is a search of {head['evaluate']}, but the table is {table.identifier}: give its table."
        )
    return read_search(options.show, table)


def _write(folder: Path, report: SearchReport) -> None:
    """Write the report in every form."""
    from zcbench.leaderboards import draw_search, search_to_html

    words = [report.evaluate.partition("@")[0], report.searcher.partition("@")[0], f"seed{report.seed}"]
    stem = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "-", word).strip("-.")[:60] or "search" for word in words)
    contents = {
        "md": report.to_markdown(),
        "json": report.to_json(),
        "csv": report.to_csv(),
        "html": search_to_html(report),
    }
    for suffix, content in contents.items():
        write_board(folder, f"{stem}.{suffix}", content)
    write_figure(folder, f"{stem}.png", partial(draw_search, report))
