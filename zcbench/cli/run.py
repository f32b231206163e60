"""Score a sample of a benchmark's networks with proxies and show the leaderboard.

Every score is stored the moment it exists. A run that was stopped, however suddenly, goes on where it was when the
same command is given again.
"""

from __future__ import annotations

import argparse
import os
import sys

from zcbench.cli._shared import (
    add_ensembles,
    add_imports,
    add_json,
    add_store,
    import_files,
    print_leaderboard,
    progress_bar,
    split_names,
)

EXAMPLE = """examples:
  zcbench run digits-201 --limit 300
  zcbench run digits-201 --proxies "naswot,grad*" --workers 2 --json
  zcbench run digits-201 --import my_proxies.py --proxies mine,params
  ZCBENCH_DATA=../shared/data zcbench run nasbench201 --limit 300 --target cifar100_test_accuracy_200ep"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("benchmark", metavar="BENCHMARK", help="name of a benchmark; see  zcbench list benchmarks")
    parser.add_argument(
        "--proxies", metavar="NAMES", help="names or patterns, separated by commas; all (default: standard)"
    )
    add_ensembles(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="score N architectures drawn at random (default: all)")
    parser.add_argument("--target", metavar="NAME", help="column to rank against (default: the benchmark's)")
    parser.add_argument("--seed", type=int, default=0, help="sample, batch and initial weights (default: 0)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="B", help="samples in the batch (default: 64)")
    parser.add_argument(
        "--workers",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="processes, one thread each; scores do not depend on it (default: all cores)",
    )
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    parser.add_argument("--retry-failed", action="store_true", help="compute failed scores again")
    add_imports(parser)
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a score failed."""
    from zcbench._store import Store
    from zcbench.datasets import load_benchmark
    from zcbench.evaluation import Track, collect, run, with_members
    from zcbench.leaderboards import to_json
    from zcbench.proxies import resolve
    from zcbench.types import Status

    import_files(options.imports)
    ensembles = split_names(options.ensembles) or []
    infos = with_members(resolve(split_names(options.proxies)), ensembles)
    benchmark = load_benchmark(options.benchmark, options.source)
    track = Track(options.benchmark, options.target, options.limit, options.seed, options.batch_size)
    store = Store(options.store)
    with progress_bar(options.benchmark) as progress:
        run(
            track,
            benchmark,
            infos,
            store,
            workers=options.workers,
            imports=options.imports,
            retry_failed=options.retry_failed,
            progress=progress,
        )
    evaluation = collect(track, benchmark, infos, store, ensembles)
    if options.json:
        print(to_json(evaluation))
    else:
        print_leaderboard(evaluation)
    failed = [(e, f) for e in evaluation.entries for f in e.failures if f.status is Status.FAILED]
    for entry, failure in failed:
        print(
            f"zcbench: {entry.proxy} failed on {failure.count} of {entry.total} architectures: {failure.example} "
            "Mend it and run again with --retry-failed.",
            file=sys.stderr,
        )
    return 1 if failed else 0
