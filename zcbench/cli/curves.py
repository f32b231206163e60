"""Forecast the end of learning curves, or train the network that forecasts it.

predict reads a table with a column for each epoch and a row for each run, or with a row for each run and epoch, and
forecasts the end of every run. A run that cannot be forecast is named on stderr and does not stop the others. train
makes new weights for the curve predictor lcpfn.
"""

from __future__ import annotations

import argparse
import math
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._shared import (
    add_device,
    add_imports,
    add_json,
    import_files,
    print_json,
    print_rows,
    say,
    sentence,
    write_board,
)

if TYPE_CHECKING:
    from zcbench.curves._runs import RunForecast

EXAMPLE = """examples:
  zcbench curves predict curves.csv --horizon 200
  zcbench curves predict my.csv --horizon 200 --curve "valid_loss_*" --lower
  zcbench curves predict log.csv --horizon 100 --value acc --bounds 0,100
  zcbench curves predict curves.csv --horizon 200 --figure forecast.png"""

#: largest number of kinds of errors that are printed on stderr
_TOLD = 10

_PREDICT = """Forecast the end of every run of a table.

In wide form, the names of the epoch columns differ in a number: valid_loss_1, valid_loss_2, …. In long form, a column
has the epochs, and rows may be in any order. Empty cells are epochs without a value. By default, values are between 0
and 1 and higher is better; --bounds and --lower change this."""


_TRAIN = """Train the network of the curve predictor lcpfn on curves drawn from its priors.

The same command continues a stopped training. --resume starts with the weights of a file, such as the shipped ones.
The training reports log-densities on held-out curves, after 5, 10, 20 and 50 of 100 epochs. Use the weights as
lcpfn:weights=FILE."""

