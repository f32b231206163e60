"""A run on other machines: names of missing work are sent, and workers write their own files."""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench import devices
from zcbench._files import cannot_write
from zcbench.errors import InvalidInputError, ZcbenchError, first_line, shortened
from zcbench.executors import EngineEndedError, Executor, WorkersFailedError

if TYPE_CHECKING:
    from zcbench.runs._resume import Plan

#: number of workers and of their problems that an error names
_SHOWN = 3
#: prefix of names of plan files
_PLAN = ".zcbench-plan-"
#: seconds after which the plan of a killed run is not needed any more
_OLD = 30 * 86_400.0


def carried_out(
    executor: Executor,
    plan: Plan[Any],
    store: str | os.PathLike[str],
    keys: Sequence[str],
    *,
    workers: int = 1,
    timeout: float | None = None,
    retry: Sequence[str] = (),
    imports: Sequence[str] = (),
    say: Callable[[str], object] = str,
) -> Iterator[tuple[str, ...]]:
    """Compute keys of a plan on other machines; yield finished keys as soon as the engine reports them.

    Args:
        executor: the engine.
        plan: the plan, without the stored results.
        store: folder of the records, which all machines share.
        keys: the missing keys.
        workers: number of processes of each of the engine's workers.
        timeout: maximum seconds of a part.
        retry: statuses to compute again.
        imports: Python files that each worker imports by itself.
        say: called with a sentence when a worker fails.

    Raises:
        WorkersFailedError: at the end, if a worker failed.
        ZcbenchError: there is no such engine, or it ended.
    """
    from zcbench import __version__

    folder = Path(store).absolute()
    troubles: dict[str, list[str]] = {}
    given_up = 0
    with _plan_file(plan, folder, keys) as (path, digest):
        order = {
            "compute": "zcbench.runs._chunk:compute",
            "device": devices.chosen(),
            "version": __version__,
            "folder": str(Path.cwd()),
            "store": str(folder),
            "plan": str(path),
            "digest": digest,
            "imports": [str(Path(name).resolve()) for name in imports],
            "workers": max(1, workers),
            "timeout": timeout,
            "retry": list(retry),
        }
        try:
            for answer in executor.carry_out(order, keys, say):
                if not answer.trouble:
                    yield answer.keys
                    continue
                worker, _, trouble = answer.trouble.partition(": ")
                if trouble not in troubles:
                    say(shortened(answer.trouble))
                troubles.setdefault(trouble, []).append(worker)
                given_up += len(answer.keys) * answer.final
        except EngineEndedError as error:
            raise ZcbenchError(
                f"{error.engine} has ended: all scores until then are kept. "
                "Run the same command again when there is one."
            ) from None
    if troubles:
        raise WorkersFailedError(_summary(troubles, given_up))


def _summary(troubles: dict[str, list[str]], given_up: int) -> str:
    told = []
    for trouble, workers in list(troubles.items())[:_SHOWN]:
        others = len(set(workers)) - 1
        told.append(f"{workers[0]}{f' and {others} more' if others else ''}: {trouble}")
    more = f" There were {len(troubles) - _SHOWN} other reasons." if len(troubles) > _SHOWN else ""
    if given_up:
        end = "Results until then are kept. Run the same command again, which computes what is missing."
    else:
        end = "Other workers have done the rest; the same command again shows it."
    return f"some workers failed. {' '.join(told)}{more} {end}"


@contextmanager
def _plan_file(plan: Plan[Any], store: Path, keys: Sequence[str]) -> Iterator[tuple[Path, str]]:
    """Write the plan as a file in the store during the run; the file also shows whether a worker can read the store.

    It is a pickle. A worker reads it only if it has the digest that the engine sent.
    """
    try:
        content = pickle.dumps(plan.only(keys))
    except Exception as error:
        raise InvalidInputError(
            f"this run cannot be sent to other processes ({first_line(error)}): "
            "put your own code into Python files, and import these."
        ) from None
    path = store / f"{_PLAN}{secrets.token_hex(8)}"
    try:
        store.mkdir(parents=True, exist_ok=True)
        _remove_old(store)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise cannot_write(path, error, "choose another folder with --store.") from None
    try:
        yield path, hashlib.sha256(content).hexdigest()
    finally:
        with suppress(OSError):
            path.unlink()


def _remove_old(store: Path) -> None:
    """Remove old plans of killed runs; submitted jobs of such a run need them for some time."""
    for path in store.glob(f"{_PLAN}*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _OLD:
                path.unlink()
