"""Stored results, by the names of benchmarks and tracks. Loads no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from zcbench import _arguments as rules
from zcbench.datasets import Benchmark, get_benchmark, list_benchmarks
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import (
    Evaluation,
    ForecastComparison,
    SampleEfficiency,
    Wanted,
    efficiency_of,
    evaluations_of,
    forecasts_of,
)
from zcbench.proxies import STANDARD
from zcbench.records import Store
from zcbench.runs._own_boards import as_store, boards_of_table, own_table
from zcbench.runs._register import get_track, list_tracks
from zcbench.runs._remembered import read_again
from zcbench.runs._track import CURVES, PREDICTORS, SCORES, SIZES, Track


def leaderboard(
    name: str | os.PathLike[str] | Benchmark | Track,
    store: str | os.PathLike[str] | Store = "runs",
    *,
    benchmarks: Iterable[str] | None = None,
    target: str | None = None,
    seed: int | None = None,
    common: bool = False,
    ensembles: Iterable[str] = (),
    source: str | os.PathLike[str] | None = None,
) -> list[Evaluation]:
    """Evaluate the stored scores; nothing is scored.

    Args:
        name: a benchmark, or a track (its name, or the path of its TOML file).
        store: where the records are.
        benchmarks: for a track, these benchmarks instead of its benchmarks, as in ``run``.
        target: column to rank against; default the target of the track, or the default target of the benchmark.
        seed: only runs with this seed; a track has one.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well, in addition to those of a track.
        source: the table of the benchmark, if it is not in the usual place.

    Returns:
        For a benchmark, an evaluation per seed and batch, the one with most records first. For a track, an evaluation
        per benchmark, of exactly the results that the track requests.

    Raises:
        UnknownNameError: there is no such benchmark, track, target or ensemble.
        InvalidInputError: none of the requested results is stored.
        DataMissingError: the table of a benchmark is not on this machine.
        StoreError: the store cannot be read.

    Example:
        >>> import zcbench
        >>> _ = zcbench.evaluate("digits-201", ["params"], limit=5, store="runs")
        >>> [evaluation.total for evaluation in zcbench.leaderboard("digits-201", "runs")]
        [5]
    """
    place, combined = as_store(store), rules.all_text("ensembles", ensembles)
    rules.flag("common", common)
    if seed is not None:
        seed = rules.seed("the seed", seed)
    track = named_track(name)
    if track is None:
        assert not isinstance(name, Track)
        if benchmarks is not None:
            raise InvalidInputError("the argument benchmarks applies to a track, and not to a benchmark.")
        options: dict[str, Any] = {"wanted": Wanted(seed=seed), "common": common, "ensembles": combined}
        if own_table(name) is not None:
            return boards_of_table(place, name, source, target, **options)
        table = stored_benchmark(name, source, "benchmark or track", store=place)
        return evaluations_of(place, table, target, **options)
    called = track.name if isinstance(name, Track | Benchmark) else os.fspath(name)
    check_scores(track, called)
    if seed is not None:
        raise InvalidInputError("a track has a seed: omit the argument seed.")
    chosen = rules.all_text("benchmarks", benchmarks or track.benchmarks)
    if not chosen:
        raise InvalidInputError(f"the track {called or 'without a name'} names no benchmark: say which.")
    found: list[Evaluation] = []
    for benchmark in chosen:
        table = stored_benchmark(benchmark, source, store=place, kinds=(SCORES,), target=target)
        column = table.target(track.settings(benchmark).target if target is None else target).name
        wanted = wanted_by(track, table, column)
        first, *_ = evaluations_of(
            place,
            table,
            column,
            wanted=wanted,
            common=common,
            ensembles=[*track.ensembles, *combined],
            command=f"zcbench run {called} --benchmark {benchmark}" if called else "",
        )
        drawn = len(wanted.architectures or ())
        if first.total < drawn and not common:
            said = f"The track {track.name} requests {drawn:,} architectures, of which {first.total:,} have been run."
            first = replace(first, notes=(*first.notes, said))
        found.append(first)
    return found


def forecasts(
    name: str | os.PathLike[str] | Benchmark | Track,
    store: str | os.PathLike[str] | Store = "runs",
    *,
    benchmarks: Iterable[str] | None = None,
    curve: str | None = None,
    source: str | os.PathLike[str] | None = None,
) -> list[ForecastComparison]:
    """Compare the stored forecasts of learning curves; nothing is forecast.

    Args:
        name: a benchmark, or a track of curve predictors (its name, or the path of its TOML file).
        store: where the forecasts are.
        benchmarks: for a track, these benchmarks instead of its benchmarks, as in ``run``.
        curve: the metric; default the metric of the track, or all forecast metrics.
        source: the table of the benchmark, if it is not in the usual place.

    Returns:
        For a benchmark, a comparison per set of curves, the one with most forecasts first. For a track, a comparison
        per benchmark, of exactly the results that the track requests.

    Raises:
        UnknownNameError: there is no such benchmark or track.
        InvalidInputError: none of the requested forecasts is stored.
        StoreError: the store cannot be read.
    """
    place, track = as_store(store), named_track(name)
    if track is None:
        assert not isinstance(name, Track)
        if benchmarks is not None:
            raise InvalidInputError("the argument benchmarks applies to a track, and not to a benchmark.")
        table = stored_benchmark(name, source, "benchmark or track", store=place, kinds=(CURVES,))
        if found := forecasts_of(place, table, curve=curve):
            return found
        raise InvalidInputError(
            f"no forecasts on {table.name} in {place.folder}: run  zcbench run {table.name} --curve-predictors all"
        )
    called = track.name if isinstance(name, Track | Benchmark) else os.fspath(name)
    if track.kind != CURVES:
        raise InvalidInputError(f"the track {called} is about {track.kind}, and not about curves.")
    found = []
    for benchmark in rules.all_text("benchmarks", benchmarks or track.benchmarks):
        settings = track.settings(benchmark)
        several = forecasts_of(
            place,
            stored_benchmark(benchmark, source, store=place, kinds=(CURVES,)),
            curve=curve or settings.curve,
            curve_predictors=("*",) if "all" in track.curve_predictors else track.curve_predictors,
            contexts=track.contexts,
            complete=track.complete,
            parts=track.seeds,
            limit=settings.limit,
        )
        if not several:
            raise InvalidInputError(
                f"no forecasts of {called} on {benchmark} in {place.folder}: run  zcbench run {called}"
            )
        found.append(several[0])
    if not found:
        raise InvalidInputError(f"the track {called or 'without a name'} names no benchmark: say which.")
    return found


def efficiency(
    benchmark: str | os.PathLike[str] | Benchmark,
    store: str | os.PathLike[str] | Store = "runs",
    *,
    tracks: str | os.PathLike[str] | Iterable[str] | None = None,
    target: str | None = None,
    predictors: Iterable[str] | None = None,
    pool: int | None = None,
    transfer: bool = False,
    source: str | os.PathLike[str] | None = None,
) -> SampleEfficiency:
    """Summarise the stored results of predictors by the number of trained networks; nothing is fitted.

    Args:
        benchmark: its name, or a loaded one.
        store: where trials and records are.
        tracks: only predictors and sizes of these tracks.
        target: column that was predicted; default the default target of the benchmark.
        predictors: labels or shell patterns of labels; default all.
        pool: number of architectures that were split; default the largest.
        transfer: True for trials that learned from another benchmark first, False for the other trials.
        source: the table of the benchmark, if it is not in the usual place.

    Raises:
        UnknownNameError: there is no such benchmark, track or target.
        InvalidInputError: none of the requested results is stored.
        DataMissingError: the table of the benchmark is not on this machine.
        StoreError: the store cannot be read.
    """
    rules.flag("transfer", transfer)
    if pool is not None:
        pool = rules.whole("the pool", pool, 1)
    plans = None
    if tracks is not None:
        given = [tracks] if isinstance(tracks, os.PathLike) else rules.all_text("tracks", tracks)
        plans = [_plan(get_track(name), os.fspath(name)) for name in given]
    place = as_store(store)
    return efficiency_of(
        place,
        stored_benchmark(benchmark, source, store=place, kinds=(PREDICTORS,), target=target),
        target,
        predictors=None if predictors is None else rules.all_text("predictors", predictors),
        plans=plans,
        pool=pool,
        transfer=transfer,
    )


def _plan(track: Track, called: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    if track.kind != PREDICTORS:
        raise InvalidInputError(f"the track {called} ranks proxies: see  zcbench leaderboard {called}")
    labels = ("*",) if "all" in track.predictors else track.predictors
    return labels, SIZES if track.train_sizes is None else track.train_sizes


def check_scores(track: Track, called: str) -> None:
    """Raise InvalidInputError for a track of another kind, with the name or path from the caller."""
    if track.kind == PREDICTORS:
        raise InvalidInputError(f"the track {called} ranks predictors: see  zcbench efficiency --track {called}")
    if track.kind != SCORES:
        raise InvalidInputError(f"the track {called} ranks no proxies: see  zcbench run {called}")


def wanted_by(track: Track, benchmark: Benchmark, column: str) -> Wanted:
    """Return the records that a track of scores requests on one benchmark.

    Args:
        track: the requested scores.
        benchmark: its table.
        column: the target.
    """
    settings = track.settings(benchmark.name)
    drawn = frozenset(architecture.key for architecture in benchmark.sample(settings.limit, track.seed, column))
    return Wanted(track.seed, settings.batch_size, drawn, proxies_of(track))


def proxies_of(track: Track) -> tuple[str, ...]:
    """Return labels and patterns of the proxies of a track of scores, in its order."""
    patterns = (STANDARD if p == "standard" else ("*" if p == "all" else p,) for p in track.proxies or ("standard",))
    return tuple(dict.fromkeys(label for found in patterns for label in found))


def named_track(name: str | os.PathLike[str] | Benchmark | Track) -> Track | None:
    """Return the track of that name, or of that TOML file; None for anything else."""
    if isinstance(name, Track | Benchmark):
        return name if isinstance(name, Track) else None
    if isinstance(name, os.PathLike):
        name = os.fspath(name)
    name = rules.text("the name of a benchmark or track", name)
    if name in list_benchmarks() or not (name.endswith(".toml") or name in list_tracks()):
        return None
    return get_track(name)


def stored_benchmark(
    name: str | os.PathLike[str] | Benchmark,
    source: str | os.PathLike[str] | None = None,
    what: str = "benchmark",
    *,
    store: str | os.PathLike[str] | Store = "runs",
    kinds: Sequence[str] = (),
    target: str | None = None,
) -> Benchmark:
    """Return the benchmark of records in the store.

    Args:
        name: its name, the benchmark itself, or the path of a user-defined table.
        source: its table, if it is not in the usual place.
        what: kinds of things that the name may denote, for the message about an unknown name.
        store: the store of the records, which notes how a user-defined table is read.
        kinds: kinds of work on a user-defined table; the table is read as for the first kind that was run.
        target: for a user-defined table, the column to rank against; default the target of its latest run.

    Raises:
        UnknownNameError: there is no benchmark of that name.
        InvalidInputError: the store does not note how the user-defined table is read.
        DataMissingError, DataCorruptError: the table has moved or changed.
    """
    if isinstance(name, Benchmark):
        return name
    if source is not None:
        source = rules.path("the source", source)
    name = rules.text("the name of a benchmark", os.fspath(name) if isinstance(name, os.PathLike) else name)
    if name in (known := list_benchmarks()):
        return get_benchmark(name, source)
    if name.endswith(".toml"):
        raise InvalidInputError(f"{name} is a track, not a benchmark: zcbench efficiency BENCHMARK --track {name}")
    if own_table(name) is not None:
        return read_again(as_store(store), name, kinds, source=source, target=target)
    place = as_store(store)
    hint = ""
    if name in place.every_benchmark():
        hint = f"{place.folder} has results of it: if one of your files registers it, add  --import FILE.py"
    raise UnknownNameError(what, name, [*known, *(list_tracks() if "track" in what else ())], hint)
