"""Correlations from records: a pure function, without torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import all_text
from zcbench.ensembles import Ensemble, get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.evaluation._comparison import Comparison, Scores, entry_of
from zcbench.evaluation._entry import Failure, Floats
from zcbench.evaluation._evaluation import Evaluation
from zcbench.evaluation._left_out import (
    grouped,
    of_known_architectures,
    of_one_direction,
    of_one_version,
    with_notes,
)
from zcbench.metrics import Estimate, noise_ceiling
from zcbench.records import Record, Records
from zcbench.types import Status, Target

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark


def summarize(
    records: Iterable[Record],
    benchmark: Benchmark,
    target: str | None = None,
    *,
    common: bool = False,
    ensembles: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Evaluation:
    """Correlate the records of one run (one seed, one batch) with a target.

    Records of architectures that the table does not have are excluded with a note, and so are all versions of a proxy
    except the one that was measured last.

    Args:
        records: records of one benchmark version, seed and batch, in the order of measuring.
        benchmark: the table.
        target: column; default the benchmark's default target.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well, such as "vote(naswot+synflow)"; each ranks the
            sampled architectures that all its members scored.
        notes: sentences about results that were excluded before.

    Raises:
        UnknownNameError: there is no such ensemble.
        InvalidInputError: there is no record, they belong to different runs, or an ensemble lacks a member.
    """
    records, unknown = of_known_architectures(records, benchmark)
    notes = [*notes, *unknown]
    seed, batch = _only_run(records, benchmark, notes)
    by_proxy, old = of_one_version(records, "proxy")
    notes += old
    codes, texts = records.codes("architecture")
    places, columns = benchmark.row_numbers(texts), {}
    for name, scored in by_proxy.items():
        agreed, turned = of_one_direction(records.take(scored))
        notes += turned
        columns[name] = _scores(agreed, places, len(benchmark))
    rows = np.unique(places[codes])
    if common:
        shared = np.all([np.isfinite(c.scores) for c in columns.values()], axis=0)
        for c in columns.values():
            c.scores[~shared] = math.nan
        rows = rows[shared[rows]]
    for text in all_text("ensembles", ensembles):
        ensemble = get_ensemble(text)
        columns[ensemble.label] = _together(ensemble, columns)
    return _evaluation(columns, rows, benchmark, benchmark.target(target), seed, batch, notes)


def summarize_columns(
    benchmark: Benchmark,
    columns: Mapping[str, tuple[Floats, bool]],
    target: str | None = None,
    *,
    common: bool = False,
) -> Evaluation:
    """Correlate numbers that were computed elsewhere with a target, over all architectures that have its value.

    Args:
        benchmark: the table.
        columns: by name, a number for every architecture ``(architectures,)``, and whether high ones are good.
        target: column; default the benchmark's default target.
        common: use only architectures for which every column has a value.
    """
    column = benchmark.target(target)
    rows = np.flatnonzero(~np.isnan(benchmark.truth(column.name)) | np.isinf(benchmark.values[column.name]).any(axis=1))
    if common:
        rows = rows[np.all([np.isfinite(values[rows]) for values, _ in columns.values()], axis=0)]
    inside = np.zeros(len(benchmark), np.bool_)
    inside[rows] = True
    found = {}
    for name, (values, up) in columns.items():
        known = np.isfinite(values) & inside
        missing = len(rows) - int(known.sum())
        example = "missing" if np.isnan(values[rows]).any() else "infinite"
        failures = (Failure(Status.NON_FINITE, missing, example),) if missing else ()
        scores = np.where(known, values if up else -values, math.nan)
        found[name] = Scores(1, "", up, scores, len(rows), failures, 0.0 if known.any() else math.nan)
    return _evaluation(found, rows, benchmark, column, 0, "")


def _evaluation(
    columns: dict[str, Scores],
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
    against = Comparison(columns, truth if target.higher_is_better else -truth, repeats)
    nothing = Estimate(math.nan, math.nan, math.nan, len(rows))
    return Evaluation(
        benchmark=benchmark.identifier,
        target=target,
        seed=seed,
        batch=batch,
        ceiling=nothing if repeats is None else noise_ceiling(repeats[rows]),
        total=len(rows),
        without_target=int((~np.isfinite(truth[rows])).sum()),
        source=benchmark.public_source,
        entries=tuple(entry_of(name, against, truth, benchmark) for name in against.order),
        notes=(*notes, *_without_truth(benchmark, target, rows)),
        table_notes=benchmark.notes,
        trainings=1 if repeats is None else repeats.shape[1],
    )


def _only_run(records: Records, benchmark: Benchmark, notes: Sequence[str]) -> tuple[int, str]:
    """Return seed and batch of all records."""
    if not len(records):
        nothing = f"no records of {benchmark.identifier}: run  zcbench run {benchmark.name}"
        raise InvalidInputError(with_notes(nothing, notes))
    groups = grouped(records.codes("benchmark")[0], records.numbers("seed"), records.codes("batch")[0])
    runs = sorted({(r.benchmark, r.seed, r.batch) for r in (records[int(rows[0])] for rows in groups)})
    if len(runs) > 1 or runs[0][0] != benchmark.identifier:
        raise InvalidInputError(f"records of different runs cannot be mixed: {runs}.")
    return runs[0][1:]


def _scores(records: Records, places: NDArray[np.intp], rows: int) -> Scores:
    """Return the records of one version of one proxy as a column.

    Args:
        records: an architecture each.
        places: rows of the table by the code of an architecture.
        rows: number of rows of the table.
    """
    first, values = records[0], records.values
    scores = np.full(rows, math.nan)
    scores[places[records.codes("architecture")[0]]] = values if first.higher_is_better else -values
    codes, statuses = records.codes("status")
    failures = [
        Failure(Status(statuses[codes[rows[0]]]), len(rows), records[int(rows[0])].score.detail)
        for rows in grouped(codes)
        if statuses[codes[rows[0]]] != Status.OK
    ]
    good = records.has("status", Status.OK)
    noted = np.flatnonzero(good & ~records.has("detail", ""))
    notes = (Failure(Status.OK, len(noted), records[int(noted[0])].score.detail),) if len(noted) else ()
    seconds = records.seconds[good]
    return Scores(
        int(first.proxy.rpartition("@")[2]),
        first.code,
        first.higher_is_better,
        scores,
        len(records),
        tuple(failures),
        float(np.median(seconds)) if len(seconds) else math.nan,
        notes,
    )


def _together(ensemble: Ensemble, columns: dict[str, Scores]) -> Scores:
    scores = ensemble.combine({name: column.scores for name, column in columns.items()})
    members = [columns[member] for member in ensemble.members]
    failures = tuple(
        Failure(failure.status, failure.count, f"{member}: {failure.example}")
        for member, column in zip(ensemble.members, members, strict=True)
        for failure in column.failures
    )
    total, seconds = max(c.total for c in members), sum(c.seconds for c in members)
    return Scores(ensemble.version, "", True, scores, total, failures, seconds)


def _without_truth(benchmark: Benchmark, target: Target, rows: NDArray[np.intp]) -> list[str]:
    """Return sentences about architectures without a finite target value, and about infinite repeats."""
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
            "correlations exclude them."
        )
    if (partly := inside & known & infinite).any():
        notes.append(
            f"{partly.sum():,} of {len(rows):,} architectures have infinite repeats of {target.name}: "
            "their means and the noise ceiling exclude these."
        )
    if (never := ~inside & ~known & infinite).any():
        what = "1 more architecture" if never.sum() == 1 else f"{never.sum():,} more architectures"
        notes.append(f"The table has an infinite {target.name} for {what}, never drawn for a sample.")
    return notes
