"""The environment of a computation: versions, machine, commit."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def describe_environment() -> tuple[str, dict[str, Any]]:
    """Return an identifier of the environment and its description: versions, machine, commit."""
    import zcbench

    description: dict[str, Any] = {
        "zcbench": zcbench.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads_per_score": 1,
        **{name: _version(name) for name in ("torch", "numpy", "scipy")},
    }
    text = json.dumps(description, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12], description


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "absent"


def _commit() -> str:
    """Return the commit of a source checkout, with "+" if it has changes; empty for an installed package."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return ""
    try:
        name = _git(root, "rev-parse", "--short=12", "HEAD")
        return name + ("+" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    found = subprocess.run(command, capture_output=True, check=True, timeout=10).stdout
    return found.decode(errors="replace").strip()  # file names need not be text


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_bytes().decode(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
