"""List proxies, predictors, benchmarks or another kind: all of them, or those whose names match a pattern."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from typing import Any

from zcbench._kinds import KINDS
from zcbench.cli._cells import count, text, values, yes
from zcbench.cli._shared import add_imports, add_json, import_files, print_json, print_rows, unmarked

EXAMPLE = """examples:
  zcbench list proxies
  zcbench list proxies "grad*" "ntk_*"
  zcbench list batches
  zcbench list benchmarks --json"""

#: titles, and a function that returns the cells of a registered object
Columns = tuple[tuple[str, ...], Callable[[Any], Sequence[object]]]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    kinds = [kind.plural for kind in KINDS]
    parser.add_argument(
        "kind",
        nargs="?",
        default="proxies",
        metavar="KIND",
        choices=kinds,
        help=f"one of {', '.join(kinds)} (default: proxies)",
    )
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="names or shell patterns (default: all)")
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    import_files(options.imports)
    titles, rows = _contents(options.kind, options.patterns)
    if options.json:
        print_json([values(dict(zip(titles, row, strict=True))) for row in rows])
    else:
        print_rows(titles, [[text(entry) for entry in row] for row in rows])
    return 0


def _contents(plural: str, patterns: Sequence[str]) -> tuple[list[str], list[list[object]]]:
    """Return the titles and the rows of a kind."""
    kind = next(kind for kind in KINDS if kind.plural == plural)
    titles, cells = _COLUMNS.get(kind.noun, _USUAL)
    rows = [
        [unmarked(cell) if isinstance(cell, str) else cell for cell in cells(kind.info(name))]
        for name in kind.names(*patterns)
    ]
    return list(titles), rows


def _paper(reference: str) -> str:
    """Return the arXiv id of a reference, or else its first words."""
    found = re.search(r"arXiv:[0-9.]+[0-9]", reference)
    return found.group() if found else reference.partition(",")[0].partition(";")[0]


def _predictor(info: Any) -> Sequence[object]:
    sees = info.parameters.get("encoding", "its members' encodings")
    predicts = "targets" if info.make().calibrated else "ranks"
    extra, paper = info.extra or "none", _paper(info.reference)
    return info.name, sees, predicts, yes(info.uncertain), extra, paper, info.summary


def _proxy(info: Any) -> Sequence[object]:
    better, domains = "high" if info.higher_is_better else "low", "+".join(info.domains)
    labels, paper = yes(info.needs_labels), _paper(info.reference)
    return info.name, info.cost, labels, better, domains, info.batch_norm, paper, info.summary


def _benchmark(info: Any) -> Sequence[object]:
    from zcbench.spaces import space_info

    rows = count(info.rows or None, "varies")
    networks, paper = "+".join(space_info(info.space).domains) or "none", _paper(info.reference)
    return info.name, rows, info.targets, networks, info.licence, info.source, paper, info.summary


def _space(info: Any) -> Sequence[object]:
    return info.name, count(info.size, "open"), "+".join(info.domains) or "none", info.summary


def _signal(info: Any) -> Sequence[object]:
    return info.name, yes(info.graph), "in passing" if info.watcher else "computed", info.summary


def _batch(info: Any) -> Sequence[object]:
    number = f"N up to {info.largest}" if info.resizable else "no"
    return info.name, count(info.classes or None, "none"), number, _paper(info.reference), info.summary


def _track(info: Any) -> Sequence[object]:
    scorers = ", ".join(info.predictors or info.proxies or ("standard",))
    return info.name, info.version, info.kind, ", ".join(info.benchmarks), scorers, info.summary


#: columns of all other kinds
_USUAL: Columns = (
    ("name", "version", "paper", "summary"),
    lambda info: (
        info.name,
        getattr(info, "version", 1),
        _paper(getattr(info, "reference", "")),
        getattr(info, "summary", ""),
    ),
)
_COLUMNS: dict[str, Columns] = {
    "proxy": (("name", "cost", "labels", "better", "domains", "batch norm", "paper", "summary"), _proxy),
    "predictor": (("name", "sees", "predicts", "uncertainty", "extra", "paper", "summary"), _predictor),
    "encoding": (
        ("name", "kind", "paper", "summary"),
        lambda info: (info.written, info.kind, _paper(info.reference) or "zcbench", info.summary),
    ),
    "ensemble": (
        ("name", "members", "summary"),
        lambda info: (info.name, "+".join(info.members) or "yours", info.summary),
    ),
    "benchmark": (
        ("name", "rows", "targets", "networks", "licence", "table", "where it comes from", "summary"),
        _benchmark,
    ),
    "space": (("name", "architectures", "networks", "summary"), _space),
    "signal": (("name", "graph", "how", "summary"), _signal),
    "track": (("name", "version", "kind", "benchmarks", "scorers", "summary"), _track),
    "batch": (("name", "classes", "NAME@N", "where it comes from", "summary"), _batch),
}
