"""The computation of an engine's worker: a chunk of a plan, written into a separate file in the store."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from zcbench._imports import import_file
from zcbench.encodings import list_encodings
from zcbench.errors import ZcbenchError, first_line
from zcbench.predictors import list_predictors
from zcbench.proxies import list_proxies
from zcbench.records import Store, Writer
from zcbench.runs._resume import resume

#: seconds of work between two readings of the whole store, for results of other processes
_LOOK = 300.0
#: number of keys that are computed before the time of a key is known
_FIRST = 16


class _OneFile(Store):
    """A store with a single writer, so that a chunk has one file for any number of plans of its parts."""

    def __init__(self, folder: str, writer: Writer) -> None:
        super().__init__(folder)
        self._writer = writer

    def writer(self, benchmark: str) -> Any:
        """Return the writer, which stays open."""
        return nullcontext(self._writer)


def compute(order: dict[str, Any], keys: Sequence[str]) -> None:
    """Compute the missing results of the keys, in parts, without results that other processes computed meanwhile.

    Raises:
        ZcbenchError: this machine cannot compute them.
    """
    # A plan refers to functions of these: a registry that is used during a module's import is incomplete.
    list_proxies(), list_predictors(), list_encodings()
    for path in order["imports"]:
        import_file(path)
    plan = _plan(Path(order["plan"]), order["digest"], order["store"])
    plan.work.prepare()
    left, size = list(keys), _FIRST
    with Store(order["store"]).writer(plan.benchmark) as writer:
        store = _OneFile(order["store"], writer)
        while left:
            part, left = left[:size], left[size:]
            before = time.monotonic()
            resume(plan.only(part), store, workers=order["workers"], timeout=order["timeout"], retry=order["retry"])
            spent = max(time.monotonic() - before, 1e-3)
            size = max(1, min(4 * size, int(size * _LOOK / spent)))


def _plan(path: Path, digest: str, store: str) -> Any:
    try:
        content = path.read_bytes()
    except OSError:
        raise ZcbenchError(f"it cannot read the store {store}: choose a folder that all machines share.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise ZcbenchError(f"{path} is not the file that the run wrote: choose a folder that all machines share.")
    try:
        return pickle.loads(content)
    except Exception as error:
        raise ZcbenchError(f"it cannot read the plan of the run ({first_line(error)}).") from None
