"""Worker processes that survive failures of their work and end with the process that started them.

Each worker has its own pipe to the parent, on which it reports each start and sends each result. A worker that dies
(out of memory, a crash in native code) or takes too long loses only its current work, and another one replaces it. If
the parent dies, its workers end too.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeAlias

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._process import die_with, keep_freed_memory
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError, first_line
from zcbench.types import Status

#: the common part of a task (an architecture), and its parts (proxies to compute on it)
Task = tuple[str, tuple[str, ...]]
#: called with a part when its work starts; with "" when common work of all parts starts (building a network)
Begin: TypeAlias = Callable[[str], object]

#: seconds between two checks of the clock; longer sleep (a suspended machine) is not counted
_LOOK = 1.0
#: seconds that a worker has to end by itself
_PATIENCE = 5.0


class Work(Protocol):
    """The work of worker processes; it is sent to them by pickle.

    Attributes:
        imports: Python files that each worker imports by itself.

    It may have ``loads_torch``, which is False if it never needs torch: a process then starts faster.
    """

    @property
    def imports(self) -> tuple[str, ...]:
        """Python files that each worker imports by itself."""

    def prepare(self) -> None:
        """Set up a worker; called once in each worker."""

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Any]]:
        """Yield (part, result) for a task as soon as each result exists."""

    def lost(self, status: Status, reason: str, seconds: float) -> Any:
        """Return the result of a part whose worker died or was stopped."""


@dataclass
class _Worker:
    process: Any  # multiprocessing's context classes have no common public type
    pipe: Connection
    device: str = devices.CPU
    key: str = ""
    left: tuple[str, ...] = ()
    ready: bool = False
    #: the part that it computes; "" while it prepares all of them; None in between
    running: str | None = None
    #: seconds spent on each of these
    spent: dict[str | None, float] = field(default_factory=lambda: defaultdict(float))

    def give(self, task: Task) -> None:
        self.ready = True
        self.key, self.left = task
        self.running = ""
        self.spent.clear()
        with suppress(OSError):  # it died meanwhile; the next wait finds its pipe closed
            self.pipe.send(task)

    def at_risk(self) -> tuple[str, ...]:
        """Return the parts that are lost if the worker ends now."""
        return self.left if self.running == "" else tuple(part for part in self.left if part == self.running)


def in_parallel(
    work: Work, tasks: Iterable[Task], workers: int, timeout: float | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Yield (key, part, result) from ``workers`` processes, each result as soon as it exists.

    Args:
        work: the work of the processes.
        tasks: the tasks.
        workers: number of processes.
        timeout: seconds that a part may take, and that the common work of a task may take; None for no limit. The time
            starts when a worker reports the start.

    Raises:
        ZcbenchError: a worker could not start, or refused a whole task.
    """
    with Crew(work, workers, timeout) as crew:
        yield from crew.do(tasks, last=True)


