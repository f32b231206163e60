"""Worker processes that survive what they compute.

Each worker has a pipe of its own to the parent. A worker that dies (out of memory, a crash in native code) costs the
result it was computing; a parent that dies, however suddenly, closes the pipes, and the workers end by themselves.
"""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from zcbench._process import keep_freed_memory
from zcbench.errors import UnknownNameError, ZcbenchError

#: what the parts of a task have in common (an architecture), and the parts (proxies to compute on it)
Task = tuple[str, tuple[str, ...]]


class Work(Protocol):
    """What worker processes do; it travels to them by pickle."""

    def prepare(self) -> None:
        """Set up a worker; called once in each."""

    def results(self, key: str, parts: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield (part, result) for a task as soon as each result exists."""

    def lost(self, reason: str) -> Any:
        """The result of a part that killed its worker."""


@dataclass
class _Worker:
    process: Any  # multiprocessing's context classes have no common public type
    pipe: Connection
    key: str = ""
    left: tuple[str, ...] = ()
    ready: bool = False


def in_parallel(work: Work, tasks: Iterable[Task], workers: int) -> Iterator[tuple[str, str, Any]]:
    """Yield (key, part, result) from ``workers`` processes, each result as soon as it exists.

    Raises:
        ZcbenchError: a worker could not even start.
    """
    queue = deque(tasks)
    context = multiprocessing.get_context("spawn")

    def start() -> _Worker:
        ours, theirs = context.Pipe()
        process = context.Process(target=_worker, args=(theirs,), daemon=True)
        with _no_interrupts():
            process.start()
        theirs.close()
        with suppress(OSError):  # it died at once; the first wait finds its pipe closed
            ours.send(work)  # not as an argument: a process that dies before it reads a long one would hang the start
        return _Worker(process, ours)

    alive = [start() for _ in range(min(workers, len(queue)))]
    try:
        while alive:
            for pipe in wait([worker.pipe for worker in alive]):
                worker = next(w for w in alive if w.pipe is pipe)
                try:
                    kind, *content = worker.pipe.recv()
                except (EOFError, OSError):
                    alive.remove(worker)
                    yield from _bury(work, worker, queue)
                    if queue:
                        alive.append(start())
                    continue
                if kind == "error":
                    raise ZcbenchError(f"a worker process could not start: {content[0]}")
                if kind == "result":
                    part, result = content
                    worker.left = tuple(name for name in worker.left if name != part)
                    yield worker.key, part, result
                    continue
                worker.ready = True  # it asks for work
                if queue:
                    worker.key, worker.left = queue.popleft()
                    with suppress(OSError):  # it died since; the next wait finds its pipe closed
                        worker.pipe.send((worker.key, worker.left))
                else:
                    worker.pipe.close()
                    worker.process.join()
                    alive.remove(worker)
    finally:
        for worker in alive:
            worker.process.kill()
            worker.process.join()


def here(work: Work, tasks: Iterable[Task]) -> Iterator[tuple[str, str, Any]]:
    """As :func:`in_parallel`, in this process."""
    with _one_thread():
        for key, parts in tasks:
            for part, result in work.results(key, parts):
                yield key, part, result


@contextmanager
def _one_thread() -> Iterator[None]:
    # As in a worker: sums are rounded alike and times compare.
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Hold SIGINT back; a process started meanwhile never sees it, not even while it still imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _bury(work: Work, worker: _Worker, queue: deque[Task]) -> Iterator[tuple[str, str, Any]]:
    worker.process.join()
    code = worker.process.exitcode
    if not worker.ready:
        raise ZcbenchError(f"a worker process ended with exit code {code} before it could start.")
    if not worker.left:
        return
    cause = f"signal {-code}" if code and code < 0 else f"exit code {code}"
    hint = " (killed, often for want of memory)" if code == -signal.SIGKILL else ""
    lost, *rest = worker.left
    if rest:
        queue.appendleft((worker.key, tuple(rest)))
    yield worker.key, lost, work.lost(f"the worker process died with {cause}{hint}.")


def _worker(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    try:
        import torch

        work: Work = pipe.recv()

        torch.set_num_threads(1)
        keep_freed_memory()
        work.prepare()
    except BaseException:
        pipe.send(("error", traceback.format_exc(limit=1).strip().splitlines()[-1]))
        return
    try:
        pipe.send(("ready",))
        while True:
            key, parts = pipe.recv()
            for part, result in work.results(key, parts):
                pipe.send(("result", part, result))
            pipe.send(("ready",))
    except UnknownNameError as error:
        hint = "A worker process knows what installed packages and imported files register (--import)."
        pipe.send(("error", f"{error} {hint}"))
    except (EOFError, OSError):  # the parent is gone or has no more work
        return
