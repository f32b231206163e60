"""One loop for every kind of work: it finds the missing results of a plan, computes them and stores each at once.

A kind of work is a :class:`Plan` in a separate module. This module handles environments, retries, signals from the
user, progress and worker processes for all kinds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._foreign import users_signals
from zcbench._workers import Task, Work, check_timeout, results_of
from zcbench.errors import InvalidInputError, UnknownNameError, names_missing_package
from zcbench.records import Store, Writer, describe_environment
from zcbench.types import Status

#: kinds of retries: statuses, and items with the same key that disagree
DISAGREEING = "disagreeing"
RETRIES = (*(str(status) for status in Status if status is not Status.OK), DISAGREEING)
#: the retries of ``--retry-failed``
ACCIDENTS = tuple(str(status) for status in Status if status.worth_a_retry)
MOST_WORKERS = 10_000


class Item(Protocol):
    """A frozen dataclass of the store, such as a record or a trial."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> Hashable:
        """The identifier: two items with the same key are the same."""

    @property
    def attempt(self) -> int:
        """The number of earlier attempts."""


if TYPE_CHECKING:
    from zcbench.executors import Executor

T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class Step:
    """The progress of a run.

    Attributes:
        benchmark: name of the benchmark.
        what: plural noun of the counted items: "scores", "trials".
        done: number of items in the store.
        total: number of items of the plan.
        latest: the item that was stored last; None at the start, and if workers on other machines store items.
        note: a sentence that the user has to read.
        notes: at the start, sentences about unreadable parts of the store.
    """

    benchmark: str
    what: str
    done: int
    total: int
    latest: Any = None
    notes: tuple[str, ...] = ()


#: called at the start and after every result
Progress = Callable[[Step], object]


@dataclass
class Left(Generic[T]):
    """The missing results of a plan.

    Attributes:
        tasks: work for the workers.
        at_once: items that need no work, such as those of architectures with an equivalent one that was measured.
    """

    tasks: list[Task] = field(default_factory=list)
    at_once: Iterable[T] = ()

    @property
    def parts(self) -> int:
        """The number of parts of all tasks."""
        return sum(len(parts) for _, parts in self.tasks)


class Plan(ABC, Generic[T]):
    """One kind of work on one benchmark.

    Attributes:
        benchmark: name of the benchmark, under which the store keeps the items.
        work: the work of the workers.
        total: number of parts of the plan.
        what: plural noun of the items that progress counts.
        units: plural noun of the units that :meth:`count` counts.
    """

    benchmark: str
    work: Work
    total: int
    what: str
    units: str

    @property
    @abstractmethod
    def keys(self) -> list[str]:
        """Return the keys of all tasks, in order: the string of a network, or "seed predictor"."""

    @abstractmethod
    def only(self, keys: Iterable[str]) -> Self:
        """Return the plan of some of the keys, without known items."""

    def count(self, keys: Iterable[str]) -> int:
        """Return the number of units of these keys."""
        return sum(1 for _ in keys)

    @abstractmethod
    def stored(self, store: Store) -> tuple[Iterable[T], Sequence[str]]:
        """Return items of the store that the plan may need, at most one per key, and sentences about excluded items."""

    @abstractmethod
    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[T]]:
        """Return keys for which the store has several items that disagree, with these items."""

    @abstractmethod
    def status(self, item: T) -> Status:
        """Return the status of an item."""

    @abstractmethod
    def take(self, item: T) -> None:
        """Note an item as known; the plan may not need it."""

    @abstractmethod
    def skip(self, key: Hashable) -> None:
        """Note a key without a valid item that is not computed again."""

    @abstractmethod
    def left(self) -> Left[T]:
        """Return the missing results; called once."""

    @abstractmethod
    def items(self, key: str, part: str, result: Any, environment: str) -> Iterator[T]:
        """Return the items that follow from the result of a worker for a part of a task."""

    @abstractmethod
    def write(self, writer: Writer, item: T) -> None:
        """Append an item to the store."""


