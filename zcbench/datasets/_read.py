"""Read files of common formats; whatever is wrong with them becomes one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, ZcbenchError, first_line


def read_parquet(path: Path, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
    """Columns of a parquet file by name.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or lacks one of the columns.
    """
    if not path.is_file():
        raise DataMissingError(f"no table at {path}.")
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", f"reading {path.name}") from None
    with explained(path):
        table = pq.ParquetFile(path).read()
        names = list(table.column_names if columns is None else columns)
        missing = [name for name in names if name not in table.column_names]
        if missing:
            raise DataCorruptError(f"{path} lacks the column {missing[0]!r}: copy it again.")
        return {name: table.column(name).to_pylist() for name in names}


def as_records(frame: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Rows of columns, each by the columns' names."""
    return [dict(zip(frame, row, strict=True)) for row in zip(*frame.values(), strict=True)]


def read_json(path: Path) -> Any:
    """Content of a JSON file.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged.
    """
    with explained(path):
        return json.loads(path.read_bytes())


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn what a damaged file makes its reader raise into one sentence."""
    try:
        yield
    except ZcbenchError:
        raise
    except FileNotFoundError:
        raise DataMissingError(f"{path} does not exist.") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        if path.is_file() and _holds_web_page(path):
            raise DataCorruptError(f"{path} is a web page, not a table: download the file itself.") from None
        raise DataCorruptError(
            f"{path} cannot be read ({first_line(error)}): get it again, or check that it is the authors' file."
        ) from None


def _holds_web_page(path: Path) -> bool:
    with path.open("rb") as file:
        return is_web_page(file.read(512))


def is_web_page(start: bytes) -> bool:
    """Whether a file that begins so is a web page: drives and proxies give one where a file should be."""
    return start.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html"))


def single(reader: Callable[[Path], Table]) -> Callable[[Sequence[Path]], Table]:
    """A reader of one file as a reader of a list of files; DataCorruptError for any other number."""

    def read(paths: Sequence[Path]) -> Table:
        if len(paths) != 1:
            raise DataCorruptError(f"{len(paths)} files were given: this benchmark is read from one.")
        return reader(paths[0])

    return read
