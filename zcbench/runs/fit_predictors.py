"""Fit predictors to a few trained networks and test them on the others: the plan, and its trials."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zcbench._foreign import Foreign
from zcbench._workers import check_timeout
from zcbench.datasets import Benchmark
from zcbench.encodings import ColumnEncoding, Encoding, Needs
from zcbench.errors import InvalidInputError, UnsupportedModelError, ZcbenchError
from zcbench.predictors import get_predictor, predictor_info, resolve_predictors
from zcbench.records import Store, Trial, Writer
from zcbench.runs._fitting import PredictorFitting
from zcbench.runs._listed import Listed
from zcbench.runs._pool import Pool, check_sizes, pool_of, with_curves
from zcbench.runs._resume import Progress, check_retry, left_of, resume
from zcbench.runs._shards import Shard, of_shard
from zcbench.runs._track import SIZES, Track
from zcbench.runs.score_networks import ScorePlan, run_scores
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.executors import Executor


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
    shard: Shard | None = None,
    executor: Executor | None = None,
    notes: list[str] | None = None,
) -> list[Trial]:
    """Make sure that the store holds every trial of the track, and return them.

    Proxies that are features are measured first, on all architectures of the pool, and stored as records. Predictors
    that do not apply to the benchmark, for example without learning curves, are excluded if others apply.

    Args:
        track: predictors, sizes and seeds; its fields for this benchmark count.
        benchmark: its table.
        store: the store for new trials and records, which also has the finished ones.
        transfer_from: the table of the benchmark to learn from first.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: largest number of seconds for a trial, and for each score of a proxy; after it the status is
            "timed-out". It needs a worker process, also with 0 workers.
        progress: called at the start and after every score of a proxy and every trial.
        shard: the part to do, of the trials by seed and predictor, of features by network. If features of other shards
            are missing, no trial is run.
        executor: engine that runs the work on other machines; see :func:`zcbench.runs.resume`.
        notes: receives a sentence for each predictor that does not apply.

    Raises:
        InvalidInputError: a size, the timeout or a status is out of range, or the benchmark to learn from is missing
            or is the tested one.
        StoreError: a trial cannot be written; all earlier ones are kept.
    """
    check_timeout(timeout)
    retry, sweep = check_retry(retry), _Sweep(track, benchmark, transfer_from)
    if notes is not None:
        notes += sweep.notes
    for number, scored in sweep.features():
        table, everything = sweep.tables[number], sweep.pools[number].architectures
        run_scores(
            scored,
            table,
            store,
            workers=workers,
            imports=imports,
            retry=retry,
            timeout=timeout,
            progress=progress,
            architectures=everything if shard is None else of_shard(shard, table.space, everything),
            executor=executor,
        )
        if shard is not None and (missing := left_of(ScorePlan(scored, table, everything), store).parts):
            raise ZcbenchError(
                f"{missing:,} scores on {table.name} that predictors learn from belong to other shards: give the same "
                "command again when all shards have ended."
            )
        sweep.measured(number, scored, store)
    plan = sweep.plan(imports, shard)
    resume(plan, store, workers=workers, timeout=timeout, retry=retry, progress=progress, executor=executor)
    return plan.trials


def plans_ahead(
    track: Track,
    benchmark: Benchmark,
    store: Store,
    *,
    transfer_from: Benchmark | None = None,
    shard: Shard | None = None,
) -> list[ScorePlan | TrialPlan]:
    """Return the plans of :func:`run_predictors`: of features on each benchmark, and of the trials.

    Trials depend on the features: if some are missing, no trial counts as known.
    """
    sweep, found = _Sweep(track, benchmark, transfer_from), list[ScorePlan | TrialPlan]()
    for number, scored in sweep.features():
        table, everything = sweep.tables[number], sweep.pools[number].architectures
        part = everything if shard is None else of_shard(shard, table.space, everything)
        found.append(ScorePlan(scored, table, part))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # an unmeasured proxy has no median
            sweep.measured(number, scored, store)
    return [*found, sweep.plan((), shard)]


class _Sweep:
    """The pools to learn from and to test on, and the predictors."""

    def __init__(self, track: Track, benchmark: Benchmark, transfer_from: Benchmark | None) -> None:
        self._track, self._benchmark = track, benchmark
        self._settings = settings = track.settings(benchmark.name)
        learned = [(benchmark, settings.target), *_transfer(track, benchmark, transfer_from)]
        self.tables = [table for table, _ in learned]
        self._targets = [target for _, target in learned]
        pools = [pool_of(table, target, settings.limit) for table, target in learned]
        self._labels, self.notes = _applying(resolve_predictors(track.predictors), pools, self.tables)
        needs = Needs.of(encoding for label in self._labels for encoding in get_predictor(label).encodings())
        self.pools = [with_curves(pool, table, needs.curves) for pool, table in zip(pools, self.tables, strict=True)]
        self._sizes = track.train_sizes or _fitting_sizes(len(self.pools[-1]))
        self._tuned = track.tuned or (0,)
        alone = len(self.pools) == 1
        check_sizes(self._sizes if alone else [k for k in self._tuned if k], len(self.pools[0]) - 2, benchmark.name)
        if not alone:
            check_sizes(self._sizes, len(self.pools[1]), self.tables[1].name)
        self._proxies = sorted(needs.proxies)

    def features(self) -> Iterator[tuple[int, Track]]:
        """Return the number of each pool with proxies as features, and the track that measures them."""
        for number, target in enumerate(self._targets):
            missing = tuple(label for label in self._proxies if label not in self.pools[number].facts)
            if missing:
                yield number, Track(target=target, batch_size=self._settings.batch_size, proxies=missing)

    def measured(self, number: int, scored: Track, store: Store) -> None:
        """Read the scores of a pool from the store."""
        self.pools[number] = _with_scores(self.pools[number], self.tables[number], scored, store)

    def plan(self, imports: Sequence[str], shard: Shard | None) -> TrialPlan:
        """Return the plan of the trials, or of those of a shard."""
        fitting = PredictorFitting(self.pools[0], self.pools[1] if len(self.pools) == 2 else None, tuple(imports))
        plan = TrialPlan(self._benchmark.name, fitting, self._labels, self._sizes, self._tuned, self._track.seeds)
        return plan if shard is None else plan.only(shard.of(plan.keys))


def _applying(labels: Sequence[str], pools: Sequence[Pool], tables: Sequence[Benchmark]) -> tuple[list[str], list[str]]:
    """Return the predictors whose encodings apply to the tables, and a sentence for each of the others.

    Raises:
        ZcbenchError: no predictor applies; the message has the reason of the first.
    """
    found: list[str] = []
    used: list[str] = []
    errors: dict[str, ZcbenchError] = {}
    for label in labels:
        try:
            needs = Needs.of(get_predictor(label).encodings())
            known = [with_curves(pool, table, needs.curves) for pool, table in zip(pools, tables, strict=True)]
            if not needs.proxies:  # those are measured later
                fed = PredictorFitting(known[0], known[1] if len(known) == 2 else None).fed(get_predictor(label))
                parts = [part for encoding in fed.encodings() for part in encoding.parts]
                for part in parts:
                    _try(part, tables[0])
                used += [said for part in parts if isinstance(part, ColumnEncoding) and (said := part.used())]
            found.append(label)
        except ZcbenchError as error:
            errors[label] = error
    if not found:
        raise next(iter(errors.values()))
    odd = [f"{label} is excluded because it does not apply: {error}" for label, error in errors.items()]
    return found, [*dict.fromkeys(used), *odd]


def _try(part: Encoding, benchmark: Benchmark) -> None:
    """Raise UnsupportedModelError if a search space lacks what an encoding needs, without building networks."""
    if part.kind in ("vector", "graph") and not part.from_table:
        with Foreign() as call:
            part.rows(benchmark.architectures[:1])
        if call.is_a(UnsupportedModelError):
            raise UnsupportedModelError(call.message)


def _transfer(
    track: Track, benchmark: Benchmark, transfer_from: Benchmark | None
) -> list[tuple[Benchmark, str | None]]:
    """Return the table and column to learn from first, if the track has them."""
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
            f"transfer_from names the tested column, {benchmark.name}/{tested.name}: omit it, or name another "
            "benchmark or target."
        )
    return [(table, column)]


class TrialPlan(Listed[Trial]):
    """The plan of fitting and testing predictors on splits.

    Trials are ordered by seed, so that an interrupted run compares all predictors on the same splits.

    Args:
        benchmark: name of the tested benchmark.
        fitting: the work of the workers.
        predictors: labels.
        sizes: numbers of training networks; with a transfer, those of the benchmark to learn from first.
        tuned: with a transfer, numbers of networks of the benchmark itself to learn from last.
        seeds: number of splits.
    """

    what, units, kind = "trials", "splits", Trial

    def __init__(
        self,
        benchmark: str,
        fitting: PredictorFitting,
        predictors: Sequence[str],
        sizes: Sequence[int],
        tuned: Sequence[int],
        seeds: int,
    ) -> None:
        super().__init__(benchmark, fitting, _wanted(fitting, predictors, sizes, tuned, seeds))

    @property
    def trials(self) -> list[Trial]:
        """The finished trials of the plan."""
        return list(self.done.values())

    def stored(self, store: Store) -> tuple[Iterable[Trial], Sequence[str]]:
        """Return trials on the benchmark, and sentences about excluded ones."""
        trials = store.trials(self.benchmark)
        return trials, trials.notes

    def append(self, writer: Writer, item: Trial) -> None:
        """Append a trial."""
        writer.trial(item)


def _fitting_sizes(rows: int) -> tuple[int, ...]:
    return tuple(size for size in SIZES if 2 * size <= rows) or (max(1, rows // 2),)


def _wanted(
    fitting: PredictorFitting, predictors: Sequence[str], sizes: Sequence[int], tuned: Sequence[int], seeds: int
) -> dict[tuple[str, str], Trial]:
    """Return trials without results, by key and part of the worker."""
    pool, transfer_from = fitting.pool, fitting.transfer_from
    first = "" if transfer_from is None else f"{transfer_from.benchmark}/{transfer_from.target.name}"
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
                        transfer_from=first,
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
    """Return the pool with the scores of proxies, unchanged, because predictors learn the direction."""
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
