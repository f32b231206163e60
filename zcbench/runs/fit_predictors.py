"""Fit predictors to a few trained networks and test them on the others: the plan, and its trials."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zcbench.datasets import Benchmark
from zcbench.encodings import Needs
from zcbench.errors import InvalidInputError
from zcbench.predictors import get_predictor, predictor_info, resolve_predictors
from zcbench.records import Store, Trial, Writer
from zcbench.runs._fitting import PredictorFitting, Result
from zcbench.runs._pool import Pool, check_sizes, pool_of, with_curves
from zcbench.runs._resume import Left, Plan, Progress, check_retry, resume
from zcbench.runs._track import SIZES, Track
from zcbench.runs._workers import check_timeout
from zcbench.runs.score_networks import ScorePlan, run_scores
from zcbench.types import Status


def run_predictors(
    track: Track,
    benchmark: Benchmark,
    store: Store,
    *,
    transfer_from: Benchmark | None = None,
    workers: int = 0,
    imports: Sequence[str] = (),
    retry: Iterable[str] = (),
    timeout: float | None = None,
    progress: Progress | None = None,
) -> list[Trial]:
    """Make sure that the store holds every trial of the track, and return them.

    Proxies that are features are measured first, on all architectures of the pool, and stored as records.

    Args:
        track: predictors, sizes and seeds; its fields for this benchmark count.
        benchmark: its table.
        store: where trials and records go and where finished ones are found.
        transfer_from: the table of the benchmark that the track learns from first.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: seconds that a trial may take, and each score of a proxy; beyond them the status is "timed-out". It
            needs a worker process, also with 0 workers.
        progress: called at the beginning and after every score of a proxy and every trial.

    Raises:
        InvalidInputError: a size, the timeout or a status is out of range, or the benchmark to learn from is missing
            or is what is tested.
        StoreError: a trial cannot be written; all earlier ones are kept.
    """
    check_timeout(timeout)
    retry = check_retry(retry)
    labels = resolve_predictors(track.predictors)
    settings = track.settings(benchmark.name)
    sources = [(benchmark, settings.target), *_transfer(track, benchmark, transfer_from)]
    needs = Needs.of(encoding for label in labels for encoding in get_predictor(label).encodings())
    pools = [with_curves(pool_of(table, target, settings.limit), table, needs.curves) for table, target in sources]
    sizes = track.train_sizes or _fitting_sizes(len(pools[-1]))
    tuned = track.tuned or (0,)
    check_sizes(sizes if len(pools) == 1 else [k for k in tuned if k], len(pools[0]) - 2, benchmark.name)
    if len(pools) == 2:
        check_sizes(sizes, len(pools[1]), sources[1][0].name)
    for number, (table, target) in enumerate(sources):
        missing = tuple(label for label in sorted(needs.proxies) if label not in pools[number].facts)
        if missing:
            scored = Track(target=target, batch_size=settings.batch_size, proxies=missing)
            run_scores(
                scored,
                table,
                store,
                workers=workers,
                imports=imports,
                retry=retry,
                timeout=timeout,
                progress=progress,
                architectures=pools[number].architectures,
            )
            pools[number] = _with_scores(pools[number], table, scored, store)
    fitting = PredictorFitting(pools[0], pools[1] if len(pools) == 2 else None, tuple(imports))
    plan = TrialPlan(benchmark.name, fitting, labels, sizes, tuned, track.seeds)
    resume(plan, store, workers=workers, timeout=timeout, retry=retry, progress=progress)
    return plan.trials


def _transfer(
    track: Track, benchmark: Benchmark, transfer_from: Benchmark | None
) -> list[tuple[Benchmark, str | None]]:
    """The table and column to learn from first, if the track has them."""
    if (asked := track.transfer) is None:
        if track.tuned:
            who = f"the track {track.name}" if track.name else f"tuned {list(track.tuned)}"
            raise InvalidInputError(
                f"{who} learns from another benchmark first: say which, --transfer-from nasbench101 or "
                "transfer_from='nasbench101'."
            )
        return []
    name, column = asked
    table = benchmark if name in (benchmark.name, *track.benchmarks) else transfer_from
    if table is None:
        raise InvalidInputError(f"give the table of {name}: transfer_from=zcbench.get_benchmark({name!r}).")
    tested = benchmark.target(track.settings(benchmark.name).target)
    if table.name == benchmark.name and table.target(column) == tested:
        raise InvalidInputError(
            f"transfer_from names what is tested, {benchmark.name}/{tested.name}: leave it out, or name another "
            "benchmark or target."
        )
    return [(table, column)]


class TrialPlan(Plan[Trial]):
    """Which predictors are fitted and tested, on which splits.

    Args:
        benchmark: name of the benchmark that is tested on.
        fitting: what workers do.
        predictors: labels.
        sizes: training networks; with a transfer, those of the benchmark that is learned from first.
        tuned: with a transfer, networks of the benchmark itself that are seen last.
        seeds: number of splits.
    """

    what = "trials"

    def __init__(
        self,
        benchmark: str,
        fitting: PredictorFitting,
        predictors: Sequence[str],
        sizes: Sequence[int],
        tuned: Sequence[int],
        seeds: int,
    ) -> None:
        self.benchmark, self.work = benchmark, fitting
        self._wanted = _wanted(fitting, predictors, sizes, tuned, seeds)
        self._known: dict[Hashable, Trial | None] = {}
        self.total = len(self._wanted)

    @property
    def trials(self) -> list[Trial]:
        """The trials of the plan that have been done."""
        found = (self._known.get(trial.key) for trial in self._wanted.values())
        return [trial for trial in found if trial is not None]

    def stored(self, store: Store) -> tuple[Iterable[Trial], Sequence[str]]:
        """Trials on the benchmark, and what reading them left out."""
        trials = store.trials(self.benchmark)
        return trials, trials.notes

    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[Trial]]:
        """Keys of trials that do not agree."""
        return store.disagreeing(self.benchmark, Trial)

    def status(self, item: Trial) -> Status:
        """What became of a trial."""
        return item.status

    def take(self, item: Trial) -> None:
        """Note a trial."""
        self._known[item.key] = item

    def skip(self, key: Hashable) -> None:
        """Note a trial of which several do not agree."""
        self._known[key] = None

    def left(self) -> Left[Trial]:
        """Predictors and seeds with the sizes that nothing is known of."""
        # Seed by seed: what is cut off early still compares all predictors on the same splits.
        by_key: dict[str, list[str]] = {}
        for (key, part), trial in self._wanted.items():
            if trial.key not in self._known:
                by_key.setdefault(key, []).append(part)
        return Left([(key, tuple(parts)) for key, parts in by_key.items()])

    def items(self, key: str, part: str, result: Result, environment: str) -> Iterator[Trial]:
        """The trial that a result makes."""
        yield replace(self._wanted[key, part], **result._asdict(), environment=environment)

    def write(self, writer: Writer, item: Trial) -> None:
        """Append a trial."""
        writer.trial(item)
        self._known[item.key] = item


def _fitting_sizes(rows: int) -> tuple[int, ...]:
    return tuple(size for size in SIZES if 2 * size <= rows) or (max(1, rows // 2),)


def _wanted(
    fitting: PredictorFitting, predictors: Sequence[str], sizes: Sequence[int], tuned: Sequence[int], seeds: int
) -> dict[tuple[str, str], Trial]:
    """Trials without results, by the worker's key and part."""
    pool, transfer_from = fitting.pool, fitting.transfer_from
    source = "" if transfer_from is None else f"{transfer_from.benchmark}/{transfer_from.target.name}"
    found: dict[tuple[str, str], Trial] = {}
    digests = {label: fitting.digest(label) for label in predictors}
    codes = fitting.codes = {label: fitting.code(label) for label in predictors}
    for seed in range(seeds):
        for label in predictors:
            version = predictor_info(label.partition(":")[0]).version
            for size in sizes:
                for last in tuned if transfer_from is not None else (0,):
                    part = f"{size}+{last}" if transfer_from is not None else str(size)
                    found[f"{seed} {label}", part] = Trial(
                        benchmark=pool.benchmark,
                        target=pool.target.name,
                        transfer_from=source,
                        predictor=f"{label}@{version}",
                        pool=len(pool),
                        train_size=size,
                        tuned_size=last,
                        seed=seed,
                        status=Status.FAILED,
                        metrics={},
                        data=digests[label],
                        code=codes[label],
                    )
    return found


def _with_scores(pool: Pool, benchmark: Benchmark, track: Track, store: Store) -> Pool:
    """The pool with the scores of proxies, as they are: predictors learn the direction."""
    plan = ScorePlan(track, benchmark, pool.architectures)
    row = {key: i for i, key in enumerate(pool.keys)}
    scores = {label: np.full(len(pool), np.nan) for label in plan.proxies}
    seconds = {label: np.full(len(pool), np.nan) for label in plan.proxies}
    for record in plan.stored(store)[0]:
        label = plan.label_of(record.key)
        if label is not None and record.architecture in row:
            scores[label][row[record.architecture]] = float(record.score)
            seconds[label][row[record.architecture]] = record.score.seconds
    costs = {label: float(np.nanmedian(spent)) for label, spent in seconds.items()}
    return replace(pool, scores={**pool.scores, **scores}, seconds={**pool.seconds, **costs})
