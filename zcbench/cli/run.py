"""Score networks, fit predictors, compare searchers or forecast curves, by options or a track; show the table.

A benchmark is one of  zcbench list benchmarks, or your table: a CSV file with a row per architecture. Its
columns of numbers are correlated with the target; --space or --factory builds and scores its networks. Columns that
are not numbers are excluded, and stderr gives the reason. With --space, rows of equal networks become their mean.

A track is a named plan: one of  zcbench list tracks, or your TOML file. Options replace fields of the track.
Predictors are fitted to a few trained networks of the benchmark, or of another one first (--transfer-from), and tested
on all others. Equal networks are never in both parts. Searchers search the table, guided by one column and judged by
another, each with the same budget and from the same seeds (zcbench search does one search). Curve predictors receive
the beginnings of learning curves and are judged by the rest.

Every score is stored as soon as it exists. A run that was stopped continues when the same command is given again.
"""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli import _machines
from zcbench.cli._machines import add_machines, done_alone, of_machines
from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_device,
    add_ensembles,
    add_imports,
    add_json,
    add_renamed,
    add_store,
    add_timeout,
    decimals,
    import_files,
    numbers,
    print_board,
    progress_bar,
    say,
    say_notes,
    sentence,
    show,
    split_columns,
    split_names,
)
from zcbench.cli._status import FAILED, status_of_several

if TYPE_CHECKING:
    from collections.abc import Callable

    from zcbench.evaluation import Evaluation
    from zcbench.runs import Run, Step, Track
    from zcbench.runs._run import Result

EXAMPLE = """examples:
  zcbench run digits-201 --limit 300
  zcbench run digits-201 --proxies "naswot,grad*" --workers 2 --json
  zcbench run digits-201 --import my_proxies.py --proxies mine,params
  zcbench run nasbench201 --limit 300 --target cifar100_test_accuracy_200ep

tracks:
  zcbench run standard
  zcbench run everywhere --benchmark nasbench201    # one of its benchmarks
  zcbench run digits-201 --track quick
  zcbench run my_track.toml

predictors:
  zcbench run nasbench201 --predictors gp,xgboost --train-sizes 10,50,200
  zcbench run nasbench201 --predictors "gp:encoding=stats+proxies(zen)"
  zcbench run nasbench201 --track transfer --transfer-from nasbench101

searchers:
  zcbench run digits-201 --searchers random,evolution,guided --seeds 20
  zcbench run digits-201 --searchers evolution --scorers none,filter=logsynflow
  zcbench run nasbench201 --track search-nasbench201

learning curves:
  zcbench run digits-201 --curve-predictors last_value,lcpfn --contexts .2,.5
  zcbench run chars-rnn --curve-predictors all --curve valid_nll --seeds 5

your table:
  zcbench run my.csv --target acc                   # correlates the columns
  zcbench run my.csv --target acc --out report      # and writes a page
  zcbench run my.csv --target acc --seed-column seed      # repeated trainings
  zcbench run my.csv --target acc --factory nets.py:build --data digits
  zcbench run my.csv --target acc --curve "loss_*" --predictors sotl,lcsvr"""
EXAMPLE += _machines.EXAMPLE

