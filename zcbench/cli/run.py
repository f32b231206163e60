"""Score a sample of a benchmark's networks with proxies and show the leaderboard; or fit predictors and show their sample efficiency.

With --predictors or --suite, learned predictors are fitted to a few trained networks of the benchmark (or of another,
with --fit-on) and tested on all others; twins of one equivalence class are never on both sides.

A benchmark is one of  zcbench list benchmarks, or a table of your own: a CSV file with a row per architecture. Of that
the columns of numbers are correlated with the target; with --space or --factory its networks are built and scored.
Columns that are no numbers are left out, and stderr says why. With --space, rows of equal networks become their mean.

Every score is stored the moment it exists. A run that was stopped, however suddenly, goes on where it was when the
same command is given again.
"""

from __future__ import annotations

import argparse
import os
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_ensembles,
    add_imports,
    add_json,
    add_store,
    add_timeout,
    after_notes,
    import_files,
    numbers,
    print_board,
    progress_bar,
    say,
    say_notes,
    sentence,
    split_labels,
    split_names,
)

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark
    from zcbench.evaluation import Evaluation

EXAMPLE = """examples:
  zcbench run digits-201 --limit 300
  zcbench run digits-201 --proxies "naswot,grad*" --workers 2 --json
  zcbench run digits-201 --import my_proxies.py --proxies mine,params
  zcbench run nasbench201 --predictors gp,xgboost --train-sizes 10,50,200
  zcbench run nasbench201 --predictors "gp:encoding=stats+proxies(params+zen)" --limit 500
  zcbench run nasbench201 --fit-on nasbench101 --predictors gp:encoding=stats --train-sizes 500 --tuned 0,50
  zcbench run my.csv --target acc                       # correlates all columns of numbers with acc
  zcbench run my.csv --target acc --factory nets.py:build --data digits
  ZCBENCH_DATA=../shared/data zcbench run nasbench201 --limit 300 --target cifar100_test_accuracy_200ep"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", nargs="?", metavar="BENCHMARK", help="name of a benchmark, or your own CSV file")
    parser.add_argument("--benchmark", metavar="BENCHMARK", help="the same")
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
    learned = parser.add_argument_group("for learned predictors")
    learned.add_argument("--predictors", metavar="NAMES", help="names or patterns, separated by commas; all")
    learned.add_argument("--suite", metavar="NAME", help="a named sweep: zcbench list suites")
    learned.add_argument(
        "--train-sizes", metavar="N,N", help="trained networks to learn from (default: 10,20,50,100,200,500,1000)"
    )
    learned.add_argument("--seeds", type=int, metavar="N", help="number of random splits (default: 10)")
    learned.add_argument(
        "--fit-on", metavar="BENCHMARK[/TARGET]", help="learn from this benchmark or target, test on the other"
    )
    learned.add_argument(
        "--tuned",
        metavar="N,N",
        help="with --fit-on: networks of the tested benchmark seen last (default: 0)",
    )
    own = parser.add_argument_group("for a table of your own")
    own.add_argument("--arch", metavar="COLUMN", help="column that names the architectures (default: arch, model, …)")
    own.add_argument("--lower", metavar="COLUMNS", help="columns in which lower is better, separated by commas")
    own.add_argument("--space", metavar="NAME", help="build the networks: the names are strings of this search space")
    own.add_argument(
        "--factory", metavar="FILE.py:FUNCTION", help="build the networks: the function makes one of a name"
    )
    own.add_argument("--data", metavar="NAME", default="cifar10", help="what the networks see (default: cifar10)")
    own.add_argument("--classes", type=int, metavar="N", default=10, help="outputs of the networks (default: 10)")
    parser.add_argument("--retry-failed", action="store_true", help="compute failed and timed-out scores again")
    add_timeout(
        parser,
        "time to build a network, and for each score or trial: what takes longer is stopped and counts as timed-out "
        "(with --workers 0 in one worker process; default: none)",
    )
    add_imports(parser)
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a score failed or timed out."""
    from zcbench.datasets import load_benchmark
    from zcbench.errors import InvalidInputError

    import_files(options.imports)
    names = [name for name in (options.name, options.benchmark) if name]
    if len(names) != 1:
        raise InvalidInputError("say which benchmark: zcbench run BENCHMARK, or  zcbench run my.csv --target COLUMN")
    if options.predictors or options.suite:
        return _swept(options, names[0])
    if given := [f for f in ("train_sizes", "seeds", "fit_on", "tuned") if getattr(options, f) is not None]:
        raise InvalidInputError(f"--{given[0].replace('_', '-')} goes with --predictors or --suite.")
    own = _is_own(names[0])
    evaluation = _own(options, names[0]) if own else _scored(options, load_benchmark(names[0], options.source))
    if options.json:
        write_result(evaluation.to_json())
    else:
        print_board(evaluation)
    failed = [(e, f) for e in evaluation.entries for f in e.failures if f.status.worth_a_retry]
    for entry, failure in failed:
        what, advice = ("failed", "Mend it") if failure.status == "failed" else ("timed out", "Give it more time")
        say(
            f"zcbench: {entry.proxy} {what} on {failure.count} of {entry.total} architectures: "
            f"{sentence(failure.example)} {advice} and run again with --retry-failed."
        )
    return 1 if failed else 0


