"""Show where tables and images are, download them from their authors' servers, or import a file.

Tables and the images of CIFAR are read once. A compact copy is kept in the cache (ZCBENCH_CACHE, else the user's cache
folder).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from zcbench.cli._shared import add_json, filled, print_json, print_rows, say, show
from zcbench.cli._status import FAILED

EXAMPLE = """examples:
  zcbench data
  zcbench data get nasbenchmacro    # downloads, checks, converts
  zcbench data get cifar10          # the images, 170 MB
  zcbench data import cifar10 cifar-10-python.tar.gz
  zcbench data import nasbench201 NATS-tss-v1_0-3ffb9-simple
  zcbench data import nasbench201 NAS-Bench-201-v1_1-096897.pth"""


_USAGE = {"get": "zcbench data get NAME", "import": "zcbench data import NAME FILE"}


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
    parser.add_argument("name", nargs="?", metavar="NAME", help="a benchmark, cifar10 or cifar100: zcbench data")
    parser.add_argument("paths", nargs="*", metavar="FILE", help="the authors' files or folder")
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    if options.action != "list":
        return _get(options)
    tables, images = _tables(), _images()
    if options.json:
        print_json({"tables": tables, "samples": images})
        return 0
    for rows in (tables, images):
        print_rows(list(rows[0]), [[_shown(cell) for cell in row.values()] for row in rows])
        show()
    from zcbench.batches import list_downloads, searched

    for name in list_downloads():
        title = f"The images of {name} are searched in these places, in this order:"
        show(filled("\n".join([title, *_indented(searched(name))])))
    return 0


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _shown(cell: object) -> str:
    return "" if cell is None else f"{cell:,}" if isinstance(cell, int) else str(cell)


def _tables() -> list[dict[str, object]]:
    """Return a row per benchmark: whether its table is available, and where it is or how to get it."""
    from zcbench.datasets import benchmark_info, get_benchmark, list_benchmarks
    from zcbench.errors import DataMissingError, ZcbenchError

    rows: list[list[object]] = []
    for name in list_benchmarks():
        try:
            table = get_benchmark(name)
            rows.append([name, "here", len(table), table.source])
        except DataMissingError:
            by_hand = "by hand: see  zcbench show "
            rows.append(
                [name, "missing", None, ("zcbench data get " if benchmark_info(name).remotes else by_hand) + name]
            )
        except ZcbenchError as error:
            rows.append([name, "damaged", None, str(error)])
    return [dict(zip(("benchmark", "table", "architectures", "source"), row, strict=True)) for row in rows]


def _images() -> list[dict[str, object]]:
    """Return a row per data set of images: whether it is available, and where it is or how to get it."""
    from zcbench.batches import find_images, list_downloads
    from zcbench.errors import DataMissingError, ZcbenchError

    rows: list[list[object]] = []
    for name in list_downloads():
        try:
            found = find_images(name)
            rows.append([name, "here", len(found.labels), found.place])
        except DataMissingError:
            rows.append([name, "missing", None, f"zcbench data get {name}"])
        except ZcbenchError as error:
            rows.append([name, "damaged", None, str(error)])
    return [dict(zip(("batch", "images", "count", "source"), row, strict=True)) for row in rows]


def _get(options: argparse.Namespace) -> int:
    from zcbench.batches import list_downloads
    from zcbench.datasets import benchmark_info, get_benchmark, list_benchmarks
    from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError

    name = options.name
    if name is None or (options.action == "import") != bool(options.paths):
        raise InvalidInputError(f"say what to {options.action}: {_USAGE[options.action]}")
    images = name in list_downloads()
    if not images and name not in list_benchmarks():
        raise UnknownNameError("benchmark or batch", name, [*list_benchmarks(), *list_downloads()])
    if options.action == "import":
        say(f"reading {', '.join(options.paths)} …")
        path = _imported(name, options.paths)
    else:
        try:
            path = _downloaded(name)
        except (DataMissingError, DataCorruptError) as error:
            if not images and not benchmark_info(name).remotes:
                raise
            say(f"zcbench: {error}")  # the status is FAILED, because the download began
            return FAILED
    if images:
        from zcbench.batches import find_images

        show(f"{len(find_images(name, path).labels):,} images: {path}")
        return 0
    table = get_benchmark(name)
    show(f"{len(table):,} architectures, {len(table.targets)} targets: {path}")
    return 0


def _imported(name: str, paths: list[str]) -> Path:
    from zcbench.batches import import_batch, list_downloads
    from zcbench.datasets import import_benchmark
    from zcbench.errors import InvalidInputError

    if name not in list_downloads():
        return import_benchmark(name, paths)
    if len(paths) > 1:
        raise InvalidInputError(f"{name}: give one archive or folder, not {len(paths)} files.")
    return import_batch(name, paths[0])


def _downloaded(name: str) -> Path:
    from zcbench.batches import download_batch, list_downloads
    from zcbench.datasets import download_benchmark

    try:
        return (download_batch if name in list_downloads() else download_benchmark)(name, _report)
    finally:
        if _open:
            print(file=sys.stderr)  # the next message gets its own line


_last = 0.0
_open = False


def _report(done: int, total: int) -> None:
    """Print the progress: on a terminal one line that is replaced, elsewhere a line every ten seconds."""
    global _last, _open
    terminal, now = sys.stderr.isatty(), time.monotonic()
    if now - _last < (0.1 if terminal else 10) and done != total:
        return
    _last = now
    _open = terminal and done != total
    of = f" of {total / 1e6:.1f} MB ({100 * done // total} %)" if total else " MB"
    print(f"\r{done / 1e6:.1f}{of}", end="" if _open else "\n", file=sys.stderr, flush=True)
