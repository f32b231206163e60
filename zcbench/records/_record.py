"""Results: scores of networks, trials of predictors, traces of searches, trials of curve predictors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zcbench._display import brief, fixed, plain, significant
from zcbench.errors import shortened
from zcbench.types import Score, Status


@dataclass(frozen=True, repr=False)
class Record:
    """One measured score with all that is needed to verify it.

    Attributes:
        benchmark: name and version of the benchmark, "digits-201@1".
        architecture: the architecture's string.
        proxy: label and version of the proxy, "naswot@1" or "naswot:repeats=3@1".
        seed: seed of the run, which determines weights and random numbers together with the architecture.
        batch: provenance of the batch.
        score: the outcome.
        network: string of the network that was measured, if it is an equal network of another architecture.
        higher_is_better: direction that the proxy declares.
        environment: id of the environment, which another line of the store describes.
        code: digest of the code of the proxy and of the networks, if one of them is user-defined; else empty.
        sample: SHA-256 of the list of architectures of the run, if it had one; else empty.
        attempt: number of earlier measurements that a retry discarded.
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
        """The identity of the measurement: two records with the same key are the same measurement."""
        return (self.benchmark, self.architecture, self.proxy, self.seed, self.batch, self.code)


@dataclass(frozen=True, repr=False)
class Trial:
    """One predictor, fitted once and tested once.

    Attributes:
        benchmark: name and version of the benchmark of the test.
        target: its column.
        transfer_from: benchmark and column of the fit ("nasbench101@1/…") if it is another; else empty.
        predictor: label and version, "gp:encoding=onehot@1".
        pool: number of architectures, one of each equivalence class, that were split.
        train_size: number of training networks: of ``transfer_from`` if that is given, else of the benchmark itself.
        tuned_size: number of further training networks, of the benchmark itself.
        seed: determines the split and all random numbers of the predictor.
        status: the outcome.
        metrics: by name; nan where undefined.
        detail: the reason for missing or unusual metrics; one sentence, cut at 500 characters.
        environment: id of the environment, which another line of the store describes.
        data: digests of the tables and of the predictor's features, "0123456789ab-0123456789ab": the training data.
        code: digest of the predictor and its encodings, if one of them is user-defined; else empty.
        attempt: number of earlier trials that a retry discarded.
        device: kind of device of torch's computations; "" without torch.
        device_name: the manufacturer's name of an accelerator.
        memory: maximum of bytes in use on an accelerator meanwhile; nan where it is not counted.
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
        """The identity of the trial: two trials with the same key are the same."""
        return (
            *(self.benchmark, self.target, self.transfer_from, self.predictor, self.data, self.code),
            *(self.pool, self.train_size, self.tuned_size, self.seed),
        )


@dataclass(frozen=True, repr=False)
class SearchTrace:
    """One search on a benchmark's table: its evaluations, in order, and its cost after each of them.

    Attributes:
        benchmark: name and version of the benchmark.
        guide: the objectives, columns separated by commas, "-" before those in which low is good.
        searcher: label and version, "evolution:population=20@1".
        scorers: the scorers, by role, "warm-start=naswot"; empty without any.
        budget: the budget, in words.
        constraints: the bounds, separated by commas; empty without any.
        seed: determines all random numbers.
        status: the outcome.
        metrics: numbers by name: "evaluations", "asks", "scored", "stored" (scores from the store), and the seconds of
            each kind of work.
        rows: rows of the table that were evaluated, in order.
        clock: total seconds at the time of each result; training seconds are the table's.
        epochs: epochs of each evaluation, 0 for all of them; empty if no training was stopped.
        detail: the reason for the end, or for a missing trace; one sentence.
        environment: id of the environment, which another line of the store describes.
        data: digests of the table, and of the scorers with their versions: the data of the search.
        code: digest of the searcher and the scorers, if one of them is user-defined; else empty.
        attempt: number of earlier searches that a retry discarded.
        device, device_name, memory: as in :class:`Trial`.
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
        """The identity of the search: two searches with the same key are the same."""
        return (
            *(self.benchmark, self.guide, self.searcher, self.scorers, self.budget, self.constraints),
            *(self.data, self.code, self.seed),
        )


@dataclass(frozen=True, repr=False)
class CurveTrial:
    """One curve predictor, tested once on the beginnings of the learning curves of one part of a benchmark.

    Attributes:
        benchmark: name and version of the benchmark.
        curve: the metric whose curves are extrapolated.
        curve_predictor: label and version, "lcpfn:prior=paper@1".
        pool: number of different networks (or groups of them) that were divided into parts.
        complete: number of complete curves of other parts for training, if the predictor learns.
        parts: number of parts.
        context: share of a curve that the predictor receives, "0.1".
        seed: number of the part that is tested, from 0; determines all random numbers.
        status: the outcome.
        metrics: by name; nan where undefined.
        detail: the reason why all or some curves have no metrics; one sentence, cut at 500 characters.
        environment: id of the environment, which another line of the store describes.
        data: digest of the curves.
        code: digest of the curve predictor, if it is user-defined; else empty.
        attempt: number of earlier trials that a retry discarded.
        device: kind of device of torch's computations; "" without torch.
        device_name: the manufacturer's name of an accelerator.
        memory: maximum of bytes in use on an accelerator meanwhile; nan where it is not counted.
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
        """The identity of the trial: two trials with the same key are the same."""
        return (
            *(self.benchmark, self.curve, self.curve_predictor, self.data, self.code),
            *(self.pool, self.complete, self.parts, self.context, self.seed),
        )
