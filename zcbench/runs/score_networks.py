"""Score networks with proxies: the plan, its records, and their evaluation."""

from __future__ import annotations

import copy
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from zcbench import _arguments as rules
from zcbench import devices
from zcbench.batches import get_batch
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.ensembles import get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.evaluation import Evaluation, of_known_architectures, of_this_table, summarize
from zcbench.proxies import get_proxy, resolve
from zcbench.records import Record, Records, Store, Writer
from zcbench.runs._resume import Left, Plan, Progress, resume
from zcbench.runs._scoring import NetworkScoring
from zcbench.runs._track import Track
from zcbench.scorers._conditions import Measurement, codes_of
from zcbench.scorers._context import TRAINING_SAMPLES
from zcbench.types import Architecture, ProxyInfo, Score, Status

if TYPE_CHECKING:
    from zcbench.executors import Executor


def run_scores(
    track: Track,
    benchmark: Benchmark,
    store: Store,
    *,
    workers: int = 0,
    imports: Sequence[str] = (),
    retry: Iterable[str] = (),
    timeout: float | None = None,
    progress: Progress | None = None,
    architectures: Sequence[Architecture] | None = None,
    sample: str = "",
    executor: Executor | None = None,
) -> None:
    """Make sure that the store holds every score of the track.

    Args:
        track: the plan; its fields for this benchmark are used.
        benchmark: its table.
        store: the store for new records, which also has the finished ones.
        workers: worker processes with one thread each; 0 computes in this process. Scores do not depend on it.
        imports: Python files that a worker imports for the proxies they register.
        retry: statuses to compute again, any of :data:`zcbench.runs.RETRIES`.
        timeout: largest number of seconds for building a network, and for each score; after it the status is
            "timed-out". Native code in this process cannot be stopped, so with 0 workers one process is used.
        progress: called at the start and after every score.
        architectures: the architectures to score instead of the sample of the track.
        sample: SHA-256 of the list of the architectures; every new record has it.
        executor: engine that runs the work on other machines; see :func:`zcbench.runs.resume`.

    Raises:
        InvalidInputError: the number of workers, the timeout or a status is out of range.
        StoreError: a score cannot be written; all earlier ones are kept.
    """
    plan = ScorePlan(track, benchmark, architectures, imports=imports, sample=sample)
    resume(plan, store, workers=workers, timeout=timeout, retry=retry, progress=progress, executor=executor)


def scorers(track: Track, benchmark: Benchmark) -> list[ProxyInfo]:
    """Return the proxies of a track on a benchmark, with the members of its ensembles.

    Raises:
        UnknownNameError: there is no such proxy or ensemble.
    """
    members = [get_proxy(member) for text in track.ensembles for member in get_ensemble(text).members]
    found = resolve(track.proxies, benchmark.space.domains)
    return list({info.label: info for info in (*found, *members)}.values())


