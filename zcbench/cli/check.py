"""Put proxies and predictors through the contract tests: registered ones by name, or all that a file registers."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from zcbench.cli._shared import add_imports, add_json, filled, import_files, print_json, show

if TYPE_CHECKING:
    from zcbench.testing import Report

EXAMPLE = """examples:
  zcbench check my_proxies.py
  zcbench check naswot "grad*" --json
  zcbench check gp gcn:loss=hinge"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "names", nargs="+", metavar="NAME", help="name or pattern of proxies or predictors, or a Python file"
    )
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a proxy fails a check."""
    from zcbench.testing import check_predictor, check_proxy

    import_files(options.imports)
    checks: dict[tuple[Callable[[str], Report], str], None] = {}  # each once, in the order given
    for name in options.names:
        proxies, predictors = _registered_by(name) if name.endswith(".py") else _named(name)
        checks.update(dict.fromkeys((check_proxy, label) for label in proxies))
        checks.update(dict.fromkeys((check_predictor, label) for label in predictors))
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
    return 0 if all(report.ok for report in reports) else 1


def _named(text: str) -> tuple[list[str], list[str]]:
    """Labels of proxies and of predictors that a name or pattern matches; UnknownNameError if there are none."""
    from zcbench.errors import UnknownNameError
    from zcbench.predictors import list_predictors, resolve_predictors
    from zcbench.proxies import list_proxies

    found: list[list[str]] = []
    for resolved in (_proxies, resolve_predictors):
        try:
            found.append(resolved([text]))
        except UnknownNameError as error:
            if "setting" in error.kind:
                raise
            found.append([])
    if not any(found):
        raise UnknownNameError("proxy or predictor", text, [*list_proxies(), *list_predictors()])
    return found[0], found[1]


def _proxies(names: list[str]) -> list[str]:
    from zcbench.proxies import resolve

    return [info.label for info in resolve(names)]


def _registered_by(file: str) -> tuple[list[str], list[str]]:
    """Names of the proxies and predictors that a file adds."""
    from zcbench.errors import InvalidInputError
    from zcbench.predictors import list_predictors
    from zcbench.proxies import list_proxies

    before = set(list_proxies()), set(list_predictors())
    import_files([file])
    found = sorted(set(list_proxies()) - before[0]), sorted(set(list_predictors()) - before[1])
    if not any(found):
        raise InvalidInputError(f"{file} registers no proxy or predictor that was not there before.")
    return found
