"""Search a table with many searchers, scorers and seeds: the plan, and the traces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from zcbench._display import many
from zcbench._notation import split_list
from zcbench.datasets import Benchmark
from zcbench.errors import ZcbenchError
from zcbench.evaluation import Known, KnownFront, SearchComparison, compare_searches, looked_up
from zcbench.records import SearchTrace, Store, Writer
from zcbench.runs._listed import Listed
from zcbench.runs._resume import DISAGREEING, Progress, resume
from zcbench.runs._searching import PART, TableSearching
from zcbench.runs._shards import Shard
from zcbench.runs._track import Track
from zcbench.runs.score_networks import run_scores
from zcbench.search import Budget, get_searcher, guide_and_report, list_searchers, searcher_info
from zcbench.search._clock import unbuilt
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.executors import Executor


class SearchPlan(Listed[SearchTrace]):
    """The plan of searches with searchers, scorers and seeds; keys are "0 evolution | none".

    Args:
        searching: the work of the workers.
        searchers: labels.
        scorers: texts of scorers by role, and "none".
        seeds: number of searches of each.
    """

    what, units, kind = "searches", "searches", SearchTrace

    def __init__(self, searching: TableSearching, searchers: Sequence[str], scorers: Sequence[str], seeds: int) -> None:
        super().__init__(searching.benchmark.name, searching, _wanted(searching, searchers, scorers, seeds))

    @property
    def traces(self) -> dict[str, SearchTrace]:
        """The finished searches of the plan, by key."""
        return {key: trace for (key, _), trace in self.done.items()}

    def stored(self, store: Store) -> tuple[Iterable[SearchTrace], Sequence[str]]:
        """Return searches on the benchmark, and sentences about excluded ones."""
        searches = store.searches(self.benchmark)
        return searches, searches.notes

    def append(self, writer: Writer, item: SearchTrace) -> None:
        """Append a trace."""
        writer.search(item)


def _wanted(
    searching: TableSearching, searchers: Sequence[str], scorers: Sequence[str], seeds: int
) -> dict[tuple[str, str], SearchTrace]:
    """Return traces without results, by key and part of the worker."""
    found: dict[tuple[str, str], SearchTrace] = {}
    several = [f"{searcher} | {text}" for searcher in searchers for text in scorers]
    codes = searching.codes = {what: searching.code(what) for what in several}
    labels = {text: searching.labels(text) for text in scorers}
    digests = {text: searching.digest(text) for text in scorers}
    for seed in range(seeds):
        for searcher in searchers:
            version = searcher_info(searcher.partition(":")[0]).version
            for text in scorers:
                what = f"{searcher} | {text}"
                found[f"{seed} {what}", PART] = SearchTrace(
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
                    code=codes[what],
                )
    return found


def scores_first(plan: SearchPlan, track: Track) -> Track | None:
    """Return the track that measures the proxies of the searches; None without proxies."""
    searching = plan.work
    assert isinstance(searching, TableSearching)  # from the maker of the plan
    if not (proxies := searching.proxies(track.scorers)):
        return None
    return Track(target=searching.context.target, batch_size=searching.batch_size, proxies=tuple(proxies))


def plan_of(
    track: Track, benchmark: Benchmark, store: Store, imports: Sequence[str] = (), shard: Shard | None = None
) -> SearchPlan:
    """Return the plan of the searches of a track on a benchmark.

    Raises:
        UnknownNameError: there is no such searcher, scorer or column.
        InvalidInputError: a text of scorers has another form.
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
    """Compare the results of searches in the table that they searched.

    Args:
        traces: by "seed searcher | scorers".
        benchmark: the table.
        track: the track; its target is reported, by default the test column that belongs to the guide.

    Raises:
        ZcbenchError: every search failed; the message has the reasons.
    """
    settings = track.settings(benchmark.name)
    usual, reported = guide_and_report(benchmark)
    guides = split_list(usual if settings.guide is None else settings.guide)
    target = settings.target or next(iter(reported if settings.guide is None else ()), None) or guides[0]
    failed = [trace for trace in traces.values() if trace.status is not Status.OK]
    notes = [f"{trace.label} failed with {many(count, 'seed')}: {trace.detail}" for trace, count in _by_label(failed)]
    if any(trace.metrics.get("stored") for trace in traces.values()):
        notes.append(unbuilt("Scores"))
    found = looked_up(traces.values(), benchmark, [target])
    if not found:
        raise ZcbenchError(" ".join(["no search was done.", *notes]))
    # Partly trained networks are not whole evaluations, so seconds are the common cost.
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
    """Return the first trace of each label, and the number of traces."""
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
    """Return labels of searchers for a name with settings, or a pattern."""
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

    Proxies of scorers are measured first, on all architectures of the table, and stored as records. The cost of a
    search is then independent of earlier searches: a score costs its measured time.

    Args:
        track: searchers, scorers, budget and seeds; its fields for this benchmark count.
        benchmark: its table.
        store: the store for new traces and records, which also has the finished ones.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: largest number of seconds for a search; after it the status is "timed-out".
        progress: called at the start and after every search.
        shard: the part to do, of the searches by seed, searcher and scorers.
        executor: engine that runs the work on other machines; see :func:`zcbench.runs.resume`.
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
