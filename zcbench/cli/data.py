"""Show where each benchmark's table is; get one from where its authors publish it; import a file that you have.

A table is read once and kept, compact, in the cache (ZCBENCH_CACHE, else the user's cache folder).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from zcbench.cli._shared import add_json, print_json, print_rows, say, show
from zcbench.cli._status import FAILED

EXAMPLE = """examples:
  zcbench data
  zcbench data get nasbenchmacro    # downloads, checks, converts
  zcbench data import nasbench201 NATS-tss-v1_0-3ffb9-simple
  zcbench data import nasbench201 NAS-Bench-201-v1_1-096897.pth"""


_USAGE = {"get": "zcbench data get BENCHMARK", "import": "zcbench data import BENCHMARK FILE"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action",
        nargs="?",
        default="list",
        metavar="ACTION",
        choices=("list", "get", "import"),
        help="list, get (download) or import (default: list)",
    )
    parser.add_argument("benchmark", nargs="?", metavar="BENCHMARK", help="name of a benchmark: zcbench data")
    parser.add_argument("paths", nargs="*", metavar="FILE", help="the authors' files or folder")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.action != "list":
        return _get(options)
    from zcbench.datasets import benchmark_info, get_benchmark, list_benchmarks
    from zcbench.errors import DataMissingError, ZcbenchError

    rows = []
    for name in list_benchmarks():
        try:
            table = get_benchmark(name)
            rows.append([name, "here", f"{len(table):,}", table.source])
        except DataMissingError:
            by_hand = "by hand: see  zcbench show "
            rows.append(
                [name, "missing", "", ("zcbench data get " if benchmark_info(name).remotes else by_hand) + name]
            )
        except ZcbenchError as error:
            rows.append([name, "damaged", "", str(error)])
    titles = ["benchmark", "table", "architectures", "source"]
    if options.json:
        print_json([dict(zip(titles, row, strict=True)) for row in rows])
    else:
        print_rows(titles, rows)
    return 0


def _get(options: argparse.Namespace) -> int:
    from zcbench.datasets import benchmark_info, get_benchmark, import_benchmark
    from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError

    if options.benchmark is None or (options.action == "import") != bool(options.paths):
        raise InvalidInputError(f"say what to {options.action}: {_USAGE[options.action]}")
    if options.action == "import":
        say(f"reading {', '.join(options.paths)} …")
        path = import_benchmark(options.benchmark, options.paths)
    else:
        try:
            path = _downloaded(options.benchmark)
        except (DataMissingError, DataCorruptError) as error:
            if not benchmark_info(options.benchmark).remotes:
                raise
            say(f"zcbench: {error}")  # the download began
            return FAILED
    table = get_benchmark(options.benchmark)
    show(f"{len(table):,} architectures, {len(table.targets)} targets: {path}")
    return 0


def _downloaded(benchmark: str) -> Path:
    from zcbench.datasets import download_benchmark

    try:
        return download_benchmark(benchmark, _report)
    finally:
        if _open:
            print(file=sys.stderr)  # what is said next gets a line of its own


_last = 0.0
_open = False


def _report(done: int, total: int) -> None:
    """A line that overwrites itself on a terminal, one every ten seconds elsewhere."""
    global _last, _open
    terminal, now = sys.stderr.isatty(), time.monotonic()
    if now - _last < (0.1 if terminal else 10) and done != total:
        return
    _last = now
    _open = terminal and done != total
    of = f" of {total / 1e6:.1f} MB ({100 * done // total} %)" if total else " MB"
    print(f"\r{done / 1e6:.1f}{of}", end="" if _open else "\n", file=sys.stderr, flush=True)
