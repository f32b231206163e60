"""Put proxies through the contract tests: registered ones by name, or all that a Python file registers."""

from __future__ import annotations

import argparse

from zcbench.cli._shared import add_imports, add_json, import_files, print_json

EXAMPLE = """examples:
  zcbench check my_proxies.py
  zcbench check naswot "grad*" --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="name or pattern of proxies, or a Python file")
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a proxy fails a check."""
    from zcbench.errors import InvalidInputError
    from zcbench.proxies import list_proxies, resolve
    from zcbench.testing import check_proxy

    import_files(options.imports)
    labels: list[str] = []
    for name in options.names:
        if not name.endswith(".py"):
            labels += [info.label for info in resolve([name])]
            continue
        before = set(list_proxies())
        import_files([name])
        found = sorted(set(list_proxies()) - before)
        if not found:
            raise InvalidInputError(f"{name} registers no proxy that was not there before.")
        labels += found
    reports = []
    for label in dict.fromkeys(labels):
        reports.append(check_proxy(label))
        if not options.json:
            print(reports[-1], flush=True)
    if options.json:
        print_json(
            [
                {
                    "proxy": r.proxy,
                    "ok": r.ok,
                    "checks": [{"check": o.check, "status": o.status, "detail": o.detail} for o in r.outcomes],
                }
                for r in reports
            ]
        )
    elif len(reports) > 1:
        bad = [report.proxy for report in reports if not report.ok]
        print(f"\n{len(reports) - len(bad)} of {len(reports)} proxies ok" + (f"; not: {', '.join(bad)}" if bad else ""))
    return 0 if all(report.ok for report in reports) else 1
