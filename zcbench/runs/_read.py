"""What has been run, by the names of benchmarks and tracks. Loads no torch."""

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
    """Evaluate what has been run; nothing is scored.

    Args:
        name: a benchmark, or a track (its name, or the path of its TOML file).
        store: where the records are.
        benchmarks: of a track, these instead of its own, as ``run`` takes them.
        target: column to rank against; default the track's, or the benchmark's own choice.
        seed: only runs with this seed; a track has one.
        common: use only architectures for which every proxy has a value.
        ensembles: combinations of the proxies to rank as well; a track has its own besides.
        source: the benchmark's table, if it is not where it usually is.

    Returns:
        Of a benchmark an evaluation per seed and batch, that of most records first; of a track an evaluation per
        benchmark, of exactly what the track asks for.

    Raises:
        UnknownNameError: there is no such benchmark, track, target or ensemble.
        InvalidInputError: nothing that is asked for has been run.
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
            raise InvalidInputError("benchmarks goes with a track, and not with a benchmark.")
        options: dict[str, Any] = {"wanted": Wanted(seed=seed), "common": common, "ensembles": combined}
        if own_table(name) is not None:
            return boards_of_table(place, name, source, target, **options)
        table = stored_benchmark(name, source, "benchmark or track", store=place)
        return evaluations_of(place, table, target, **options)
    called = track.name if isinstance(name, Track | Benchmark) else os.fspath(name)
    check_scores(track, called)
    if seed is not None:
        raise InvalidInputError("a track has a seed of its own: leave seed out.")
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
            said = f"The track {track.name} asks for {drawn:,} architectures, of which {first.total:,} have been run."
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
    """Compare what is stored of forecasts of learning curves; nothing is forecast.

    Args:
        name: a benchmark, or a track of curve predictors (its name, or the path of its TOML file).
        store: where the forecasts are.
        benchmarks: of a track, these instead of its own, as ``run`` takes them.
        curve: the metric; default the track's, or all that were forecast.
        source: the benchmark's table, if it is not where it usually is.

    Returns:
        A comparison for each set of curves, that of most forecasts first; of a track one for each benchmark, of exactly
        what the track asks for.

    Raises:
        UnknownNameError: there is no such benchmark or track.
        InvalidInputError: nothing that is asked for has been forecast.
        StoreError: the store cannot be read.
    """
    place, track = as_store(store), named_track(name)
    if track is None:
        assert not isinstance(name, Track)
        if benchmarks is not None:
            raise InvalidInputError("benchmarks goes with a track, and not with a benchmark.")
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
    """Summarise what predictors reached with how many trained networks, from what has been run; nothing is fitted.

    Args:
        benchmark: its name, or a loaded one.
        store: where trials and records are.
        tracks: only predictors and sizes of these tracks.
        target: column that was predicted; default the benchmark's own choice.
        predictors: labels or shell patterns of labels; default all.
        pool: number of architectures that were split; default the largest.
        transfer: only trials that learned from another benchmark first; otherwise only those that did not.
        source: the benchmark's table, if it is not where it usually is.

    Raises:
        UnknownNameError: there is no such benchmark, track or target.
        InvalidInputError: nothing that is asked for has been run.
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
    """InvalidInputError for a track of another kind, with the name or path that it was called by."""
    if track.kind == PREDICTORS:
        raise InvalidInputError(f"the track {called} ranks predictors: see  zcbench efficiency --track {called}")
    if track.kind != SCORES:
        raise InvalidInputError(f"the track {called} ranks no proxies: see  zcbench run {called}")


def wanted_by(track: Track, benchmark: Benchmark, column: str) -> Wanted:
    """The records that a track of scores asks for on one benchmark.

    Args:
        track: what is asked for.
        benchmark: its table.
        column: the target.
    """
    settings = track.settings(benchmark.name)
    drawn = frozenset(architecture.key for architecture in benchmark.sample(settings.limit, track.seed, column))
    return Wanted(track.seed, settings.batch_size, drawn, proxies_of(track))


def proxies_of(track: Track) -> tuple[str, ...]:
    """Labels and patterns of the proxies that a track of scores asks for, in its order."""
    patterns = (STANDARD if p == "standard" else ("*" if p == "all" else p,) for p in track.proxies or ("standard",))
    return tuple(dict.fromkeys(label for found in patterns for label in found))


def named_track(name: str | os.PathLike[str] | Benchmark | Track) -> Track | None:
    """The track of that name, or of that TOML file; None for anything else."""
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
        source: its table, if it is not where it usually is.
        what: what the name may be the name of, for the message if it is none.
        store: where the records are. It knows how a user-defined table is read.
        kinds: of what was run on a user-defined table: it is read as for the first of them that was.
        target: the column to rank against of a user-defined table; default that of its latest run.

    Raises:
        UnknownNameError: there is none of that name.
        InvalidInputError: the store does not say how the user-defined table is read.
        DataMissingError, DataCorruptError: the table is not where it was, or has changed.
    """
    if isinstance(name, Benchmark):
        return name
    if source is not None:
        source = rules.path("the source", source)
    name = rules.text("the name of a benchmark", os.fspath(name) if isinstance(name, os.PathLike) else name)
    if name in (known := list_benchmarks()):
        return get_benchmark(name, source)
    if name.endswith(".toml"):
        raise InvalidInputError(f"{name} is a track, and no benchmark: zcbench efficiency BENCHMARK --track {name}")
    if own_table(name) is not None:
        return read_again(as_store(store), name, kinds, source=source, target=target)
    place = as_store(store)
    hint = ""
    if name in place.every_benchmark():
        hint = f"{place.folder} has results of it: if one of your files registers it, add  --import FILE.py"
    raise UnknownNameError(what, name, [*known, *(list_tracks() if "track" in what else ())], hint)
