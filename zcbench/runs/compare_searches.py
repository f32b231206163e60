"""Search a table with many searchers, scorers and seeds: the plan, what a worker does, and the traces."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from zcbench import _arguments as rules
from zcbench._code import code_digest, joined_codes
from zcbench._display import many
from zcbench._foreign import Foreign
from zcbench._imports import import_as_begun
from zcbench._notation import split_list
from zcbench._workers import Begin
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.evaluation import Known, KnownFront, SearchComparison, compare_searches, looked_up
from zcbench.records import SearchTrace, Store, Writer
from zcbench.runs._resume import DISAGREEING, Left, Plan, Progress, resume
from zcbench.runs._shards import Shard
from zcbench.runs._track import Track
from zcbench.runs.score_networks import run_scores
from zcbench.scorers import Context, Scorer, as_scorer
from zcbench.scorers.proxy import ProxyScorer
from zcbench.search import Budget, SearchResult, get_searcher, guide_and_report, list_searchers, search, searcher_info
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.executors import Executor

#: what a searcher without scorers is written with
NONE = "none"
_PART = "search"


class Result(NamedTuple):
    """Outcome of one search."""

    status: Status
    metrics: dict[str, float]
    rows: tuple[int, ...] = ()
    clock: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    detail: str = ""


@dataclass
class TableSearching:
    """What is the same for all searches of a run: the work of a worker.

    Attributes:
        benchmark: the table.
        guide: columns that searchers see.
        budget: what each search may spend.
        constraints: bounds that hold.
        cost: column of training seconds, or seconds of every network.
        store: folder in which scores of proxies are looked up and kept.
        batch_size: samples in the batch that proxies see.
        imports: Python files that register further searchers and scorers.
        codes: by "searcher | scorers", the digest of strangers' code that the run began with.
    """

    benchmark: Benchmark
    guide: tuple[str, ...]
    budget: str
    constraints: tuple[str, ...]
    cost: str | float | None
    store: Path
    batch_size: int
    imports: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Import what registers further things.

        Raises:
            InvalidInputError: it is not what the run began with.
        """
        import_as_begun(self.imports, self.codes, self.code)

    def code(self, what: str) -> str:
        """Digest of what strangers wrote, for "evolution | warm-start=mine"; "" if nothing."""
        searcher, _, scorers = what.partition(" | ")
        own = [code_digest(type(one)) for one in self.scorers(scorers).values()]
        return joined_codes(code_digest(type(get_searcher(searcher))), *own, code_digest(self.benchmark.space))

    @cached_property
    def context(self) -> Context:
        """What scorers are given."""
        target = next((name for name in map(_bare, self.guide) if name in self.benchmark.targets), None)
        return Context(self.benchmark.space, self.benchmark, target, batch_size=self.batch_size, store=self.store)

    @cached_property
    def _made(self) -> dict[str, Scorer]:
        return {}  # one object for one scorer: it remembers

    def scorers(self, text: str) -> dict[str, Scorer]:
        """Scorers by role of "warm-start=naswot, filter=-params"; none for "none".

        Raises:
            InvalidInputError: it is not written so.
            UnknownNameError: there is no such scorer.
        """
        found = {}
        for part in [] if text == NONE else split_list(text):
            role, equals, scorer = part.partition("=")
            if not equals:
                raise InvalidInputError(f"scorers {rules.shown(text)}: write  ROLE=SCORER,  e.g. warm-start=naswot.")
            if scorer not in self._made:
                self._made[scorer] = as_scorer(scorer.strip(), self.context)
            found[role.strip()] = self._made[scorer]
        return found

    def lost(self, status: Status, reason: str, seconds: float) -> Result:
        """The result of a search that has none because its worker died, or was stopped."""
        return Result(status, {}, detail=reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Result]]:
        """Yield the result of one search: ``key`` is "seed searcher | scorers"."""
        seed, _, what = key.partition(" ")
        searcher, _, scorers = what.partition(" | ")
        for part in parts:
            begin(part)
            result = Result(Status.FAILED, {})
            with Foreign() as call:
                result = self._traced(self.search(searcher, scorers, int(seed)))
            if call.is_a(UnsupportedModelError):
                result = Result(Status.UNSUPPORTED, {}, detail=call.message)
            elif call.kind is not None:
                result = Result(Status.FAILED, {}, detail=call.said)
            yield part, result

    def search(self, searcher: str, scorers: str, seed: int) -> SearchResult:
        """One search."""
        return search(
            self.benchmark,
            scorer=self.scorers(scorers) or None,
            searcher=searcher,
            budget=self.budget,
            constraints=list(self.constraints) or None,
            objectives=list(self.guide),
            cost=self.cost,
            seed=seed,
        )

    def _traced(self, found: SearchResult) -> Result:
        rows = self.benchmark.rows(found.architectures).tolist()
        whole = np.isnan(found.epochs)
        spent = {f"{what}_seconds": float(seconds) for what, seconds in found.spent.items()}
        return Result(
            Status.OK,
            {"evaluations": float(len(rows)), "asks": float(found.asks), "scored": float(found.scored), **spent},
            tuple(rows),
            tuple(float(f"{seconds:.9g}") for seconds in found.seconds.tolist()),
            () if whole.all() else tuple(np.where(whole, 0, found.epochs).astype(int).tolist()),
            " ".join([found.ended, *found.notes]),
        )

    @cached_property
    def table_digest(self) -> str:
        """Changes with the table: its architectures, what guides, and what training cost."""
        content = hashlib.sha256(repr((self.guide, str(self.cost))).encode())
        for architecture in self.benchmark.architectures:
            content.update(f"{architecture.key}\n".encode())
        for name in map(_bare, self.guide):
            known = self.benchmark.facts.get(name)
            content.update((self.benchmark.truth(name) if known is None else known).tobytes())
        for name, values in sorted(self.benchmark.facts.items()):
            if "seconds" in name or name == self.cost:
                content.update(values.tobytes())
        return content.hexdigest()[:12]

    def labels(self, scorers: str) -> str:
        """Scorers by role, as they are called."""
        return ", ".join(f"{role}={one.label}" for role, one in self.scorers(scorers).items())

    def digest(self, scorers: str) -> str:
        """Changes with the table, and with everything that the scorers' scores depend on."""
        several = ", ".join(f"{role}={one.identifier}" for role, one in self.scorers(scorers).items())
        return f"{self.table_digest}-{hashlib.sha256(several.encode()).hexdigest()[:12]}"

    def proxies(self, scorers: Iterable[str]) -> list[str]:
        """Labels of the proxies that scorers are made of."""
        leaves = (leaf for text in scorers for one in self.scorers(text).values() for leaf in one.leaves())
        return list(dict.fromkeys(leaf.info.label for leaf in leaves if isinstance(leaf, ProxyScorer)))