def _is_own(name: str) -> bool:
    from zcbench.datasets import list_benchmarks

    table = Path(name).suffix.lower() in (".csv", ".tsv", ".txt", ".parquet") or os.sep in name
    return table or (name not in list_benchmarks() and Path(name).exists())


def _own(options: argparse.Namespace, path: str) -> Evaluation:
    """The evaluation of one's own table: its columns, or its networks."""
    from zcbench.errors import InvalidInputError
    from zcbench.runs import correlate_columns

    table = _own_table(options, path)
    if options.space or options.factory:
        say_notes(table)
        return _scored(options, table)
    patterns = _columns(options.proxies) or ["*"]
    names = [c for c in table.facts if any(c == p or fnmatch(c, p) for p in patterns)]
    if not names:
        which = " that --proxies names" if options.proxies else ""
        why = " ".join(note for note in table.notes if "left out" in note)
        raise InvalidInputError(f"{path} has no columns of numbers besides the target{which}. {why}".strip())
    say_notes(table)
    return correlate_columns(table, names, lower=_columns(options.lower))


def _columns(text: str | None) -> list[str]:
    """Names of columns, separated by commas; they may have spaces."""
    return [" ".join(name.split()) for name in (text or "").split(",") if name.strip()]


def _own_table(options: argparse.Namespace, path: str) -> Benchmark:
    """One's own table."""
    from zcbench.datasets import own_benchmark
    from zcbench.errors import InvalidInputError
    from zcbench.runs import space_named

    if options.target is None:
        raise InvalidInputError(f"say which column of {path} to rank against: --target COLUMN")
    if options.space and options.factory:
        raise InvalidInputError("--space and --factory both say how to build networks: choose one.")
    if options.factory and ".py:" not in options.factory:
        raise InvalidInputError(f"--factory takes FILE.py:FUNCTION, not {options.factory!r}.")
    builds = options.space or options.factory
    sampled = not builds and not (options.predictors or options.suite)
    return own_benchmark(
        path,
        options.target,
        arch=options.arch,
        space=space_named(builds) if builds else None,
        lower=_columns(options.lower),
        batch=options.data,
        classes=options.classes,
        limit=options.limit if sampled else None,
        seed=options.seed,
    )


