"""Show the stored results of predictors by the number of trained networks and by seconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_imports,
    add_json,
    add_renamed,
    add_store,
    for_each,
    import_files,
    print_boards,
    say_table_notes,
    split_names,
)
from zcbench.cli._written import write_efficiency

if TYPE_CHECKING:
    from zcbench.evaluation import SampleEfficiency

EXAMPLE = """examples:
  zcbench efficiency digits-201  # after  zcbench run digits-201 --track quick
  zcbench efficiency nasbench201 --target cifar100_test_accuracy_200ep
  zcbench efficiency nasbench201 --show gp,xgboost --out leaderboards
  zcbench efficiency my.csv --out leaderboards         # your table"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "benchmarks", nargs="*", metavar="BENCHMARK", help="benchmarks or your tables (default: all with trials)"
    )
    parser.add_argument("--target", metavar="NAME", help="column that was predicted (default: the benchmark's)")
    parser.add_argument(
        "--source",
        metavar="PATH",
        help="read the table from this file or folder: the official one, or yours at its new place",
    )
    parser.add_argument("--show", metavar="NAMES", help="only these predictors, separated by commas")
    parser.add_argument(
        "--metric", metavar="NAME", default="tau", help="metric of the table: tau, rho, precision@10, regret@1, nll, …"
    )
    parser.add_argument(
        "--track", metavar="NAMES", help="only predictors and sizes of these tracks: zcbench list tracks"
    )
    add_renamed(parser, "--suite", "--track")
    parser.add_argument(
        "--limit", type=int, metavar="N", help="only runs with this --limit (default: the largest pool)"
    )
    parser.add_argument("--transfer", action="store_true", help="only trials that were fitted on another benchmark")
    parser.add_argument("--out", metavar="DIR", help="write BENCHMARK-predictors.csv, .md and .svg into this folder")
    add_imports(parser)
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.records import Store, Trial

    import_files(options.imports)
    store = Store(options.store)
    names = options.benchmarks or store.benchmarks(Trial)
    if not names:
        raise InvalidInputError(
            f"no predictor has been run in {options.store}: start with  zcbench run digits-201 --track quick"
        )
    every, status = for_each(names, lambda name: _efficiency(name, store, options))
    if options.json:
        texts = [found.to_json() for found in every.values()]
        write_result(texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]")
    else:
        say_table_notes(list(every.values()))
        print_boards(list(every.values()))
    for found in every.values() if options.out else ():
        name = found.benchmark.rpartition("@")[0]
        write_efficiency(Path(options.out), name, found, transfer=options.transfer)
    return status


def _efficiency(name: str, store: object, options: argparse.Namespace) -> SampleEfficiency:
    from zcbench.records import Store
    from zcbench.runs import efficiency

    assert isinstance(store, Store)
    return efficiency(
        name,
        store,
        tracks=split_names(options.track),
        target=options.target,
        predictors=split_names(options.show),
        pool=options.limit,
        transfer=options.transfer,
        source=options.source,
    ).showing(options.metric)
