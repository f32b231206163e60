"""From records to correlations: a pure function, no torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zcbench.datasets import Benchmark
from zcbench.ensembles import Ensemble, get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.metrics import Estimate, ceiling_fraction, kendall_tau, noise_ceiling, spearman_rho, tau_difference
from zcbench.types import Architecture, Record, Status, Target

Floats = NDArray[np.float64]

#: the baseline that every proxy is compared with
BASELINE = "params"


@dataclass(frozen=True)
class Failure:
    """Scores without a value: how many, and the first reason."""

    status: Status
    count: int
    example: str


@dataclass(frozen=True, eq=False)
class Entry:
    """One proxy against one target. All correlations are read so that positive is good.

    Attributes:
        proxy: label of the proxy or ensemble.
        version: its integer version.
        higher_is_better: the proxy's declared direction.
        n: architectures with a score and a target value; correlations are over these.
        total: architectures that were tried.
        failures: what became of the others.
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        of_ceiling: tau against single trainings as a fraction of the seed-to-seed tau; nan without repeats.
        over_params: tau minus the tau of ``params`` on the same architectures.
        tied_with_best: whether the difference in tau to the best entry is within its 95 % interval.
        seconds: median seconds per architecture; for an ensemble the sum over its members.
        architectures: strings of the n architectures.
        scores: their scores.
        truths: their target values.
    """

    proxy: str
    version: int
    higher_is_better: bool
    n: int
    total: int
    failures: tuple[Failure, ...]
    tau: Estimate
    rho: Estimate
    of_ceiling: Estimate
    over_params: Estimate
    tied_with_best: bool
    seconds: float
    architectures: tuple[str, ...]
    scores: Floats
    truths: Floats


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All proxies of a track, best tau first.

    Attributes:
        benchmark: name and version.
        target: the column ranked against.
        seed: seed of the run.
        batch: provenance of the batch.
        ceiling: seed-to-seed tau on the sampled architectures; nan without repeats.
        total: architectures in the sample.
        source: where the table came from.
        entries: one per proxy.
    """

    benchmark: str
    target: Target
    seed: int
    batch: str
    ceiling: Estimate
    total: int
    source: str
    entries: tuple[Entry, ...]

    def __getitem__(self, proxy: str) -> Entry:
        """The entry of a proxy; KeyError if it was not run."""
        for entry in self.entries:
            if entry.proxy == proxy:
                return entry
        raise KeyError(proxy)


@dataclass
class _Column:
    """Scores of one proxy over all rows of the table, high is good: nan where there is none."""

    version: int
    higher_is_better: bool
    scores: Floats
    total: int
    failures: tuple[Failure, ...]
    seconds: float


def summarize(
    records: Iterable[Record],
    benchmark: Benchmark,
    target: str | None = None,
    *,
    common: bool = False,
    ensembles: Iterable[str] = (),
) -> Evaluation:
    """Correlate the records of one track (one seed, one batch) with a target.

    Args:
        records: of one benchmark version, seed and batch.
        benchmark: the table.
        target: column; default the benchmark's own choice.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well, such as "vote(naswot+synflow)"; each ranks the
            sampled architectures that all its members scored.

    Raises:
        UnknownNameError: there is no such ensemble.
        InvalidInputError: there is no record, they belong to different tracks, or an ensemble lacks a member.
    """
    records = list(records)
    tracks = {(r.benchmark, r.seed, r.batch) for r in records}
    if tracks != {(benchmark.identifier, next(iter(tracks), ("", 0, ""))[1], next(iter(tracks), ("", 0, ""))[2])}:
        raise InvalidInputError(
            f"no records of {benchmark.identifier}: run  zcbench run {benchmark.name}"
            if not records
            else f"records of different tracks cannot be mixed: {sorted(tracks)}."
        )
    (_, seed, batch), column = next(iter(tracks)), benchmark.target(target)
    truth = benchmark.truth(column.name)
    by_proxy: dict[str, list[Record]] = {}
    for record in records:
        by_proxy.setdefault(record.proxy, []).append(record)
    columns = {name: _column(rows, benchmark) for name, rows in _latest(by_proxy).items()}
    rows = benchmark.rows({Architecture(benchmark.space.name, r.architecture) for r in records})
    if common:
        shared = np.all([np.isfinite(c.scores) for c in columns.values()], axis=0)
        for c in columns.values():
            c.scores[~shared] = math.nan
        rows = rows[shared[rows]]
    for text in ensembles:
        ensemble = get_ensemble(text)
        columns[ensemble.label] = _together(ensemble, columns)
    good = truth if column.higher_is_better else -truth
    repeats = benchmark.repeats(column.name)
    if repeats is not None and not column.higher_is_better:
        repeats = -repeats
    taus = {name: _tau(c, good) for name, c in columns.items()}
    order = sorted(columns, key=lambda name: (-_sortable(taus[name].value), name))
    entries = [_entry(name, columns, taus, order[0], good, truth, repeats, benchmark) for name in order]
    nothing = Estimate(math.nan, math.nan, math.nan, len(rows))
    return Evaluation(
        benchmark=benchmark.identifier,
        target=column,
        seed=seed,
        batch=batch,
        ceiling=nothing if repeats is None else noise_ceiling(repeats[rows]),
        total=len(rows),
        source=benchmark.source,
        entries=tuple(entries),
    )