def _bare(column: str) -> str:
    return column.removeprefix("-")


class SearchPlan(Plan[SearchTrace]):
    """Which searchers search, helped by which scorers, from which seeds.

    Args:
        searching: what workers do.
        searchers: labels.
        scorers: texts of scorers by role, and "none".
        seeds: number of searches of each.
    """

    what, units = "searches", "searches"

    def __init__(self, searching: TableSearching, searchers: Sequence[str], scorers: Sequence[str], seeds: int) -> None:
        self.benchmark, self.work = searching.benchmark.name, searching
        self._wanted: dict[str, SearchTrace] = {}
        searching.codes = {
            f"{searcher} | {text}": searching.code(f"{searcher} | {text}") for searcher in searchers for text in scorers
        }
        labels = {text: searching.labels(text) for text in scorers}
        digests = {text: searching.digest(text) for text in scorers}
        for seed in range(seeds):
            for searcher in searchers:
                version = searcher_info(searcher.partition(":")[0]).version
                for text in scorers:
                    what = f"{searcher} | {text}"
                    self._wanted[f"{seed} {what}"] = SearchTrace(
                        benchmark=searching.benchmark.identifier,
                        guide=",".join(searching.guide),
                        searcher=f"{searcher}@{version}",
                        scorers=labels[text],
                        budget=str(Budget.of(searching.budget)),
                        constraints=",".join(searching.constraints),
                        seed=seed,
                        status=Status.FAILED,
                        metrics={},
                        data=digests[text],
                        code=searching.codes[what],
                    )
        self._forget()

    def _forget(self) -> None:
        self._known: dict[Hashable, SearchTrace | None] = {}
        self.total = len(self._wanted)

    @property
    def keys(self) -> list[str]:
        """Seeds, searchers and scorers, "0 evolution | none"."""
        return list(self._wanted)

    def only(self, keys: Iterable[str]) -> Self:
        """The plan of some searches, which knows nothing yet."""
        found, kept = copy.copy(self), set(keys)
        found._wanted = {key: trace for key, trace in self._wanted.items() if key in kept}
        found._forget()
        return found

    @property
    def traces(self) -> dict[str, SearchTrace]:
        """The searches of the plan that have been done, by key."""
        found = {key: self._known.get(trace.key) for key, trace in self._wanted.items()}
        return {key: trace for key, trace in found.items() if trace is not None}

    def stored(self, store: Store) -> tuple[Iterable[SearchTrace], Sequence[str]]:
        """Searches on the benchmark, and what reading them left out."""
        searches = store.searches(self.benchmark)
        return searches, searches.notes

    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[SearchTrace]]:
        """Keys of searches that do not agree."""
        return store.disagreeing(self.benchmark, SearchTrace)

    def status(self, item: SearchTrace) -> Status:
        """What became of a search."""
        return item.status

    def take(self, item: SearchTrace) -> None:
        """Note a search."""
        self._known[item.key] = item

    def skip(self, key: Hashable) -> None:
        """Note a search of which several do not agree."""
        self._known[key] = None

    def left(self) -> Left[SearchTrace]:
        """Searches that nothing is known of."""
        return Left([(key, (_PART,)) for key, trace in self._wanted.items() if trace.key not in self._known])

    def items(self, key: str, part: str, result: Result, environment: str) -> Iterator[SearchTrace]:
        """The trace that a result makes."""
        yield replace(self._wanted[key], **result._asdict(), environment=environment)

    def write(self, writer: Writer, item: SearchTrace) -> None:
        """Append a trace."""
        writer.search(item)
        self._known[item.key] = item


