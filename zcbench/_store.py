"""Where records live: one append-only file of JSON lines per benchmark, written the moment a score exists.

A line is a record or the description of an environment that records refer to. A process that dies loses at most
the line it was writing; the next reader ignores a line without its end and the next writer removes it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from zcbench.errors import DataCorruptError, StoreError
from zcbench.types import Record, Score, Status, Trial

SCHEMA = 1
_TYPES: dict[str, type | tuple[type, ...]] = {
    "benchmark": str,
    "architecture": str,
    "proxy": str,
    "seed": int,
    "batch": str,
    "status": str,
    "seconds": (int, float),
    "detail": str,
    "network": str,
    "higher_is_better": bool,
    "environment": str,
}
_IDENTIFIER = re.compile(r".+@[0-9]+")


class _Keyed(Protocol):
    @property
    def key(self) -> Any: ...


T = TypeVar("T", bound=_Keyed)


class _Lines:
    """A folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    #: the field that tells a line apart from the description of an environment
    mark = ""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def path(self, benchmark: str) -> Path:
        """The file of a benchmark (its name without version)."""
        return self.folder / f"{benchmark}.jsonl"

    def benchmarks(self) -> list[str]:
        """Names of the benchmarks that have lines, sorted."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl") if path.stat().st_size)

    def environments(self, benchmark: str) -> dict[str, dict[str, Any]]:
        """Descriptions of the environments that the lines refer to, by id."""
        return {line["environment"]: line for _, line in self._lines(benchmark) if self.mark not in line}

    def _read(self, benchmark: str, parse: Callable[[dict[str, Any]], T]) -> list[T]:
        """All lines of a benchmark; of two with one key, the later."""
        found: dict[object, T] = {}
        for number, line in self._lines(benchmark):
            if self.mark in line:
                try:
                    item = parse(line)
                except (KeyError, ValueError, TypeError):
                    raise _malformed(self.path(benchmark), number) from None
                found[item.key] = item
        return list(found.values())

    def _lines(self, benchmark: str) -> Iterator[tuple[int, dict[str, Any]]]:
        path = self.path(benchmark)
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if not text.endswith(b"\n"):
                    return  # cut short by a kill
                try:
                    line = json.loads(text)
                    newer = line["schema"] > SCHEMA
                    hash(line["environment"])
                except (ValueError, KeyError, TypeError):
                    raise _malformed(path, number) from None
                if newer:
                    raise DataCorruptError(
                        f"{path} was written by a newer zcbench (schema {line['schema']}): upgrade zcbench."
                    )
                yield number, line

    @contextmanager
    def writer(self, benchmark: str) -> Iterator[Writer]:
        """Open a benchmark's file for appending; one process at a time.

        Raises:
            StoreError: the file cannot be written, or another run holds it.
        """
        from filelock import FileLock, Timeout

        path = self.path(benchmark)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path.with_suffix(".lock"), timeout=0)
            lock.acquire()
        except Timeout:
            raise StoreError(
                f"another run is writing to {path}: wait for it, or choose another folder with --store."
            ) from None
        except OSError as error:
            raise StoreError(
                f"cannot write to {self.folder}: {error.strerror or error}. Choose another folder with --store."
            ) from None
        try:
            try:
                _drop_partial_line(path)
                file = path.open("ab", buffering=0)
            except OSError as error:
                raise StoreError(
                    f"cannot write to {path}: {error.strerror or error}. Choose another folder with --store."
                ) from None
            with file:
                yield Writer(file, path)
        finally:
            lock.release()


class Store(_Lines):
    """Records of proxies: a folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    mark = "proxy"

    def records(self, benchmark: str) -> list[Record]:
        """All records of a benchmark; of two with one key, the later.

        Raises:
            DataCorruptError: a complete line is not a record.
        """
        return self._read(benchmark, _from_line)

    @property
    def trials(self) -> TrialStore:
        """Where the trials of predictors live: the folder ``predictors`` in this one."""
        return TrialStore(self.folder / "predictors")


