"""Show the versions, the machine and the folders that computations use."""

from __future__ import annotations

import argparse
import importlib.metadata
import os

from zcbench.cli._shared import add_json, print_json, show

EXAMPLE = """example:
  zcbench env --json"""

_OPTIONAL = ("scikit-learn", "pyarrow", "nas-bench-201", "nats-bench", "lightgbm", "xgboost-cpu", "torch-geometric")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.datasets._paths import known_cache
    from zcbench.records import describe_environment

    identifier, description = describe_environment()
    content = {
        "environment": identifier,
        **description,
        **{name: _version(name) for name in _OPTIONAL},
        "ZCBENCH_DATA": os.environ.get("ZCBENCH_DATA", "not set"),
        "ZCBENCH_RUNS": os.environ.get("ZCBENCH_RUNS", "not set (runs)"),
        "cache": str(known_cache() or "none: this user has no home folder, set ZCBENCH_CACHE"),
    }
    if options.json:
        print_json(content)
    else:
        for key, value in content.items():
            show(f"{key:18} {value}")
    return 0


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
