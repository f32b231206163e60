"""One loop for every kind of work: what is wanted, what is known, what is left; each result is stored as it comes.

A kind of work is a :class:`Plan`, in one module of its own. Environments, retries, the user's signals, progress and
worker processes are handled here, once.
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

#: what a retry can be asked for: statuses, and items with one key that do not agree
DISAGREEING = "disagreeing"
RETRIES = (*(str(status) for status in Status if status is not Status.OK), DISAGREEING)
#: what ``--retry-failed`` asks for
ACCIDENTS = tuple(str(status) for status in Status if status.worth_a_retry)
MOST_WORKERS = 10_000


class Item(Protocol):
    """A frozen dataclass of the store: a record, a trial or another kind."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def key(self) -> Hashable:
        """What identifies it: two with one key are the same."""

    @property
    def attempt(self) -> int:
        """How many before it a retry gave up."""


if TYPE_CHECKING:
    from zcbench.executors import Executor

T = TypeVar("T", bound=Item)


@dataclass(frozen=True)
class Step:
    """How far a run is.

    Attributes:
        benchmark: name of the benchmark.
        what: what is counted: "scores", "trials".
        done: how many of them are in the store.
        total: how many the plan wants.
        latest: the item that was stored last; None at the beginning, and where workers elsewhere store items.
        note: a sentence that whoever waits has to read.
        notes: at the beginning, what cannot be read of the store, a sentence each.
    """

    benchmark: str
    what: str
    done: int
    total: int
    latest: Any = None
    notes: tuple[str, ...] = ()


#: called at the beginning and after every result
Progress = Callable[[Step], object]


@dataclass
class Left(Generic[T]):
    """What a plan has not got.

    Attributes:
        tasks: work for the workers.
        at_once: items that need no work, such as those of architectures whose equal was measured.
    """

    tasks: list[Task] = field(default_factory=list)
    at_once: Iterable[T] = ()

    @property
    def parts(self) -> int:
        """Number of parts of all tasks."""
        return sum(len(parts) for _, parts in self.tasks)


class Plan(ABC, Generic[T]):
    """One kind of work on one benchmark.

    Attributes:
        benchmark: name of the benchmark, under which the store keeps the items.
        work: what workers do.
        total: number of parts that are wanted.
        what: what progress counts, in the plural.
        units: what :meth:`count` counts, in the plural.
    """

    benchmark: str
    work: Work
    total: int
    what: str
    units: str

    @property
    @abstractmethod
    def keys(self) -> list[str]:
        """Keys of all tasks, in order: a network's string, "seed predictor"."""

    @abstractmethod
    def only(self, keys: Iterable[str]) -> Self:
        """The plan of some of the keys, which knows nothing yet."""

    def count(self, keys: Iterable[str]) -> int:
        """How many units these keys stand for."""
        return sum(1 for _ in keys)

    @abstractmethod
    def stored(self, store: Store) -> tuple[Iterable[T], Sequence[str]]:
        """Items of the store that may be wanted, at most one of a key; and what reading them left out, in sentences."""

    @abstractmethod
    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[T]]:
        """Keys of which the store holds several items that do not agree, and these."""

    @abstractmethod
    def status(self, item: T) -> Status:
        """What became of an item."""

    @abstractmethod
    def take(self, item: T) -> None:
        """Note an item that counts as known; it may be one that the plan does not want."""

    @abstractmethod
    def skip(self, key: Hashable) -> None:
        """Note a key that has no item to count, and that is not to be done again."""

    @abstractmethod
    def left(self) -> Left[T]:
        """What is wanted and not known; called once."""

    @abstractmethod
    def items(self, key: str, part: str, result: Any, environment: str) -> Iterator[T]:
        """Items that follow from a worker's result for a part of a task."""

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
        plan: what is wanted.
        store: where items go and where finished ones are found.
        workers: worker processes with one thread each; 0 computes in this process. Results do not depend on it.
        timeout: seconds that a part may take, and what all parts of a task need first; beyond them the status is
            "timed-out". Nothing can stop native code in this process: with 0 workers it takes one.
        retry: statuses to compute again, any of :data:`RETRIES`.
        progress: called at the beginning and after every result.
        executor: what has the work done elsewhere, by workers that write their own files; then ``workers`` are the
            processes of each of these, and progress is told when they have done a chunk.

    Raises:
        InvalidInputError: the number of workers, the timeout or a status is out of range, or the device is not there.
        StoreError: an item cannot be written; all earlier ones are kept.
        WorkersFailedError: a worker elsewhere could not do what it was given.
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
    """Have the tasks done by an engine, and tell the plan what is known then."""
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
    """What a plan has not got of a store; nothing is done.

    Raises:
        UnknownNameError: a status to retry is none.
    """
    _take_known(plan, store, frozenset(check_retry(retry)))
    return plan.left()


def _take_known(plan: Plan[T], store: Store, again: frozenset[str]) -> tuple[dict[Hashable, int], tuple[str, ...]]:
    """Tell the plan what is known.

    Returns:
        Keys that are to be done again with the number of the attempt, and what reading the store left out.
    """
    attempts: dict[Hashable, int] = {}
    items, notes = plan.stored(store)
    for item in items:
        if (again and plan.status(item) in again) or _lacked_package(plan, item):
            attempts[item.key] = item.attempt + 1
        else:
            plan.take(item)
    if notes:  # where nothing disagrees, nothing is read again
        for key, several in plan.disagreeing(store).items():
            if DISAGREEING in again:
                attempts[key] = 1 + max(item.attempt for item in several)
            else:
                plan.skip(key)
    return attempts, tuple(notes)


def _lacked_package(plan: Plan[T], item: Any) -> bool:
    """Whether an item failed because an optional package was not installed: it may be installed by now."""
    if plan.status(item) is Status.OK:
        return False
    return names_missing_package(item.score.detail if hasattr(item, "score") else item.detail)


def check_workers(workers: int) -> int:
    """The number of workers; InvalidInputError unless it is from 0 to :data:`MOST_WORKERS`."""
    if not 0 <= rules.whole("the number of workers", workers) <= MOST_WORKERS:
        raise InvalidInputError(f"{workers} workers: choose 0 (this process) or more, at most {MOST_WORKERS}.")
    return int(workers)


def check_retry(retry: Iterable[str]) -> tuple[str, ...]:
    """The statuses, each once; InvalidInputError or UnknownNameError for what is none."""
    found: Sequence[str] = rules.all_text("retry", retry)
    for status in found:
        if status not in RETRIES:
            raise UnknownNameError("status to retry", status, RETRIES)
    return tuple(dict.fromkeys(found))
