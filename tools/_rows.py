"""Rows of finished training in JSON lines, of which complete ones survive a kill."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def done_rows(path: Path) -> dict[str, Row]:
    """Return finished rows by architecture; an incomplete last line is removed from the file."""
    if not path.exists():
        return {}
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) != len(text):
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return {row["arch"]: row for row in map(json.loads, whole.splitlines())}


def rows_of(work: Path) -> dict[str, Row]:
    """Return finished rows of all processes."""
    return {arch: row for file in sorted(work.glob("rows-*.jsonl")) for arch, row in done_rows(file).items()}


def append_rows(work: Path, part: str, todo: Sequence[Any], train: Callable[[Any], Row], every: int = 20) -> None:
    """Train the remaining architectures, a line each; ``part`` "i/n" names the file of the i-th of n processes."""
    work.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with (work / f"rows-{part.replace('/', 'of')}.jsonl").open("a") as file:
        for i, architecture in enumerate(todo, 1):
            file.write(json.dumps(train(architecture)) + "\n")
            file.flush()
            os.fsync(file.fileno())
            if i % every == 0:
                rate = (time.monotonic() - started) / i
                print(f"{i}/{len(todo)}, {rate:.2f} s each, {rate * (len(todo) - i) / 60:.0f} min left", flush=True)
