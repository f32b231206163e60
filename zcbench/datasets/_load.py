"""How a benchmark's table is found, read and kept."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._download import Progress, fetch
from zcbench.datasets._info import BenchmarkInfo, benchmark_info
from zcbench.datasets._paths import cache_folder, cached, data_folder, known_cache
from zcbench.datasets._table import Table, load_table, save_table
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, ZcbenchError
from zcbench.spaces import get_space
from zcbench.types import Architecture


def load_benchmark(name: str, source: str | os.PathLike[str] | None = None) -> Benchmark:
    """Load a benchmark's table.

    Args:
        name: name of the benchmark.
        source: the authors' file or folder to read. Default: what ``zcbench data get`` or ``import`` stored, else the
            columns in ``ZCBENCH_DATA``.

    Raises:
        UnknownNameError: there is no such benchmark.
        DataMissingError: its table is not on this machine; the message says how to get it.
        DataCorruptError: the table is damaged or asks for forbidden objects.
    """
    info = benchmark_info(name)
    if source is None:
        return _load(name, os.environ.get("ZCBENCH_DATA", ""), str(known_cache()))
    return make_benchmark(info, read_source(info, [Path(source)]))


def read_source(info: BenchmarkInfo, paths: Sequence[Path]) -> Table:
    """The table in the authors' files; its architectures as the search space writes them."""
    if info.read is None:
        raise InvalidInputError(f"{info.name} comes with zcbench: it takes no source.")
    for path in paths:
        if not path.exists():
            raise DataMissingError(f"{path} does not exist: give the authors' file or folder.")
    return _checked(info, info.read(paths))


def import_benchmark(name: str, paths: Sequence[str | os.PathLike[str]]) -> Path:
    """Read the authors' files once and keep the table in the cache; returns where.

    Raises:
        As :func:`load_benchmark`; StoreError if the cache cannot be written.
    """
    info = benchmark_info(name)
    table = read_source(info, [Path(path) for path in paths])
    save_table(table, cache_path(name))
    _load.cache_clear()  # what was loaded before is no longer what is stored
    return cache_path(name)


def get_benchmark(name: str, progress: Progress | None = None) -> Path:
    """Download the authors' files, read them once and keep the table in the cache; returns where.

    Raises:
        DataMissingError: no program can download the file (the message says what to do), or no place gives it.
        DataCorruptError: what came is not the authors' file.
        StoreError: it cannot be written.
    """
    info = benchmark_info(name)
    if info.embedded:
        raise InvalidInputError(f"{name} comes with zcbench: there is nothing to get.")
    if not info.remotes:
        raise DataMissingError(
            f"the table of {name} must be fetched by hand: {info.by_hand}. Then run  zcbench data import {name} FILE"
        )
    folder = cache_folder() / "downloads" / name
    return import_benchmark(name, [fetch(remote, folder, progress) for remote in info.remotes])


def cache_path(name: str) -> Path:
    """Where the converted table of a benchmark is kept."""
    return cache_folder() / f"{name}.npz"


@functools.lru_cache(maxsize=8)
def _load(name: str, data: str, cache: str) -> Benchmark:
    # The folders are arguments so that a changed environment is not answered from memory.
    info = benchmark_info(name)
    if info.embedded:
        return make_benchmark(info, info.embedded())
    if path := cached(f"{name}.npz"):
        return make_benchmark(info, load_table(path))
    if not data or info.convert is None:
        raise DataMissingError(
            f"the table of {name} is not on this machine: {info.how_to_get}, or set ZCBENCH_DATA to a folder that holds"
            " it."
        )
    try:
        return make_benchmark(info, _checked(info, info.convert(data_folder())))
    except DataMissingError as error:
        raise DataMissingError(f"the table of {name} is not on this machine: {info.how_to_get} ({error})") from None


def _checked(info: BenchmarkInfo, table: Table) -> Table:
    """The table with architectures as the search space writes them, each once."""
    space = get_space(info.space)
    try:
        keys = [space.parse(text).key for text in table.architectures]
    except ZcbenchError as error:
        raise DataCorruptError(f"{table.source}: {error}") from None
    if not keys:
        raise DataCorruptError(f"{table.source} holds no architectures: get it again.")
    if len(set(keys)) < len(keys):
        twice = next(key for i, key in enumerate(keys) if key in keys[:i])
        raise DataCorruptError(f"{table.source} has the architecture {twice} twice.")
    table.architectures = keys
    return table


def make_benchmark(info: BenchmarkInfo, table: Table) -> Benchmark:
    """A benchmark of what is declared of it and its table."""
    space = get_space(info.space)
    n = len(table.architectures)
    sized = [*table.values.values(), *table.facts.values()]
    if any(len(column) != n for column in sized) or {t.name for t in table.targets} != set(table.values):
        raise DataCorruptError(f"{table.source} has columns of different lengths: get it again.")
    return Benchmark(
        name=info.name,
        version=info.version,
        space=space,
        architectures=tuple(Architecture(space.name, text) for text in table.architectures),
        targets={target.name: target for target in table.targets},
        values=table.values,
        default_target=table.targets[0].name,
        classes=info.classes,
        batches=info.batches,
        seeds=table.seeds,
        curves=table.curves,
        facts=table.facts,
        source=table.source,
    )
