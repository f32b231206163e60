"""Evaluations and sample efficiency of a benchmark from a store. Without torch, and without registries of scorers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zcbench.ensembles import Ensemble, get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.evaluation._efficiency import SampleEfficiency, sample_efficiency
from zcbench.evaluation._evaluation import Evaluation
from zcbench.evaluation._forecasts import ForecastComparison, compare_forecasts
from zcbench.evaluation._left_out import (
    grouped,
    of_known_architectures,
    of_possible_pools,
    of_this_table,
    with_notes,
)
from zcbench.evaluation._summary import summarize
from zcbench.records import CurveTrials, Records, Store, Trials

if TYPE_CHECKING:
    from zcbench.datasets import Benchmark


@dataclass(frozen=True)
class Wanted:
    """A selection of a benchmark's records for an evaluation; None selects all.

    Attributes:
        seed: seed of the run.
        batch_size: number of samples in its batch.
        architectures: strings of the sampled architectures.
        proxies: labels or shell patterns of labels.
    """

    seed: int | None = None
    batch_size: int | None = None
    architectures: frozenset[str] | None = None
    proxies: tuple[str, ...] | None = None

    def of(self, records: Records) -> Records:
        """Return the selected records."""
        kept = np.ones(len(records), np.bool_)
        if self.seed is not None:
            kept &= records.numbers("seed") == self.seed
        if self.batch_size is not None:
            size = f"/{self.batch_size} of "
            kept &= records.has("batch", [batch for batch in records.distinct("batch") if size in batch])
        if self.architectures is not None:
            kept &= records.has("architecture", self.architectures)
        if self.proxies is not None:
            kept &= _labelled(records, self.proxies)
        return records.where(kept)


EVERYTHING = Wanted()


def evaluations_of(
    store: Store,
    benchmark: Benchmark,
    target: str | None = None,
    *,
    wanted: Wanted = EVERYTHING,
    common: bool = False,
    ensembles: Iterable[str] = (),
    command: str = "",
) -> list[Evaluation]:
    """Evaluate a benchmark's records in a store: one evaluation per seed and batch, that of most records first.

    Args:
        store: the store with the records.
        benchmark: its table.
        target: column to correlate with; default the benchmark's default target.
        wanted: the selection of records.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well.
        command: the command that computes the selected records, for the message if there are none.

    Returns:
        At least one. Excluded results belong to no run: they are in the notes of the first.

    Raises:
        UnknownNameError: there is no such target or ensemble.
        InvalidInputError: there are no such records, or an ensemble lacks a member in every run.
        StoreError: the store cannot be read.
    """
    found, notes = _runs(store, benchmark, target, wanted)
    if not found:
        samples = benchmark.batch_of(target)
        seed = "" if wanted.seed is None else f" with seed {wanted.seed}"
        nothing = f"no records of {benchmark.identifier} on {samples}{seed} in {store.folder}"
        advice = command or f"zcbench run {benchmark.name}"
        raise InvalidInputError(with_notes(f"{nothing}: run  {advice}", notes))
    combined = [get_ensemble(text) for text in ensembles]
    evaluations = []
    for number, records in enumerate(found):
        possible, impossible = _with_members(combined, records, found)
        evaluations.append(
            summarize(
                records,
                benchmark,
                target,
                common=common,
                ensembles=possible,
                notes=[*(() if number else notes), *impossible],
            )
        )
    return evaluations


def _with_members(
    ensembles: Iterable[Ensemble], records: Records, runs: Iterable[Records]
) -> tuple[list[str], list[str]]:
    """Return the ensembles of a run, and a sentence for each that only another run has all members of."""
    own, *_ = every = [{name.rpartition("@")[0] for name in one.distinct("proxy")} for one in (records, *runs)]
    possible, notes = [], []
    for ensemble in ensembles:
        missing = [member for member in ensemble.members if member not in own]
        if missing and any(labels.issuperset(ensemble.members) for labels in every):
            notes.append(f"{ensemble.label} is excluded: it needs scores of {', '.join(missing)}.")
        else:
            possible.append(ensemble.label)
    return possible, notes


def at_zero(store: Store, benchmark: Benchmark, target: str | None = None) -> Evaluation | None:
    """Return the proxies of the largest run on a benchmark, if any: the case of zero trained networks."""
    found, notes = _runs(store, benchmark, target, EVERYTHING)
    return summarize(found[0], benchmark, target, notes=notes) if found else None


def _runs(store: Store, benchmark: Benchmark, target: str | None, wanted: Wanted) -> tuple[list[Records], list[str]]:
    """Return the records on the batches of a target, by seed and batch, largest run first; and the excluded ones."""
    samples = benchmark.batch_of(target)
    stored = store.records(benchmark.name)
    records, others = of_this_table(stored, benchmark)
    records, unknown = of_known_architectures(records, benchmark)
    ours = [batch for batch in records.distinct("batch") if batch.partition("/")[0] == samples]
    records = wanted.of(records.where(records.has("batch", ours)))
    found = [records.take(rows) for rows in grouped(records.numbers("seed"), records.codes("batch")[0])]
    return sorted(found, key=len, reverse=True), [*stored.notes, *others, *unknown]


def efficiency_of(
    store: Store,
    benchmark: Benchmark,
    target: str | None = None,
    *,
    predictors: Iterable[str] | None = None,
    plans: Iterable[tuple[Iterable[str], Iterable[int] | None]] | None = None,
    pool: int | None = None,
    transfer: bool = False,
) -> SampleEfficiency:
    """Summarise a store's trials of predictors on a benchmark, with the proxies of the largest run at zero.

    Args:
        store: the store with the trials and records.
        benchmark: its table.
        target: the column that was predicted; default the benchmark's default target.
        predictors: labels or shell patterns of labels; None for all.
        plans: labels or patterns, and numbers of trained networks (None for any); None for all trials.
        pool: number of architectures that were split; None for the largest.
        transfer: only trials that were fitted to another benchmark first; otherwise only those that were not.

    Raises:
        UnknownNameError: there is no such target.
        InvalidInputError: there are no such trials.
        StoreError: the store cannot be read.
    """
    target = benchmark.target(target).name
    stored = store.trials(benchmark.name)
    trials, others = of_this_table(stored, benchmark)
    trials, impossible = of_possible_pools(trials, benchmark)
    kept = trials.has("target", target) & (trials.has("transfer_from", "") != transfer)
    if predictors is not None:
        kept &= _labelled(trials, predictors)
    if plans is not None:
        asked = np.zeros(len(trials), np.bool_)
        for labels, sizes in plans:
            fits = True if sizes is None else np.isin(trials.numbers("train_size"), list(sizes))
            asked |= _labelled(trials, labels) & fits
        kept &= asked
    trials = trials.where(kept)
    pools = trials.numbers("pool")
    largest = int(pools.max(initial=0)) if pool is None else pool
    return sample_efficiency(
        trials.where(pools == largest),
        benchmark,
        at_zero(store, benchmark, target),
        [*stored.notes, *others, *impossible],
    )


def forecasts_of(
    store: Store,
    benchmark: Benchmark,
    *,
    curve: str | None = None,
    curve_predictors: Iterable[str] | None = None,
    contexts: Iterable[float] | None = None,
    complete: int | None = None,
    parts: int | None = None,
    limit: int | None = None,
) -> list[ForecastComparison]:
    """Compare a store's forecasts on a benchmark: a table for each set of curves and division into parts.

    Args:
        store: the store with the forecasts.
        benchmark: its table.
        curve: the metric; None for all.
        curve_predictors: labels or shell patterns of labels; None for all.
        contexts: shares of a curve; None for all.
        complete: number of complete curves for training; None for any number.
        parts: number of parts, or of networks if there are fewer; None for any number.
        limit: number of networks, or all if there are fewer; None for any number.

    Returns:
        The comparisons, that of most forecasts first; empty if there are none.
    """
    stored = store.forecasts(benchmark.name)
    found, others = of_this_table(stored, benchmark)
    kept = np.ones(len(found), np.bool_)
    if curve is not None:
        kept &= found.has("curve", [curve])
    if curve_predictors is not None:
        kept &= _labelled(found, curve_predictors)
    if contexts is not None:
        kept &= found.has("context", [f"{share:g}" for share in contexts])
    if complete is not None:
        kept &= found.numbers("complete") == complete
    if parts is not None:
        kept &= found.numbers("parts") == np.minimum(found.numbers("pool"), parts)
    if limit is not None:
        kept &= found.numbers("pool") <= limit
    found = found.where(kept)
    columns = (found.codes("curve")[0], found.codes("data")[0], *map(found.numbers, ("pool", "parts", "complete")))
    sets = sorted(grouped(*columns), key=len, reverse=True)
    notes = [*stored.notes, *others]
    return [compare_forecasts(found.take(rows), benchmark, () if number else notes) for number, rows in enumerate(sets)]


def _labelled(items: Records | Trials | CurveTrials, patterns: Iterable[str]) -> NDArray[np.bool_]:
    """Return a mask of the items whose scorer's label is one of these, or matches a shell pattern."""
    scorers = {Records: "proxy", Trials: "predictor", CurveTrials: "curve_predictor"}
    scorer, patterns = scorers[type(items)], list(patterns)
    labels = {name: name.rpartition("@")[0] for name in items.distinct(scorer)}
    return items.has(
        scorer, [name for name, label in labels.items() if any(label == p or fnmatchcase(label, p) for p in patterns)]
    )