class TrialStore(_Lines):
    """Trials of predictors: a folder of ``<benchmark>.jsonl`` files.

    Args:
        folder: created at the first write.
    """

    mark = "predictor"

    def trials(self, benchmark: str) -> list[Trial]:
        """All trials on a benchmark; of two with one key, the later.

        Raises:
            DataCorruptError: a complete line is not a trial.
        """
        return self._read(benchmark, _trial)


class Writer:
    """Appends lines; each is one write, so it is there whole or not at all."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self._file = file
        self._path = path

    def record(self, record: Record) -> None:
        """Append a record."""
        score = record.score
        self._write(
            {
                "schema": SCHEMA,
                "benchmark": record.benchmark,
                "architecture": record.architecture,
                "proxy": record.proxy,
                "seed": record.seed,
                "batch": record.batch,
                "value": score.value,
                "status": str(score.status),
                "seconds": round(score.seconds, 6),
                "detail": score.detail,
                "network": record.network,
                "higher_is_better": record.higher_is_better,
                "environment": record.environment,
                **({"repeats": score.repeats, "spread": _number(score.spread)} if score.repeats > 1 else {}),
            }
        )

    def trial(self, trial: Trial) -> None:
        """Append a trial."""
        line = dataclasses.asdict(trial)
        line["metrics"] = {name: _number(value) for name, value in trial.metrics.items()}
        self._write({"schema": SCHEMA, **line, "status": str(trial.status)})

    def environment(self, identifier: str, description: dict[str, Any]) -> None:
        """Append the description of an environment."""
        self._write({"schema": SCHEMA, "environment": identifier, **description})

    def _write(self, line: dict[str, Any]) -> None:
        # A reason may quote bytes that are no text; as a backslash escape they are valid JSON.
        text = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace") + b"\n"
        position = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(text) != len(text):
                raise OSError(28, "No space left on device")
        except OSError as error:
            with suppress(OSError):  # take a half-written line back, so that what follows it stays readable
                os.ftruncate(self._file.fileno(), position)
            raise StoreError(
                f"cannot write to {self._path}: {error.strerror or error}. Everything scored so far is kept; "
                "make room and run the same command again to go on."
            ) from None


def _from_line(line: dict[str, Any]) -> Record:
    for name, kind in _TYPES.items():
        if not isinstance(line[name], kind):
            raise TypeError(name)
    if not (_IDENTIFIER.fullmatch(line["proxy"]) and _IDENTIFIER.fullmatch(line["benchmark"])):
        raise ValueError("an identifier has no version")
    return Record(
        line["benchmark"],
        line["architecture"],
        line["proxy"],
        line["seed"],
        line["batch"],
        Score(
            line["value"],
            Status(line["status"]),
            float(line["seconds"]),
            line["detail"],
            int(line.get("repeats", 1)),
            math.nan if line.get("spread") is None else float(line["spread"]),
        ),
        line["network"],
        line["higher_is_better"],
        line["environment"],
    )


def _trial(line: dict[str, Any]) -> Trial:
    fields = {field.name: line[field.name] for field in dataclasses.fields(Trial)}
    numbers = {name: math.nan if value is None else float(value) for name, value in line["metrics"].items()}
    for name in ("pool", "train_size", "tuned_size", "seed"):
        if not isinstance(fields[name], int):
            raise TypeError(name)
    if not all(_IDENTIFIER.fullmatch(fields[name]) for name in ("predictor", "benchmark")):
        raise ValueError("an identifier has no version")
    return Trial(**{**fields, "status": Status(line["status"]), "metrics": numbers})


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _malformed(path: Path, number: int) -> DataCorruptError:
    return DataCorruptError(f"{path}, line {number} is not a record: delete that line, the rest of the file is kept.")


def _drop_partial_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep = size
        while keep > 0:
            start = max(0, keep - 65536)
            file.seek(start)
            block = file.read(keep - start)
            if (end := block.rfind(b"\n")) >= 0:
                keep = start + end + 1
                break
            keep = start
        if keep != size:
            file.truncate(keep)