def _latest(by_proxy: dict[str, list[Record]]) -> dict[str, list[Record]]:
    """Of several versions of a proxy, the latest."""
    latest: dict[str, tuple[int, list[Record]]] = {}
    for identifier, rows in by_proxy.items():
        name, _, version = identifier.rpartition("@")
        if name not in latest or latest[name][0] < int(version):
            latest[name] = (int(version), rows)
    return {name: rows for name, (_, rows) in latest.items()}


def _column(records: list[Record], benchmark: Benchmark) -> _Column:
    rows = benchmark.rows(Architecture(benchmark.space.name, r.architecture) for r in records)
    scores = np.full(len(benchmark), math.nan)
    sign = 1.0 if records[0].higher_is_better else -1.0
    scores[rows] = [sign * float(r.score) for r in records]
    statuses = Counter(r.score.status for r in records)
    failures = tuple(
        Failure(status, count, next(r.score.detail for r in records if r.score.status is status))
        for status, count in statuses.items()
        if status is not Status.OK
    )
    seconds = [r.score.seconds for r in records if r.score.status is Status.OK]
    version = int(records[0].proxy.rpartition("@")[2])
    up = records[0].higher_is_better
    return _Column(version, up, scores, len(records), failures, float(np.median(seconds)) if seconds else math.nan)


def _together(ensemble: Ensemble, columns: dict[str, _Column]) -> _Column:
    scores = ensemble.combine({name: column.scores for name, column in columns.items()})
    members = [columns[member] for member in ensemble.members]
    failures = tuple(
        Failure(failure.status, failure.count, f"{member}: {failure.example}")
        for member, column in zip(ensemble.members, members, strict=True)
        for failure in column.failures
    )
    total, seconds = max(c.total for c in members), sum(c.seconds for c in members)
    return _Column(ensemble.version, True, scores, total, failures, seconds)


def _paired(column: _Column, good: Floats) -> NDArray[np.bool_]:
    mask: NDArray[np.bool_] = np.isfinite(column.scores) & np.isfinite(good)
    return mask


def _tau(column: _Column, good: Floats) -> Estimate:
    rows = _paired(column, good)
    return kendall_tau(column.scores[rows], good[rows])


def _sortable(value: float) -> float:
    return value if math.isfinite(value) else -2.0


def _entry(
    name: str,
    columns: dict[str, _Column],
    taus: dict[str, Estimate],
    best: str,
    good: Floats,
    truth: Floats,
    repeats: Floats | None,
    benchmark: Benchmark,
) -> Entry:
    column = columns[name]
    rows = _paired(column, good)
    unknown = Estimate(math.nan, math.nan, math.nan, int(rows.sum()))
    to_best = _difference(columns[best], column, good)
    return Entry(
        proxy=name,
        version=column.version,
        higher_is_better=column.higher_is_better,
        n=int(rows.sum()),
        total=column.total,
        failures=column.failures,
        tau=taus[name],
        rho=spearman_rho(column.scores[rows], good[rows]),
        of_ceiling=unknown if repeats is None else ceiling_fraction(column.scores[rows], repeats[rows]),
        over_params=_difference(column, columns[BASELINE], good) if BASELINE in columns else unknown,
        tied_with_best=name == best or to_best.low <= 0,
        seconds=column.seconds,
        architectures=tuple(benchmark.architectures[row].key for row in np.flatnonzero(rows)),
        scores=column.scores[rows] if column.higher_is_better else -column.scores[rows],
        truths=truth[rows],
    )


def _difference(a: _Column, b: _Column, good: Floats) -> Estimate:
    rows = _paired(a, good) & _paired(b, good)
    return tau_difference(a.scores[rows], b.scores[rows], good[rows])
