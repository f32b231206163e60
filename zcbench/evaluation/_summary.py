"""From records to correlations: a pure function, no torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import all_text
from zcbench.ensembles import Ensemble, get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.evaluation._left_out import of_known_architectures, of_one_direction, of_one_version, with_notes
from zcbench.metrics import (
    Estimate,
    Jackknife,
    ceiling_fraction,
    kendall_jackknife,
    noise_ceiling,
    noise_jackknife,
    spearman_rho,
)
from zcbench.records import Record
from zcbench.types import Architecture, Status, Target

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark

Floats = NDArray[np.float64]

#: the baseline that every proxy is compared with
BASELINE = "params"


@dataclass(frozen=True)
class Failure:
    """Scores without a value, or with a note: how many, and the first reason or note."""

    status: Status
    count: int
    example: str


class Standing(StrEnum):
    """What a tau is worth; entries stand in this order."""

    RANKED = "ranked"
    NO_INTERVAL = "no interval"
    SCORES_EQUAL = "scores all equal"
    TRUTHS_EQUAL = "targets all equal"
    TOO_FEW = "fewer than two scores"


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
        noted: scores with a value and a note: how many, and the first note.
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        of_ceiling: tau against single trainings as a fraction of the seed-to-seed tau; nan without repeats.
        over_params: tau minus the tau of ``params`` on the same architectures.
        standing: whether tau has a value and an interval, and why not.
        tied_with_best: whether the difference in tau to the best entry is within its 95 % interval; only for entries
            that are ranked.
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
    noted: tuple[Failure, ...]
    tau: Estimate
    rho: Estimate
    of_ceiling: Estimate
    over_params: Estimate
    standing: Standing
    tied_with_best: bool
    seconds: float
    architectures: tuple[str, ...]
    scores: Floats
    truths: Floats


@dataclass(frozen=True, eq=False)
class Evaluation:
    """All proxies of a track: best tau first, then those without an interval, then those without a tau.

    Attributes:
        benchmark: name and version.
        target: the column ranked against.
        seed: seed of the run.
        batch: provenance of the batch.
        ceiling: seed-to-seed tau on the sampled architectures; nan without repeats.
        total: architectures in the sample.
        without_target: those of them that have no finite value of the target, and so are in no correlation.
        source: where the table came from.
        entries: one per proxy.
        notes: what was left out, a sentence each.
        table_notes: what reading the table left out or changed.
    """

    benchmark: str
    target: Target
    seed: int
    batch: str
    ceiling: Estimate
    total: int
    without_target: int
    source: str
    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()
    table_notes: tuple[str, ...] = ()

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
    noted: tuple[Failure, ...] = ()


def summarize(
    records: Iterable[Record],
    benchmark: Benchmark,
    target: str | None = None,
    *,
    common: bool = False,
    ensembles: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Correlate the records of one track (one seed, one batch) with a target.

    Records of architectures that the table does not have, and of other versions of a proxy, are left out with a note.

    Args:
        records: of one benchmark version, seed and batch.
        benchmark: the table.
        target: column; default the benchmark's own choice.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well, such as "vote(naswot+synflow)"; each ranks the
            sampled architectures that all its members scored.
        notes: what was left out before, a sentence each.

    Raises:
        UnknownNameError: there is no such ensemble.
        InvalidInputError: there is no record, they belong to different tracks, or an ensemble lacks a member.
    """
    records, unknown = of_known_architectures(records, benchmark)
    notes = [*notes, *unknown]
    tracks = {(r.benchmark, r.seed, r.batch) for r in records}
    if tracks != {(benchmark.identifier, next(iter(tracks), ("", 0, ""))[1], next(iter(tracks), ("", 0, ""))[2])}:
        raise InvalidInputError(
            with_notes(f"no records of {benchmark.identifier}: run  zcbench run {benchmark.name}", notes)
            if not records
            else f"records of different tracks cannot be mixed: {sorted(tracks)}."
        )
    (_, seed, batch), column = next(iter(tracks)), benchmark.target(target)
    by_proxy, old = of_one_version(records, lambda r: r.proxy)
    notes += old
    columns = {}
    for name, scored in by_proxy.items():
        agreed, turned = of_one_direction(scored)
        notes += turned
        columns[name] = _column(agreed, benchmark)
    rows = benchmark.rows({Architecture(benchmark.space.name, r.architecture) for r in records})
    if common:
        shared = np.all([np.isfinite(c.scores) for c in columns.values()], axis=0)
        for c in columns.values():
            c.scores[~shared] = math.nan
        rows = rows[shared[rows]]
    for text in all_text("ensembles", ensembles):
        ensemble = get_ensemble(text)
        columns[ensemble.label] = _together(ensemble, columns)
    return _evaluation(columns, rows, benchmark, column, seed, batch, notes)


