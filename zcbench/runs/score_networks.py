"""Run scorers on a benchmark's architectures; store each score the moment it exists; go on where a run was cut."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from zcbench import _arguments as rules
from zcbench._foreign import users_signals
from zcbench.batches import load_batch
from zcbench.datasets import Benchmark, load_benchmark
from zcbench.ensembles import get_ensemble
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation._environment import describe_environment
from zcbench.evaluation._left_out import of_known_architectures, of_this_table
from zcbench.evaluation._summary import Evaluation, summarize, summarize_columns
from zcbench.proxies import get_proxy, list_proxies, resolve
from zcbench.records import Record, Store, Writer
from zcbench.runs._networks import Job
from zcbench.runs._workers import Task, check_timeout, results_of
from zcbench.types import Architecture, ProxyInfo, Score

#: called with (scores done, scores in all, the latest record or None)
Progress = Callable[[int, int, Record | None], None]
#: What a proxy with "epochs" or "steps" trains on: that many training samples, the batch among them.
TRAINING_SAMPLES = 2000
_MOST_WORKERS = 10_000


@dataclass(frozen=True)
class Track:
    """What makes scores comparable.

    Attributes:
        benchmark: name of the benchmark.
        target: column to rank against; None for the benchmark's own choice. It also decides the data set.
        limit: number of architectures, drawn at random; None for all. A larger limit keeps what a smaller one had.
        seed: decides the sample, the batch and the initial weights.
        batch_size: samples in the batch.
    """

    benchmark: str
    target: str | None = None
    limit: int | None = None
    seed: int = 0
    batch_size: int = 64


def run(
    track: Track,
    benchmark: Benchmark,
    proxies: Sequence[ProxyInfo],
    store: Store,
    *,
    workers: int = 0,
    imports: Sequence[str] = (),
    retry_failed: bool = False,
    timeout: float | None = None,
    progress: Progress | None = None,
    architectures: Sequence[Architecture] | None = None,
) -> None:
    """Make sure that the store holds every score of the track.

    Args:
        track: what to score.
        benchmark: its table.
        proxies: the scorers.
        store: where records go and where finished ones are found.
        workers: worker processes with one thread each; 0 computes in this process. Scores do not depend on it.
        imports: Python files that a worker imports for the proxies they register.
        retry_failed: compute scores with the status "failed" or "timed-out" again.
        timeout: seconds that building a network may take, and each score; beyond them the status is "timed-out".
            Nothing can stop native code in this process: with 0 workers it takes one.
        progress: called after every score.
        architectures: what to score instead of a random sample.

    Raises:
        InvalidInputError: the limit, the seed, the number of workers or the timeout is out of range.
        StoreError: a score cannot be written; all earlier ones are kept.
    """
    if track.limit is not None and rules.whole("the limit", track.limit) < 1:
        raise InvalidInputError(f"a limit of {track.limit} architectures: choose at least 1.")
    rules.seed("the seed", track.seed)
    if not 0 <= rules.whole("the number of workers", workers) <= _MOST_WORKERS:
        raise InvalidInputError(f"{workers} workers: choose 0 (this process) or more, at most {_MOST_WORKERS}.")
    check_timeout(timeout)
    dataset = benchmark.target(track.target).dataset
    samples = benchmark.batch_of(track.target)
    batch = load_batch(samples, track.batch_size, track.seed)
    trained = any(any(info.trained) for info in proxies)
    training_data = load_batch(samples, None, track.seed)[:TRAINING_SAMPLES] if trained else None
    job = Job(benchmark.space.name, benchmark.classes[dataset], batch, track.seed, tuple(imports), training_data)
    plan = _Plan(track, benchmark, proxies, batch.provenance, architectures)
    with store.writer(track.benchmark) as writer, users_signals():
        records = store.records(track.benchmark)
        known = {r.key: r for r in records if not (retry_failed and r.score.status.worth_a_retry)}
        environment, description = describe_environment()
        writer.environment(environment, description)
        tasks = plan.open(known, writer)
        done, total = plan.total - sum(len(names) for _, names in tasks), plan.total
        if progress:
            progress(done, total, None)
        results = results_of(job, tasks, workers, timeout)
        for key, name, score in results:
            for record in plan.records(key, name, score, environment):
                writer.record(record)
            done += 1
            if progress:
                progress(done, total, record)


class _Plan:
    """Which networks are to be measured, and which architectures each measurement serves."""

    def __init__(
        self,
        track: Track,
        benchmark: Benchmark,
        proxies: Sequence[ProxyInfo],
        batch: str,
        architectures: Sequence[Architecture] | None,
    ) -> None:
        self.benchmark = benchmark.identifier
        self.proxies = {info.label: info for info in proxies}
        self.seed = track.seed
        self.batch = batch
        #: network (canonical string) to the architectures it stands for
        self.served: dict[str, list[str]] = {}
        if architectures is None:
            architectures = benchmark.sample(track.limit, track.seed, benchmark.target(track.target).name)
        for architecture in architectures:
            network = benchmark.space.canonical(architecture).key
            self.served.setdefault(network, []).append(architecture.key)
        self.total = len(self.served) * len(self.proxies)

    def records(self, network: str, proxy: str, score: Score, environment: str) -> Iterator[Record]:
        for key in self.served[network]:
            yield self._record(key, network, self.proxies[proxy], score, environment)

    def open(self, known: dict[Any, Record], writer: Writer) -> list[Task]:
        """Tasks without a score; an architecture whose equal was scored gets that score at once."""
        tasks: list[Task] = []
        measured = {
            (r.network or r.architecture, r.proxy, r.seed, r.batch): r
            for r in known.values()
            if r.benchmark == self.benchmark
        }
        for network, keys in self.served.items():
            left: list[str] = []
            for info in self.proxies.values():
                found = measured.get((network, info.identifier, self.seed, self.batch))
                if found is None:
                    left.append(info.label)
                    continue
                for key in keys:
                    record = self._record(key, network, info, found.score, found.environment)
                    if record.key not in known:
                        writer.record(record)
            if left:
                tasks.append((network, tuple(left)))
        return tasks

    def _record(self, key: str, network: str, info: ProxyInfo, score: Score, environment: str) -> Record:
        return Record(
            benchmark=self.benchmark,
            architecture=key,
            proxy=info.identifier,
            seed=self.seed,
            batch=self.batch,
            score=score,
            network=network if network != key else "",
            higher_is_better=info.higher_is_better,
            environment=environment,
        )


def evaluate(
    benchmark: str | Benchmark,
    proxies: Iterable[str] | None = None,
    *,
    target: str | None = None,
    limit: int | None = 100,
    seed: int = 0,
    batch_size: int = 64,
    workers: int = 0,
    timeout: float | None = None,
    store: str | os.PathLike[str] | None = None,
    ensembles: Iterable[str] = (),
) -> Evaluation:
    """Score a sample of a benchmark's networks and correlate with what training gave.

    Args:
        benchmark: name of a benchmark, or a loaded one.
        proxies: names, shell patterns or "all"; default "standard".
        target: column of the benchmark; default its own choice.
        limit: number of architectures, drawn at random; None for all.
        seed: decides the sample, the batch and the initial weights.
        batch_size: samples in the batch.
        workers: worker processes; 0 computes in this process (with workers, call from under
            ``if __name__ == "__main__":``).
        timeout: seconds that building a network may take, and each score; beyond them the status is "timed-out". It
            needs a worker process, also with 0 workers.
        store: folder for the records; a second call with the same folder goes on where the first stopped. Default:
            a temporary one.
        ensembles: combinations such as "mean_rank(naswot+synflow)"; their members are scored too.

    Returns:
        An :class:`Evaluation`: per proxy tau-b and rho with 95 % confidence intervals, what failed, seconds.

    Raises:
        UnknownNameError: there is no such benchmark, proxy, target or ensemble.
        InvalidInputError: an argument is out of range.

    Example:
        >>> import zcbench
        >>> result = zcbench.evaluate("digits-201", ["params", "num_layers"], limit=20)
        >>> [entry.n for entry in result.entries]
        [20, 20]
    """
    import tempfile

    table = benchmark if isinstance(benchmark, Benchmark) else load_benchmark(benchmark)
    ensembles = tuple(rules.all_text("ensembles", ensembles))
    if not isinstance(store, (str, os.PathLike, type(None))):
        raise InvalidInputError(f"the store {rules.shown(store)}: give the path of a folder.")
    infos = with_members(resolve(proxies, table.space.domains), ensembles)
    track = Track(table.name, target, limit, seed, batch_size)
    with tempfile.TemporaryDirectory() as temporary:
        place = Store(store if store is not None else temporary)
        run(track, table, infos, place, workers=workers, timeout=timeout)
        return collect(track, table, infos, place, ensembles)


def with_members(proxies: Sequence[ProxyInfo], ensembles: Iterable[str]) -> list[ProxyInfo]:
    """The proxies and those that ensembles are made of."""
    members = [get_proxy(member) for text in ensembles for member in get_ensemble(text).members]
    return list({info.label: info for info in (*proxies, *members)}.values())


def collect(
    track: Track, benchmark: Benchmark, proxies: Sequence[ProxyInfo], store: Store, ensembles: Iterable[str] = ()
) -> Evaluation:
    """The evaluation of exactly what a track asks for, from a store that may hold more."""
    column = benchmark.target(track.target).name
    sampled = {architecture.key for architecture in benchmark.sample(track.limit, track.seed, column)}
    names = {info.identifier for info in proxies}
    batch = load_batch(benchmark.batch_of(track.target), track.batch_size, track.seed).provenance
    wanted = (benchmark.identifier, track.seed, batch)
    labels = {info.label for info in proxies}
    stored = store.records(track.benchmark)
    found, notes = of_this_table(stored, benchmark)
    found, unknown = of_known_architectures(found, benchmark)
    asked = [r for r in found if (r.benchmark, r.seed, r.batch) == wanted and r.architecture in sampled]
    old = [r for r in asked if r.proxy not in names and r.proxy.rpartition("@")[0] in labels]
    notes = [*stored.notes, *notes, *unknown]
    if old:
        notes.append(f"{len(old):,} scores of other versions of these proxies were left out.")
    return summarize([r for r in asked if r.proxy in names], benchmark, track.target, ensembles=ensembles, notes=notes)


def correlate_columns(
    benchmark: Benchmark, columns: Iterable[str] | None = None, *, target: str | None = None, lower: Iterable[str] = ()
) -> Evaluation:
    """Correlate columns of precomputed numbers with a target; no network is built.

    Args:
        benchmark: its facts are the columns, e.g. from :func:`zcbench.datasets.own_benchmark`.
        columns: names of facts; None for all.
        target: column to rank against; default its own choice.
        lower: columns in which lower is better. One that is named like a registered proxy has the proxy's direction.

    Raises:
        UnknownNameError: there is no such column.
        InvalidInputError: there are no columns besides the target.
    """
    names = list(benchmark.facts if columns is None else columns)
    if not names:
        raise InvalidInputError(f"{benchmark.source} has no columns of numbers besides the target.")
    for name in names:
        if name not in benchmark.facts:
            raise UnknownNameError("column", name, benchmark.facts)
    known, low = set(list_proxies()), set(lower)
    up = {name: name not in low and (name not in known or get_proxy(name).higher_is_better) for name in names}
    return summarize_columns(benchmark, {name: (benchmark.facts[name], up[name]) for name in names}, target)
