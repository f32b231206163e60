"""Finding, reading and caching a benchmark's table."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._benchmark import Benchmark
from zcbench.datasets._download import Progress, fetch
from zcbench.datasets._info import BenchmarkInfo, benchmark_info
from zcbench.datasets._paths import cache_folder, cached, data_folder, known_cache
from zcbench.datasets._read import explained, refuse_web_pages
from zcbench.datasets._table import Table, check_table, check_unique, load_table, save_table
from zcbench.datasets._values import OddValueError, text_of
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, ZcbenchError, first_line
from zcbench.spaces import get_space
from zcbench.types import Architecture


def get_benchmark(name: str, source: str | os.PathLike[str] | None = None) -> Benchmark:
    """Load a benchmark's table from this machine; nothing is downloaded.

    Args:
        name: name of the benchmark.
        source: the authors' file or folder to read. Default: the table that :func:`download_benchmark` or
            :func:`import_benchmark` stored (``zcbench data get`` or ``import``), else the columns in ``ZCBENCH_DATA``.

    Raises:
        UnknownNameError: there is no such benchmark.
        DataMissingError: its table is not on this machine; the message has the way to get it.
        DataCorruptError: the table is damaged or requests forbidden objects.
    """
    info = benchmark_info(name)
    if source is None:
        return _load(name, os.environ.get("ZCBENCH_DATA", ""), str(known_cache()))
    return make_benchmark(info, read_source(info, [Path(source)]))


def read_source(info: BenchmarkInfo, paths: Sequence[Path]) -> Table:
    """Read the table in the authors' files; its architectures are in the form of the search space."""
    if info.read is None:
        raise InvalidInputError(f"{info.name} is part of zcbench: it has no source.")
    for path in paths:
        if not path.exists():
            raise DataMissingError(f"{path} does not exist: give the authors' file or folder.")
    with explained(paths):
        refuse_web_pages(paths)
        return _checked(info, info.read(paths))


def import_benchmark(name: str, paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Path:
    """Read the authors' files once and keep the table in the cache; return its path.

    Args:
        name: name of the benchmark.
        paths: the authors' files or folders, one or several.

    Raises:
        The exceptions of :func:`get_benchmark`; StoreError if the cache cannot be written.
    """
    info = benchmark_info(name)
    files = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    table = read_source(info, [Path(path) for path in files])
    save_table(table, cache_path(name))
    _load.cache_clear()  # the loaded table differs from the stored one
    return cache_path(name)


def download_benchmark(name: str, progress: Progress | None = None) -> Path:
    """Download the authors' files, read them once and keep the table in the cache; return its path.

    Args:
        name: name of the benchmark.
        progress: called with the number of downloaded bytes and the total.

    Raises:
        DataMissingError: a program cannot download the file (the message has the steps), or no server provides it.
        DataCorruptError: the downloaded file is not the authors'.
        StoreError: it cannot be written.
    """
    info = benchmark_info(name)
    if info.embedded:
        raise InvalidInputError(f"{name} is part of zcbench: there is nothing to get.")
    if not info.remotes:
        raise DataMissingError(
            f"the table of {name} must be fetched by hand: {info.by_hand}. Then run  zcbench data import {name} FILE"
        )
    folder = cache_folder() / "downloads" / name
    return import_benchmark(name, [fetch(remote, folder, progress) for remote in info.remotes])


def cache_path(name: str) -> Path:
    """Return the path of the converted table of a benchmark."""
    return cache_folder() / f"{name}.npz"


@functools.lru_cache(maxsize=8)
def _load(name: str, data: str, cache: str) -> Benchmark:
    # The folders are arguments, so that the cache of this function notices a changed environment.
    info = benchmark_info(name)
    if info.embedded:
        return make_benchmark(info, info.embedded())
    if path := cached(f"{name}.npz"):
        return make_benchmark(info, _cached(info, path))
    if not data or info.convert is None:
        raise DataMissingError(
            f"the table of {name} is not on this machine: {info.how_to_get}, or set ZCBENCH_DATA to a folder that "
            "contains it."
        )
    try:
        folder = data_folder()
        with explained(folder):
            return make_benchmark(info, _checked(info, info.convert(folder)))
    except DataMissingError as error:
        raise DataMissingError(f"the table of {name} is not on this machine: {info.how_to_get} ({error})") from None


def _cached(info: BenchmarkInfo, path: Path) -> Table:
    """Read the table in the cache; only some of its architectures are parsed, because parsing all takes seconds."""
    table = load_table(path)
    space = get_space(info.space)
    text = ""
    try:
        check_unique(table.architectures)
        for text in table.architectures[:: len(table.architectures) // 5000 + 1]:
            space.parse(text)
    except Exception as error:  # the space may be user-defined
        reason = (
            str(error)
            if isinstance(error, OddValueError)
            else f"{shown(text)} is not an architecture of the space {info.space}"
        )
        advice = f"delete it and get the benchmark again:  zcbench data get {info.name}"
        raise DataCorruptError(f"{path} cannot be read ({reason}): {advice}") from error
    return table


def _checked(info: BenchmarkInfo, table: Table) -> Table:
    """Return the table with architectures in the form of the search space, each once; OddValueError if malformed."""
    if not isinstance(table, Table):
        raise OddValueError(f"the reader of {info.name} returned {shown(table)}, not a Table")
    space = get_space(info.space)
    where = table.source or info.name
    keys: list[str] = []
    for row, text in enumerate(table.architectures, 1):
        try:
            keys.append(space.parse(text_of(text, "an architecture")).key)
        except Exception as error:  # the space may be user-defined
            reason = str(error) if isinstance(error, (ZcbenchError, OddValueError)) else first_line(error)
            raise DataCorruptError(f"{where}: row {row}: {reason}") from error
    table.architectures = keys
    _well_formed(table, where)
    for group in (table.values, table.facts, table.curves):
        for name, numbers in group.items():
            if np.isinf(numbers).any():
                row = int(np.argwhere(np.isinf(numbers))[0, 0]) + 1
                raise DataCorruptError(f"{where}: row {row}: {name} is infinite: write nan for a missing value.")
    return table


def _well_formed(table: Table, where: str) -> Table:
    try:
        check_table(table)
        check_unique(table.architectures)
    except Exception as error:  # a user-defined table may contain anything
        reason = str(error) if isinstance(error, OddValueError) else first_line(error)
        raise DataCorruptError(f"{where}: {reason}: get it again.") from error
    return table


def make_benchmark(info: BenchmarkInfo, table: Table) -> Benchmark:
    """Make a benchmark of its declaration and its table.

    Raises:
        DataCorruptError: the table is not well-formed.
    """
    space = get_space(info.space)
    _well_formed(table, table.source or info.name)
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
        tasks=info.tasks,
        undivided=info.undivided,
    )
