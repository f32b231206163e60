"""What is measured: scores of networks, trials of predictors, traces of searches, trials of curve predictors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zcbench._display import brief, fixed, plain, significant
from zcbench.errors import shortened
from zcbench.types import Score, Status


@dataclass(frozen=True, repr=False)
class Record:
    """One measured score with everything needed to believe it.

    Attributes:
        benchmark: name and version of the benchmark, "digits-201@1".
        architecture: the architecture's string.
        proxy: label and version of the proxy, "naswot@1" or "naswot:repeats=3@1".
        seed: seed of the run; weights and random numbers follow from it and the architecture.
        batch: provenance of the batch.
        score: the outcome.
        network: string of the network that was measured, if an equal one stood in for the architecture.
        higher_is_better: direction that the proxy declares.
        environment: id of the environment line that the store keeps beside it.
        code: digest of what the proxy computes and of the networks, where a stranger wrote either; else empty.
        sample: SHA-256 of the list of architectures that the run was given; else empty.
        attempt: number of measurements before this one that a retry gave up.
    """

    benchmark: str
    architecture: str
    proxy: str
    seed: int
    batch: str
    score: Score
    network: str = ""
    higher_is_better: bool = True
    environment: str = ""
    code: str = ""
    sample: str = ""
    attempt: int = 0

    def __repr__(self) -> str:
        found = self.score.status if self.score.value is None else significant(self.score.value)
        return brief(f"<Record of {plain(self.proxy, 40)} on {plain(self.architecture, 50)}: {found}>")

    @property
    def key(self) -> tuple[str, str, str, int, str, str]:
        """What identifies the measurement: two records with one key are the same measurement."""
        return (self.benchmark, self.architecture, self.proxy, self.seed, self.batch, self.code)


@dataclass(frozen=True, repr=False)
class Trial:
    """One predictor, fitted once and tested once.

    Attributes:
        benchmark: name and version of the benchmark it was tested on.
        target: its column.
        transfer_from: benchmark and column it was fitted on ("nasbench101@1/…") if that is another; else empty.
        predictor: label and version, "gp:encoding=onehot@1".
        pool: number of architectures, one of each equivalence class, that were split.
        train_size: networks that it was fitted on: of ``transfer_from`` if that is given, else of the benchmark itself.
        tuned_size: networks of the benchmark that it saw after those.
        seed: decides the split and everything random in the predictor.
        status: what became of it.
        metrics: by name; nan where undefined.
        detail: why there are no metrics, or what is odd about them; one sentence, cut at 500 characters.
        environment: id of the environment line that the store keeps beside it.
        data: digests of the tables and of the predictor's features, "0123456789ab-0123456789ab": what was learned from.
        code: digest of the predictor and its encodings, where a stranger wrote either; else empty.
        attempt: number of trials before this one that a retry gave up.
        device: kind of device that torch's work was done on; "" where there was none.
        device_name: what an accelerator is called by who made it.
        memory: most bytes in use on an accelerator meanwhile; nan where nobody counts.
    """

    benchmark: str
    target: str
    transfer_from: str
    predictor: str
    pool: int
    train_size: int
    tuned_size: int
    seed: int
    status: Status
    metrics: Mapping[str, float]
    detail: str = ""
    environment: str = ""
    data: str = ""
    code: str = ""
    attempt: int = 0
    device: str = ""
    device_name: str = ""
    memory: float = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", shortened(self.detail))
        if math.isnan(self.memory):  # one object for nan, as equality goes by identity first
            object.__setattr__(self, "memory", math.nan)

    def __repr__(self) -> str:
        found = f"tau {fixed(self.metrics['tau'])}" if "tau" in self.metrics else str(self.status)
        size = f"{self.train_size}+{self.tuned_size}" if self.transfer_from else f"{self.train_size}"
        return brief(f"<Trial of {plain(self.predictor, 60)} at {size} networks, seed {self.seed}: {found}>")

    @property
    def label(self) -> str:
        """Label of the predictor, without its version."""
        return self.predictor.rpartition("@")[0]

    @property
    def version(self) -> int:
        """Version of the predictor."""
        return int(self.predictor.rpartition("@")[2])

    @property
    def key(self) -> tuple[str, str, str, str, str, str, int, int, int, int]:
        """What identifies the trial: two with one key are the same."""
        return (
            *(self.benchmark, self.target, self.transfer_from, self.predictor, self.data, self.code),
            *(self.pool, self.train_size, self.tuned_size, self.seed),
        )


@dataclass(frozen=True, repr=False)
class SearchTrace:
    """One search on a benchmark's table: what it evaluated, in order, and what it had spent by then.

    Attributes:
        benchmark: name and version of the benchmark.
        guide: what was searched for, columns separated by commas, "-" before those in which low is good.
        searcher: label and version, "evolution:population=20@1".
        scorers: what helped, by role, "warm-start=naswot"; empty without any.
        budget: what could be spent, in words.
        constraints: bounds that held, separated by commas; empty without any.
        seed: decides everything random.
        status: what became of it.
        metrics: numbers by name: "evaluations", "asks", "scored", "stored" (scores that came from the store), and what
            went to what in seconds.
        rows: rows of the table that were evaluated, in order.
        clock: seconds spent in all when each answer was there; training seconds are the table's.
        epochs: epochs of each evaluation, 0 for all of them; empty if no training was stopped.
        detail: why it ended, or why there is no trace; one sentence.
        environment: id of the environment line that the store keeps beside it.
        data: digests of the table, and of the scorers with their versions: what was searched, and seen.
        code: digest of the searcher and the scorers, where a stranger wrote either; else empty.
        attempt: number of searches before this one that a retry gave up.
        device, device_name, memory: as of a :class:`Trial`.
    """

    benchmark: str
    guide: str
    searcher: str
    scorers: str
    budget: str
    constraints: str
    seed: int
    status: Status
    metrics: Mapping[str, float]
    rows: tuple[int, ...] = ()
    clock: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    detail: str = ""
    environment: str = ""
    data: str = ""
    code: str = ""
    attempt: int = 0
    device: str = ""
    device_name: str = ""
    memory: float = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", shortened(self.detail))
        if math.isnan(self.memory):  # one object for nan, as equality goes by identity first
            object.__setattr__(self, "memory", math.nan)

    def __repr__(self) -> str:
        found = f"{len(self.rows):,} evaluations" if self.rows else str(self.status)
        return brief(f"<SearchTrace of {plain(self.label, 60)}, seed {self.seed}: {found}>")

    @property
    def label(self) -> str:
        """Searcher, without its version, and scorers: "evolution, warm-start=naswot"."""
        searcher = self.searcher.rpartition("@")[0]
        return f"{searcher}, {self.scorers}" if self.scorers else searcher

    @property
    def key(self) -> tuple[str, str, str, str, str, str, str, str, int]:
        """What identifies the search: two with one key are the same."""
        return (
            *(self.benchmark, self.guide, self.searcher, self.scorers, self.budget, self.constraints),
            *(self.data, self.code, self.seed),
        )


@dataclass(frozen=True, repr=False)
class CurveTrial:
    """One curve predictor, shown the beginnings of the learning curves of one part of a benchmark, and tested once.

    Attributes:
        benchmark: name and version of the benchmark.
        curve: the metric whose curves are extrapolated.
        curve_predictor: label and version, "lcpfn:prior=paper@1".
        pool: number of different networks (or groups of them) that were dealt into parts.
        complete: complete curves of other parts that it may learn from, where it learns.
        parts: into how many parts the networks were dealt.
        context: share of a curve that it sees, "0.1".
        seed: number of the part that is tested, from 0; decides everything random.
        status: what became of it.
        metrics: by name; nan where undefined.
        detail: why there are no metrics, or why some curves have none; one sentence, cut at 500 characters.
        environment: id of the environment line that the store keeps beside it.
        data: digest of the curves.
        code: digest of the curve predictor, where a stranger wrote it; else empty.
        attempt: number of trials before this one that a retry gave up.
        device: kind of device that torch's work was done on; "" where there was none.
        device_name: what an accelerator is called by who made it.
        memory: most bytes in use on an accelerator meanwhile; nan where nobody counts.
    """

    benchmark: str
    curve: str
    curve_predictor: str
    pool: int
    complete: int
    parts: int
    context: str
    seed: int
    status: Status
    metrics: Mapping[str, float]
    detail: str = ""
    environment: str = ""
    data: str = ""
    code: str = ""
    attempt: int = 0
    device: str = ""
    device_name: str = ""
    memory: float = math.nan

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", shortened(self.detail))
        if math.isnan(self.memory):  # one object for nan, as equality goes by identity first
            object.__setattr__(self, "memory", math.nan)

    def __repr__(self) -> str:
        known = "log_density" in self.metrics
        found = f"log-density {fixed(self.metrics['log_density'])}" if known else str(self.status)
        return brief(f"<CurveTrial of {plain(self.label, 60)} at {self.context}, part {self.seed}: {found}>")

    @property
    def label(self) -> str:
        """Label of the curve predictor, without its version."""
        return self.curve_predictor.rpartition("@")[0]

    @property
    def key(self) -> tuple[str, str, str, str, str, int, int, int, str, int]:
        """What identifies the trial: two with one key are the same."""
        return (
            *(self.benchmark, self.curve, self.curve_predictor, self.data, self.code),
            *(self.pool, self.complete, self.parts, self.context, self.seed),
        )