def resume(
    plan: Plan[T],
    store: Store,
    *,
    workers: int = 0,
    timeout: float | None = None,
    retry: Iterable[str] = (),
    progress: Progress | None = None,
    executor: Executor | None = None,
) -> None:
    """Make sure that the store holds every item of the plan.

    Args:
        plan: the plan.
        store: the store for new items, which also has the finished ones.
        workers: worker processes with one thread each; 0 computes in this process. Results do not depend on it.
        timeout: largest number of seconds for a part, and for the preparation of a task; after it the status is
            "timed-out". Native code in this process cannot be stopped, so with 0 workers one process is used.
        retry: statuses to compute again, any of :data:`RETRIES`.
        progress: called at the start and after every result.
        executor: engine that runs the work on other machines, where each worker writes a separate file. ``workers``
            is then the number of processes of each, and progress is called after each chunk.

    Raises:
        InvalidInputError: the number of workers, the timeout or a status is out of range, or the device is missing.
        StoreError: an item cannot be written; all earlier ones are kept.
        WorkersFailedError: a worker on another machine failed.
    """
    workers, again = check_workers(workers), frozenset(check_retry(retry))
    check_timeout(timeout)
    if executor is None:
        devices.check()
    attempts, notes = _take_known(plan, store, again)
    left = plan.left()
    environment, description = describe_environment()
    done = plan.total - left.parts
    with store.writer(plan.benchmark) as writer, users_signals():
        writer.environment(environment, description)

        def keep(item: T) -> T:
            if attempt := attempts.get(item.key, 0):
                item = replace(item, attempt=attempt)
            plan.write(writer, item)
            return item

        for item in left.at_once:
            keep(item)
        if progress is not None:
            progress(Step(plan.benchmark, plan.what, done, plan.total, notes=notes))
        if executor is not None:
            _elsewhere(plan, store, left, executor, workers, timeout, tuple(again), progress)
            return
        for key, part, result in results_of(plan.work, left.tasks, workers, timeout):
            latest = None
            for item in plan.items(key, part, result, environment):
                latest = keep(item)
            done += 1
            if progress is not None:
                progress(Step(plan.benchmark, plan.what, done, plan.total, latest))


def _elsewhere(
    plan: Plan[T],
    store: Store,
    left: Left[T],
    executor: Executor,
    workers: int,
    timeout: float | None,
    retry: Sequence[str],
    progress: Progress | None,
) -> None:
    """Run the tasks on an engine, then pass the new items to the plan."""
    from zcbench.runs._carry import carried_out

    parts = {key: len(names) for key, names in left.tasks}
    if not parts:
        return
    done = plan.total - sum(parts.values())

    def report(*notes: str) -> None:
        if progress is not None:
            progress(Step(plan.benchmark, plan.what, done, plan.total, notes=notes))

    finished = carried_out(
        executor,
        plan,
        store.folder,
        list(parts),
        workers=workers,
        timeout=timeout,
        retry=retry,
        imports=plan.work.imports,
        say=report,
    )
    for keys in finished:
        done += sum(parts[key] for key in keys)
        report()
    _take_known(plan, store, frozenset())


def left_of(plan: Plan[T], store: Store, retry: Iterable[str] = ()) -> Left[T]:
    """Return the results of a plan that a store lacks; nothing is computed.

    Raises:
        UnknownNameError: a retry is unknown.
    """
    _take_known(plan, store, frozenset(check_retry(retry)))
    return plan.left()


def _take_known(plan: Plan[T], store: Store, again: frozenset[str]) -> tuple[dict[Hashable, int], tuple[str, ...]]:
    """Pass the known items to the plan.

    Returns:
        Keys to compute again with the number of the attempt, and sentences about items that were excluded.
    """
    attempts: dict[Hashable, int] = {}
    items, notes = plan.stored(store)
    for item in items:
        if (again and plan.status(item) in again) or _lacked_package(plan, item):
            attempts[item.key] = item.attempt + 1
        else:
            plan.take(item)
    if notes:  # without disagreement, nothing is read again
        for key, several in plan.disagreeing(store).items():
            if DISAGREEING in again:
                attempts[key] = 1 + max(item.attempt for item in several)
            else:
                plan.skip(key)
    return attempts, tuple(notes)


def _lacked_package(plan: Plan[T], item: Any) -> bool:
    """Return whether an item failed because an optional package was not installed, which may have changed."""
    if plan.status(item) is Status.OK:
        return False
    return names_missing_package(item.score.detail if hasattr(item, "score") else item.detail)


def check_workers(workers: int) -> int:
    """Check the number of workers; InvalidInputError unless it is from 0 to :data:`MOST_WORKERS`."""
    if not 0 <= rules.whole("the number of workers", workers) <= MOST_WORKERS:
        raise InvalidInputError(f"{workers} workers: choose 0 (this process) or more, at most {MOST_WORKERS}.")
    return int(workers)


def check_retry(retry: Iterable[str]) -> tuple[str, ...]:
    """Return the statuses, each once; InvalidInputError or UnknownNameError for an unknown one."""
    found: Sequence[str] = rules.all_text("retry", retry)
    for status in found:
        if status not in RETRIES:
            raise UnknownNameError("status to retry", status, RETRIES)
    return tuple(dict.fromkeys(found))
