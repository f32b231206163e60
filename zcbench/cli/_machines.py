"""Options of ``zcbench run`` for many machines: shards, lists of architectures, executors, dry runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zcbench._display import many
from zcbench.cli._output import write_result
from zcbench.cli._shared import print_json, say, show

if TYPE_CHECKING:
    from zcbench.runs import Ahead, Run

EXAMPLE = """

many machines:
  zcbench run nasbench201 --shard 3/100             # one of a hundred jobs
  zcbench run nasbench201 --shards 100 --print-sbatch > job.sh
  zcbench run nasbench201 --missing                 # only missing scores
  zcbench run nasbench201 --limit 500 --print-sample > sample.txt
  zcbench run nasbench201 --sample-manifest sample.txt
  zcbench run nasbench201 --executor dask://10.0.0.1:8786"""


def add_machines(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    many = parser.add_argument_group("for many machines")
    many.add_argument(
        "--shard", metavar="K/N", help="compute the K-th of N parts only; a hash of each network decides its part"
    )
    many.add_argument(
        "--missing", action="store_true", help="count the scores that no shard has finished, and compute them"
    )
    many.add_argument(
        "--sample-manifest",
        metavar="FILE",
        help="score the architectures in this file, one a line; records keep the SHA-256 of the list",
    )
    many.add_argument(
        "--executor",
        metavar="WHERE",
        default="local",
        help="local (default), submitit:partition=NAME:hours=4:jobs=50 (SLURM), or dask://HOST:PORT",
    )
    many.add_argument(
        "--shards", type=int, metavar="N", help="with --print-sbatch: number of jobs; the same as --shard */N"
    )
    only = many.add_mutually_exclusive_group()
    only.add_argument(
        "--dry-run", action="store_true", help="count the scores or trials that are missing, and compute nothing"
    )
    only.add_argument("--print-sample", action="store_true", help="print the architectures as a list, one a line")
    only.add_argument("--print-sbatch", action="store_true", help="print a SLURM script that runs all shards")


def of_machines(options: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of a run that the options determine.

    Raises:
        InvalidInputError: options contradict each other, or the shard does not exist.
    """
    from zcbench.errors import InvalidInputError

    if options.shards is not None and not options.print_sbatch:
        raise InvalidInputError(
            f"--shards {options.shards} applies to --print-sbatch; a run takes  --shard 1/{options.shards}"
        )
    # A script is for all shards, so that --shard */N names no shard of this run.
    shard = None if options.print_sbatch else options.shard
    return {"shard": shard, "missing": options.missing, "sample_manifest": options.sample_manifest}


def _print_sbatch(options: argparse.Namespace) -> int:
    """Print the script of an array job."""
    from zcbench.errors import InvalidInputError
    from zcbench.runs import sbatch_script

    if options.executor != "local":
        raise InvalidInputError("--print-sbatch and --executor are two ways to use a cluster: choose one.")
    count = _count(options)
    rest, workers = _without(options.words)
    name = f"zcbench-{options.name or options.benchmark or options.track}"
    write_result(sbatch_script(rest, count, name=name, workers=workers), end="")
    return 0


def _count(options: argparse.Namespace) -> int:
    """Return the number of shards of --shard */N or --shards N."""
    from zcbench.errors import InvalidInputError

    text = options.shard
    if (text is None) == (options.shards is None):
        raise InvalidInputError("--print-sbatch needs the number of jobs, once: --shards 100")
    if text is None:
        return int(options.shards)
    star, slash, count = text.partition("/")
    if star != "*" or not slash or not count.isdecimal():
        raise InvalidInputError(f"--print-sbatch runs all shards: write --shards 100, not --shard {text}")
    return int(count)


def _without(words: Sequence[str]) -> tuple[list[str], bool]:
    """Return the words of the command line without the options of shards, and whether --workers is absent."""
    ours = argparse.ArgumentParser(add_help=False)
    ours.add_argument("--shard")
    ours.add_argument("--shards")
    ours.add_argument("--print-sbatch", action="store_true")
    _, rest = ours.parse_known_args(list(words))
    rest.remove("run")  # the first "run" is the command
    workers = argparse.ArgumentParser(add_help=False)
    workers.add_argument("--workers")
    given, _ = workers.parse_known_args(rest)
    return rest, given.workers is None


def done_alone(run: Run, options: argparse.Namespace) -> int | None:
    """Do the work of options that replace the run, and return the exit status; None without such options."""
    if options.print_sbatch:
        return _print_sbatch(options)
    if not (options.print_sample or options.dry_run or options.missing):
        return None
    run.prepare()
    names = run.named()
    if options.print_sample:
        _print_sample(run, names)
        return 0
    if options.dry_run and options.json:
        found = [ahead.to_dict() for name in names for ahead in run.ahead(name)]
        print_json(found[0] if len(found) == 1 else found)
        return 0
    for name in names:
        for ahead in run.ahead(name):
            if options.dry_run:
                show(_would(ahead))
            else:
                say(f"zcbench: {_lacks(ahead)}")
    return 0 if options.dry_run else None


def _print_sample(run: Run, names: Sequence[str]) -> None:
    """Print the architectures of a run as a list."""
    from zcbench.errors import InvalidInputError
    from zcbench.runs import manifest_text

    if len(names) != 1:
        raise InvalidInputError(f"--print-sample prints the architectures of one benchmark, not of {len(names)}.")
    table = run.table(names[0])
    settings = run.track.settings(names[0])
    target = table.target(settings.target)
    chosen = f"target {target.name}, seed {run.track.seed}, {f'limit {settings.limit}' if settings.limit else 'all'}"
    if run.sample_manifest:
        chosen = f"from {run.sample_manifest}"
    if run.shard:
        chosen += f", shard {run.shard}"
    write_result(manifest_text(table, run.sample(names[0], table).architectures, chosen), end="")


def _lacks(ahead: Ahead) -> str:
    of = f" of the shard {ahead.shard}" if ahead.shard else ""
    if not ahead.left:
        return f"{ahead.benchmark}: no {ahead.what}{of} are missing."
    return (
        f"{ahead.benchmark}: {ahead.left:,} of {ahead.total:,} {ahead.what}{of} are missing, on "
        f"{ahead.left_units:,} of {ahead.wanted_units:,} {ahead.units}."
    )


def _would(ahead: Ahead) -> str:
    of = f" of the shard {ahead.shard}" if ahead.shard else ""
    left = f"{ahead.left:,} left on {_many(ahead.left_units, ahead.units)}" if ahead.left else "none left"
    wanted = f"{_many(ahead.wanted_units, ahead.units)}{of} with {_many(ahead.total, ahead.what)}"
    return f"{ahead.benchmark}: {wanted}; {ahead.known:,} known, {left}."


def _many(count: int, plural: str) -> str:
    """Return a count with its noun: "1 score"."""
    return many(count, plural.removesuffix("s"))