#: options that are fields of a track or of a user-defined table, with the same values
_FIELDS = (
    "target",
    "limit",
    "seed",
    "batch_size",
    "seeds",
    "transfer_from",
    "guide",
    "budget",
    "cost",
    "complete",
    "arch",
    "space",
    "factory",
    "data",
    "classes",
    "seed_column",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "name", nargs="?", metavar="WHAT", help="a benchmark, your CSV file, a track, or your TOML file"
    )
    parser.add_argument("--track", metavar="NAME", help="run this track on the benchmark: zcbench list tracks")
    add_renamed(parser, "--suite", "--track")
    parser.add_argument("--benchmark", metavar="NAMES", help="benchmarks of the track, separated by commas")
    parser.add_argument(
        "--proxies", metavar="NAMES", help="names or patterns, separated by commas, or all (default: standard)"
    )
    add_ensembles(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="draw N architectures at random (default: all)")
    parser.add_argument("--target", metavar="NAME", help="column to rank against (default: the benchmark's)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of sample, batch and initial weights (default: 0)")
    parser.add_argument("--batch-size", type=int, metavar="B", help="samples in the batch (default: 64)")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes, one thread each; scores do not depend on it (default: one for each core or GPU, with "
        "--executor one)",
    )
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    learned = parser.add_argument_group("for learned predictors")
    learned.add_argument("--predictors", metavar="NAMES", help="names or patterns, separated by commas, or all")
    learned.add_argument(
        "--train-sizes",
        metavar="N,N",
        help="numbers of trained networks to fit to (default: 10,20,50,100,200,500,1000)",
    )
    learned.add_argument(
        "--seeds",
        type=int,
        metavar="N",
        help="number of splits, of searches, or of parts of the curves (default: 10)",
    )
    learned.add_argument(
        "--transfer-from", metavar="BENCHMARK[/TARGET]", help="fit to this benchmark or target, test on the other"
    )
    add_renamed(parser, "--fit-on", "--transfer-from")
    learned.add_argument(
        "--tuned",
        metavar="N,N",
        help="with --transfer-from: numbers of networks of the tested benchmark to fit to last (default: 0)",
    )
    searched = parser.add_argument_group("for searchers")
    searched.add_argument("--searchers", metavar="NAMES", help="names or patterns, separated by commas, or all")
    searched.add_argument(
        "--scorers",
        metavar="ROLE=NAME",
        help="scorers of each searcher, separated by commas; ';' joins several (default: none)",
    )
    searched.add_argument("--budget", metavar="N", help="evaluations of each search, or seconds: 12000s (default: 100)")
    searched.add_argument(
        "--guide", metavar="COLUMNS", help="columns that searchers use (default: the validation column)"
    )
    searched.add_argument("--cost", metavar="COLUMN", help="training seconds of a network (default: the benchmark's)")
    searched.add_argument(
        "--constraint", dest="constraints", action="append", metavar="BOUND", help='such as "params_M<=1"; repeatable'
    )
    curved = parser.add_argument_group("for learning curves")
    curved.add_argument("--curve-predictors", metavar="NAMES", help="names or patterns, separated by commas, or all")
    curved.add_argument(
        "--curve",
        dest="curves",
        action="append",
        metavar="NAME",
        help="metric to forecast (default: a validation metric). For your table: columns that are the "
        'epochs of a curve, * for the number, "valid_loss_*"; repeatable',
    )
    curved.add_argument(
        "--bounds", metavar="LOW,HIGH", help="smallest and largest value of the metric: 0,100 for percent"
    )
    curved.add_argument(
        "--contexts", metavar="SHARE,SHARE", help="shares of each curve that predictors receive (default: .1,.2,.5,.8)"
    )
    curved.add_argument(
        "--complete", type=int, metavar="N", help="complete curves of other networks to learn from (default: 20)"
    )
    own = parser.add_argument_group("for your table")
    own.add_argument("--arch", metavar="COLUMN", help="column that names the architectures (default: arch, model, …)")
    own.add_argument("--lower", metavar="COLUMNS", help="columns in which lower is better, separated by commas")
    own.add_argument(
        "--space", metavar="NAME", help="build the networks from this search space; the names are its strings"
    )
    own.add_argument(
        "--factory", metavar="FILE.py:FUNCTION", help="build the networks by this function, which takes a name"
    )
    own.add_argument("--data", metavar="NAME", help="batch that the networks are scored on (default: cifar10)")
    own.add_argument(
        "--seed-column",
        metavar="COLUMN",
        help="column that distinguishes repeated trainings of one architecture (default: names must not repeat)",
    )
    own.add_argument(
        "--features",
        metavar="COLUMNS",
        help="names or patterns of columns to correlate and to learn from, separated by commas (default: all; "
        "predictors exclude those that are probably results of the same training)",
    )
    own.add_argument("--exclude", metavar="COLUMNS", help="names or patterns of columns not to use")
    own.add_argument("--classes", type=int, metavar="N", help="number of outputs of the networks (default: 10)")
    parser.add_argument(
        "--retry",
        metavar="STATUSES",
        help="compute scores of these statuses again, separated by commas: failed, timed-out, non-finite, unsupported, "
        "disagreeing",
    )
    parser.add_argument("--retry-failed", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="also write the files of zcbench leaderboard --out or efficiency --out into this folder",
    )
    add_machines(parser)
    add_timeout(
        parser,
        "limit for building a network, and for each score or trial: longer ones are stopped and get the status "
        "timed-out (--workers 0 then starts one worker process; default: none)",
    )
    add_device(parser)
    add_imports(parser)
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; return 1 if a score or a trial failed or timed out, or one of several benchmarks failed."""
    import_files(options.imports)
    run = _run(options)
    if (alone := done_alone(run, options)) is not None:
        return alone
    _say_track(run.track, options)
    from zcbench import devices
    from zcbench.cli._outcomes import write_outcomes
    from zcbench.executors import get_executor
    from zcbench.runs import EmptyShardError, Outcome

    executor = get_executor(options.executor)
    usual = devices.usual_workers(devices.chosen()) if executor is None else 1
    workers = usual if options.workers is None else options.workers
    errors, done, failed, shown = [], 0, False, list[Outcome]()
    with _Reports() as reports:
        outcomes = run.each(workers=workers, executor=executor, begin=say_notes, progress=reports)
        for number, outcome in enumerate(outcomes):
            reports.close()
            failed = failed or outcome.failed
            done += outcome.error is None
            if outcome.error is not None and not isinstance(outcome.error, EmptyShardError):
                errors.append(outcome.error)
            if outcome.result is None:
                say(f"zcbench: {outcome.benchmark}: {outcome.error}")
            else:
                if number and not options.json:
                    show()
                _show(outcome.result, options.json)
                shown.append(outcome)
    if options.out and shown:
        write_outcomes(Path(options.out), run, shown)
    return FAILED if failed else status_of_several(errors, done)


def _run(options: argparse.Namespace) -> Run:
    """Return the run of the options."""
    from zcbench.errors import InvalidInputError
    from zcbench.runs._asked import make_run
    from zcbench.runs._own import is_own_table

    lists = {
        "benchmarks": split_columns(options.benchmark),
        "ensembles": split_names(options.ensembles),
        "predictors": split_names(options.predictors),
        "train_sizes": numbers("--train-sizes", options.train_sizes) or None,
        "tuned": numbers("--tuned", options.tuned) or None,
        "searchers": split_names(options.searchers),
        "curve_predictors": split_names(options.curve_predictors),
        "contexts": decimals("--contexts", options.contexts),
        "bounds": decimals("--bounds", options.bounds),
        "scorers": _scorers(options.scorers),
        "constraints": options.constraints,
        "lower": split_columns(options.lower),
        "features": split_columns(options.features),
        "exclude": split_columns(options.exclude),
    }
    given: dict[str, Any] = {name: getattr(options, name) for name in _FIELDS} | lists
    for name in ("predictors", "searchers"):
        if lists[name] == []:
            raise InvalidInputError(f"--{name} names none: write at least one name, or omit the option.")
    given, what = {name: value for name, value in given.items() if value is not None}, options.name
    named = [name for name in (what, *(given.get("benchmarks") or ())) if name is not None]
    if options.track is None and not named:
        raise InvalidInputError(
            "say what to run: zcbench run BENCHMARK, zcbench run TRACK, or  zcbench run my.csv --target COLUMN"
        )
    if options.curves is not None:
        given |= _curves(options.curves, own=any(map(is_own_table, named)))
    if options.proxies is not None:
        given["proxies"] = (split_columns if any(map(is_own_table, named)) else split_names)(options.proxies)
    return make_run(
        what,
        track=options.track,
        store=options.store,
        timeout=options.timeout,
        retry=_retry(options),
        imports=tuple(options.imports),
        source=options.source,
        **of_machines(options),
        **given,
    )


def _curves(names: list[str], *, own: bool) -> dict[str, Any]:
    """Return fields of a run: patterns of columns of a user-defined table, or the metric of a benchmark."""
    from zcbench.errors import InvalidInputError

    if own:
        return {"curves": names}
    if len(names) > 1:
        raise InvalidInputError(
            f"--curve {' --curve '.join(names)}: a run of a benchmark forecasts one metric: choose one."
        )
    return {"curve": names[0]}


def _scorers(text: str | None) -> list[str] | None:
    """Return texts of scorers by role; ";" joins several, as a comma does in a track."""
    found = split_names(text)
    return None if found is None else [one.replace(";", ", ") for one in found]


def _retry(options: argparse.Namespace) -> tuple[str, ...]:
    from zcbench.runs._resume import ACCIDENTS

    asked = tuple(split_names(options.retry) or ())
    if options.retry_failed:
        new = f"--retry {','.join(ACCIDENTS)}"
        say(f"zcbench: the option --retry-failed is called {new} now; the next release removes the old name.")
        asked += ACCIDENTS
    return asked


def _say_track(track: Track, options: argparse.Namespace) -> None:
    """Print the name of the track, and the fields that options replace."""
    from zcbench.runs import get_track

    if not track.name:
        return
    changes = get_track(options.track or options.name).changes(track)
    shown = {name: ",".join(map(str, v)) if isinstance(v, tuple) else v for name, v in changes.items()}
    other = ", ".join(f"{name} {value}" for name, value in shown.items())
    say(f"zcbench: track {track.identifier}{f' with {other}' if other else ''}.")


class _Reports(ExitStack):
    """Progress on stderr: unreadable parts of the store, then a bar for each benchmark and kind of work."""

    def __init__(self) -> None:
        super().__init__()
        self._said: set[str] = set()
        self._bars: dict[tuple[str, str], Callable[[int, int, object], None]] = {}

    def __call__(self, step: Step) -> None:
        for note in step.notes:
            if note not in self._said:
                self._said.add(note)
                say(f"zcbench: {note}")
        if (step.benchmark, step.what) not in self._bars:
            bar = progress_bar(step.benchmark, step.what)
            self._bars[step.benchmark, step.what] = self.enter_context(bar)
        self._bars[step.benchmark, step.what](step.done, step.total, step.latest)

    def close(self) -> None:
        """End the bars of a benchmark."""
        self._bars.clear()
        super().close()


def _show(result: Result, as_json: bool) -> None:
    """Print a result, and advice about failures."""
    from zcbench.evaluation import Evaluation

    if as_json:
        write_result(result.to_json())
    else:
        print_board(result)
    if not isinstance(result, Evaluation):
        return
    _say_failures(result)


#: text of the failure, and advice, by status
_FAILURES = {
    "failed": ("failed", "Fix it"),
    "timed-out": ("timed out", "Increase --timeout"),
    "out-of-memory": ("ran out of memory", "Reduce --batch-size or --workers"),
}


def _say_failures(result: Evaluation) -> None:
    """Print failures, once for all proxies with the same reason, with advice."""
    from zcbench.errors import names_missing_package

    reasons: dict[tuple[str, str, int, int], list[str]] = {}
    for entry in result.entries:
        for failure in entry.failures:
            if failure.status.worth_a_retry:
                key = (failure.status, failure.example, failure.count, entry.total)
                reasons.setdefault(key, []).append(entry.proxy)
    for (status, example, count, total), proxies in reasons.items():
        what, advice = _FAILURES[status]
        again = f"{advice} and run again with --retry {status}."
        if names_missing_package(example):
            again = "Then run the same command again."
        shown = ", ".join(proxies[:3]) + (f" and {len(proxies) - 3} others" if len(proxies) > 3 else "")
        say(f"zcbench: {shown} {what} on {count} of {total} architectures: {sentence(example)} {again}")
