"""Check a store of results, merge its files into one, or copy another store into it.

Each run writes its own files, and reading merges them, so that none of these commands is required. check counts
records, names defects, and ends with status 1 if there are any. compact makes reading faster and files smaller; it
does not change files that a run is writing. merge copies the files of another store, and skips files that were copied
before.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench._display import SENTENCE, many, plain
from zcbench.cli._shared import add_json, add_store, for_each, print_json, print_rows, say, show

if TYPE_CHECKING:
    from zcbench.records import Store
    from zcbench.records._checking import Checked
    from zcbench.records._compacting import Compacted

EXAMPLE = """examples:
  zcbench store check                    # all benchmarks of the store
  zcbench store compact digits-201
  zcbench store compact --format jsonl   # can be read without pyarrow
  zcbench store merge --from /scratch/other/runs"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "action", metavar="ACTION", choices=("check", "compact", "merge"), help="check, compact or merge"
    )
    parser.add_argument(
        "benchmarks", nargs="*", default=[], metavar="BENCHMARK", help="benchmarks (default: all of the store)"
    )
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        choices=("jsonl", "parquet"),
        help="file format that compact writes: jsonl or parquet (default: parquet if pyarrow is installed)",
    )
    parser.add_argument("--from", dest="other", metavar="DIR", help="store that merge copies from")
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.records import Store

    if (options.action == "merge") != (options.other is not None):
        what = "say which store to copy:  zcbench store merge --from DIR"
        raise InvalidInputError(what if options.action == "merge" else "--from belongs to  zcbench store merge")
    if options.format is not None and options.action != "compact":
        raise InvalidInputError("--format belongs to  zcbench store compact")
    store = Store(options.store)
    place = store if options.other is None else Store(options.other)
    known = place.every_benchmark()
    names = options.benchmarks or known
    if not names:
        option = "--store" if options.other is None else "--from"
        raise InvalidInputError(f"{place.folder} has no records: give the folder of a store with {option}.")
    if unknown := [name for name in names if name not in known]:
        others = plain(", ".join(known), SENTENCE)
        raise InvalidInputError(f"{place.folder} has no records of {unknown[0]!r}; it has records of {others}.")
    if options.action == "check":
        return _check(store, names, json=options.json)
    if options.action == "compact":
        return _compact(store, names, options)
    return _merge(store, place, names, json=options.json)


def _check(store: Store, names: list[str], *, json: bool) -> int:
    found, status = for_each(names, store.check)
    reports = [report for reports in found.values() for report in reports if report.files or report.foreign]
    if json:
        print_json([{**asdict(report), "is_sound": report.is_sound} for report in reports])
    else:
        titles = ["benchmark", "holds", "files", "being written", "lines", "size", "compact saves", "defects"]
        print_rows(titles, [_row(report) for report in reports if report.files])
        for report in reports:
            for note in report.notes:
                say(f"zcbench: {report.benchmark}: {note}")
        for name in found:
            if foreign := next((report.foreign for report in reports if report.benchmark == name), ()):
                shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3:,} more" if len(foreign) > 3 else "")
                say(f"zcbench: {name}: files that do not belong to the store are not read: {shown}.")
    return max(status, *(not report.is_sound for report in reports), 0)


def _row(report: Checked) -> list[str]:
    wrong = [
        f"{count:,} {what}"
        for count, what in ((report.left_out, "unreadable"), (report.disagreeing, "disagreeing"))
        if count
    ]
    kind = many(report.items, report.kind)
    counts = [f"{report.files:,}", f"{report.living:,}" if report.living else "", f"{report.lines:,}"]
    sizes = [_size(report.bytes), _size(report.saved) if report.saved else ""]
    return [report.benchmark, kind, *counts, *sizes, ", ".join(wrong) or "no defects"]


def _compact(store: Store, names: list[str], options: argparse.Namespace) -> int:
    found, status = for_each(names, lambda name: store.compact(name, options.format))
    reports = [report for reports in found.values() for report in reports if report.files or report.left]
    if options.json:
        print_json([_plain(report) for report in reports])
        return status
    for report in reports:
        what = f"{report.benchmark}: {many(report.rows, report.kind)}"
        files = f"{many(report.files, 'file')} of {_size(report.before)}"
        if report.path is not None:
            show(f"{what}: {files} became 1 file of {_size(report.after)}")
        elif report.files:
            show(f"{report.benchmark}: {files} had no records and {'was' if report.files == 1 else 'were'} removed")
        for path, why in report.left.items():
            say(f"zcbench: {path} is not changed: {why}.")
        for path in report.aside:
            say(f"zcbench: lines that cannot be read are kept in {path}.")
    if not any(report.files for report in reports):
        show("nothing to compact")
    return status


def _plain(report: Compacted) -> dict[str, object]:
    return {
        **asdict(report),
        "path": None if report.path is None else str(report.path),
        "left": {str(path): why for path, why in report.left.items()},
        "aside": [str(path) for path in report.aside],
    }


def _merge(store: Store, other: Store, names: list[str], *, json: bool) -> int:
    found, status = for_each(names, lambda name: store.merge(other, name))
    if json:
        print_json({name: [str(path) for path in paths] for name, paths in found.items()})
        return status
    for name, paths in found.items():
        size = sum(Path(path).stat().st_size for path in paths)
        files = f"{many(len(paths), 'file')} of {_size(size)} copied" if paths else "nothing new"
        show(f"{name}: {files}")
    return status


def _size(count: int) -> str:
    if count < 1e6:
        return f"{count / 1e3:.0f} kB"
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
