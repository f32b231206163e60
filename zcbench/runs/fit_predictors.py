"""Predictors against the number of trained networks: every trial stored the moment it exists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from zcbench._foreign import users_signals
from zcbench.batches import load_batch
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation._efficiency import training_seconds
from zcbench.evaluation._environment import describe_environment
from zcbench.predictors import get_predictor
from zcbench.proxies import resolve
from zcbench.records import Store, Trial
from zcbench.runs._fitting import Fitting, Result
from zcbench.runs._pool import Pool, check_sizes, pool_of
from zcbench.runs._workers import Task, check_timeout, results_of
from zcbench.runs.score_networks import Progress, Track, run
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

SIZES = (10, 20, 50, 100, 200, 500, 1000)
SEEDS = 10


@dataclass(frozen=True)
class Sweep:
    """What makes trials comparable.

    Attributes:
        benchmark: name of the benchmark that predictors are tested on.
        target: column to predict; None for the benchmark's own choice.
        sizes: training networks; with a transfer, those of the benchmark learned from first. None for 10 to 1,000, as far as a small table has
            room for them beside as many to test on.
        seeds: number of splits, seeds 0, 1, …; all predictors see the same.
        limit: number of equivalence classes of architectures, drawn at random; None for all.
        tuned: with a transfer, networks of the benchmark itself that are seen after those of the benchmark learned from first.
        batch_size: samples that proxies see where they are features.
    """

    benchmark: str
    target: str | None = None
    sizes: tuple[int, ...] | None = None
    seeds: int = SEEDS
    limit: int | None = None
    tuned: tuple[int, ...] = (0,)
    batch_size: int = 64


def run_sweep(
    sweep: Sweep,
    benchmark: Benchmark,
    predictors: Sequence[str],
    store: Store,
    *,
    transfer_from: tuple[Benchmark, str | None] | None = None,
    workers: int = 0,
    imports: Sequence[str] = (),
    retry_failed: bool = False,
    timeout: float | None = None,
    progress: Progress | None = None,
    after_trial: Callable[[int, int, Trial | None], None] | None = None,
) -> list[Trial]:
    """Make sure that the store holds every trial of the sweep, and return them.

    Proxies that are features are measured first, on all architectures of the pool, and stored as records.

    Args:
        sweep: sizes and seeds.
        benchmark: its table.
        predictors: labels, as :func:`zcbench.predictors.resolve_predictors` gives them.
        store: where trials and records go and where finished ones are found.
        transfer_from: a benchmark and its column to learn from; default the benchmark itself.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry_failed: compute trials with the status "failed" or "timed-out" again.
        timeout: seconds that a trial may take, and each score of a proxy; beyond them the status is "timed-out". It
            needs a worker process, also with 0 workers.
        progress: called after every score of a proxy.
        after_trial: called after every trial with how many are done, how many there are, and the latest or None.

    Raises:
        InvalidInputError: a size, the number of seeds or the timeout is out of range.
        StoreError: a trial cannot be written; all earlier ones are kept.
    """
    if sweep.seeds < 1:
        raise InvalidInputError(f"{sweep.seeds} seeds: choose at least 1.")
    check_timeout(timeout)
    encodings = [encoding for label in predictors for encoding in get_predictor(label).encodings()]
    members = sorted({member for encoding in encodings for member in encoding.members})
    tables = [(benchmark, sweep)] + (
        [] if transfer_from is None else [(transfer_from[0], replace(sweep, target=transfer_from[1]))]
    )
    pools = [_with_curves(pool_of(table, own.target, sweep.limit), table, encodings) for table, own in tables]
    sizes = sweep.sizes or _fitting(len(pools[-1]))
    check_sizes(sizes if transfer_from is None else [k for k in sweep.tuned if k], len(pools[0]) - 2, benchmark.name)
    if transfer_from is not None:
        check_sizes(sizes, len(pools[1]), transfer_from[0].name)
    pools = [
        _measured(pool, table, own, members, store, workers, timeout, progress)
        for pool, (table, own) in zip(pools, tables, strict=True)
    ]
    fitting = Fitting(pools[0], pools[1] if transfer_from is not None else None, tuple(imports))
    wanted = _wanted(sweep, sizes, fitting, predictors)
    with store.writer(benchmark.name) as writer, users_signals():
        known = {t.key: t for t in store.trials(benchmark.name) if not (retry_failed and t.status.worth_a_retry)}
        environment, description = describe_environment()
        left = {key: trial for key, trial in wanted.items() if trial.key not in known}
        if left:
            writer.environment(environment, description)
        done = len(wanted) - len(left)
        if after_trial:
            after_trial(done, len(wanted), None)
        tasks = _tasks(left)
        results = results_of(fitting, tasks, workers, timeout)
        for key, part, result in results:
            trial = _filled(wanted[key, part], result, environment)
            writer.trial(trial)
            known[trial.key] = trial
            done += 1
            if after_trial:
                after_trial(done, len(wanted), trial)
    return [known[trial.key] for trial in wanted.values()]


def _fitting(rows: int) -> tuple[int, ...]:
    return tuple(size for size in SIZES if 2 * size <= rows) or (max(1, rows // 2),)


def _filled(trial: Trial, result: Result, environment: str) -> Trial:
    return replace(trial, status=result.status, metrics=result.metrics, detail=result.detail, environment=environment)


def _tasks(left: Iterable[tuple[str, str]]) -> list[Task]:
    # Seed by seed: what is cut off early still compares all predictors on the same splits.
    by_key: dict[str, list[str]] = {}
    for key, part in left:
        by_key.setdefault(key, []).append(part)
    return [(key, tuple(parts)) for key, parts in by_key.items()]


def _wanted(
    sweep: Sweep, sizes: Sequence[int], fitting: Fitting, predictors: Sequence[str]
) -> dict[tuple[str, str], Trial]:
    """Trials without results, by the worker's key and part."""
    from zcbench.predictors import predictor_info

    pool, transfer_from = fitting.pool, fitting.transfer_from
    found: dict[tuple[str, str], Trial] = {}
    digests = {label: fitting.digest(label) for label in predictors}
    for seed in range(sweep.seeds):
        for label in predictors:
            version = predictor_info(label.partition(":")[0]).version
            data = digests[label]
            for size in sizes:
                for tuned in sweep.tuned if transfer_from is not None else (0,):
                    part = f"{size}+{tuned}" if transfer_from is not None else str(size)
                    found[f"{seed} {label}", part] = Trial(
                        benchmark=pool.benchmark,
                        target=pool.target.name,
                        transfer_from=""
                        if transfer_from is None
                        else f"{transfer_from.benchmark}/{transfer_from.target.name}",
                        predictor=f"{label}@{version}",
                        pool=len(pool),
                        train_size=size,
                        tuned_size=tuned,
                        seed=seed,
                        status=Status.FAILED,
                        metrics={},
                        data=data,
                    )
    return found


