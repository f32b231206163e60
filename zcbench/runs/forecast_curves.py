"""Forecast the learning curves of a benchmark with many curve predictors: the plan, and its trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from zcbench.curves import curve_predictor_info, resolve_curve_predictors
from zcbench.datasets import Benchmark
from zcbench.records import CurveTrial, Store, Writer
from zcbench.runs._curve_set import curve_set
from zcbench.runs._forecasting import CurveForecasting
from zcbench.runs._listed import Listed
from zcbench.runs._resume import Progress, resume
from zcbench.runs._shards import Shard
from zcbench.runs._track import Track
from zcbench.types import Status

if TYPE_CHECKING:
    from zcbench.executors import Executor


class CurvePlan(Listed[CurveTrial]):
    """The plan of testing curve predictors on parts of the curves, at several contexts; keys are "0 lcpfn".

    Args:
        benchmark: name of the benchmark.
        forecasting: the work of the workers.
        curve_predictors: labels.
        contexts: shares of a curve that predictors receive.
    """

    what, units, kind = "forecasts", "parts", CurveTrial

    def __init__(
        self, benchmark: str, forecasting: CurveForecasting, curve_predictors: Sequence[str], contexts: Sequence[float]
    ) -> None:
        self.curves = forecasting.curves
        super().__init__(benchmark, forecasting, _wanted(forecasting, curve_predictors, contexts))

    @property
    def trials(self) -> list[CurveTrial]:
        """The finished trials of the plan."""
        return list(self.done.values())

    def stored(self, store: Store) -> tuple[Iterable[CurveTrial], Sequence[str]]:
        """Return forecasts on the benchmark, and sentences about excluded ones."""
        trials = store.forecasts(self.benchmark)
        return trials, trials.notes

    def append(self, writer: Writer, item: CurveTrial) -> None:
        """Append a trial."""
        writer.forecast(item)


def _wanted(
    forecasting: CurveForecasting, labels: Sequence[str], contexts: Sequence[float]
) -> dict[tuple[str, str], CurveTrial]:
    """Return trials without results, by key and part of the worker."""
    found: dict[tuple[str, str], CurveTrial] = {}
    curves = forecasting.curves
    codes = forecasting.codes = {label: forecasting.code(label) for label in labels}
    for seed in range(forecasting.parts):
        for label in labels:
            version = curve_predictor_info(label.partition(":")[0]).version
            for context in map("{:g}".format, contexts):
                found[f"{seed} {label}", context] = CurveTrial(
                    benchmark=curves.benchmark,
                    curve=curves.curve,
                    curve_predictor=f"{label}@{version}",
                    pool=curves.units,
                    complete=forecasting.complete,
                    parts=forecasting.parts,
                    context=context,
                    seed=seed,
                    status=Status.FAILED,
                    metrics={},
                    data=curves.digest,
                    code=codes[label],
                )
    return found


def curve_plan(
    track: Track, benchmark: Benchmark, imports: Sequence[str] = (), shard: Shard | None = None
) -> CurvePlan:
    """Return the plan of the forecasts of a track on a benchmark.

    Raises:
        UnknownNameError: there is no such curve predictor or curve.
        InvalidInputError: the benchmark has no curves that can be forecast.
    """
    settings = track.settings(benchmark.name)
    labels = resolve_curve_predictors(track.curve_predictors)
    named = settings.target if settings.target in benchmark.curves else None
    curves = curve_set(benchmark, settings.curve or named, settings.limit, track.bounds)
    parts = min(track.seeds, curves.units)
    forecasting = CurveForecasting(curves, parts, track.complete, tuple(imports))
    plan = CurvePlan(benchmark.name, forecasting, labels, track.contexts)
    return plan if shard is None else plan.only(shard.of(plan.keys))


def run_curves(
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
) -> CurvePlan:
    """Make sure that the store holds every forecast of the track, and return the plan with its trials.

    Different networks are divided into as many parts as the track has seeds, and each part is tested once. No curve is
    tested twice, and all curve predictors are tested on the same curves. Curve predictors that learn receive complete
    curves of the other parts, so no training of a tested or equivalent network is among them.

    Args:
        track: curve predictors, contexts and seeds; its fields for this benchmark count.
        benchmark: its table.
        store: the store for new trials, which also has the finished ones.
        workers: worker processes with one thread each; 0 computes in this process.
        imports: Python files that a worker imports.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: largest number of seconds for a trial; after it the status is "timed-out".
        progress: called at the start and after every trial.
        shard: the part to do, of the trials by part and curve predictor.
        executor: engine that runs the work on other machines; see :func:`zcbench.runs.resume`.
    """
    plan = curve_plan(track, benchmark, imports, shard)
    resume(plan, store, workers=workers, timeout=timeout, retry=retry, progress=progress, executor=executor)
    return plan
