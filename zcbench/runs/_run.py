"""A run as data: a track on a store, on this machine or another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeAlias

from zcbench import _arguments as rules
from zcbench._display import brief, plain
from zcbench._imports import import_file
from zcbench._workers import check_timeout
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.datasets.own import OWN
from zcbench.errors import InvalidInputError, StoreError, ZcbenchError
from zcbench.evaluation import (
    Evaluation,
    ForecastComparison,
    SampleEfficiency,
    SearchComparison,
    at_zero,
    compare_forecasts,
    sample_efficiency,
)
from zcbench.executors import Executor
from zcbench.predictors import resolve_predictors
from zcbench.records import CurveTrial, Store, Trial
from zcbench.runs._ahead import Ahead, ahead_of
from zcbench.runs._columns import correlate_columns, fitted_to, matching_columns
from zcbench.runs._manifest import Manifest, read_manifest
from zcbench.runs._own import OwnTable, is_numbers, is_own_table
from zcbench.runs._remembered import COLUMNS, remember
from zcbench.runs._resume import Progress, Step, check_retry, check_workers, left_of
from zcbench.runs._shards import EmptyShardError, Shard, of_shard, parse_shard
from zcbench.runs._track import CURVES, PREDICTORS, SCORES, SEARCHES, Track, track_of
from zcbench.runs.compare_searches import SearchPlan, compared, plan_of, run_searches, scores_first
from zcbench.runs.fit_predictors import TrialPlan, plans_ahead, run_predictors
from zcbench.runs.forecast_curves import CurvePlan, curve_plan, run_curves
from zcbench.runs.score_networks import ScorePlan, collect, run_scores

Result: TypeAlias = Evaluation | SampleEfficiency | SearchComparison | ForecastComparison


@dataclass(frozen=True)
class Outcome:
    """The outcome of a run on one benchmark.

    Attributes:
        benchmark: its name in the track.
        result: the evaluation, the sample efficiency, or the comparison of searches or forecasts; None after an error.
        error: the error that stopped the work; None otherwise.
        failed: whether a score, a trial, a search or a forecast failed or timed out.
    """

    benchmark: str
    result: Result | None
    error: ZcbenchError | None = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True, repr=False)
class Run:
    """A track on a store. It can be sent as JSON or a pickle; its paths are relative to the current folder.

    Attributes:
        track: the plan of the work.
        store: folder of the records.
        imports: Python files that register further proxies, predictors, spaces or benchmarks.
        timeout: largest number of seconds for a part of the work; None for no limit.
        retry: statuses to compute again.
        source: official file or folder that the benchmark's table is read from.
        own: the options of a user-defined table.
        shard: the part to do, such as "3/100", by a hash of the network; None for all.
        missing: use another hash for shards, so that the missing results of one earlier shard are spread over all.
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
        object.__setattr__(self, "store", rules.path("the store", self.store))
        rules.flag("missing", self.missing)
        object.__setattr__(self, "imports", tuple(rules.all_text("imports", self.imports)))
        object.__setattr__(self, "retry", check_retry(self.retry))
        check_timeout(self.timeout)
        if self.sample_manifest is not None:
            if self.track.kind != SCORES:
                raise InvalidInputError(f"a list of architectures applies to proxies, and not to {self.track.kind}.")
            if self.track.limit is not None:
                raise InvalidInputError("a list of architectures and a limit both select what is scored: choose one.")
            if len(self.track.benchmarks) > 1:
                raise InvalidInputError("a list of architectures belongs to one benchmark: say which.")
        self._shard  # noqa: B018 - it raises for an invalid shard

    @property
    def _shard(self) -> Shard | None:
        return None if self.shard is None else parse_shard(self.shard, again=self.missing)

    def __repr__(self) -> str:
        return brief(f"<Run of {self.track!r} on {plain(self.store, 40)}>")

    def to_json(self) -> str:
        """Return the run as one line of JSON."""
        content = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(content | {"track": self.track.fields(), "own": asdict(self.own)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Run:
        """Return the run that :meth:`to_json` wrote.

        Raises:
            InvalidInputError: it is not such a text.
        """
        try:
            content = json.loads(text)
            track, own = track_of(content.pop("track"), "the track of the run"), OwnTable(**content.pop("own"))
            return cls(track=track, own=own, **content)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            if isinstance(error, ZcbenchError):
                raise
            raise InvalidInputError(f"this is not a run as JSON ({type(error).__name__}): {text[:60]}") from None

    def named(self) -> tuple[str, ...]:
        """Return the benchmarks of the track.

        Raises:
            InvalidInputError: there is none, or a source is given for several.
        """
        names = self.track.benchmarks
        if not names:
            what = f"the track {self.track.name}" if self.track.name else "the run"
            raise InvalidInputError(f"{what} has no benchmark: say which, --benchmark digits-201.")
        if self.source is not None and len(names) > 1:
            raise InvalidInputError(f"a source is the table of one benchmark, but the run has {len(names)}.")
        return names

    def prepare(self) -> None:
        """Import the files that register user-defined things."""
        for path in self.imports:
            import_file(path)

    def table(self, name: str) -> Benchmark:
        """Return the table of one of the benchmarks of the track.

        Raises:
            UnknownNameError: there is no such benchmark.
            DataMissingError: its table is not on this machine; the message says how to get it.
        """
        if is_own_table(name):
            return self.own.read(name, self.track)
        if (given := self.own.given()) and not any(map(is_own_table, self.track.benchmarks)):
            raise InvalidInputError(
                f"{', '.join(given)}: these options apply to your own tables, and {name} is a benchmark."
            )
        return get_benchmark(name, self.source)

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
        """Do the missing work on one benchmark, and evaluate the results of the track.

        Args:
            name: one of the benchmarks of the track.
            table: its table, if it is loaded.
            workers: worker processes with one thread each; 0 computes in this process.
            begin: called with the table before the work.
            progress: called at the start and after every score and trial.
            executor: engine that runs the work on other machines; see :func:`resume`.
        """
        table = self.table(name) if table is None else table
        kinds = {PREDICTORS: self._fit, SEARCHES: self._search, CURVES: self._forecast, SCORES: self._score}
        does = kinds[self.track.kind]
        if not is_numbers(table) or self.track.kind != SCORES:
            # Noted before the work, because a killed run leaves records.
            self._remember(name, table, self.track.kind)
        options = {"workers": workers, "progress": progress, "executor": executor}
        return does(name, table, begin or (lambda table: None), options)

    def _remember(self, name: str, table: Benchmark, kind: str, up: Mapping[str, bool] | None = None) -> None:
        """Note in the store how a user-defined table is read."""
        track = self.track.for_benchmark(name)
        remember(Store(self.store), table, kind, track, higher_is_better=up, imports=self.imports)

    @property
    def _common(self) -> dict[str, Any]:
        """Return the arguments of every kind of work."""
        return {"imports": self.imports, "retry": self.retry, "timeout": self.timeout}

    def _fit(
        self, name: str, table: Benchmark, begin: Callable[[Benchmark], object], options: Mapping[str, Any]
    ) -> Outcome:
        """Fit predictors, and summarise their results."""
        begin(table)
        track, transfer_from = self._fitted(name, table)
        store, notes = Store(self.store), list[str]()
        trials = run_predictors(
            track, table, store, transfer_from=transfer_from, shard=self._shard, notes=notes, **self._common, **options
        )
        if not trials and self.shard:
            raise EmptyShardError(f"no trial on {name} belongs to the shard {self.shard}, so there is nothing to do.")
        zero = at_zero(store, table, track.settings(name).target)
        found = sample_efficiency(trials, table, zero, [*notes, *store.notes(table.name, Trial)])
        return Outcome(name, found, failed=any(trial.status.worth_a_retry for trial in trials))

    def _search(
        self, name: str, table: Benchmark, begin: Callable[[Benchmark], object], options: Mapping[str, Any]
    ) -> Outcome:
        """Search the table, and compare the results."""
        begin(table)
        track = self.track.for_benchmark(name)
        traces = run_searches(track, table, Store(self.store), shard=self._shard, **self._common, **options)
        if not traces and self.shard:
            raise EmptyShardError(f"no search on {name} belongs to the shard {self.shard}, so there is nothing to do.")
        failed = any(trace.status.worth_a_retry for trace in traces.values())
        return Outcome(name, compared(traces, table, track), failed=failed)

    def _forecast(
        self, name: str, table: Benchmark, begin: Callable[[Benchmark], object], options: Mapping[str, Any]
    ) -> Outcome:
        """Forecast learning curves, and compare the forecasts with the true curves."""
        begin(table)
        store = Store(self.store)
        plan = run_curves(self.track.for_benchmark(name), table, store, shard=self._shard, **self._common, **options)
        if not plan.trials and self.shard:
            raise EmptyShardError(
                f"no forecast on {name} belongs to the shard {self.shard}, so there is nothing to do."
            )
        notes = [*plan.curves.notes, *store.notes(table.name, CurveTrial)]
        failed = any(trial.status.worth_a_retry for trial in plan.trials)
        return Outcome(name, compare_forecasts(plan.trials, table, notes), failed=failed)

    def _score(
        self, name: str, table: Benchmark, begin: Callable[[Benchmark], object], options: Mapping[str, Any]
    ) -> Outcome:
        """Score networks, or use the columns of a table, and correlate."""
        track, store = self.track.for_benchmark(name), Store(self.store)
        if is_numbers(table):
            columns = matching_columns(table, track.proxies)
            if self.shard or self.sample_manifest or options["executor"]:
                raise InvalidInputError(f"{name} has columns and no networks: it cannot be divided among machines.")
            begin(table)
            if track.ensembles:
                raise InvalidInputError(f"ensembles need networks, and {name} has none: give --space or --factory.")
            target = track.settings(name).target
            found = correlate_columns(table, columns, target=target, lower=self.own.lower)
            try:
                self._remember(name, table, COLUMNS, {entry.proxy: entry.higher_is_better for entry in found.entries})
            except StoreError as error:
                note = f"zcbench leaderboard does not show this table, as it could not be noted in the store: {error}"
                found = replace(found, notes=(*found.notes, note))
            return Outcome(name, found)
        begin(table)
        sample = self.sample(name, table)
        if not sample.architectures and self.shard:
            raise EmptyShardError(
                f"no architecture of {name} belongs to the shard {self.shard}, so there is nothing to do."
            )
        progress = options["progress"]
        run_scores(
            track,
            table,
            store,
            architectures=sample.architectures,
            sample=sample.digest,
            **self._common,
            **{**options, "progress": None if progress is None else _first_with(sample.notes, progress)},
        )
        evaluation = collect(track, table, store, architectures=sample.architectures)
        failures = [failure for entry in evaluation.entries for failure in entry.failures]
        return Outcome(name, evaluation, failed=any(failure.status.worth_a_retry for failure in failures))

    def sample(self, name: str, table: Benchmark | None = None) -> Manifest:
        """Return the architectures to score on a benchmark, or on its shard.

        The digest and the notes come from :attr:`sample_manifest`; both are empty without one.

        Raises:
            InvalidInputError: the list cannot be read, or there are no networks to score.
        """
        table = self.table(name) if table is None else table
        if is_numbers(table):
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
        """Return the plans on a benchmark, with the results that the store lacks; nothing is computed.

        For predictors or scorers, this includes missing features and scores.
        """
        table = self.table(name) if table is None else table
        store, shard, sample = Store(self.store), self.shard or "", ""
        plans: list[ScorePlan | TrialPlan | SearchPlan | CurvePlan]
        if self.track.kind == SEARCHES:
            track = self.track.for_benchmark(name)
            searches = plan_of(track, table, store, self.imports, self._shard)
            scored = scores_first(searches, track)
            plans = [searches]
            if scored is not None:
                plans.insert(0, ScorePlan(scored, table, table.architectures, imports=self.imports))
        elif self.track.kind == CURVES:
            plans = [curve_plan(self.track.for_benchmark(name), table, self.imports, self._shard)]
        elif self.track.kind == PREDICTORS:
            track, transfer_from = self._fitted(name, table)
            plans = [*plans_ahead(track, table, store, transfer_from=transfer_from, shard=self._shard)]
        else:
            chosen = self.sample(name, table)
            sample = chosen.digest
            plans = [ScorePlan(self.track.for_benchmark(name), table, chosen.architectures, imports=self.imports)]
        return [ahead_of(plan, left_of(plan, store, self.retry), shard, sample) for plan in plans]

    def _fitted(self, name: str, table: Benchmark) -> tuple[Track, Benchmark | None]:
        """Return the track of predictors on a benchmark, and the table that they learn from first."""
        track = self.track.for_benchmark(name)
        if table.name.startswith(OWN):
            labels = (fitted_to(label, table) for label in resolve_predictors(track.predictors))
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
        """Do the missing work on all benchmarks of the track, one after the other.

        An error of one of several benchmarks, such as a missing table, is in its outcome. An error of a single
        benchmark is raised.

        Args:
            tables: loaded tables, by name.
            workers: worker processes with one thread each; 0 computes in this process.
            begin: called with each table before the work.
            progress: called at the start and after every score and trial.
            executor: engine that runs the work on other machines; see :func:`resume`.
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


def _first_with(notes: Sequence[str], progress: Progress) -> Progress:
    """Return a progress function whose first step also has these sentences."""
    unsaid = list(notes)

    def report(step: Step) -> None:
        if unsaid:
            step = replace(step, notes=(*unsaid, *step.notes))
            unsaid.clear()
        progress(step)

    return report
