"""From trials to curves: what each predictor reaches, how surely, at what cost. A pure function, no torch."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.evaluation._left_out import of_one_version, with_notes
from zcbench.evaluation._summary import Evaluation
from zcbench.metrics import Estimate
from zcbench.records import Trial
from zcbench.types import Status, Target

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark


@dataclass(frozen=True)
class Point:
    """One predictor at one size of the training set, over seeds.

    Attributes:
        predictor: its label.
        version: its integer version.
        transfer_from: what it was fitted on first, if that is another benchmark or column.
        train_size: networks it was fitted on.
        tuned_size: with a transfer, networks of the benchmark that it saw after those.
        metrics: by name, the mean over seeds with a 95 % interval (Student's t over seeds).
        behind: tau of the best at this size minus its own, paired by seed.
        tied_with_best: whether that interval reaches zero; not if all predictions were constant.
        constant: seeds whose predictions were all the same.
        failures: seeds without predictions, by reason.
        seconds: of everything: training the networks, features of all architectures, fitting, predicting; nan where the
            benchmark does not tell what training took.
    """

    predictor: str
    version: int
    transfer_from: str
    train_size: int
    tuned_size: int
    metrics: Mapping[str, Estimate]
    behind: Estimate
    tied_with_best: bool
    constant: int
    failures: Mapping[str, int]
    seconds: float

    @property
    def size(self) -> tuple[str, int, int]:
        """What points must share to be compared."""
        return (self.transfer_from, self.train_size, self.tuned_size)


@dataclass(frozen=True, eq=False)
class Curves:
    """Predictors against the number of trained networks; proxies are the points at zero.

    Attributes:
        benchmark: name and version.
        target: the column.
        pool: number of architectures, one of each equivalence class.
        seeds: number of splits.
        training_seconds: median time to train one network; nan if unknown.
        points: by size, the best tau first.
        proxies: the proxies on the same benchmark, if they were run.
        notes: what was left out, a sentence each.
        table_notes: what reading the table left out or changed.
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

    @property
    def predictors(self) -> list[str]:
        """Labels, in the order of their best tau."""
        return list(dict.fromkeys(p.predictor for p in sorted(self.points, key=lambda p: -_tau(p))))


def curves(
    trials: Iterable[Trial], benchmark: Benchmark, proxies: Evaluation | None = None, notes: Iterable[str] = ()
) -> Curves:
    """Summarise trials on one target and one pool.

    Args:
        trials: of one benchmark version, target and pool.
        benchmark: its table.
        proxies: what to show at zero trained networks.
        notes: what was left out before, a sentence each.

    Raises:
        InvalidInputError: there are none, or they cannot be compared.
    """
    trials = list(trials)
    kinds = {(t.benchmark, t.target, t.pool) for t in trials}
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
    trials_of_data, left_out = _latest(trials)
    for trial in trials_of_data:
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
    return Curves(
        identifier,
        benchmark.target(target),
        pool,
        len({t.seed for t in trials}),
        cost,
        tuple(points),
        proxies,
        (*notes, *left_out),
        benchmark.notes,
    )


def _standing(taus: Mapping[int, float]) -> tuple[int, float]:
    """Number of splits before their mean: one lucky split is no best."""
    return len(taus), float(np.mean(list(taus.values()))) if taus else 0.0


def _latest(trials: list[Trial]) -> tuple[list[Trial], list[str]]:
    """Of several versions of a predictor one; of several versions of the data what was run last; what was left out."""
    by_label, notes = of_one_version(trials, lambda t: t.predictor)
    kept = {id(trial) for rows in by_label.values() for trial in rows}
    trials = [trial for trial in trials if id(trial) in kept]
    tables = {trial.transfer_from: trial.data.partition("-")[0] for trial in trials}
    found = [trial for trial in trials if trial.data.partition("-")[0] == tables[trial.transfer_from]]
    features = {(trial.transfer_from, trial.label): trial.data for trial in found}
    found = [trial for trial in found if trial.data == features[trial.transfer_from, trial.label]]
    if len(found) < len(trials):
        rest = len(trials) - len(found)
        notes.append(f"{rest:,} trials that learned from other data were left out; the latest are shown.")
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
    """The mean with a 95 % interval of Student's t; nan where a value is, no interval for fewer than two."""
    from scipy.stats import t

    numbers = np.asarray(list(values), np.float64)
    n = len(numbers)
    if not n:
        return Estimate(math.nan, math.nan, math.nan, 0)
    exponent = math.frexp(float(np.abs(numbers).max()))[1]  # scaled, because sums of the largest numbers overflow
    numbers = np.ldexp(numbers, -exponent)
    mean = float(numbers.mean())
    half = float(t.ppf(0.975, n - 1) * numbers.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    with np.errstate(over="ignore"):
        mean, low, high = np.ldexp([mean, mean - half, mean + half], exponent).tolist()
    return Estimate(mean, low, high, n)


def training_seconds(benchmark: Benchmark, target: str) -> float:
    """Median time that training one network to the target's epoch took; nan if the table does not tell.

    From the fact "train_seconds", or from "train_seconds_12ep" scaled to the epochs that the target's name gives. Facts
    are of the data set of the benchmark's own choice of target.
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