def summarize_columns(
    benchmark: Benchmark, columns: Mapping[str, tuple[Floats, bool]], target: str | None = None
) -> Evaluation:
    """Correlate numbers that were computed elsewhere with a target, over all architectures.

    Args:
        benchmark: the table.
        columns: by name, a number for every architecture ``(architectures,)``, and whether high ones are good.
        target: column; default the benchmark's own choice.
    """
    found = {}
    for name, (values, up) in columns.items():
        known = np.isfinite(values)
        missing = int((~known).sum())
        example = "missing" if np.isnan(values).any() else "infinite"
        failures = (Failure(Status.NON_FINITE, missing, example),) if missing else ()
        scores = np.where(known, values if up else -values, math.nan)
        found[name] = _Column(1, up, scores, len(benchmark), failures, 0.0 if known.any() else math.nan)
    return _evaluation(found, np.arange(len(benchmark)), benchmark, benchmark.target(target), 0, "")


def _evaluation(
    columns: dict[str, _Column],
    rows: NDArray[np.intp],
    benchmark: Benchmark,
    target: Target,
    seed: int,
    batch: str,
    notes: Sequence[str] = (),
) -> Evaluation:
    truth, repeats = benchmark.truth(target.name), benchmark.repeats(target.name)
    if repeats is not None and not target.higher_is_better:
        repeats = -repeats
    against = _Comparison(columns, truth if target.higher_is_better else -truth, repeats)
    nothing = Estimate(math.nan, math.nan, math.nan, len(rows))
    return Evaluation(
        benchmark=benchmark.identifier,
        target=target,
        seed=seed,
        batch=batch,
        ceiling=nothing if repeats is None else noise_ceiling(repeats[rows]),
        total=len(rows),
        without_target=int((~np.isfinite(truth[rows])).sum()),
        source=benchmark.source,
        entries=tuple(_entry(name, against, truth, benchmark) for name in against.order),
        notes=(*notes, *_without_truth(benchmark, target, rows)),
        table_notes=benchmark.notes,
    )


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
    notes = [r.score.detail for r in records if r.score.status is Status.OK and r.score.detail]
    noted = (Failure(Status.OK, len(notes), notes[0]),) if notes else ()
    middle = float(np.median(seconds)) if seconds else math.nan
    return _Column(version, up, scores, len(records), failures, middle, noted)


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


