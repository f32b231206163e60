"""What computes a chunk: ``python -m zcbench.executors`` reads it, and says when it is done."""

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
    os.dup2(2, 1)  # what strangers print is no answer
    request = json.load(sys.stdin)
    die_with(request["parent"])
    said, trouble, fit, before = None, "", True, time.monotonic()
    try:
        said = _compute(request["order"], request["keys"])
    except ZcbenchError as error:  # this machine cannot do it; another may
        trouble, fit = str(error), False
    except Exception as error:  # a defect; the engine's log has all of it
        import traceback

        traceback.print_exc()
        trouble = f"{first_line(error)}."
    answer = {"trouble": trouble, "fit": fit, "seconds": time.monotonic() - before, "said": said}
    os.write(answers, json.dumps(answer).encode() + b"\n")
    return 0


def _compute(order: dict[str, Any], keys: Sequence[str]) -> Any:
    """Call what the order names."""
    from zcbench import __version__

    if order["version"] != __version__:
        raise ZcbenchError(f"it has zcbench {__version__}, and the run is of {order['version']}: install that there.")
    module, _, name = order["compute"].partition(":")
    compute: Callable[[dict[str, Any], Sequence[str]], Any] = getattr(import_module(module), name)
    with devices.using(order.get("device")):
        return compute(order, keys)


if __name__ == "__main__":
    sys.exit(main())
