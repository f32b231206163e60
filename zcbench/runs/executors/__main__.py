"""What computes a chunk: ``python -m zcbench.runs.executors`` reads it, and says when it is done."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from zcbench._process import die_with
from zcbench.encodings import list_encodings
from zcbench.errors import ZcbenchError, first_line
from zcbench.predictors import list_predictors
from zcbench.proxies import list_proxies
from zcbench.records import Store, Writer

#: seconds of work between two looks at what others have stored meanwhile; a look reads the whole store
_LOOK = 300.0
#: keys that are computed before anything is known of how long one takes
_FIRST = 16


class _UnfitError(ZcbenchError):
    """This machine cannot do it; another may."""


def main() -> int:
    """Compute one chunk."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what strangers print is no answer
    request = json.load(sys.stdin)
    die_with(request["parent"])
    trouble, fit, before = "", True, time.monotonic()
    try:
        _compute(request["order"], request["keys"])
    except ZcbenchError as error:
        trouble, fit = str(error), False
    except Exception as error:  # a defect; the engine's log has all of it
        import traceback

        traceback.print_exc()
        trouble = f"{first_line(error)}."
    answer = {"trouble": trouble, "fit": fit, "seconds": time.monotonic() - before}
    os.write(answers, json.dumps(answer).encode() + b"\n")
    return 0


class _OneFile(Store):
    """A store whose writers are one, so that a chunk gets one file however often its parts are planned."""

    def __init__(self, folder: str, writer: Writer) -> None:
        super().__init__(folder)
        self._writer = writer

    def writer(self, benchmark: str) -> Any:
        """The writer, which stays open."""
        return nullcontext(self._writer)


def _compute(order: dict[str, Any], keys: Sequence[str]) -> None:
    """Score or fit what is still missing of the keys, in parts: what others have done meanwhile is not done again."""
    from zcbench import __version__
    from zcbench._imports import import_file
    from zcbench.runs._resume import resume

    if order["version"] != __version__:
        raise _UnfitError(f"it has zcbench {__version__}, and the run is of {order['version']}: install that there.")
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
        raise _UnfitError(f"it does not see the store {store}: choose a folder that all machines share.") from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise _UnfitError(f"{path} is not what the run wrote there: choose a folder that all machines share.")
    try:
        return pickle.loads(content)
    except Exception as error:
        raise _UnfitError(f"it cannot read the plan of the run ({first_line(error)}).") from None


if __name__ == "__main__":
    sys.exit(main())
