"""What a worker of an engine computes of a run: a chunk of a plan, into a file of its own in the store."""

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

#: seconds of work between two looks at what others have stored meanwhile; a look reads the whole store
_LOOK = 300.0
#: keys that are computed before anything is known of how long one takes
_FIRST = 16


class _OneFile(Store):
    """A store whose writers are one, so that a chunk gets one file however often its parts are planned."""

    def __init__(self, folder: str, writer: Writer) -> None:
        super().__init__(folder)
        self._writer = writer

    def writer(self, benchmark: str) -> Any:
        """The writer, which stays open."""
        return nullcontext(self._writer)


def compute(order: dict[str, Any], keys: Sequence[str]) -> None:
    """Score or fit what is still missing of the keys, in parts: what others have done meanwhile is not done again.

    Raises:
        ZcbenchError: this machine cannot do it.
    """
    # A plan refers to functions of these: a registry that is asked for in the middle of a module's import is broken.
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
        raise ZcbenchError(f"it does not see the store {store}: choose a folder that all machines share.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise ZcbenchError(f"{path} is not what the run wrote there: choose a folder that all machines share.")
    try:
        return pickle.loads(content)
    except Exception as error:
        raise ZcbenchError(f"it cannot read the plan of the run ({first_line(error)}).") from None
