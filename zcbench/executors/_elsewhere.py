"""The code that an executor runs on another machine. It is sent as source, and does not import zcbench.

An executor's worker may run for weeks, run several threads, or lack zcbench. Each chunk is therefore computed by a
separate Python process, the program ``zcbench.executors``: it uses the current files, can be lost without harm to the
worker, and ends when the worker does. It receives names, and returns one line that says whether they are done.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def perform(
    order: dict[str, Any], keys: tuple[str, ...], is_wanted: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Compute keys on this machine in a separate process.

    Args:
        order: plain values by name: ``compute`` ("module:function", which is called with the order and the keys),
            ``version`` of zcbench, the ``device`` of torch's computations, the current ``folder``, and everything that
            the function needs.
        keys: names of the results to compute.
        is_wanted: called every second; if it returns False, the computation is stopped.

    Returns:
        A dictionary: ``worker`` (host and process), ``trouble`` (why the keys are not done; empty if they are),
        ``fit`` (whether the worker can get further keys) and, if they are done, ``said`` and ``seconds``.
    """
    answer = {"worker": f"{socket.gethostname()}, process {os.getpid()}", "trouble": "", "fit": True}
    request = json.dumps({"order": order, "keys": list(keys), "parent": os.getpid()})
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "zcbench.executors"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=order["folder"] if Path(order["folder"]).is_dir() else None,  # the base of relative paths
        )
    except OSError as error:
        return answer | {"trouble": f"it cannot start a process: {error}.", "fit": False}
    written = _written(process, request.encode(), is_wanted)
    code = process.returncode
    if code == 0:
        said: dict[str, Any] = json.loads(written)
        return answer | said
    if code == 1:
        trouble = f"{sys.executable} cannot run zcbench {order['version']}: install it there; see the worker's log."
        return answer | {"trouble": trouble, "fit": False}
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return answer | {"trouble": f"the computing process ended with {how}."}


def _written(process: Any, request: bytes | None, is_wanted: Callable[[], bool] | None) -> bytes:
    """Return the standard output of a process when it has ended."""
    with process:
        try:
            while True:
                try:
                    found: bytes = process.communicate(request, timeout=None if is_wanted is None else 1.0)[0]
                    return found
                except subprocess.TimeoutExpired:
                    request = None  # the process has it, or gets the rest
                if is_wanted is not None and not is_wanted():
                    process.kill()
        except BaseException:  # a cancelled job
            process.kill()
            raise


def same(order: dict[str, Any]) -> dict[str, Any]:
    """Return the order itself, to which chunks refer."""
    return order


def perform_on_dask(order: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Compute keys as :func:`perform` does, and add the ``address`` of the Dask worker."""
    import distributed.worker as here

    worker: Any = here.get_worker()
    task = getattr(getattr(here, "thread_state", None), "key", None)

    def is_wanted() -> bool:
        """Return whether the task is not cancelled and its submitter is still connected."""
        try:
            found = worker.state.tasks.get(task)
            return task is None or (found is not None and found.state != "cancelled")
        except Exception:  # another version of distributed
            return True

    return {**perform(order, keys, is_wanted), "address": worker.address}
