"""Run the contract tests on proxies, signals, predictors, searchers, curve predictors or supernets, by name or file."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._shared import add_imports, add_json, filled, import_files, print_json, say, show
from zcbench.cli._status import FAILED, FINE, MISUSED

if TYPE_CHECKING:
    from zcbench.testing import Report

EXAMPLE = """examples:
  zcbench check my_proxies.py
  zcbench check naswot "grad*" --json
  zcbench check gp gcn:loss=hinge
  zcbench check my_searcher.py evolution:population=20
  zcbench check my_curve_predictor.py fits:starts=2
  zcbench check my_supernet.py    # it defines  supernet = …  and  inputs = …"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME",
        help="name or pattern of proxies, signals, predictors, searchers or curve predictors, or a Python file that"
        " registers some or defines a supernet",
    )
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; return 1 if a check fails, 2 if a package is not installed."""
    from zcbench.testing import check_curve_predictor, check_predictor, check_proxy, check_searcher, check_signal

    import_files(options.imports)
    checks: dict[tuple[Callable[[str], Report], str], None] = {}  # each once, in the order given
    for name in options.names:
        if name.endswith(".py") or Path(name).is_file():
            found, supernet = _registered_by(name)
            if supernet:
                checks[_check_supernet_of, name] = None
        else:
            found = _named(name)
        several: tuple[Callable[[str], Report], ...] = (
            check_proxy,
            check_predictor,
            check_searcher,
            check_curve_predictor,
            check_signal,
        )
        for check, labels in zip(several, found, strict=True):
            checks.update(dict.fromkeys((check, label) for label in labels))
    reports = []
    for check, label in checks:
        reports.append(check(label))
        if not options.json:
            show(filled(str(reports[-1])))
    if options.json:
        print_json(
            [
                {
                    "name": r.name,
                    "ok": r.ok,
                    "checks": [{"check": o.check, "status": o.status, "detail": o.detail} for o in r.outcomes],
                }
                for r in reports
            ]
        )
    elif len(reports) > 1:
        bad = [report.name for report in reports if not report.ok]
        show(f"\n{len(reports) - len(bad)} of {len(reports)} ok" + (f"; not: {', '.join(bad)}" if bad else ""))
    return _status(reports)


def _status(reports: Sequence[Report]) -> int:
    """Print the missing packages because of which checks were skipped; return the exit status."""
    from zcbench.errors import names_missing_package

    lacking = {
        outcome.detail: report.name
        for report in reports
        for outcome in report.outcomes
        if names_missing_package(outcome.detail)
    }
    for detail, name in lacking.items():
        say(f"zcbench: checks of {name} were skipped: {detail}")
    if any(not report.ok and report.name not in lacking.values() for report in reports):
        return FAILED
    if not lacking:
        return FINE
    return MISUSED if len({*lacking.values()}) == len(reports) else FAILED


def _named(text: str) -> list[list[str]]:
    """Return the labels of each kind that a name or pattern matches; raise UnknownNameError if there are none."""
    from zcbench.curves import resolve_curve_predictors
    from zcbench.errors import UnknownNameError
    from zcbench.predictors import resolve_predictors
    from zcbench.search import resolve_searchers

    found: list[list[str]] = []
    for resolved in (_proxies, resolve_predictors, resolve_searchers, resolve_curve_predictors, _signals):
        try:
            found.append(resolved([text]))
        except UnknownNameError as error:
            if "setting" in error.kind:
                raise
            found.append([])
    if not any(found):
        known = [name for names in _known() for name in names]
        raise UnknownNameError("proxy, predictor, searcher, curve predictor or signal", text, known)
    return found


def _proxies(names: list[str]) -> list[str]:
    from zcbench.proxies import resolve

    return [info.label for info in resolve(names)]


def _signals(names: list[str]) -> list[str]:
    from zcbench.probe import list_signals

    return list_signals(*names)


def _known() -> list[list[str]]:
    """Return the names of the registered proxies, predictors, searchers, curve predictors and signals."""
    from zcbench.curves import list_curve_predictors
    from zcbench.predictors import list_predictors
    from zcbench.probe import list_signals
    from zcbench.proxies import list_proxies
    from zcbench.search import list_searchers

    return [list_proxies(), list_predictors(), list_searchers(), list_curve_predictors(), list_signals()]


def _registered_by(file: str) -> tuple[list[list[str]], bool]:
    """Return the names of each kind that a file adds, and whether it defines a supernet."""
    from zcbench._imports import import_file
    from zcbench.errors import InvalidInputError

    before = _known()
    supernet = "supernet" in vars(import_file(file))
    found = [sorted({*after} - {*earlier}) for earlier, after in zip(before, _known(), strict=True)]
    if not any(found) and not supernet:
        raise InvalidInputError(
            f"{file} registers no new proxy, predictor, searcher, curve predictor or signal, and defines no  "
            "supernet = …"
        )
    return found, supernet


def _check_supernet_of(file: str) -> Report:
    """Return the report on the ``supernet`` of a file, with its ``inputs`` and ``targets``."""
    from zcbench._imports import import_file
    from zcbench.errors import InvalidInputError
    from zcbench.testing import check_supernet

    names = vars(import_file(file))
    if "inputs" not in names:
        raise InvalidInputError(f"{file} defines a supernet and no batch for it: add  inputs = torch.randn(8, …)")
    return check_supernet(names["supernet"], names["inputs"], names.get("targets"))