class ScorePlan(Plan[Record]):
    """The plan of measuring networks, and the architectures of each measurement.

    Args:
        track: the plan of the run.
        benchmark: its table.
        architectures: the architectures to score instead of the sample of the track.
        imports: Python files that a worker imports.
        sample: SHA-256 of the list of the architectures.
    """

    what, units = "scores", "architectures"

    def __init__(
        self,
        track: Track,
        benchmark: Benchmark,
        architectures: Sequence[Architecture] | None = None,
        *,
        imports: Sequence[str] = (),
        sample: str = "",
    ) -> None:
        settings = track.settings(benchmark.name)
        self.target = benchmark.target(settings.target)
        samples = benchmark.batch_of(self.target.name)
        infos = scorers(track, benchmark)
        batch = get_batch(samples, settings.batch_size, track.seed)
        trained = any(any(info.trained) for info in infos)
        data = get_batch(samples, None, track.seed)[:TRAINING_SAMPLES] if trained else None
        classes = benchmark.classes[self.target.dataset]
        #: digest of user-defined code of a proxy and of the networks, by label
        self.codes = codes_of(infos, benchmark.space)
        self.work = NetworkScoring(benchmark.space.name, classes, batch, track.seed, tuple(imports), data, self.codes)
        self.benchmark = benchmark.name
        self.proxies = {info.label: info for info in infos}
        self.measurement, self.sample = Measurement(benchmark.identifier, batch.provenance, track.seed), sample
        #: network (canonical string) to its architectures
        self.served: dict[str, list[str]] = {}
        if architectures is None:
            architectures = benchmark.sample(settings.limit, track.seed, self.target.name)
        for architecture in architectures:
            network = benchmark.space.canonical(architecture).key
            self.served.setdefault(network, []).append(architecture.key)
        #: label of a proxy by its name with version, and the digest of its code
        self.versions = {(info.identifier, self.codes[info.label]): info.label for info in infos}
        self._forget()

    def _forget(self) -> None:
        self.total = len(self.served) * len(self.proxies)
        self._known: dict[str, set[str]] = {label: set() for label in self.proxies}  # architectures
        self._measured: dict[tuple[str, str], Record] = {}  # by network and proxy, if other architectures can use it

    @property
    def keys(self) -> list[str]:
        """The networks."""
        return list(self.served)

    def only(self, keys: Iterable[str]) -> Self:
        """Return the plan of some of the networks, without known records."""
        found = copy.copy(self)
        found.served = {key: self.served[key] for key in keys}
        found._forget()
        return found

    def count(self, keys: Iterable[str]) -> int:
        """Return the number of architectures with these networks."""
        return sum(len(self.served[key]) for key in keys)

    def stored(self, store: Store) -> tuple[Iterable[Record], Sequence[str]]:
        """Return records of the plan's batch and proxies, and sentences about excluded ones."""
        records = store.records(self.benchmark)
        return records.where(self.on_batch(records) & self.of_version(records)), records.notes

    def on_batch(self, records: Records) -> NDArray[np.bool_]:
        """Select records of the plan's table, seed and batch, ``(records,)``."""
        return self.measurement.has(records)

    def of_version(self, records: Records) -> NDArray[np.bool_]:
        """Select records of the plan's proxies in their versions, with any code, ``(records,)``."""
        return records.has("proxy", [proxy for proxy, _ in self.versions])

    def disagreeing(self, store: Store) -> Mapping[Any, Sequence[Record]]:
        """Return the keys of records that disagree."""
        return store.disagreeing(self.benchmark)

    def status(self, item: Record) -> Status:
        """Return the status of a score."""
        return item.score.status

    def take(self, item: Record) -> None:
        """Note a score of an architecture, and of all architectures with the same network."""
        label = self.label_of(item.key)
        network = item.network or item.architecture
        if label is None or network not in self.served:
            return
        self._known[label].add(item.architecture)
        if self.served[network] != [item.architecture]:
            self._measured[network, label] = item

    def skip(self, key: Any) -> None:
        """Note an architecture whose scores disagree."""
        if (label := self.label_of(key)) is not None:
            self._known[label].add(key[1])

    def label_of(self, key: Any) -> str | None:
        """Return the label of the proxy whose record has that key; None for a record of another plan."""
        proxy = self.measurement.proxy_of(key)
        return None if proxy is None else self.versions.get(proxy)

    def left(self) -> Left[Record]:
        """Return networks with their missing proxies; scores of an equivalent network need no work."""
        left = Left[Record]()
        equals: list[tuple[str, ProxyInfo, str]] = []
        for network, keys in self.served.items():
            missing: list[str] = []
            for label, known in self._known.items():
                lacking = [key for key in keys if key not in known]
                if lacking and (network, label) in self._measured:
                    equals += [(network, self.proxies[label], key) for key in lacking]
                elif lacking:
                    missing.append(label)
            if missing:
                left.tasks.append((network, tuple(missing)))
        left.at_once = (
            self._record(key, network, info, found.score, found.environment)
            for network, info, key in equals
            for found in [self._measured[network, info.label]]
        )
        return left

    def items(self, key: str, part: str, result: Score, environment: str) -> Iterator[Record]:
        """Return records of all architectures of a network that have no record."""
        known = self._known[part]
        for architecture in self.served[key]:
            if architecture not in known:
                yield self._record(architecture, key, self.proxies[part], result, environment)

    def write(self, writer: Writer, item: Record) -> None:
        """Append a record."""
        writer.record(item)

    def _record(self, key: str, network: str, info: ProxyInfo, score: Score, environment: str) -> Record:
        code = self.codes[info.label]
        return self.measurement.record(key, network, info, code, score, environment, self.sample)


