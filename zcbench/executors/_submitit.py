"""SLURM jobs through submitit."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zcbench import devices
from zcbench._files import cannot_write
from zcbench._notation import Term
from zcbench._settings import read_settings
from zcbench.errors import InvalidInputError, MissingDependencyError, ZcbenchError, first_line
from zcbench.executors import _elsewhere
from zcbench.executors._protocol import RETRIES, Answer, chunks

#: settings with their defaults; an empty text means the cluster's default
SETTINGS: dict[str, Any] = {
    "jobs": 0,
    "cluster": "slurm",
    "partition": "",
    "account": "",
    "qos": "",
    "constraint": "",
    "hours": 4.0,
    "memory": 3.0,
    "gpus": 0,
    "at_once": 0,
}
_RANGES = {
    "jobs": (0, 10_000),
    "hours": (0.02, 10_000),
    "memory": (0.1, 100_000),
    "gpus": (0, 1024),
    "at_once": (0, 10_000),
}
#: default number of jobs on SLURM
_JOBS = 20
#: seconds between two checks of the jobs
_LOOK = 0.5


@dataclass
class _Chunk:
    keys: tuple[str, ...]
    job: Any = None
    lost: int = 0


class SubmititExecutor:
    """Distributes keys to jobs, which may wait in SLURM's queue for any time.

    Args:
        jobs: largest number of jobs at once; 0 for 20, or on this machine for its number of processors.
        cluster: "slurm", or "local" for processes on this machine.
        partition: SLURM's partition; ``account``, ``qos`` and ``constraint`` are SLURM's, too.
        hours: time limit of a job.
        memory: GB for each worker process of a job.
        gpus: GPUs of a job; 0 for one if the work is for ``cuda``, otherwise none.
        at_once: largest number of running jobs; 0 for any number.

    Raises:
        MissingDependencyError: submitit is not installed.
    """

    def __init__(self, **settings: Any) -> None:
        try:
            import submitit
        except ImportError:
            raise MissingDependencyError("submitit", "submitit", "the executor submitit") from None
        self._submitit: Any = submitit
        self._given = {**SETTINGS, **settings}
        self._folder: Path | None = None
        self._kept = False  # whether the folder is kept after a call
        self._troubled = False

    @classmethod
    def parse(cls, term: Term) -> SubmititExecutor:
        """Make the executor of a text such as "submitit:partition=cpu:hours=4".

        Raises:
            UnknownNameError: there is no such setting.
            InvalidInputError: a setting has no value, or an invalid one.
            MissingDependencyError: submitit is not installed.
        """
        found = read_settings(term, SETTINGS, _RANGES)
        if found.get("cluster", "slurm") not in ("slurm", "local"):
            raise InvalidInputError(f"submitit:cluster={found['cluster']}: choose slurm or local.")
        return cls(**found)

    def __enter__(self) -> SubmititExecutor:
        self._kept = True
        return self

    def __exit__(self, *error: object) -> None:
        self._kept = False
        self._remove_folder()

    def carry_out(self, order: dict[str, Any], keys: Sequence[str], say: Callable[[str], object]) -> Iterator[Answer]:
        """Submit one array of jobs and wait for them; see :class:`Executor`."""
        folder, running = self._folder_in(Path(order["store"]), say), list[_Chunk]()
        try:
            executor = self._executor(order, folder)
            waiting = deque(_Chunk(part) for part in self._parts(order, keys))
            while running or waiting:
                fresh = self._next(waiting, order, len(running))
                running += fresh
                self._submit(executor, order, fresh)
                finished = [chunk for chunk in running if chunk.job.done()]
                for chunk in finished:
                    running.remove(chunk)
                    answer = _answer(chunk)
                    again = bool(answer["trouble"]) and chunk.lost < RETRIES
                    if again:
                        waiting.appendleft(_Chunk(chunk.keys, lost=chunk.lost + 1))
                    self._troubled = self._troubled or bool(answer["trouble"])
                    if not answer["trouble"]:
                        _remove_files(chunk, folder)
                        yield Answer(chunk.keys, said=answer["said"])
                    else:
                        trouble = f"{answer['worker']}: {answer['trouble']}"
                        yield Answer(chunk.keys, trouble, final=not again, fit=answer["fit"])
                if not finished:
                    time.sleep(_LOOK)
        finally:
            for chunk in running:
                if chunk.job is not None:
                    chunk.job.cancel(check=False)
            if not self._kept:
                self._remove_folder()

    def _folder_in(self, store: Path, say: Callable[[str], object]) -> Path:
        """Return the folder of the jobs, which is made at the first call."""
        if self._folder is None:
            if _is_open(store):
                say(
                    f"other users may write into {store}, so that they can run code as you while jobs of submitit are "
                    f"running: remove their permission (chmod go-w {store}), or trust them."
                )
            self._folder, self._troubled = _private_folder(store), False
        return self._folder

    def _remove_folder(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None and not self._troubled:  # otherwise its logs are needed
            shutil.rmtree(folder, ignore_errors=True)

    def _parts(self, order: dict[str, Any], keys: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the keys of each job, if any number of jobs may follow one another."""
        count = self._jobs() if (most := order.get("chunk")) is None else max(self._jobs(), -(-len(keys) // most))
        return chunks(keys, count)

    def _next(self, waiting: deque[_Chunk], order: dict[str, Any], running: int) -> list[_Chunk]:
        """Return the chunks to submit now, up to the largest number of jobs."""
        most = min(self._jobs(), order.get("at_once") or self._jobs())
        return [waiting.popleft() for _ in range(min(len(waiting), max(0, most - running)))]

    def _jobs(self) -> int:
        if self._given["jobs"]:
            return int(self._given["jobs"])
        return _JOBS if self._given["cluster"] == "slurm" else os.cpu_count() or 1

    def _executor(self, order: dict[str, Any], folder: Path) -> Any:
        given, workers = self._given, int(order["workers"])
        logging.getLogger("submitit").setLevel(logging.ERROR)
        try:
            executor = self._submitit.AutoExecutor(folder=folder, cluster=given["cluster"])
            executor.update_parameters(
                name="zcbench",
                timeout_min=max(1, round(60 * given["hours"])),
                mem_gb=given["memory"] * workers,
                cpus_per_task=workers,
                gpus_per_node=given["gpus"]
                or (1 if devices.kind_of(order.get("device", devices.CPU)) == "cuda" else None),
                **{f"slurm_{name}": given[name] or None for name in ("partition", "account", "qos", "constraint")},
                slurm_array_parallelism=given["at_once"] or 10_000,
            )
        except (OSError, RuntimeError, NameError) as error:
            raise ZcbenchError(
                f"submitit cannot submit to {given['cluster']} ({first_line(error)}): run this where sbatch exists, or "
                "use submitit:cluster=local for processes of this machine."
            ) from None
        return executor

    def _submit(self, executor: Any, order: dict[str, Any], parts: Sequence[_Chunk]) -> None:
        """Submit chunks as one array of jobs, and assign the jobs to them."""
        import cloudpickle

        if not parts:
            return
        # By value, because a Python without zcbench must be able to report this.
        cloudpickle.register_pickle_by_value(_elsewhere)
        try:
            with _interrupts_later():  # an interrupt in between would leave unknown jobs
                with executor.batch():
                    jobs = [executor.submit(_elsewhere.perform, order, chunk.keys) for chunk in parts]
                for chunk, job in zip(parts, jobs, strict=True):
                    chunk.job = job
        except Exception as error:  # errors of sbatch or of the file system
            raise ZcbenchError(f"submitit could not submit: {first_line(error)}") from None
        finally:
            with suppress(ValueError):  # another run in this process did it already
                cloudpickle.unregister_pickle_by_value(_elsewhere)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block; processes that are started meanwhile do not inherit this."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield
        return
    came: list[Any] = []
    signal.signal(signal.SIGINT, lambda *given: came.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            usual(*came[0])


def _private_folder(store: Path) -> Path:
    """Make a new folder in the store that only this user can read, on all machines.

    Jobs read their calls from it, and this process their results, both as pickles, which can run code.

    Raises:
        StoreError: there is no room or no permission.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=".submitit-", dir=store))
    except OSError as error:
        raise cannot_write(store, error, "choose another folder.") from None


def _is_open(store: Path) -> bool:
    """Return whether other users may write into a folder, and could therefore replace a private folder in it."""
    with suppress(OSError):
        found = store.stat()
        sticky = found.st_mode & stat.S_ISVTX  # users may then not rename files of others
        shared = found.st_mode & stat.S_IWGRP and found.st_gid != found.st_uid  # a private group has the user's number
        return not sticky and bool(shared or found.st_mode & stat.S_IWOTH)
    return False


def _answer(chunk: _Chunk) -> dict[str, Any]:
    """Return the answer of a job that ended."""
    job = chunk.job
    try:
        found: dict[str, Any] = job.result()
    except Exception:  # it was killed, or exceeded its time or memory
        log = job.paths.stderr
        return {"worker": f"job {job.job_id}", "trouble": f"it ended without an answer; its log is {log}.", "fit": True}
    return found


def _remove_files(chunk: _Chunk, folder: Path) -> None:
    """Remove the files of a finished job, because thousands of jobs would leave many."""
    for path in folder.glob(f"{chunk.job.job_id}_*"):
        with suppress(OSError):
            path.unlink()
