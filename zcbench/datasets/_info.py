"""The declaration of a benchmark: its description, the sources of its table, and the reader of each source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zcbench import _arguments as rules
from zcbench._display import brief, many, plain
from zcbench._registry import Registry
from zcbench.datasets._download import Remote
from zcbench.datasets._table import Table
from zcbench.errors import InvalidInputError


@dataclass(frozen=True, repr=False)
class BenchmarkInfo:
    """The description of a benchmark before its table is read, and its readers.

    Attributes:
        name: name of the benchmark.
        space: name of its search space.
        summary: one line.
        rows: number of architectures in the authors' table.
        targets: number of columns of ground truth.
        licence: licence of the table.
        reference: paper or script of the table.
        version: increased whenever the table or its reading changes; results of different versions are never mixed.
        classes: number of outputs of the networks, by data set of the targets.
        batches: by data set, the replacement for a data set without samples in zcbench: names for ``get_batch``.
        embedded: function that reads the table in the package, if there is one.
        read: function that reads the authors' own files or folders.
        convert: function that reads neutral columns in the folder ``ZCBENCH_DATA``.
        remotes: the authors' files, which ``zcbench data get`` downloads and ``read`` accepts.
        by_hand: steps to get a file that a program cannot download.
        tasks: name of the fact that distinguishes tasks, if the table has several.
        undivided: name of the fact whose equal values are never on both sides of a split of learning curves.
        trained: whether the targets are results of training; False if they are measured without it, such as latencies.
    """

    name: str
    space: str
    summary: str
    rows: int
    targets: int
    licence: str
    reference: str
    version: int = 1
    classes: Mapping[str, int] = field(default_factory=dict)
    batches: Mapping[str, str] = field(default_factory=dict)
    embedded: Callable[[], Table] | None = None
    read: Callable[[Sequence[Path]], Table] | None = None
    convert: Callable[[Path], Table] | None = None
    remotes: tuple[Remote, ...] = ()
    by_hand: str = ""
    tasks: str = ""
    undivided: str = ""
    trained: bool = True

    def __repr__(self) -> str:
        counts = f"{many(self.rows, 'architecture')}, {many(self.targets, 'target')}"
        return brief(f"<BenchmarkInfo {plain(f'{self.name}@{self.version}', 60)}: {counts}>")

    @property
    def source(self) -> str:
        """The way to get the table, in a word or two."""
        if self.embedded:
            return "embedded"
        return "data get" if self.remotes else "data import"

    @property
    def how_to_get(self) -> str:
        """One sentence with the way to get the table."""
        if self.remotes:
            return f"run  zcbench data get {self.name}"
        return f"get the authors' file ({self.by_hand}) and run  zcbench data import {self.name} FILE"


def _remotes(what: str, value: object) -> object:
    if not isinstance(value, tuple) or not all(isinstance(one, Remote) for one in value):
        raise InvalidInputError(f"{what} must be a tuple of zcbench.datasets.Remote, not {rules.shown(value)}.")
    return value


_BENCHMARKS: Registry[BenchmarkInfo] = Registry(
    "benchmark",
    package="zcbench.datasets",
    group="zcbench.benchmarks",
    rules={
        "name": rules.text,
        "space": rules.text,
        "summary": rules.text,
        "rows": lambda what, value: rules.whole(what, value, 0, 10**12),
        "targets": lambda what, value: rules.whole(what, value, 1, 10**6),
        "licence": rules.text,
        "reference": rules.text,
        "version": rules.version,
        "classes": rules.mapping(lambda what, value: rules.whole(what, value, 1, 2**31)),
        "batches": rules.mapping(rules.text),
        "embedded": rules.optional(rules.called_with(0)),
        "read": rules.optional(rules.called_with(1)),
        "convert": rules.optional(rules.called_with(1)),
        "remotes": _remotes,
        "by_hand": rules.text,
        "tasks": rules.text,
        "undivided": rules.text,
        "trained": rules.flag,
    },
)


def register_benchmark(*infos: BenchmarkInfo, override: bool = False) -> None:
    """Register benchmarks under their names; all or none.

    Raises:
        InvalidInputError: a name has characters other than lower-case letters, digits, "_", "-" and ".", a declaration
            is out of range, or the table has no reader.
        DuplicateNameError: a name is taken and ``override`` is False.
    """
    for info in infos:
        if not isinstance(info, BenchmarkInfo):
            raise InvalidInputError(f"{rules.shown(info)} is not a BenchmarkInfo: declare the benchmark by one.")
        if not (info.embedded or info.read or info.convert):
            raise InvalidInputError(f"benchmark {info.name!r}: give a reader of its table: embedded, read or convert.")
    _BENCHMARKS.add_all(rules.by_name("benchmark", infos), override=override)


def list_benchmarks(*patterns: str) -> list[str]:
    """List the benchmarks that match any of the shell patterns (all without one), the embedded ones first.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    names = _BENCHMARKS.names(patterns or ("*",))
    return sorted(names, key=lambda name: (_BENCHMARKS.info(name).embedded is None, name))


def benchmark_info(name: str) -> BenchmarkInfo:
    """Return the description of a benchmark before its table is read; UnknownNameError for an unknown name."""
    return _BENCHMARKS.info(name)
