"""What a benchmark's file declares: what it is, where its table comes from, and how each source is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zcbench._registry import Registry
from zcbench.datasets._download import Remote
from zcbench.datasets._table import Table


@dataclass(frozen=True)
class BenchmarkInfo:
    """What can be said of a benchmark before its table is read, and how it is read.

    Attributes:
        name: name of the benchmark.
        space: name of its search space.
        summary: one line.
        rows: number of architectures in the authors' table.
        targets: number of columns of ground truth.
        licence: of the table.
        reference: paper or script that made it.
        version: raised whenever the table or its reading changes; results of different versions never mix.
        classes: outputs of the networks, by data set of the targets.
        batches: what stands in for a data set that zcbench has no samples of, by data set: names for ``load_batch``.
        embedded: reads the table that comes with zcbench, for one that does.
        read: reads the authors' own files or folders.
        convert: reads neutral columns in the folder ``ZCBENCH_DATA``.
        remotes: the authors' files, as ``zcbench data get`` downloads them and ``read`` takes them.
        by_hand: how to get a file that no program can download, step by step.
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

    @property
    def source(self) -> str:
        """How the table comes to this machine, in a word or two."""
        if self.embedded:
            return "embedded"
        return "data get" if self.remotes else "data import"

    @property
    def how_to_get(self) -> str:
        """One sentence on how to bring the table to this machine."""
        if self.remotes:
            return f"run  zcbench data get {self.name}"
        return f"get the authors' file ({self.by_hand}) and run  zcbench data import {self.name} FILE"


_BENCHMARKS: Registry[BenchmarkInfo] = Registry("benchmark", package="zcbench.datasets", group="zcbench.benchmarks")


def register_benchmark(*infos: BenchmarkInfo, override: bool = False) -> None:
    """Register benchmarks under their names.

    Raises:
        InvalidInputError: a name has other characters than lower-case letters, digits, "_", "-" and ".".
        DuplicateNameError: a name is taken and ``override`` is False.
    """
    for info in infos:
        _BENCHMARKS.add(info.name, info, override=override)


def list_benchmarks() -> list[str]:
    """Names of the benchmarks, the embedded ones first."""
    return sorted(_BENCHMARKS.names(), key=lambda name: (_BENCHMARKS.get(name).embedded is None, name))


def benchmark_info(name: str) -> BenchmarkInfo:
    """What can be said of a benchmark before its table is read; UnknownNameError if there is none."""
    return _BENCHMARKS.get(name)
