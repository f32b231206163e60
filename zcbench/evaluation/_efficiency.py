"""Sample efficiency from trials: the metrics of each predictor, their intervals and costs. Without torch."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, fixed, many, plain
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import _efficiency_table
from zcbench.evaluation._board import Board
from zcbench.evaluation._evaluation import Evaluation
from zcbench.evaluation._left_out import grouped, of_one_version, with_notes
from zcbench.metrics import Estimate, student
from zcbench.records import Trial, Trials
from zcbench.types import Status, Target

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark


@dataclass(frozen=True, repr=False)
class Point:
    """One predictor at one size of the training set, over seeds.

    Attributes:
        predictor: its label.
        version: its integer version.
        code: digest of its code if it is user-defined; else empty.
        transfer_from: benchmark and column of the first fit, if they are others.
        train_size: number of training networks.
        tuned_size: with a transfer, number of further training networks of the benchmark.
        metrics: by name, the mean over seeds with a 95 % interval (Student's t over seeds).
        behind: tau of the best at this size minus its tau, paired by seed.
        tied_with_best: whether that interval reaches zero; not if all predictions were constant.
        constant: number of seeds whose predictions were all the same.
        failures: number of seeds without predictions, by reason.
        seconds: total: training the networks, features of all architectures, fitting, predicting; nan where the
            benchmark has no training times.
    """

    predictor: str
    version: int
    code: str
    transfer_from: str
    train_size: int
    tuned_size: int
    metrics: Mapping[str, Estimate]
    behind: Estimate
    tied_with_best: bool
    constant: int
    failures: Mapping[str, int]
    seconds: float

    def __repr__(self) -> str:
        tau = self.metrics["tau"].value if "tau" in self.metrics else math.nan
        size = f"{self.train_size}+{self.tuned_size}" if self.transfer_from else f"{self.train_size}"
        return brief(f"<Point of {plain(self.predictor, 60)} at {size} networks: tau {fixed(tau)}>")

    @property
    def size(self) -> tuple[str, int, int]:
        """The sizes that comparable points share."""
        return (self.transfer_from, self.train_size, self.tuned_size)


@dataclass(frozen=True, eq=False, repr=False)
class SampleEfficiency(Board):
    """Predictors by the number of trained networks; proxies are the points at zero.

    Attributes:
        benchmark: name and version.
        target: the column.
        pool: number of architectures, one of each equivalence class.
        seeds: number of splits.
        training_seconds: median time to train one network; nan if unknown.
        points: by size, the best tau first.
        proxies: the proxies on the same benchmark, if they were run.
        notes: sentences about excluded results.
        table_notes: sentences about rows and columns that reading the table excluded or changed.
        metric: the metric of the table.

    Raises:
        UnknownNameError: there is no such metric.
    """

    benchmark: str
    target: Target
    pool: int
    seeds: int
    training_seconds: float
    points: tuple[Point, ...]
    proxies: Evaluation | None = None
    notes: tuple[str, ...] = ()
    table_notes: tuple[str, ...] = ()
    metric: str = "tau"
    repeated = 1

    def __post_init__(self) -> None:
        if self.metric not in _efficiency_table.METRICS:
            raise UnknownNameError("metric", self.metric, _efficiency_table.METRICS)

    def __repr__(self) -> str:
        counts = f"{many(len(self.predictors), 'predictor')} on {many(self.pool, 'architecture')}"
        return brief(f"<SampleEfficiency of {counts} of {plain(self.benchmark, 40)}, {plain(self.target.name, 30)}>")

    @property
    def predictors(self) -> list[str]:
        """Labels, in the order of their best tau."""
        return list(dict.fromkeys(p.predictor for p in sorted(self.points, key=lambda p: -_tau(p))))

    def showing(self, metric: str) -> SampleEfficiency:
        """Return the same with a table of another metric: tau, rho, precision@10, regret@1, nll and others.

        Raises:
            UnknownNameError: there is no such metric.
        """
        return dataclasses.replace(self, metric=metric)

    def headline(self) -> str:
        """Return one sentence that describes the table."""
        return _efficiency_table.headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return [(title, number > 0) for number, title in enumerate(_efficiency_table.titles(self))]

    def cells(self) -> list[list[str]]:
        """Return a row per predictor that has the metric, best tau first, a column per number of networks."""
        return _efficiency_table.cells(self)

    def footnotes(self) -> list[str]:
        """Return the notes of the table, a sentence each."""
        return _efficiency_table.footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per predictor and size, with all metrics in full precision."""
        return [_efficiency_table.flat_point(self, point) for point in self.points]

    def content(self) -> dict[str, Any]:
        """Return the points, and the proxies at zero."""
        return _efficiency_table.content(self)


def sample_efficiency(
    trials: Iterable[Trial], benchmark: Benchmark, proxies: Evaluation | None = None, notes: Iterable[str] = ()
) -> SampleEfficiency:
    """Summarise trials on one target and one pool.

    Args:
        trials: of one benchmark version, target and pool, in the order of running.
        benchmark: its table.
        proxies: the evaluation of proxies for zero trained networks.
        notes: sentences about results that were excluded before.

    Raises:
        InvalidInputError: there are none, or they cannot be compared.
    """
    known = Trials.of(trials)
    kinds = {(t.benchmark, t.target, t.pool) for t in (known[int(rows[0])] for rows in _kinds(known))}
    if len(kinds) != 1:
        raise InvalidInputError(
            f"trials of different benchmarks, targets or pools cannot be mixed: {sorted(kinds)}."
            if kinds
            else with_notes(
                f"no trials of predictors on {benchmark.name}: run  zcbench run {benchmark.name} --predictors gp", notes
            )
        )
    ((identifier, target, pool),) = kinds
    by_point: dict[tuple[str, str, int, int], list[Trial]] = {}
    latest, left_out = _latest(known)
    for trial in latest:
        by_point.setdefault((trial.predictor, trial.transfer_from, trial.train_size, trial.tuned_size), []).append(
            trial
        )
    cost = training_seconds(benchmark, target)
    taus = {key: {t.seed: t.metrics["tau"] for t in rows if t.status is Status.OK} for key, rows in by_point.items()}
    best: dict[tuple[str, int, int], dict[int, float]] = {}
    for key, values in taus.items():
        if _standing(values) > _standing(best.get(key[1:], {})):
            best[key[1:]] = values
    points = [_point(key, rows, taus[key], best.get(key[1:], {}), cost) for key, rows in by_point.items()]
    points.sort(key=lambda p: (p.transfer_from, p.train_size, p.tuned_size, -_tau(p), p.predictor))
    return SampleEfficiency(
        identifier,
        benchmark.target(target),
        pool,
        len(np.unique(known.numbers("seed"))),
        cost,
        tuple(points),
        proxies,
        (*notes, *left_out),
        benchmark.notes,
    )


def _standing(taus: Mapping[int, float]) -> tuple[int, float]:
    """Return the sort key: the number of splits, then their mean, so that one lucky split is not the best."""
    return len(taus), float(np.mean(list(taus.values()))) if taus else 0.0


def _kinds(trials: Trials) -> list[NDArray[np.intp]]:
    return grouped(trials.codes("benchmark")[0], trials.codes("target")[0], trials.numbers("pool"))


def _latest(items: Trials) -> tuple[list[Trial], list[str]]:
    """Select one version of each predictor and the data of the last run; return sentences about the others."""
    by_label, notes = of_one_version(items, "predictor")
    trials = list(items.take(np.sort(np.concatenate(list(by_label.values())))))
    tables = {trial.transfer_from: trial.data.partition("-")[0] for trial in trials}
    found = [trial for trial in trials if trial.data.partition("-")[0] == tables[trial.transfer_from]]
    features = {(trial.transfer_from, trial.label): trial.data for trial in found}
    found = [trial for trial in found if trial.data == features[trial.transfer_from, trial.label]]
    if len(found) < len(trials):
        rest = len(trials) - len(found)
        notes.append(f"{rest:,} trials with other training data were excluded; the latest are shown.")
    return found, notes


def _point(
    key: tuple[str, str, int, int], rows: list[Trial], own: dict[int, float], best: dict[int, float], cost: float
) -> Point:
    _, transfer_from, train_size, tuned_size = key
    good = [t for t in rows if t.status is Status.OK]
    constant = sum(bool(t.detail) for t in good)
    names = list(dict.fromkeys(name for t in good for name in t.metrics))
    metrics = {name: mean_interval([t.metrics.get(name, math.nan) for t in good]) for name in names}
    behind = mean_interval([best[seed] - own[seed] for seed in sorted(own.keys() & best.keys())])
    trained = (0 if transfer_from else train_size) + tuned_size
    spent = sum(metrics[name].value for name in ("fit_seconds", "predict_seconds") if name in metrics)
    pool = rows[0].pool
    features = sum(metrics[name].value for name in ("encode_seconds", "proxy_seconds") if name in metrics) * pool
    return Point(
        rows[0].label,
        rows[0].version,
        rows[0].code,
        transfer_from,
        train_size,
        tuned_size,
        metrics,
        behind,
        constant < len(good) and (own == best or behind.low <= 0),
        constant,
        Counter(t.detail for t in rows if t.status is not Status.OK),
        trained * cost + spent + features,
    )


def mean_interval(values: Iterable[float]) -> Estimate:
    """Return the mean with a 95 % interval of Student's t; nan if a value is nan, no interval for fewer than two."""
    numbers = np.asarray(list(values), np.float64)
    n = len(numbers)
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0)
    exponent = math.frexp(float(np.abs(numbers).max()))[1]  # scaled, because sums of the largest numbers overflow
    numbers = np.ldexp(numbers, -exponent)
    mean = float(numbers.mean())
    half = student(n - 1) * float(numbers.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    with np.errstate(over="ignore"):
        mean, low, high = np.ldexp([mean, mean - half, mean + half], exponent).tolist()
    return Estimate(mean, low, high, n)


def training_seconds(benchmark: Benchmark, target: str) -> float:
    """Return the median time of training one network to the target's epoch; nan if the table has no times.

    It is computed from the fact "train_seconds", or from "train_seconds_12ep" scaled to the epochs in the target's
    name. Facts belong to the data set of the benchmark's default target.
    """
    known = benchmark.targets.get(target)
    if known is not None and known.dataset != benchmark.target().dataset:
        return math.nan
    if "train_seconds" in benchmark.facts:
        return float(np.nanmedian(benchmark.facts["train_seconds"]))
    wanted = re.search(r"_(\d+)ep", target)
    for name, values in benchmark.facts.items():
        found = re.fullmatch(r"train_seconds_(\d+)ep", name)
        if found and wanted:
            return float(np.nanmedian(values)) * int(wanted[1]) / int(found[1])
    return math.nan


def _tau(point: Point) -> float:
    tau = point.metrics["tau"].value if "tau" in point.metrics else math.nan
    return tau if math.isfinite(tau) else -2.0
