"""List what there is: proxies, predictors, encodings, ensembles, benchmarks, search spaces or tracks."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable

from zcbench._display import amount
from zcbench.cli._shared import add_imports, add_json, import_files, print_json, print_rows
from zcbench.types import summary_of

EXAMPLE = """examples:
  zcbench list proxies
  zcbench list predictors
  zcbench list benchmarks --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "kind", nargs="?", default="proxies", choices=tuple(_contents()), help="what to list (default: proxies)"
    )
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    import_files(options.imports)
    titles, rows = _contents()[options.kind]()
    if options.json:
        print_json([dict(zip(titles, row, strict=True)) for row in rows])
    else:
        print_rows(titles, rows)
    return 0


def _contents() -> dict[str, Callable[[], tuple[list[str], list[list[str]]]]]:
    return {
        "proxies": _proxies,
        "predictors": _predictors,
        "encodings": _encodings,
        "ensembles": _ensembles,
        "benchmarks": _benchmarks,
        "spaces": _spaces,
        "tracks": _tracks,
    }


def _predictors() -> tuple[list[str], list[list[str]]]:
    from zcbench.predictors import list_predictors, predictor_info

    infos = [predictor_info(name) for name in list_predictors()]
    return ["name", "sees", "predicts", "uncertainty", "extra", "paper", "summary"], [
        [
            i.name,
            str(i.parameters.get("encoding", "its members' encodings")),
            "targets" if i.make().calibrated else "ranks",
            "yes" if i.uncertain else "no",
            i.extra or "none",
            _paper(i.reference),
            i.summary,
        ]
        for i in infos
    ]


def _encodings() -> tuple[list[str], list[list[str]]]:
    from zcbench.encodings import encoding_info, list_encodings

    infos = [encoding_info(name) for name in list_encodings()]
    rows = [[i.name, i.kind, _paper(i.reference) or "zcbench", i.summary] for i in infos]
    rows += [
        ["proxies(a+b)", "vector", "", "Scores of proxies, measured where they are not known."],
        ["curve(metric/3)", "vector", "", "Three epochs of a table's learning curve, and their differences."],
        ["columns", "vector", "", "The columns of numbers of the table (your own, say)."],
    ]
    return ["name", "kind", "paper", "summary"], rows


def _tracks() -> tuple[list[str], list[list[str]]]:
    from zcbench.runs import list_tracks, track_info

    rows = []
    for track in map(track_info, list_tracks()):
        what = track.predictors or track.proxies or ("standard",)
        rows.append([track.identifier, track.kind, ", ".join(track.benchmarks), ", ".join(what), track.summary])
    return ["name", "kind", "benchmarks", "what", "summary"], rows


def _proxies() -> tuple[list[str], list[list[str]]]:
    from zcbench.proxies import get_proxy, list_proxies

    infos = [get_proxy(name) for name in list_proxies()]
    return ["name", "cost", "labels", "better", "domains", "batch norm", "paper", "summary"], [
        [
            i.name,
            i.cost,
            "yes" if i.needs_labels else "no",
            "high" if i.higher_is_better else "low",
            "+".join(i.domains),
            i.batch_norm,
            _paper(i.reference),
            i.summary,
        ]
        for i in infos
    ]


def _paper(reference: str) -> str:
    """The arXiv id of a reference, else its first words."""
    found = re.search(r"arXiv:[0-9.]+[0-9]", reference)
    return found.group() if found else reference.partition(",")[0].partition(";")[0]


def _ensembles() -> tuple[list[str], list[list[str]]]:
    from zcbench.ensembles import list_ensembles
    from zcbench.ensembles._register import registered

    infos = [registered(name) for name in list_ensembles()]
    return ["name", "members", "summary"], [[i.name, "+".join(i.members) or "yours", i.summary] for i in infos]


def _benchmarks() -> tuple[list[str], list[list[str]]]:
    from zcbench.datasets import benchmark_info, list_benchmarks
    from zcbench.spaces import get_space

    infos = [benchmark_info(name) for name in list_benchmarks()]
    return ["name", "rows", "targets", "networks", "licence", "table", "where it comes from", "summary"], [
        [
            i.name,
            f"{i.rows:,}" if i.rows else "varies",
            str(i.targets),
            "+".join(get_space(i.space).domains) or "none",
            i.licence,
            i.source,
            _paper(i.reference),
            i.summary,
        ]
        for i in infos
    ]


def _spaces() -> tuple[list[str], list[list[str]]]:
    from zcbench.spaces import get_space, list_spaces

    spaces = [get_space(name) for name in list_spaces()]
    return ["name", "architectures", "networks", "summary"], [
        [s.name, "open" if s.size is None else amount(s.size), "+".join(s.domains) or "none", summary_of(type(s))]
        for s in spaces
    ]