def scores_first(plan: SearchPlan, track: Track) -> Track | None:
    """The track that measures the proxies which the plan's searches ask; None without any."""
    searching = plan.work
    assert isinstance(searching, TableSearching)  # made by the plan's maker
    if not (proxies := searching.proxies(track.scorers)):
        return None
    return Track(target=searching.context.target, batch_size=searching.batch_size, proxies=tuple(proxies))


def plan_of(
    track: Track, benchmark: Benchmark, store: Store, imports: Sequence[str] = (), shard: Shard | None = None
) -> SearchPlan:
    """The plan of a track's searches on a benchmark.

    Raises:
        UnknownNameError: there is no such searcher, scorer or column.
        InvalidInputError: a text of scorers is not written as it must be.
    """
    settings = track.settings(benchmark.name)
    guide = guide_and_report(benchmark)[0] if settings.guide is None else settings.guide
    searching = TableSearching(
        benchmark,
        tuple(split_list(guide)),
        settings.budget,
        track.constraints,
        _cost(settings.cost),
        store.folder,
        settings.batch_size,
        tuple(imports),
    )
    searchers = list(dict.fromkeys(label for text in track.searchers for label in _labels(text)))
    plan = SearchPlan(searching, searchers, track.scorers, track.seeds)
    return plan if shard is None else plan.only(shard.of(plan.keys))


def compared(traces: Mapping[str, SearchTrace], benchmark: Benchmark, track: Track) -> SearchComparison:
    """What searches found, in the table that they searched.

    Args:
        traces: by "seed searcher | scorers".
        benchmark: the table.
        track: what was searched; its target is reported, by default the test column that goes with the guide.

    Raises:
        InvalidInputError: no search gave anything.
    """
    settings = track.settings(benchmark.name)
    usual, reported = guide_and_report(benchmark)
    guides = split_list(usual if settings.guide is None else settings.guide)
    target = settings.target or next(iter(reported if settings.guide is None else ()), None) or guides[0]
    failed = [trace for trace in traces.values() if trace.status is not Status.OK]
    notes = [f"{trace.label} failed with {many(count, 'seed')}: {trace.detail}" for trace, count in _by_label(failed)]
    found = looked_up(traces.values(), benchmark, [target])
    if not found:
        raise InvalidInputError(" ".join(["no search was done.", *notes]))
    # Networks that were trained in part are no evaluations to count: what all spent alike are seconds.
    parts = any(trace.epochs for trace in traces.values())
    seconds = Budget.of(settings.budget).seconds is not None or parts
    return compare_searches(
        found,
        Known.of(benchmark, target),
        by="seconds" if seconds else "evaluations",
        front=KnownFront.of(benchmark, guides) if len(guides) > 1 else None,
        guide=",".join(guides),
        notes=notes,
    )


def _by_label(traces: Iterable[SearchTrace]) -> list[tuple[SearchTrace, int]]:
    """The first trace of each label, and how many there are."""
    found: dict[str, list[SearchTrace]] = {}
    for trace in traces:
        found.setdefault(trace.label, []).append(trace)
    return [(several[0], len(several)) for several in found.values()]


def _cost(text: str | None) -> str | float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return text


def _labels(text: str) -> list[str]:
    """Labels of searchers for a name with settings, or a pattern."""
    name, colon, settings = text.partition(":")
    names = list_searchers(*(() if name == "all" else (name,)))
    return [get_searcher(f"{one}{colon}{settings}").label_ for one in names]


def run_searches(
    track: Track,
    benchmark: Benchmark,
    store: Store,
    *,
    workers: int = 0,
    imports: Sequence[str] = (),
    retry: Iterable[str] = (),
    timeout: float | None = None,
    progress: Progress | None = None,
    shard: Shard | None = None,
    executor: Executor | None = None,
) -> dict[str, SearchTrace]:
    """Make sure that the store holds every search of the track, and return them by "seed searcher | scorers".

    Proxies that scorers are made of are measured first, on all architectures of the table, and stored as records. So a
    search costs the same whoever searched before: a score costs what it cost when it was measured.

    Args:
        track: searchers, scorers, budget and seeds; its fields for this benchmark count.
        benchmark: its table.
        store: where traces and records go and where finished ones are found.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: seconds that a search may take; beyond them the status is "timed-out".
        progress: called at the beginning and after every search.
        shard: the part that is done, of the searches by seed, searcher and scorers.
        executor: what has the work done elsewhere; see :func:`zcbench.runs.resume`.
    """
    plan = plan_of(track, benchmark, store, imports, shard)
    if (scored := scores_first(plan, track)) is not None:
        run_scores(
            scored,
            benchmark,
            store,
            workers=workers,
            imports=imports,
            retry=[status for status in retry if status != DISAGREEING],
            timeout=timeout,
            progress=progress,
            architectures=benchmark.architectures,
            executor=executor,
        )
    resume(plan, store, workers=workers, timeout=timeout, retry=retry, progress=progress, executor=executor)
    return plan.traces
