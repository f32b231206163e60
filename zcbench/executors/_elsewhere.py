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
from collections.abc import Callable
from pathlib import Path
from typing import Any


def perform(
    order: dict[str, Any], keys: tuple[str, ...], is_wanted: Callable[[], bool] | None = None
) -> dict[str, Any]:
    """Have keys computed on this machine.

    Args:
        order: plain values by name: ``compute`` ("module:function", what is called there with the order and
            the keys), ``version`` of zcbench, the ``device`` of torch's work, the current ``folder``, and what that
            function needs.
        keys: names of what is to be computed.
        is_wanted: asked every second; where it says no, the computation is ended.

    Returns:
        A dictionary: ``worker`` (host and process), ``trouble`` (why the keys are not done; empty if they are),
        ``fit`` (whether the worker may be given more) and, if they are done, ``said`` and ``seconds``.
    """
    answer = {"worker": f"{socket.gethostname()}, process {os.getpid()}", "trouble": "", "fit": True}
    request = json.dumps({"order": order, "keys": list(keys), "parent": os.getpid()})
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "zcbench.executors"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=order["folder"] if Path(order["folder"]).is_dir() else None,  # where relative paths start
        )
    except OSError as error:
        return answer | {"trouble": f"it cannot start a process: {error}.", "fit": False}
    written = _written(process, request.encode(), is_wanted)
    code = process.returncode
    if code == 0:
        said: dict[str, Any] = json.loads(written)
        return answer | said
    if code == 1:
        trouble = (
            f"{sys.executable} cannot run zcbench {order['version']}: install it there; the worker's log says why."
        )
        return answer | {"trouble": trouble, "fit": False}
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return answer | {"trouble": f"the process that computed ended with {how}."}


def _written(process: Any, request: bytes | None, is_wanted: Callable[[], bool] | None) -> bytes:
    """What a process writes on its standard output until it ends."""
    with process:
        try:
            while True:
                try:
                    found: bytes = process.communicate(request, timeout=None if is_wanted is None else 1.0)[0]
                    return found
                except subprocess.TimeoutExpired:
                    request = None  # it has it, or gets the rest
                if is_wanted is not None and not is_wanted():
                    process.kill()
        except BaseException:  # a job that is cancelled
            process.kill()
            raise


def same(order: dict[str, Any]) -> dict[str, Any]:
    """The order itself: chunks refer to it."""
    return order


def perform_on_dask(order: dict[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """As :func:`perform`, with the ``address`` of the Dask worker."""
    import distributed.worker as here

    worker: Any = here.get_worker()
    task = getattr(getattr(here, "thread_state", None), "key", None)

    def is_wanted() -> bool:
        """Whether nobody has cancelled it, and who submitted it is still there."""
        try:
            found = worker.state.tasks.get(task)
            return task is None or (found is not None and found.state != "cancelled")
        except Exception:  # of another distributed
            return True

    return {**perform(order, keys, is_wanted), "address": worker.address}