class Crew:
    """A pool of workers that processes one list of tasks after another; a context manager, which ends them.

    Args:
        work: the work of the processes.
        workers: number of processes; they start with the first tasks.
        timeout: as for :func:`in_parallel`.

    Raises:
        InvalidInputError: the work cannot be sent to other processes.
    """

    def __init__(self, work: Work, workers: int, timeout: float | None = None) -> None:
        self.work, self.workers, self.timeout = work, workers, timeout
        self._work = pickle.dumps(work)
        #: the device of torch's work; of several devices each worker uses the least used one
        self.device = devices.chosen()
        self.queue: deque[Task] = deque()
        #: workers that start or have a task, and workers that wait for a task
        self.alive: list[_Worker] = []
        self.idle: list[_Worker] = []
        self._last = False
        self._context = multiprocessing.get_context("spawn")

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End all workers."""
        for worker in [*self.alive, *self.idle]:
            _end(worker)
        self.alive, self.idle = [], []

    def do(self, tasks: Iterable[Task], *, last: bool = False) -> Generator[tuple[str, str, Any]]:
        """Yield (key, part, result) of tasks, each result as soon as it exists.

        If the caller stops early, workers with a task are ended; the others wait for further tasks.

        Args:
            tasks: the tasks.
            last: whether workers may end as soon as no task is left.

        Raises:
            ZcbenchError: a worker could not start, or refused a whole task.
        """
        self.queue.extend(tasks)
        self._last = last
        try:
            self._wake()
            self.fill(self.workers)
            while self.alive:
                for worker in self.heard():
                    kind, what, results = _message(worker)
                    for part, result in results:
                        worker.left = tuple(name for name in worker.left if name != part)
                        worker.running, worker.spent[None] = None, 0.0
                        yield worker.key, part, result
                    if kind == "error":
                        raise ZcbenchError(what)
                    if kind == "gone":
                        yield from self.died(worker)
                    elif kind == "begin":
                        worker.running = what
                    elif kind == "ready":
                        self.employ(worker)
                for worker in self.late():
                    yield from self.stopped(worker)
        finally:
            self.queue.clear()
            for worker in self.alive:
                _end(worker)
            self.alive = []

    def _wake(self) -> None:
        """Give tasks to waiting workers; remove those that died meanwhile."""
        idle, self.idle = self.idle, []
        for worker in idle:
            if worker.process.exitcode is not None:
                worker.pipe.close()
                _end(worker)
            elif self.queue:
                worker.give(self.queue.popleft())
                self.alive.append(worker)
            else:
                self.idle.append(worker)

    def fill(self, workers: int) -> None:
        """Start workers up to this number, but no more than there are tasks."""
        for _ in range(min(workers - len(self.alive), len(self.queue))):
            device = devices.least_used(self.device, [worker.device for worker in (*self.alive, *self.idle)])
            ours, theirs = self._context.Pipe()
            process = self._context.Process(target=_worker, args=(theirs, os.getpid()), daemon=True)
            with _no_interrupts():
                process.start()
                self.alive.append(_Worker(process, ours, device))
            theirs.close()
            with suppress(OSError):  # it died at once; the first wait finds its pipe closed
                # Not as an argument: a process that dies before it reads the argument would block the start. And not by
                # send: torch would share the tensors among all workers, and a change in one would affect the others.
                ours.send_bytes(device.encode())
                ours.send_bytes(self._work)

    def employ(self, worker: _Worker) -> None:
        """Give a worker the next task, let it wait for one, or end it."""
        if self.queue:
            worker.give(self.queue.popleft())
            return
        self.alive.remove(worker)
        if not self._last:
            self.idle.append(worker)
            return
        worker.pipe.close()
        _end(worker, _PATIENCE)

    def heard(self) -> list[_Worker]:
        """Wait until workers send messages; the time is charged to the current parts of the others."""
        pipes = {worker.pipe: worker for worker in self.alive}
        busy = [worker for worker in self.alive if worker.ready]
        left = [] if self.timeout is None else [self.timeout - worker.spent[worker.running] for worker in busy]
        asked = max(0.0, min([_LOOK, *left]))
        before = time.monotonic()
        found = wait(list(pipes), asked)
        passed = min(time.monotonic() - before, asked)
        for worker in busy:
            worker.spent[worker.running] += passed
        if not found:  # if a process that it forked keeps the pipe open, the end of a worker is not reported
            return [worker for worker in self.alive if worker.process.exitcode is not None]
        return [pipes[pipe] for pipe in found]  # type: ignore[index]

    def late(self) -> list[_Worker]:
        """Return workers whose time is up and that have no message left."""
        if self.timeout is None:
            return []
        return [w for w in self.alive if w.ready and w.spent[w.running] >= self.timeout and not w.pipe.poll()]

    def died(self, worker: _Worker) -> Iterator[tuple[str, str, Any]]:
        """Yield the results of the parts that a dead worker ran; another worker replaces it."""
        code = _end(worker, _PATIENCE)  # its pipe may close a moment before it ends
        if not worker.ready:
            raise ZcbenchError(
                f"a worker process ended with exit code {code} before it could start: in a script, call zcbench "
                "under  if __name__ == '__main__':  and from a file."
            )
        cause = f"signal {-code}" if code and code < 0 else f"exit code {code}"
        hint = " (killed, often because memory ran out)" if code == -signal.SIGKILL else ""
        reason = f"the worker process died with {cause}{hint}."
        if code is None:
            reason = "the worker process closed its pipe or wrote into it, and was stopped."
        yield from self._replaced(worker, Status.FAILED, reason)

    def stopped(self, worker: _Worker) -> Iterator[tuple[str, str, Any]]:
        """Yield the results of the parts that a worker runs, and stop it; another worker replaces it."""
        _end(worker)
        what = "the network was not built" if worker.running == "" else "it was not finished"
        yield from self._replaced(worker, Status.TIMED_OUT, f"{what} within {self.timeout:g} s.")

    def _replaced(self, worker: _Worker, status: Status, reason: str) -> Iterator[tuple[str, str, Any]]:
        self.alive.remove(worker)
        lost = worker.at_risk()
        if rest := tuple(part for part in worker.left if part not in lost):
            self.queue.appendleft((worker.key, rest))
        for part in lost:
            yield worker.key, part, self.work.lost(status, reason, worker.spent[worker.running])
        self.fill(len(self.alive) + 1)


#: an event in a worker, its subject, and the (part, result) pairs before it
_Message: TypeAlias = tuple[str, str, Sequence[tuple[str, Any]]]


def _message(worker: _Worker) -> _Message:
    try:
        if worker.process.exitcode is not None and not worker.pipe.poll():
            return "gone", "", ()
        kind, what, results = worker.pipe.recv()
    except Exception:  # it is closed, or user code wrote into it
        return "gone", "", ()
    return kind, what, results


class _Told:
    """Messages from a worker to its parent; a result is sent with the next event, which halves the number of messages.

    No user code runs between the two: after a result the next part starts, or the task ends.
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._results: list[tuple[str, Any]] = []

    def __call__(self, kind: str, what: str = "") -> None:
        results, self._results = self._results, []
        self._pipe.send((kind, what, results))

    def task(self, work: Work, key: str, parts: Sequence[str]) -> None:
        """Do a task, and report the start and result of each part."""
        left = set(parts)
        for part, result in work.results(key, parts, lambda part: self("begin", part)):
            self._results.append((part, result))
            left.discard(part)
            if not left:  # the end of the network may take long
                self("result")