def collect(
    track: Track, benchmark: Benchmark, store: Store, *, architectures: Sequence[Architecture] | None = None
) -> Evaluation:
    """Evaluate exactly the results that a track requests, from a store that may have more.

    Args:
        track: the track; its fields for this benchmark are used.
        benchmark: its table.
        store: the stored records.
        architectures: the scored architectures, instead of the sample of the track.
    """
    plan = ScorePlan(track, benchmark, architectures)
    stored = store.records(benchmark.name)
    found, notes = of_this_table(stored, benchmark)
    found, unknown = of_known_architectures(found, benchmark)
    sampled = [key for keys in plan.served.values() for key in keys]
    asked = found.where(plan.on_batch(found) & found.has("architecture", sampled))
    pairs = zip(asked.column("proxy"), asked.column("code"), strict=True)
    kept, same = np.array([pair in plan.versions for pair in pairs], bool), plan.of_version(asked)
    notes = [*stored.notes, *notes, *unknown]
    named = [name for name in asked.distinct("proxy") if name.rpartition("@")[0] in plan.proxies]
    if old := int((asked.has("proxy", named) & ~same).sum()):
        notes.append(f"{old:,} scores of other versions of these proxies were excluded.")
    if other := int((same & ~kept).sum()):
        notes.append(f"{other:,} scores by other code of these proxies or networks were excluded.")
    return summarize(asked.where(kept), benchmark, plan.target.name, ensembles=track.ensembles, notes=notes)


@devices.on_device
def evaluate(
    benchmark: str | Benchmark,
    proxies: Iterable[str] | None = None,
    *,
    target: str | None = None,
    limit: int | None = 100,
    seed: int = 0,
    batch_size: int = 64,
    workers: int = 0,
    timeout: float | None = None,
    store: str | os.PathLike[str] | None = None,
    ensembles: Iterable[str] = (),
    device: str | None = None,
) -> Evaluation:
    """Score a sample of the networks of a benchmark, and correlate the scores with the results of training.

    Args:
        benchmark: name of a benchmark, or a loaded one.
        proxies: names, shell patterns or "all"; default "standard".
        target: column of the benchmark; default its default target.
        limit: number of random architectures; None for all.
        seed: determines the sample, the batch and the initial weights.
        batch_size: samples in the batch.
        workers: worker processes; 0 computes in this process (with workers, call from under
            ``if __name__ == "__main__":``).
        timeout: largest number of seconds for building a network, and for each score; after it the status is
            "timed-out". It needs a worker process, also with 0 workers.
        store: folder for the records; a second call with the same folder continues the first. Default: a temporary
            folder.
        ensembles: combinations such as "mean_rank(naswot+synflow)"; their members are scored too.
        device: device of the networks; see :func:`zcbench.run`.

    Returns:
        An :class:`Evaluation`: per proxy tau-b and rho with 95 % confidence intervals, failures, seconds.

    Raises:
        UnknownNameError: there is no such benchmark, proxy, target or ensemble.
        InvalidInputError: an argument is out of range.

    Example:
        >>> import zcbench
        >>> result = zcbench.evaluate("digits-201", ["params", "num_layers"], limit=20)
        >>> [entry.n for entry in result.entries]
        [20, 20]
    """
    del device  # set by the decorator
    table = benchmark if isinstance(benchmark, Benchmark) else get_benchmark(benchmark)
    if not isinstance(store, (str, os.PathLike, type(None))):
        raise InvalidInputError(f"the store {rules.shown(store)}: give the path of a folder.")
    track = Track(
        benchmarks=(table.name,),
        target=target,
        limit=limit,
        seed=seed,
        batch_size=batch_size,
        proxies=None if proxies is None else tuple(rules.all_text("proxies", proxies)),
        ensembles=tuple(rules.all_text("ensembles", ensembles)),
    )
    with tempfile.TemporaryDirectory() as temporary:
        place = Store(store if store is not None else temporary)
        run_scores(track, table, place, workers=workers, timeout=timeout)
        return collect(track, table, place)
