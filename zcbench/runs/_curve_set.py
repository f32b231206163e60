"""Learning curves of a benchmark for forecasts: their groups, test parts and ends."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._display import brief, many, plain
from zcbench._process import stable_seed
from zcbench.curves._extrapolate import Prepared, prepare
from zcbench.curves.scales import WANTED
from zcbench.datasets import Benchmark
from zcbench.datasets._values import bounds_of
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.runs._pool import equivalence

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, repr=False)
class CurveSet:
    """Curves of one metric, a row for each training. It is sent to worker processes.

    Attributes:
        benchmark: name and version.
        curve: the metric.
        lower_is_better: whether it is a loss.
        bounds: least and greatest value, if the metric has both.
        values: ``(curves, epochs)`` from epoch 1 on; nan for missing values, and after the end.
        network: number of the network that was trained ``(curves,)``; equal networks have one number.
        task: number of the task ``(curves,)``: networks are ranked within a task.
        unit: number of the undivided unit ``(curves,)``: the network, or a fact that the benchmark declares.
        horizon: epoch at which the longest curve of the task ends ``(curves,)``.
        notes: sentences about excluded curves.
    """

    benchmark: str
    curve: str
    lower_is_better: bool
    bounds: tuple[float, float] | None
    values: Floats
    network: Ints
    task: Ints
    unit: Ints
    horizon: Ints
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return brief(
            f"<CurveSet of {many(len(self), 'curve')} of {plain(self.benchmark, 50)}, {plain(self.curve, 40)}>"
        )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def units(self) -> int:
        """Number of different networks, or of undivided units."""
        return int(self.unit.max()) + 1

    @cached_property
    def digest(self) -> str:
        """Return a digest of the curves and their groups."""
        content = hashlib.sha256(repr((self.curve, self.lower_is_better, self.bounds)).encode())
        for array in (self.values, self.network, self.task, self.unit):
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()[:12]

    def tested(self, part: int, parts: int) -> Ints:
        """Return the rows of one part; networks (or tasks) are divided into parts at random."""
        return np.flatnonzero(self._part(parts)[self.unit] == part)

    def complete(self, part: int, parts: int, count: int) -> Ints:
        """Draw rows of complete curves of the other parts: one of each network before a second one of any.

        There may be fewer than ``count``.
        """
        ended = np.isfinite(self.values[np.arange(len(self)), self.horizon - 1])
        rows = np.flatnonzero((self._part(parts)[self.unit] != part) & ended)
        rows = np.random.default_rng(stable_seed("complete", self.digest, part, parts)).permutation(rows)
        before: Counter[int] = Counter()
        nth = []
        for unit in self.unit[rows].tolist():
            nth.append(before[unit])
            before[unit] += 1
        return rows[np.argsort(nth, kind="stable")][:count]

    def _part(self, parts: int) -> Ints:
        order = np.random.default_rng(stable_seed("parts", self.benchmark, self.curve, self.units)).permutation(
            self.units
        )
        found = np.empty(self.units, np.intp)
        found[order] = np.arange(self.units) % parts
        return found

    def prepared(self, row: int, until: float = np.inf) -> Prepared:
        """Return a curve, or its beginning up to an epoch, in the units and on the time axis of predictors."""
        return _prepared(self.values[row], int(self.horizon[row]), self.lower_is_better, self.bounds, until)


def _prepared(
    values: Floats, horizon: int, lower_is_better: bool, bounds: tuple[float, float] | None, until: float = np.inf
) -> Prepared:
    epochs: Floats = np.flatnonzero(np.isfinite(values)) + np.float64(1)
    epochs = epochs[epochs <= until]
    seen = values[epochs.astype(int) - 1]
    return prepare(epochs, seen, float(horizon), lower_is_better=lower_is_better, bounds=bounds)


def curve_of(benchmark: Benchmark, name: str | None = None) -> str:
    """Return the metric of the curves: by default one of validation, else the benchmark's target, else the first.

    Raises:
        InvalidInputError: the benchmark has no curves.
        UnknownNameError: it has no curves with this name.
    """
    known = list(benchmark.curves)
    if not known:
        raise InvalidInputError(f"{benchmark.name} has no learning curves: choose another benchmark.")
    if name is not None:
        if name not in known:
            raise UnknownNameError(f"curve of {benchmark.name}", name, known)
        return name
    guides = [one for one in known if "valid" in one or "val_" in one]
    usual = [one for one in known if one == benchmark.default_target]
    return [*guides, *usual, *known][0]


def curve_set(
    benchmark: Benchmark,
    name: str | None = None,
    limit: int | None = None,
    bounds: tuple[float, float] | None = None,
) -> CurveSet:
    """Return the curves of a benchmark that can be forecast: those with at least two values.

    A curve ends before its first infinite value.

    Args:
        benchmark: a table.
        name: the metric; default :func:`curve_of`.
        limit: number of different networks, or of undivided units, drawn at random; None for all. A larger limit
            includes the draws of a smaller one.
        bounds: least and greatest value of the metric; default those of the benchmark.

    Raises:
        InvalidInputError: there are no such curves.
        UnknownNameError: there is no such metric.
    """
    metric = curve_of(benchmark, name)
    every = np.asarray(benchmark.curves[metric], np.float64)
    rows, trainings, epochs = every.shape
    lower = not benchmark.targets[metric].higher_is_better
    classes = [equivalence(benchmark.space, one) for one in benchmark.architectures]
    tasks = benchmark.facts[benchmark.tasks].tolist() if benchmark.tasks else [0.0] * rows
    undivided = benchmark.undivided or benchmark.tasks
    units = benchmark.facts[undivided].tolist() if undivided else classes
    network = np.repeat(_numbered(list(zip(tasks, classes, strict=True))), trainings)
    task = np.repeat(_numbered(tasks), trainings)
    unit = np.repeat(_numbered(units), trainings)
    values = every.reshape(rows * trainings, epochs)
    cut = np.logical_or.accumulate(np.isinf(values), axis=1)
    values = np.where(cut, np.nan, values)
    notes = _infinite(cut)
    bounds = _bounds(benchmark, metric) if bounds is None else bounds
    horizon = _horizons(values, task)
    kept, said = _fit(values, horizon, lower, bounds)
    notes += said
    if not len(kept):
        raise InvalidInputError(" ".join([f"{benchmark.name} has no curve of {metric} that can be forecast.", *notes]))
    if limit is not None and limit < len(known := np.unique(unit[kept])):
        random = np.random.default_rng(stable_seed("curves", benchmark.identifier))
        order = np.argsort(random.random(int(unit.max()) + 1)[known], kind="stable")
        kept = kept[np.isin(unit[kept], known[order[:limit]])]
    network, task, unit = (_numbered(one[kept].tolist()) for one in (network, task, unit))
    return CurveSet(
        benchmark.identifier, metric, lower, bounds, values[kept], network, task, unit, horizon[kept], tuple(notes)
    )


def _numbered(names: list[Any]) -> Ints:
    """Numbers from 0 on in the order of first appearance."""
    known: dict[Any, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], np.intp)


def _horizons(values: Floats, task: Ints) -> Ints:
    """For each curve the last epoch at which any of its task has a value."""
    there = np.isfinite(values)
    ends = np.where(there.any(1), values.shape[1] - there[:, ::-1].argmax(1), 0)
    longest = np.zeros(int(task.max()) + 1, np.intp)
    np.maximum.at(longest, task, ends)
    found: Ints = longest[task]
    return found


def _bounds(benchmark: Benchmark, metric: str) -> tuple[float, float] | None:
    """Bounds of the metric, where its description states a unit that has them."""
    target = benchmark.targets[metric]
    stated = bounds_of(target)
    percent = target.higher_is_better and "accuracy, percent" in target.description
    return stated if np.isfinite(stated).all() else (0.0, 100.0) if percent else None


def _infinite(cut: NDArray[np.bool_]) -> list[str]:
    count = int(cut.any(1).sum())
    ended = "curve becomes infinite and ends" if count == 1 else "curves become infinite and end"
    return [f"{count:,} {ended} before that."] if count else []


def _fit(values: Floats, horizon: Ints, lower: bool, bounds: tuple[float, float] | None) -> tuple[Ints, list[str]]:
    """Return the rows that can be forecast, and the reasons for the others."""
    kept, short, reasons = [], 0, Counter[str]()
    for row, curve in enumerate(values):
        count = int(np.isfinite(curve).sum())
        if count < 2:
            short += count == 1
            continue
        try:
            _prepared(curve, int(horizon[row]), lower, bounds)
        except InvalidInputError as error:
            reasons[str(error)] += 1
        else:
            kept.append(row)
    notes = [f"{many(short, 'curve')} of one value skipped."] if short else []
    if reasons:
        example = next(iter(reasons))
        example = example.replace(WANTED, "give --bounds, 0,100 for percent, or name it with --lower if it is a loss")
        notes.append(f"{many(reasons.total(), 'curve')} skipped, for example because {example}")
    return np.array(kept, np.intp), notes
