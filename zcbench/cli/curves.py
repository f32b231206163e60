"""Show predictors against the number of trained networks and against seconds, from what has been run."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_json,
    add_store,
    at_zero,
    for_each,
    print_curves,
    show,
    split_labels,
    split_names,
    stored_benchmark,
    write_board,
)

if TYPE_CHECKING:
    from zcbench.evaluation import Curves

EXAMPLE = """examples:
  zcbench curves digits-201                             # after  zcbench run digits-201 --track quick
  zcbench curves nasbench201 --target cifar100_test_accuracy_200ep --out leaderboards
  zcbench curves nasbench201 --show gp,xgboost --out leaderboards"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help="default: all that have trials")
    parser.add_argument("--target", metavar="NAME", help="column that was predicted (default: the benchmark's)")
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    parser.add_argument("--show", metavar="NAMES", help="only these predictors, separated by commas")
    parser.add_argument(
        "--metric", metavar="NAME", default="tau", help="what the table shows: tau, rho, precision@10, regret@1, nll, …"
    )
    parser.add_argument(
        "--suite", metavar="NAMES", help="only predictors and sizes of these suites: zcbench list tracks"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only runs with this --limit (default: the largest pool)"
    )
    parser.add_argument("--transfer", action="store_true", help="only trials that were fitted on another benchmark")
    parser.add_argument("--out", metavar="DIR", help="write BENCHMARK-predictors.csv, .md and .svg into this folder")
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.leaderboards import curves_to_json
    from zcbench.records import Store

    store = Store(options.store)
    names = options.benchmarks or store.trials.benchmarks()
    if not names:
        raise InvalidInputError(
            f"no predictor has been run in {options.store}: start with  zcbench run digits-201 --track quick"
        )
    every, status = for_each(names, lambda name: _curves(name, store, options))
    for number, (name, found) in enumerate(every.items()):
        if options.json:
            write_result(curves_to_json(found))
        else:
            if number:
                show()
            print_curves(found, options.metric)
        if options.out:
            stem = name + ("-transfer" if options.transfer else "-predictors")
            _write(Path(options.out), stem, found, options.metric)
    return status


def _curves(name: str, store: object, options: argparse.Namespace) -> Curves:
    """The curves of the largest pool that was split."""
    from zcbench.evaluation import curves, of_possible_pools, of_this_table
    from zcbench.records import Store
    from zcbench.runs import get_track

    assert isinstance(store, Store)
    benchmark = stored_benchmark(name, options.source)
    target = benchmark.target(options.target).name
    shown = split_labels(options.show)
    suites = [get_track(suite) for suite in split_names(options.suite) or []]
    stored = store.trials
    trials, others = of_this_table(stored.trials(name), benchmark)
    trials, impossible = of_possible_pools(trials, benchmark)
    trials = [
        t
        for t in trials
        if t.target == target
        and bool(t.transfer_from) == options.transfer
        and (shown is None or t.label in shown)
        and (not suites or any(t.label in s.predictors and t.train_size in (s.train_sizes or ()) for s in suites))
    ]
    largest = max((t.pool for t in trials), default=0) if options.limit is None else options.limit
    return curves(
        [t for t in trials if t.pool == largest],
        benchmark,
        at_zero(benchmark, target, store),
        [*stored.notes(name), *others, *impossible],
    )


def _write(folder: Path, stem: str, found: Curves, metric: str) -> None:
    from zcbench.leaderboards import curves_to_csv, curves_to_markdown, draw_curves

    for suffix, content in (("csv", curves_to_csv(found)), ("md", curves_to_markdown(found, metric))):
        write_board(folder, f"{stem}.{suffix}", content)
    if any(not point.transfer_from for point in found.points):
        write_board(folder, f"{stem}.svg", partial(draw_curves, found))
