"""Show where each benchmark's table is, or import an official file: it is read once and kept as a compact table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from zcbench.cli._shared import add_json, print_json, print_rows

EXAMPLE = """examples:
  zcbench data
  zcbench data import nasbench201 NAS-Bench-201-v1_1-096897.pth    # needs about 28 GB of memory
  zcbench data import nasbench201 NATS-tss-v1_0-3ffb9-simple       # read file by file"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", nargs="?", default="list", choices=("list", "import"))
    parser.add_argument("benchmark", nargs="?", metavar="BENCHMARK")
    parser.add_argument("path", nargs="?", metavar="FILE", help="official file or folder")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.action == "import":
        return _import(options)
    from zcbench.datasets import list_benchmarks, load_benchmark
    from zcbench.errors import ZcbenchError

    rows = []
    for name in list_benchmarks():
        try:
            table = load_benchmark(name)
            rows.append([name, "here", f"{len(table):,}", table.source])
        except ZcbenchError as error:
            rows.append([name, "missing", "", str(error)])
    titles = ["benchmark", "table", "architectures", "source"]
    if options.json:
        print_json([dict(zip(titles, row, strict=True)) for row in rows])
    else:
        print_rows(titles, rows)
    return 0


def _import(options: argparse.Namespace) -> int:
    from zcbench.datasets import benchmark_info
    from zcbench.errors import InvalidInputError

    if options.benchmark is None or options.path is None:
        raise InvalidInputError("say what to import: zcbench data import BENCHMARK FILE")
    info = benchmark_info(options.benchmark)
    if info.embedded:
        raise InvalidInputError(f"{info.name} comes with zcbench: there is nothing to import.")
    from zcbench.datasets._nasbench201_files import read_official, save_cache
    from zcbench.datasets.nasbench201 import cache_path, from_table

    print(f"reading {options.path} …", file=sys.stderr)
    table = read_official(Path(options.path))
    from_table(table)  # fails here rather than at the next load
    save_cache(table, cache_path())
    print(f"{len(table.architectures):,} architectures, {len(table.values)} targets: {cache_path()}")
    return 0
