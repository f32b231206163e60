"""The program that computes a chunk: ``python -m zcbench.executors`` reads it, and reports when it is done."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from zcbench import devices
from zcbench._process import die_with
from zcbench.errors import ZcbenchError, first_line


def main() -> int:
    """Compute one chunk."""
    answers = os.dup(1)
    os.dup2(2, 1)  # output of user-defined code is not part of the answer
    request = json.load(sys.stdin)
    die_with(request["parent"])
    said, trouble, fit, before = None, "", True, time.monotonic()
    try:
        said = _compute(request["order"], request["keys"])
    except ZcbenchError as error:  # this machine cannot do it, but another one may
        trouble, fit = str(error), False
    except Exception as error:  # a defect; the executor's log contains the traceback
        import traceback

        traceback.print_exc()
        trouble = f"{first_line(error)}."
    answer = {"trouble": trouble, "fit": fit, "seconds": time.monotonic() - before, "said": said}
    os.write(answers, json.dumps(answer).encode() + b"\n")
    return 0


def _compute(order: dict[str, Any], keys: Sequence[str]) -> Any:
    """Call the order's function."""
    from zcbench import __version__

    if order["version"] != __version__:
        raise ZcbenchError(f"it has zcbench {__version__}, but the run needs {order['version']}: install that version.")
    module, _, name = order["compute"].partition(":")
    compute: Callable[[dict[str, Any], Sequence[str]], Any] = getattr(import_module(module), name)
    with devices.using(order.get("device")):
        return compute(order, keys)


if __name__ == "__main__":
    sys.exit(main())