_TRAIN_EXAMPLE = """examples:
  zcbench curves train --to mine.safetensors --minutes 90
  zcbench curves train --to mine.safetensors --minutes 10 --device cuda
  zcbench curves train --to new.safetensors --resume mine.safetensors"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    predict = actions.add_parser(
        "predict",
        help="forecast the end of every run of a table",
        description=_PREDICT,
        epilog=EXAMPLE,
        formatter_class=parser.formatter_class,
    )
    _configure_predict(predict)
    predict.set_defaults(does=_predict)
    train = actions.add_parser(
        "train",
        help="train the network on curves drawn from priors",
        description=_TRAIN,
        epilog=_TRAIN_EXAMPLE,
        formatter_class=parser.formatter_class,
    )
    _configure_train(train)
    train.set_defaults(does=_train)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    status: int = options.does(options)
    return status


def _configure_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", metavar="FILE", help="CSV (or parquet) file")
    parser.add_argument("--horizon", type=float, metavar="EPOCH", required=True, help="last epoch of the trainings")
    parser.add_argument("--predictor", metavar="NAME", default="lcpfn", help="a curve predictor (default: lcpfn)")
    parser.add_argument("--lower", action="store_true", help="lower is better: a loss, an error, a perplexity")
    parser.add_argument(
        "--bounds", metavar="LOW,HIGH", help="smallest and largest value of the metric: 0,100 for percent"
    )
    parser.add_argument("--at", metavar="E,E", help="epochs to report, separated by commas (default: the horizon)")
    parser.add_argument("--above", type=float, metavar="X", help="also report the probability of more than X")
    form = parser.add_argument_group("columns")
    form.add_argument("--curve", metavar="PATTERN", help='columns of epochs, one * for the number: "valid_loss_*"')
    form.add_argument("--run", metavar="COLUMN", help="column that names the runs (default: run, model, …)")
    form.add_argument("--epoch", metavar="COLUMN", help="in long form, the column of epochs (default: epoch, step)")
    form.add_argument("--value", metavar="COLUMN", help="in long form, the column of values (default: value)")
    parser.add_argument(
        "--out", "--csv", dest="out", metavar="FILE.csv", help="write mean and quantiles of every later epoch"
    )
    parser.add_argument("--figure", metavar="FILE.png", help="draw runs, medians, and bands of 50 %% and 90 %%")
    add_imports(parser)
    add_json(parser)


def _configure_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", metavar="FILE", required=True, help="file of the weights, .safetensors")
    parser.add_argument("--minutes", type=float, metavar="M", default=60.0, help="minutes of training (default: 60)")
    add_device(parser)
    parser.add_argument("--resume", metavar="FILE", help="weights to start from")
    parser.add_argument("--batch", type=int, metavar="N", help="curves in a batch (default: 64; 2048 with a GPU)")
    parser.add_argument("--width", type=int, metavar="N", help="width of the network (default: 128)")
    parser.add_argument("--layers", type=int, metavar="N", help="layers of the network (default: 2)")
    parser.add_argument("--threads", type=int, metavar="N", default=1, help="threads of the processor (default: 1)")
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that draw curves (default: 0; with a GPU one for each further core)",
    )
    parser.add_argument("--every", type=float, metavar="SECONDS", default=60.0, help="seconds between two reports")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of weights and curves (default: 0)")


def _train(options: argparse.Namespace) -> int:
    from zcbench.curves._training import Training, begin, train

    training: Training = begin(
        Path(options.to),
        start=Path(options.resume) if options.resume else None,
        minutes=options.minutes,
        batch=options.batch,
        width=options.width,
        layers=options.layers,
        threads=options.threads,
        workers=options.workers,
        seed=options.seed,
    )
    if training.elapsed >= training.seconds:
        say(f"{options.to}: complete; to train further, give --resume {options.to} and another --to.")
        return 0
    train(training, Path(options.to), every=options.every, say=say)
    return 0


def _predict(options: argparse.Namespace) -> int:
    from zcbench.curves._figure import check_figure, draw_runs
    from zcbench.curves._runs import forecast_runs
    from zcbench.curves._table import read_curves
    from zcbench.errors import InvalidInputError

    import_files(options.imports)
    at, bounds = _numbers("--at", options.at), _numbers("--bounds", options.bounds)
    if options.bounds is not None and len(bounds) != 2:
        raise InvalidInputError(f"--bounds {options.bounds!r}: write two numbers, 0,100.")
    if options.above is not None and not math.isfinite(options.above):
        raise InvalidInputError(f"--above {options.above}: give a number.")
    check_figure(options.figure)
    runs = read_curves(options.table, curve=options.curve, run=options.run, epoch=options.epoch, value=options.value)
    whole = bool(options.out or options.figure)
    wanted = at or [options.horizon]
    found = forecast_runs(
        runs,
        options.horizon,
        predictor=options.predictor,
        lower_is_better=options.lower,
        bounds=(bounds[0], bounds[1]) if bounds else None,
        at=None if whole and not at else wanted,
        above=options.above,
    )
    odd = [one for one in found if one.trouble]
    _tell(odd, options.table)
    if len(odd) == len(found) and not options.json:
        return 1
    if bounds and bounds[0] == 0 and bounds[1] >= 50 and all(one.trouble or one.seen[1].max() <= 1 for one in found):
        say(f"zcbench: {options.table}: no value is above 1: if the values are fractions, omit --bounds.")
    # Files are written first, because a pager may end the printing of the table.
    if options.out:
        _write_csv(Path(options.out), found)
    if options.figure and any(len(one.epochs) for one in found):
        path = Path(options.figure)
        title = f"{Path(options.table).name} to epoch {_epoch(options.horizon)}, by {options.predictor}"
        write_board(path.parent, path.name, partial(draw_runs, found, title=title, horizon=options.horizon))
    _show(found, wanted, options)
    return int(bool(odd))


def _tell(odd: list[RunForecast], table: str) -> None:
    """Print the runs without a forecast on stderr, one line for each kind of error."""
    from zcbench.curves.scales import WANTED

    kinds: dict[str, list[RunForecast]] = {}
    for one in odd:
        kinds.setdefault(re.sub(r"[-+.0-9e]*[0-9]", "#", one.trouble), []).append(one)
    for several in list(kinds.values())[:_TOLD]:
        first, others = several[0], len(several) - 1
        which = f"{first.name!r} has" if not others else f"{first.name!r} and {others:,} other runs have"
        which = which.replace("1 other runs", "1 other run") if others == 1 else which
        # Options of the command line and arguments of Python have different names.
        why = first.trouble.replace(WANTED, "give --bounds 0,100 for percent, or --lower for a loss")
        why = why.replace("choose fewer epochs with at=, or give fewer curves at once", "choose epochs with --at")
        say(f"zcbench: {table}: {which} no forecast: {sentence(why)}")
    if len(kinds) > _TOLD:
        left = sum(map(len, list(kinds.values())[_TOLD:]))
        say(f"zcbench: {table}: {left:,} more runs have no forecast; --json names them.")


def _epoch(number: float) -> str:
    return f"{number:,.10g}"


def _numbers(option: str, text: str | None) -> list[float]:
    from zcbench.errors import InvalidInputError

    try:
        found = [float(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise InvalidInputError(f"{option} {text!r}: write numbers separated by commas, 50,100.")
    return found


def _show(found: list[RunForecast], wanted: list[float], options: argparse.Namespace) -> None:
    """Print the table, or JSON."""
    if options.json:
        print_json(
            {
                "table": options.table,
                "predictor": options.predictor,
                "horizon": options.horizon,
                "lower_is_better": options.lower,
                "bounds": _numbers("--bounds", options.bounds) or None,
                "above": options.above,
                "runs": [_content(one) for one in found],
            }
        )
        return
    titles = ["run", "seen", "last", "epoch", "median", "90 % interval"]
    titles += [f"P(> {options.above:g})"] if options.above is not None else []
    rows = [row for one in found for row in _rows(one, wanted, titles)]
    print_rows(titles, rows)


def _rows(one: RunForecast, wanted: list[float], titles: list[str]) -> list[list[str]]:
    """Return the lines of the table, one for each requested epoch."""
    if one.trouble:
        return []
    epochs, values = one.seen
    first = [one.name, f"{len(epochs):,}", f"{values[-1]:.4g}"]
    if one.ended:
        return [[*first, _epoch(epochs[-1]), "ended", *[""] * (len(titles) - 5)]]
    found = []
    for row in one.rows():
        if row["epoch"] in wanted:
            line = [*first, _epoch(row["epoch"]), f"{row['q50']:.4g}", f"[{row['q05']:.4g}, {row['q95']:.4g}]"]
            found.append(line + ([f"{row['probability_above']:.3f}"] if "probability_above" in row else []))
    return found


def _content(one: RunForecast) -> dict[str, Any]:
    epochs, values = one.seen
    return {
        "run": one.name,
        "seen": len(epochs),
        "last_epoch": float(epochs[-1]) if len(epochs) else None,
        "last": float(values[-1]) if len(values) else None,
        "ended": one.ended,
        "trouble": one.trouble,
        "forecast": [{name: value for name, value in row.items() if name != "run"} for row in one.rows()],
    }


def _write_csv(path: Path, found: list[RunForecast]) -> None:
    from zcbench.evaluation._board import csv_lines

    rows = [row for one in found for row in one.rows()]
    if rows:
        write_board(path.parent, path.name, csv_lines(rows))
