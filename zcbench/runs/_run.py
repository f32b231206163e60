"""A run as data: a track, on a store, here or on another machine; and the one function that makes and does it."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from zcbench import _arguments as rules
from zcbench._display import brief, plain
from zcbench.datasets import Benchmark, get_benchmark, list_benchmarks, own_benchmark
from zcbench.datasets.own import OWN
from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.evaluation import Evaluation, SampleEfficiency, at_zero, sample_efficiency
from zcbench.predictors import resolve_predictors
from zcbench.records import Store, Trial
from zcbench.runs._ahead import Ahead, ahead_of
from zcbench.runs._columns import correlate_columns, matching_columns, of_columns
from zcbench.runs._imports import import_file, space_named
from zcbench.runs._manifest import Manifest, read_manifest
from zcbench.runs._register import get_track, list_tracks
from zcbench.runs._resume import Progress, Step, check_retry, check_workers, left_of
from zcbench.runs._shards import EmptyShardError, Shard, of_shard, parse_shard
from zcbench.runs._track import DEFAULTS, PREDICTORS, SCORES, Track, track_of
from zcbench.runs._workers import check_timeout
from zcbench.runs.executors import Executor, get_executor
from zcbench.runs.fit_predictors import TrialPlan, plans_ahead, run_predictors
from zcbench.runs.score_networks import ScorePlan, collect, run_scores
from zcbench.spaces import TableSpace

Result: TypeAlias = Evaluation | SampleEfficiency


@dataclass(frozen=True)
class Outcome:
    """What a run came to on one benchmark.

    Attributes:
        benchmark: its name, as the track has it.
        result: the evaluation, or the sample efficiency; None if it could not be run.
        error: why it could not be run.
        failed: whether a score or a trial failed or timed out.
    """

    benchmark: str
    result: Result | None
    error: ZcbenchError | None = None
    failed: bool = False


#: endings of files that hold tables
_TABLES = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True, kw_only=True)
class OwnTable:
    """How a table of one's own is read, beside its path and its target.

    Attributes:
        arch: column that names the architectures; None for "arch", "model", ….
        lower: columns in which lower is better.
        space: search space whose strings the names are; its networks are built.
        factory: "FILE.py:FUNCTION" that builds the network of a name.
        data: what the networks see.
        classes: outputs of the networks.
    """

    arch: str | None = None
    lower: tuple[str, ...] = ()
    space: str | None = None
    factory: str | None = None
    data: str = "cifar10"
    classes: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "lower", tuple(rules.all_text("lower", self.lower)))
        if self.space and self.factory:
            raise InvalidInputError("--space and --factory both say how to build networks: choose one.")
        if self.factory and ".py:" not in self.factory:
            raise InvalidInputError(f"--factory takes FILE.py:FUNCTION, not {self.factory!r}.")

    def read(self, path: str, track: Track) -> Benchmark:
        """The table as a benchmark."""
        settings = track.settings(path)
        if settings.target is None:
            raise InvalidInputError(f"say which column of {path} to rank against: --target COLUMN")
        builds = self.space or self.factory
        return own_benchmark(
            path,
            settings.target,
            arch=self.arch,
            space=space_named(builds) if builds else None,
            lower=self.lower,
            batch=self.data,
            classes=self.classes,
            limit=None if builds or track.predictors else settings.limit,
            seed=track.seed,
        )


@dataclass(frozen=True, kw_only=True, repr=False)
class Run:
    """A track on a store. It travels as JSON or by pickle; paths in it are relative to the current folder.

    Attributes:
        track: what is done.
        store: folder of the records.
        imports: Python files that register further proxies, predictors, spaces or benchmarks.
        timeout: seconds that a part of the work may take; None for any time.
        retry: statuses to compute again.
        source: official file or folder that the benchmark's table is read from.
        own: how a table of one's own is read.
        shard: the part that is done, "3/100" the third of a hundred, by a hash of the network; None for all.
        missing: deal the shard out anew, so that what one shard of an earlier run left is spread over all.
        sample_manifest: a text file that lists the architectures, one a line; None for the track's sample.
    """

    track: Track
    store: str = "runs"
    imports: tuple[str, ...] = ()
    timeout: float | None = None
    retry: tuple[str, ...] = ()
    source: str | None = None
    own: OwnTable = field(default_factory=OwnTable)
    shard: str | None = None
    missing: bool = False
    sample_manifest: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.store, (str, os.PathLike)):
            raise InvalidInputError(f"the store {rules.shown(self.store)}: give the path of a folder.")
        object.__setattr__(self, "store", os.fspath(self.store))
        object.__setattr__(self, "imports", tuple(rules.all_text("imports", self.imports)))
        object.__setattr__(self, "retry", check_retry(self.retry))
        check_timeout(self.timeout)
        if self.sample_manifest is not None:
            if self.track.kind == PREDICTORS:
                raise InvalidInputError("a list of architectures goes with proxies, and not with predictors.")
            if self.track.limit is not None:
                raise InvalidInputError("a list of architectures and a limit both say what is scored: choose one.")
            if len(self.track.benchmarks) > 1:
                raise InvalidInputError("a list of architectures is of one benchmark: say which.")
        self._shard  # noqa: B018 - it raises for what is none

    @property
    def _shard(self) -> Shard | None:
        return None if self.shard is None else parse_shard(self.shard, again=self.missing)

    def __repr__(self) -> str:
        return brief(f"<Run of {self.track!r} on {plain(self.store, 40)}>")

    def to_json(self) -> str:
        """The run as one line of JSON."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(content | {"track": self.track.fields(), "own": asdict(self.own)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Run:
        """The run that :meth:`to_json` wrote.

        Raises:
            InvalidInputError: it is no such text.
        """
        try:
            content = json.loads(text)
            track, own = track_of(content.pop("track"), "the track of the run"), OwnTable(**content.pop("own"))
            return cls(track=track, own=own, **content)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, ZcbenchError):
                raise
            raise InvalidInputError(f"this is no run as JSON ({type(error).__name__}): {text[:60]}") from None

    def named(self) -> tuple[str, ...]:
        """The track's benchmarks.

        Raises:
            InvalidInputError: there is none, or a source for several.
        """
        names = self.track.benchmarks
        if not names:
            what = f"the track {self.track.name}" if self.track.name else "the run"
            raise InvalidInputError(f"{what} has no benchmark: say which, --benchmark digits-201.")
        if self.source is not None and len(names) > 1:
            raise InvalidInputError(f"a source is the table of one benchmark, and not of {len(names)}.")
        return names

    def prepare(self) -> None:
        """Import the files that register further things."""
        for path in self.imports:
            import_file(path)

    def table(self, name: str) -> Benchmark:
        """The table of one of the track's benchmarks.

        Raises:
            UnknownNameError: there is no such benchmark.
            DataMissingError: its table is not on this machine; the message says how to get it.
        """
        return self.own.read(name, self.track) if is_own_table(name) else get_benchmark(name, self.source)

    def on(
        self,
        name: str,
        *,
        table: Benchmark | None = None,
        workers: int = 0,
        begin: Callable[[Benchmark], object] | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> Outcome:
        """Do what is left on one benchmark, and evaluate what the track asks for.

        Args:
            name: one of the track's benchmarks.
            table: its table, if it is loaded.
            workers: worker processes with one thread each; 0 computes in this process.
            begin: called with the table before anything is done.
            progress: called at the beginning and after every score and trial.
            executor: what has the work done elsewhere; see :func:`resume`.
        """
        table = self.table(name) if table is None else table
        track, store = self.track.for_benchmark(name), Store(self.store)
        numbers = _is_numbers(table)
        columns = matching_columns(table, track.proxies) if numbers and track.kind == SCORES else []
        if numbers and track.kind == SCORES and (self.shard or self.sample_manifest or executor):
            raise InvalidInputError(f"{name} has columns and no networks: it is read as a whole, here.")
        if begin:
            begin(table)
        if track.kind == PREDICTORS:
            track, transfer_from = self._fitted(name, table)
            trials = run_predictors(
                track,
                table,
                store,
                transfer_from=transfer_from,
                workers=workers,
                imports=self.imports,
                retry=self.retry,
                timeout=self.timeout,
                progress=progress,
                shard=self._shard,
                executor=executor,
            )
            if not trials and self.shard:
                raise EmptyShardError(f"no trial on {name} is in the shard {self.shard}: nothing is left to do.")
            zero = at_zero(store, table, track.settings(name).target)
            found = sample_efficiency(trials, table, zero, store.notes(table.name, Trial))
            return Outcome(name, found, failed=any(trial.status.worth_a_retry for trial in trials))
        if numbers:
            if track.ensembles:
                raise InvalidInputError(f"ensembles go with networks, of which {name} has none: --space or --factory.")
            return Outcome(
                name, correlate_columns(table, columns, target=track.settings(name).target, lower=self.own.lower)
            )
        sample = self.sample(name, table)
        if not sample.architectures and self.shard:
            raise EmptyShardError(f"no architecture of {name} is in the shard {self.shard}: nothing is left to do.")
        run_scores(
            track,
            table,
            store,
            workers=workers,
            imports=self.imports,
            retry=self.retry,
            timeout=self.timeout,
            progress=None if progress is None else _first_with(sample.notes, progress),
            architectures=sample.architectures,
            sample=sample.digest,
            executor=executor,
        )
        evaluation = collect(track, table, store, architectures=sample.architectures)
        failures = [failure for entry in evaluation.entries for failure in entry.failures]
        return Outcome(name, evaluation, failed=any(failure.status.worth_a_retry for failure in failures))

    def sample(self, name: str, table: Benchmark | None = None) -> Manifest:
        """The architectures that are scored on a benchmark, of the shard if there is one.

        The digest and the notes are those of :attr:`sample_manifest`; both are empty without one.

        Raises:
            InvalidInputError: the list cannot be read, or there are no networks to score.
        """
        table = self.table(name) if table is None else table
        if _is_numbers(table):
            raise InvalidInputError(f"{name} has no networks: --space or --factory say how they are built.")
        if self.sample_manifest is not None:
            found = read_manifest(self.sample_manifest, table)
        else:
            settings = self.track.settings(name)
            target = table.target(settings.target).name
            found = Manifest(table.sample(settings.limit, self.track.seed, target), "")
        if (shard := self._shard) is None:
            return found
        return replace(found, architectures=tuple(of_shard(shard, table.space, found.architectures)))

    def ahead(self, name: str, table: Benchmark | None = None) -> list[Ahead]:
        """What is wanted on a benchmark, and what of it the store has not; nothing is done.

        With predictors whose features are missing this is about the features too.
        """
        table = self.table(name) if table is None else table
        store, shard, sample = Store(self.store), self.shard or "", ""
        plans: list[ScorePlan | TrialPlan]
        if self.track.kind == PREDICTORS:
            track, transfer_from = self._fitted(name, table)
            plans = plans_ahead(track, table, store, transfer_from=transfer_from, shard=self._shard)
        else:
            chosen = self.sample(name, table)
            sample = chosen.digest
            plans = [ScorePlan(self.track.for_benchmark(name), table, chosen.architectures, imports=self.imports)]
        return [ahead_of(plan, left_of(plan, store, self.retry), shard, sample) for plan in plans]

    def _fitted(self, name: str, table: Benchmark) -> tuple[Track, Benchmark | None]:
        """The track of predictors on a benchmark, and the table that they learn from first."""
        track = self.track.for_benchmark(name)
        if _is_numbers(table):
            labels = map(of_columns, resolve_predictors(track.predictors))
            track = track.with_fields(predictors=tuple(labels))
        if track.transfer is None or track.transfer[0] in (name, table.name):
            return track, None
        return track, get_benchmark(track.transfer[0])

    def each(
        self,
        *,
        tables: Mapping[str, Benchmark] | None = None,
        workers: int = 0,
        begin: Callable[[Benchmark], object] | None = None,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> Iterator[Outcome]:
        """Do what is left on all benchmarks of the track, one after the other.

        What is wrong with one of several, such as a table that is not on this machine, is in its outcome. What is wrong
        with the only one is raised.

        Args:
            tables: those that are loaded, by name.
            workers: worker processes with one thread each; 0 computes in this process.
            begin: called with each table before anything is done.
            progress: called at the beginning and after every score and trial.
            executor: what has the work done elsewhere; see :func:`resume`.
        """
        check_workers(workers)
        self.prepare()
        names = self.named()
        for name in names:
            try:
                table = (tables or {}).get(name)
                outcome = self.on(name, table=table, workers=workers, begin=begin, progress=progress, executor=executor)
            except ZcbenchError as error:
                if len(names) == 1 and not isinstance(error, EmptyShardError):
                    raise
                outcome = Outcome(name, None, error)
            yield outcome


def run(
    what: str | Track | Benchmark,
    /,
    *,
    store: str | os.PathLike[str] = "runs",
    workers: int = 0,
    timeout: float | None = None,
    retry: Iterable[str] = (),
    imports: Iterable[str] = (),
    source: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    shard: str | None = None,
    missing: bool = False,
    sample_manifest: str | os.PathLike[str] | None = None,
    executor: str | Executor = "local",
    **given: Any,
) -> Result | dict[str, Result]:
    """Run a track, or options on a benchmark: do what the store has not, and evaluate.

    Args:
        what: a track, its name or the path of its TOML file; or a benchmark, its name or the path of a table of one's
            own (:class:`OwnTable`).
        store: folder for the records; a second call with the same folder goes on where the first stopped.
        workers: worker processes; 0 computes in this process (with workers, call from under
            ``if __name__ == "__main__":``).
        timeout: seconds that building a network may take, each score and each trial; beyond them the status is
            "timed-out". It needs a worker process, also with 0 workers.
        retry: statuses to compute again: "failed", "timed-out", "non-finite", "unsupported", "disagreeing".
        imports: Python files that register further proxies, predictors, spaces or benchmarks.
        source: official file or folder to read the benchmark's table from.
        progress: called with a :class:`zcbench.runs.Step` at the beginning and after every score and trial.
        shard: the part that is done and evaluated, "3/100" the third of a hundred, by a hash of the network.
        missing: deal the shard out anew, so that what one shard of an earlier run left is spread over all.
        sample_manifest: a text file that lists the architectures to score, one a line.
        executor: where the work is done: "local", "submitit:partition=NAME:hours=4:jobs=50" (SLURM),
            "dask://HOST:PORT", or an object that does what these do (:class:`zcbench.runs.executors.Executor`).
            ``workers`` are then the processes of each worker there.
        given: fields of the track (:class:`zcbench.runs.Track`), which override those of ``what``; ``benchmark`` for
            ``benchmarks``; ``track``, if ``what`` is a benchmark; and those of :class:`OwnTable`.

    Returns:
        An :class:`zcbench.evaluation.Evaluation`, or the sample efficiency if there are predictors. Of several
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
    for path in (imports := tuple(rules.all_text("imports", imports))):
        import_file(path)
    made = make_run(
        what,
        store=os.fspath(store) if isinstance(store, os.PathLike) else store,
        timeout=timeout,
        retry=tuple(rules.all_text("retry", retry)),
        imports=imports,
        source=None if source is None else os.fspath(source),
        shard=shard,
        missing=missing,
        sample_manifest=None if sample_manifest is None else os.fspath(sample_manifest),
        **given,
    )
    engine = get_executor(executor) if isinstance(executor, str) else executor
    tables = {what.name: what} if isinstance(what, Benchmark) else None
    found: dict[str, Result] = {}
    wrong: list[ZcbenchError] = []
    for outcome in made.each(tables=tables, workers=workers, progress=progress, executor=engine):
        if outcome.error is not None:
            wrong.append(outcome.error)
            if len(made.track.benchmarks) > 1:
                warnings.warn(f"{outcome.benchmark}: {outcome.error}", stacklevel=2)
        elif outcome.result is not None:
            found[outcome.benchmark] = outcome.result
    if not found:
        raise wrong[0]
    return found if len(made.track.benchmarks) > 1 else next(iter(found.values()))


def make_run(
    what: str | Track | Benchmark | None,
    *,
    store: str = "runs",
    timeout: float | None = None,
    retry: tuple[str, ...] = (),
    imports: tuple[str, ...] = (),
    source: str | None = None,
    track: str | Track | None = None,
    shard: str | None = None,
    missing: bool = False,
    sample_manifest: str | None = None,
    **given: Any,
) -> Run:
    """The run of a track, or of options on a benchmark; arguments as of :func:`run`.

    What the imported files register must be there.
    """
    own = {field.name: given.pop(field.name) for field in fields(OwnTable) if field.name in given}
    if "benchmark" in given:
        if "benchmarks" in given:
            raise InvalidInputError("give benchmark or benchmarks, not both.")
        given["benchmarks"] = given.pop("benchmark")
    for name in given:
        if name not in DEFAULTS:
            raise UnknownNameError("argument of a run", name, [*DEFAULTS, *(f.name for f in fields(OwnTable))])
    base = Track() if track is None else get_track(track) if isinstance(track, str) else track
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
    """The track that is meant; None for a benchmark.

    Raises:
        UnknownNameError: there is neither.
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


def _first_with(notes: Sequence[str], progress: Progress) -> Progress:
    """Progress whose first step says these sentences too."""
    unsaid = list(notes)

    def report(step: Step) -> None:
        if unsaid:
            step = replace(step, notes=(*unsaid, *step.notes))
            unsaid.clear()
        progress(step)

    return report


def is_own_table(name: str) -> bool:
    """Whether a benchmark is a file of the user's own."""
    if Path(name).suffix.lower() in _TABLES or os.sep in name:
        return True
    return name not in list_benchmarks() and name not in list_tracks() and Path(name).exists()


def _is_numbers(table: Benchmark) -> bool:
    """Whether a table of one's own has columns, and no networks."""
    return table.name.startswith(OWN) and type(table.space) is TableSpace
