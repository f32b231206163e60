"""Runs from a name and fields, and the function that makes and performs them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._imports import import_file
from zcbench.datasets import Benchmark, list_benchmarks
from zcbench.datasets.own import OWN
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.executors import Executor, get_executor
from zcbench.records import Store
from zcbench.runs._own import OwnTable, is_own_table
from zcbench.runs._register import get_track, list_tracks
from zcbench.runs._remembered import asked_again
from zcbench.runs._resume import Progress
from zcbench.runs._run import Result, Run
from zcbench.runs._track import DEFAULTS, Track


@devices.on_device
def run(
    what: str | os.PathLike[str] | Track | Benchmark,
    /,
    *,
    store: str | os.PathLike[str] = "runs",
    workers: int = 0,
    timeout: float | None = None,
    retry: Iterable[str] = (),
    imports: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] = (),
    source: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    shard: str | None = None,
    missing: bool = False,
    sample_manifest: str | os.PathLike[str] | None = None,
    executor: str | Executor = "local",
    device: str | None = None,
    **given: Any,
) -> Result | dict[str, Result]:
    """Run a track, or options on a benchmark: compute the results that the store lacks, and evaluate.

    Args:
        what: a track, its name or the path of its TOML file; or a benchmark, its name or the path of a user-defined
            table (:class:`OwnTable`).
        store: folder for the records; a second call with the same folder resumes the first.
        workers: worker processes; 0 computes in this process (with workers, call from under
            ``if __name__ == "__main__":``).
        timeout: maximum seconds for building a network, for each score and for each trial; beyond it the status is
            "timed-out". It needs a worker process, also with 0 workers.
        retry: statuses to compute again: "failed", "timed-out", "non-finite", "unsupported", "disagreeing".
        imports: Python files that register further proxies, predictors, spaces or benchmarks.
        source: official file or folder to read the benchmark's table from.
        progress: called with a :class:`zcbench.runs.Step` at the beginning and after every score and trial.
        shard: the part that is computed and evaluated, "3/100" the third of a hundred, by a hash of the network.
        missing: divide only the missing results into shards, so that results that one shard of an earlier run did not
            finish are divided among all.
        sample_manifest: a text file that lists the architectures to score, one per line.
        executor: the place of the computation: "local", "submitit:partition=NAME:hours=4:jobs=50" (SLURM),
            "dask://HOST:PORT", or an object with their interface (:class:`zcbench.executors.Executor`).
            ``workers`` are then the processes of each worker there.
        device: where torch's work is done, "cpu", "cuda", "cuda:1" or "mps" (:mod:`zcbench.devices`). Workers share
            one, or use those of a kind one after the other. Default: the environment variable ``ZCBENCH_DEVICE``, else
            the processor.
        given: fields of the track (:class:`zcbench.runs.Track`), which override those of ``what``; ``benchmark`` for
            ``benchmarks``; ``track``, if ``what`` is a benchmark; and those of :class:`OwnTable`.

    Returns:
        An :class:`zcbench.evaluation.Evaluation`; with predictors the sample efficiency, with searchers or curve
        predictors a comparison of these. Of several
        benchmarks these by name; a benchmark that cannot be run gives a warning, and all of them an error.

    Raises:
        UnknownNameError: there is no such track, benchmark, proxy, predictor, target or argument.
        InvalidInputError: an argument is out of range.

    Example:
        >>> import tempfile, zcbench
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = zcbench.run("digits-201", proxies=["params", "num_layers"], limit=20, store=folder)
        >>> [entry.n for entry in result.entries]
        [20, 20]
    """
    del device  # the decorator has it
    files = _paths("imports", imports)
    for path in files:
        import_file(path)
    if progress is not None and not callable(progress):
        raise InvalidInputError(f"progress {rules.shown(progress)}: give a function.")
    engine = get_executor(executor) if isinstance(executor, str) else executor
    if engine is not None and not callable(getattr(engine, "carry_out", None)):
        raise InvalidInputError(f"executor {rules.shown(engine)}: give its name, or an object with carry_out.")
    made = make_run(
        what,
        store=rules.path("the store", store),
        timeout=timeout,
        retry=tuple(rules.all_text("retry", retry)),
        imports=files,
        source=None if source is None else rules.path("the source", source),
        shard=shard,
        missing=missing,
        sample_manifest=None if sample_manifest is None else rules.path("the list of architectures", sample_manifest),
        **given,
    )
    tables = {what.name: what} if isinstance(what, Benchmark) else None
    found: dict[str, Result] = {}
    wrong: list[ZcbenchError] = []
    for outcome in made.each(tables=tables, workers=workers, progress=progress, executor=engine):
        if outcome.error is not None:
            wrong.append(outcome.error)
            if len(made.track.benchmarks) > 1:
                warnings.warn(f"{outcome.benchmark}: {outcome.error}", stacklevel=3)
        elif outcome.result is not None:
            found[outcome.benchmark] = outcome.result
    if not found:
        raise wrong[0]
    return found if len(made.track.benchmarks) > 1 else next(iter(found.values()))


def _paths(what: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str | os.PathLike):
        return (rules.path(what, value),)
    given = value if isinstance(value, list | tuple) else rules.all_text(what, value)
    return tuple(rules.path(what, one) for one in given)


def make_run(
    what: str | os.PathLike[str] | Track | Benchmark | None,
    *,
    store: str = "runs",
    timeout: float | None = None,
    retry: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
    source: str | None = None,
    track: str | os.PathLike[str] | Track | None = None,
    shard: str | None = None,
    missing: bool = False,
    sample_manifest: str | None = None,
    **given: Any,
) -> Run:
    """Make the run of a track, or of options on a benchmark; arguments are those of :func:`run`.

    The imported files must already be imported.
    """
    own = {field.name: given.pop(field.name) for field in fields(OwnTable) if field.name in given}
    if isinstance(what, str) and what.startswith(OWN) and is_own_table(what) and not Path(what).is_file():
        what, before = asked_again(Store(store), what, source)
        source = None
        if "space" in own or "factory" in own:
            before = {name: value for name, value in before.items() if name not in ("space", "factory")}
        given = {"target": before.pop("target"), **given}
        own = {**before, **own}
    if "benchmark" in given:
        if "benchmarks" in given:
            raise InvalidInputError("give benchmark or benchmarks, not both.")
        given["benchmarks"] = given.pop("benchmark")
    for name in given:
        if name not in DEFAULTS:
            raise UnknownNameError("argument of a run", name, [*DEFAULTS, *(f.name for f in fields(OwnTable))])
    if isinstance(what, os.PathLike):
        what = rules.path("a track or table", what)
    base = Track() if track is None else track if isinstance(track, Track) else get_track(track)
    if what is not None:
        found = _track_named(what)
        if found is not None and track is not None:
            raise InvalidInputError("two tracks are given: choose one.")
        if found is not None:
            base = found
        elif "benchmarks" in given:
            raise InvalidInputError(f"{_name_of(what)} is a benchmark, and another is given: choose one.")
        else:
            given["benchmarks"] = (_name_of(what),)
    return Run(
        track=base.with_fields(**given) if given else base,
        store=store,
        imports=imports,
        timeout=timeout,
        retry=retry,
        source=source,
        own=OwnTable(**own),
        shard=shard,
        missing=missing,
        sample_manifest=sample_manifest,
    )


def _track_named(what: str | Track | Benchmark) -> Track | None:
    """Return the named track; None for a benchmark.

    Raises:
        UnknownNameError: there is neither a track nor a benchmark with this name.
    """
    if isinstance(what, Track):
        return what
    if isinstance(what, Benchmark):
        return None
    name = rules.text("the name of a track or benchmark", what)
    if name.endswith(".toml"):
        return get_track(name)
    known = list_benchmarks()
    if name in known or is_own_table(name):
        return None
    if name in (tracks := list_tracks()):
        return get_track(name)
    raise UnknownNameError("benchmark or track", name, [*known, *tracks])


def _name_of(what: str | Track | Benchmark) -> str:
    return what if isinstance(what, str) else what.name
