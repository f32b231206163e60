"""What an engine runs on another machine. It travels there as source, and imports zcbench nowhere.

An engine's worker may live for weeks, run several threads, or lack zcbench. Each chunk is therefore computed by a
Python of its own, the program ``zcbench.executors``: it knows today's files, can be lost without harm to the
worker, and ends when the worker does. Names go in, and one line comes back that says whether they are done.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any


def perform(order: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Have keys computed on this machine.

    Args:
        order: plain values by name: ``compute`` ("module:function", what is called there with the order and
            the keys), ``version`` of zcbench, the current ``folder``, and what that function needs.
        keys: names of what is to be computed.

    Returns:
        A dictionary: ``worker`` (host and process), ``trouble`` (why the keys are not done; empty if they are) and
        ``fit`` (whether the worker may be given more).
    """
    answer = {"worker": f"{socket.gethostname()}, process {os.getpid()}", "trouble": "", "fit": True}
    request = json.dumps({"order": order, "keys": list(keys), "parent": os.getpid()})
    try:
        process = subprocess.run(
            [sys.executable, "-m", "zcbench.executors"],
            input=request.encode(),
            stdout=subprocess.PIPE,
            cwd=order["folder"] if Path(order["folder"]).is_dir() else None,  # where relative paths start
        )
    except OSError as error:
        return answer | {"trouble": f"it cannot start a process: {error}.", "fit": False}
    code = process.returncode
    if code == 0:
        said: dict[str, Any] = json.loads(process.stdout)
        return answer | said
    if code == 1:
        trouble = (
            f"{sys.executable} cannot run zcbench {order['version']}: install it there; the worker's log says why."
        )
        return answer | {"trouble": trouble, "fit": False}
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return answer | {"trouble": f"the process that computed ended with {how}."}


def perform_on_dask(order: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """As :func:`perform`, with the ``address`` of the Dask worker."""
    from distributed import get_worker

    address = get_worker().address
    return {**perform(order, keys), "address": address}