def _swept(options: argparse.Namespace, name: str) -> int:
    """Fit predictors, store every trial, show the curves; 1 if a trial failed or timed out."""
    from zcbench.datasets import load_benchmark
    from zcbench.errors import InvalidInputError
    from zcbench.evaluation import at_zero, sample_efficiency
    from zcbench.predictors import resolve_predictors
    from zcbench.records import Record, Store, Trial
    from zcbench.runs import SEEDS, Sweep, get_suite, run_sweep

    suite = get_suite(options.suite) if options.suite else None
    table = _own_table(options, name) if _is_own(name) else load_benchmark(name, options.source)
    labels = resolve_predictors([*(suite.predictors if suite else ()), *(split_labels(options.predictors) or [])])
    if _is_own(name) and not (options.space or options.factory):
        labels = [_of_columns(label) for label in labels]
    sizes = numbers("--train-sizes", options.train_sizes) or (suite.sizes if suite else None)
    seeds = options.seeds if options.seeds is not None else (suite.seeds if suite else SEEDS)
    tuned = numbers("--tuned", options.tuned) or (suite.tuned if suite else ()) or (0,)
    if options.fit_on is None and (options.tuned is not None or (suite is not None and suite.tuned)):
        what = "--tuned" if options.tuned is not None else f"the suite {options.suite}"
        raise InvalidInputError(f"{what} learns from another benchmark first: say which, --fit-on nasbench101.")
    sweep = Sweep(table.name, options.target, sizes, seeds, options.limit, tuned, options.batch_size)
    transfer_from = None
    if options.fit_on:
        other, _, column = options.fit_on.partition("/")
        transfer_from = (table if other == table.name else load_benchmark(other), column or None)
        if transfer_from[0].name == table.name and transfer_from[0].target(column or None) == table.target(
            options.target
        ):
            raise InvalidInputError("--fit-on names what is tested: leave it out, or name another benchmark or target.")
    store = Store(options.store)
    say_notes(table)
    with (
        progress_bar(f"{table.name}, proxies", idle=False) as progress,
        progress_bar(table.name, "trials") as after_trial,
    ):
        trials = run_sweep(
            sweep,
            table,
            labels,
            store,
            transfer_from=transfer_from,
            workers=options.workers,
            imports=options.imports,
            retry_failed=options.retry_failed,
            timeout=options.timeout,
            progress=after_notes(store, table.name, progress, Record),
            after_trial=after_notes(store, table.name, after_trial, Trial),
        )
    found = sample_efficiency(trials, table, at_zero(store, table, options.target), store.trials(table.name).notes)
    if options.json:
        write_result(found.to_json())
    else:
        print_board(found)
    return 1 if any(trial.status.worth_a_retry for trial in trials) else 0


def _of_columns(label: str) -> str:
    """A predictor of vectors that names no encoding sees the columns of a table without networks."""
    from zcbench._registry import split_outside
    from zcbench.encodings import CurveEncoding, get_encoding
    from zcbench.predictors import member_labels, predictor_info

    name, *settings = split_outside(label, ":")
    info = predictor_info(name)
    given = dict(setting.split("=", 1) for setting in settings)
    if "members" in info.parameters:
        members = member_labels(given.get("members", info.parameters["members"]))
        given["members"] = f"({'+'.join(map(_of_columns, members))})"
    elif info.kind == "vector" and "encoding" not in given:
        for setting in ("encoding", "statistics"):
            if setting in info.parameters:
                usual = get_encoding(info.parameters[setting])
                if not any(isinstance(part, CurveEncoding) for part in usual.parts):  # no column is an epoch
                    given.setdefault(setting, "columns")
    return ":".join([name, *(f"{setting}={value}" for setting, value in sorted(given.items()))])


def _scored(options: argparse.Namespace, benchmark: Benchmark) -> Evaluation:
    """Score networks and evaluate."""
    from zcbench.proxies import resolve
    from zcbench.records import Record, Store
    from zcbench.runs import Track, collect, run, with_members

    ensembles = split_names(options.ensembles) or []
    infos = with_members(resolve(split_names(options.proxies), benchmark.space.domains), ensembles)
    track = Track(benchmark.name, options.target, options.limit, options.seed, options.batch_size)
    store = Store(options.store)
    with progress_bar(benchmark.name) as progress:
        run(
            track,
            benchmark,
            infos,
            store,
            workers=options.workers,
            imports=options.imports,
            retry_failed=options.retry_failed,
            timeout=options.timeout,
            progress=after_notes(store, benchmark.name, progress, Record),
        )
    return collect(track, benchmark, infos, store, ensembles)