def _with_curves(pool: Pool, benchmark: Benchmark, encodings: Sequence[Encoding]) -> Pool:
    """The pool with the learning curves that encodings see."""
    from zcbench.encodings import CurveEncoding

    found, costs = {}, {}
    for part in (part for encoding in encodings for part in encoding.parts):
        if isinstance(part, CurveEncoding):
            if not benchmark.curves:
                raise InvalidInputError(
                    f"{benchmark.name} has no learning curves: choose predictors that see architectures, such as gp."
                )
            if part.metric not in benchmark.curves:
                raise UnknownNameError("learning curve", part.metric, benchmark.curves)
            rows = benchmark.rows(pool.architectures)
            every = np.asarray(benchmark.curves[part.metric][rows], np.float64)
            found[part.metric] = every.mean(1)
            _, trainings, epochs = every.shape  # the curve is their mean: all are paid
            costs[f"curve {part.metric}"] = trainings * training_seconds(benchmark, pool.target.name) / epochs
    return replace(pool, curves=found, costs={**pool.costs, **costs})


def _measured(
    pool: Pool,
    benchmark: Benchmark,
    sweep: Sweep,
    members: Sequence[str],
    store: Store,
    workers: int,
    timeout: float | None,
    progress: Progress | None,
) -> Pool:
    """The pool with the scores of proxies as columns, as they are: predictors learn the direction."""
    missing = [member for member in members if member not in pool.columns]
    if not missing:
        return pool
    infos = resolve(missing)
    track = Track(benchmark.name, sweep.target, None, 0, sweep.batch_size)
    run(
        track,
        benchmark,
        infos,
        store,
        workers=workers,
        timeout=timeout,
        progress=progress,
        architectures=pool.architectures,
    )
    batch = load_batch(benchmark.batch_of(sweep.target), sweep.batch_size, 0).provenance
    row = {key: i for i, key in enumerate(pool.keys)}
    columns = {info.label: np.full(len(pool), np.nan) for info in infos}
    seconds = {info.label: np.full(len(pool), np.nan) for info in infos}
    labels = {info.identifier: info.label for info in infos}
    for record in store.records(benchmark.name):
        same = (record.benchmark, record.seed, record.batch) == (pool.benchmark, 0, batch)
        if same and record.proxy in labels and record.architecture in row:
            columns[labels[record.proxy]][row[record.architecture]] = float(record.score)
            seconds[labels[record.proxy]][row[record.architecture]] = record.score.seconds
    costs = {label: float(np.nanmedian(spent)) for label, spent in seconds.items()}
    return replace(pool, columns={**pool.columns, **columns}, costs={**pool.costs, **costs})