def results_of(
    work: Work, tasks: Iterable[Task], workers: int, timeout: float | None = None
) -> Iterator[tuple[str, str, Any]]:
    """Yield (key, part, result), computed in this process if there are 0 workers and no timeout."""
    if timeout is not None:
        workers = max(1, workers)  # nothing can stop native code in this process
    return in_parallel(work, tasks, workers, timeout) if workers else here(work, tasks)


def check_timeout(timeout: float | None) -> None:
    """Validate that the timeout is a positive number of seconds or None; otherwise raise InvalidInputError."""
    if timeout is not None and not rules.number("the timeout", timeout) > 0:
        raise InvalidInputError(f"a timeout of {timeout:g} seconds: choose more than 0.")


def here(work: Work, tasks: Iterable[Task]) -> Iterator[tuple[str, str, Any]]:
    """Do :func:`in_parallel` in this process."""
    with one_thread():
        for key, parts in tasks:
            for part, result in work.results(key, parts):
                yield key, part, result


@contextmanager
def one_thread() -> Iterator[None]:
    """Use one thread of torch, as in a worker: sums are rounded alike and times are comparable."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Block SIGINT; a process started meanwhile never receives it, not even during its imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(worker: _Worker, patience: float = 0.0) -> int | None:
    """Stop a worker; return its exit code if it had ended by itself within this many seconds."""
    # Not join(patience): it trusts what the process can write into one of its descriptors, and could then wait for
    # ever.
    until = time.monotonic() + patience
    while worker.process.exitcode is None and time.monotonic() < until:
        time.sleep(0.01)
    code: int | None = worker.process.exitcode
    worker.process.kill()
    worker.process.join()
    return code


def _worker(pipe: Connection, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles interrupts
    die_with(parent)
    tell = _Told(pipe)
    try:
        os.environ[devices.VARIABLE] = pipe.recv_bytes().decode()
        work: Work = pickle.loads(pipe.recv_bytes())
        if getattr(work, "loads_torch", True):
            import torch

            torch.set_num_threads(1)
        keep_freed_memory()
        work.prepare()
    except BaseException as error:
        said = str(error) if isinstance(error, ZcbenchError) else first_line(error)
        tell("error", f"a worker process could not start: {said}")
        return
    try:
        tell("ready")
        while True:
            key, parts = pipe.recv()
            tell.task(work, key, parts)
            tell("ready")
    except UnknownNameError as error:
        tell("error", f"{error} A worker process knows what installed packages and imported files register (--import).")
    except ZcbenchError as error:
        tell("error", str(error))
    except (EOFError, OSError):  # the parent has ended or has no more work
        return