class _Comparison:
    """All columns against one target; what several entries need is computed once.

    Attributes:
        order: names of the columns, best first.
        taus: tau of each.
        standings: what it is worth.
    """

    def __init__(self, columns: dict[str, _Column], good: Floats, repeats: Floats | None) -> None:
        self.columns, self.good, self.repeats = columns, good, repeats
        self._own = {name: self._jackknife(name, self.rows(name)) for name in columns}
        self._ceiling: tuple[bytes, Jackknife] | None = None
        self.taus = {name: jackknife.correlation() for name, jackknife in self._own.items()}
        self.standings = {name: self._standing(name) for name in columns}
        places = list(Standing)
        self.order = sorted(
            columns, key=lambda name: (places.index(self.standings[name]), -_sortable(self.taus[name].value), name)
        )

    def rows(self, *names: str) -> NDArray[np.bool_]:
        """Where all of these columns have a score, and the target a value."""
        mask: NDArray[np.bool_] = np.isfinite(self.good)
        for name in names:
            mask = mask & np.isfinite(self.columns[name].scores)
        return mask

    def _jackknife(self, name: str, rows: NDArray[np.bool_]) -> Jackknife:
        return kendall_jackknife(self.columns[name].scores[rows], self.good[rows])

    def _standing(self, name: str) -> Standing:
        tau, rows = self.taus[name], self.rows(name)
        if tau.n < 2:
            return Standing.TOO_FEW
        if math.isnan(tau.value):
            scores = self.columns[name].scores[rows]
            return Standing.SCORES_EQUAL if (scores == scores[0]).all() else Standing.TRUTHS_EQUAL
        return Standing.NO_INTERVAL if math.isnan(tau.low) else Standing.RANKED

    def difference(self, a: str, b: str) -> Estimate:
        """Tau of one column minus that of another, on the rows that both have."""
        rows = self.rows(a, b)
        first, second = (
            self._own[name] if len(self._own[name].without) == rows.sum() else self._jackknife(name, rows)
            for name in (a, b)
        )
        return first.minus(second)

    def tied_with_best(self, name: str) -> bool:
        """Whether it is the best, or its difference to the best may be none."""
        if self.standings[name] is not Standing.RANKED:
            return False
        best = self.order[0]
        return name == best or self.difference(best, name).low <= 0

    def of_ceiling(self, name: str) -> Estimate:
        """Tau as a fraction of the ceiling on the same rows; unknown without repeats."""
        rows = self.rows(name)
        if self.repeats is None:
            return Estimate(math.nan, math.nan, math.nan, int(rows.sum()))
        repeats, key = self.repeats[rows], rows.tobytes()
        if self._ceiling is None or self._ceiling[0] != key:  # most columns have the same rows
            self._ceiling = key, noise_jackknife(repeats)
        return ceiling_fraction(self.columns[name].scores[rows], repeats, self._ceiling[1])


def _sortable(value: float) -> float:
    return value if math.isfinite(value) else -2.0


def _entry(name: str, against: _Comparison, truth: Floats, benchmark: Benchmark) -> Entry:
    column, rows = against.columns[name], against.rows(name)
    unknown = Estimate(math.nan, math.nan, math.nan, int(rows.sum()))
    return Entry(
        proxy=name,
        version=column.version,
        higher_is_better=column.higher_is_better,
        n=int(rows.sum()),
        total=column.total,
        failures=column.failures,
        noted=column.noted,
        tau=against.taus[name],
        rho=spearman_rho(column.scores[rows], against.good[rows]),
        of_ceiling=against.of_ceiling(name),
        over_params=against.difference(name, BASELINE) if BASELINE in against.columns else unknown,
        standing=against.standings[name],
        tied_with_best=against.tied_with_best(name),
        seconds=column.seconds,
        architectures=tuple(benchmark.architectures[row].key for row in np.flatnonzero(rows)),
        scores=column.scores[rows] if column.higher_is_better else -column.scores[rows],
        truths=truth[rows],
    )


def _without_truth(benchmark: Benchmark, target: Target, rows: NDArray[np.intp]) -> list[str]:
    """Sentences on architectures that have no finite value of the target, and on repeats that are infinite."""
    values = benchmark.values[target.name]
    known, infinite = np.isfinite(benchmark.truth(target.name)), np.isinf(values).any(axis=1)
    inside = np.zeros(len(known), np.bool_)
    inside[rows] = True
    notes, lost = [], inside & ~known
    if lost.any():
        kinds = {"infinite": lost & infinite, "missing": lost & ~infinite}
        counts = ", ".join(f"{mask.sum():,} {kind}" for kind, mask in kinds.items() if mask.any())
        notes.append(
            f"{lost.sum():,} of {len(rows):,} architectures cannot be ranked by {target.name} ({counts}): "
            "correlations leave them out."
        )
    if (partly := inside & known & infinite).any():
        notes.append(
            f"{partly.sum():,} of {len(rows):,} architectures have infinite repeats of {target.name}: "
            "their means and the noise ceiling leave these out."
        )
    if (never := ~inside & ~known & infinite).any():
        what = "1 more architecture" if never.sum() == 1 else f"{never.sum():,} more architectures"
        notes.append(f"The table has an infinite {target.name} for {what}, never drawn for a sample.")
    return notes
