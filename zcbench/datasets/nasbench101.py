"""NAS-Bench-101: accuracies of 423,624 cells on CIFAR-10, three trainings for each of four numbers of epochs.

Source: C. Ying et al., ICML 2019, arXiv:1902.09635. The official file is a TFRecord of JSON rows whose metrics are
protocol buffers (``model_metrics.proto`` of the authors' repository); both formats are simple enough to be read here.
"""

from __future__ import annotations

import base64
import functools
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from zcbench._arguments import shown
from zcbench.datasets._download import Remote
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import explained, opened, read_parquet, single
from zcbench.datasets._table import Table, columns
from zcbench.datasets._values import OddValueError, column, integer, list_of, number, text_of
from zcbench.errors import DataCorruptError
from zcbench.spaces.nasbench101 import OPERATIONS
from zcbench.types import Target

EPOCHS = (108, 36, 12, 4)
REPEATS = 3
#: maximum bytes of a record; rows have about a thousand
LONGEST = 1 << 20


def target(split: str, epochs: int) -> Target:
    """Describe a column."""
    return Target(
        f"{split}_accuracy_{epochs}ep", "cifar10", True, f"{split} accuracy on CIFAR-10 after {epochs} epochs, fraction"
    )


def convert(folder: Path) -> Table:
    """Read the columns in ``ZCBENCH_DATA``: one of the three trainings of 20,001 cells, only validation accuracy."""
    path = folder / "nasbench101" / "nb101_sample_20001.parquet"
    names = [f"val_acc_{epochs}ep" for epochs in EPOCHS]
    frame = read_parquet(path, ["adj_upper", "ops", "trainable_parameters", "final_training_time", *names])
    targets = tuple(target("valid", epochs) for epochs in EPOCHS)
    with explained(path):
        return Table(
            [f"{bits}:{operations}" for bits, operations in zip(frame["adj_upper"], frame["ops"], strict=True)],
            targets,
            columns({t.name: frame[name] for t, name in zip(targets, names, strict=True)}),
            facts={
                "params_M": column(frame["trainable_parameters"], "trainable_parameters") / 1e6,
                "train_seconds": column(frame["final_training_time"], "final_training_time"),
            },
            source=f"{path} (one training each)",
        )


def read(path: Path) -> Table:
    """Read the authors' ``nasbench_only108.tfrecord`` or ``nasbench_full.tfrecord``, row by row.

    Raises:
        DataCorruptError: it is truncated or not in this format.
    """
    texts: dict[str, str] = {}  # by the authors' hash
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    params: dict[str, int] = {}
    seconds: dict[str, list[float]] = {}
    with explained(path) as at:
        for at.row, record in enumerate(_records(path), 1):
            name, epochs, bits, operations, metrics = list_of(json.loads(record), "the record")
            if integer(epochs, "the number of epochs") not in EPOCHS:
                raise OddValueError(f"{epochs} epochs are not one of {EPOCHS}")
            text = _text(text_of(bits, "the matrix"), text_of(operations, "the operations"))
            if texts.setdefault(text_of(name, "the hash"), text) != text:
                raise OddValueError(f"{shown(name)} is the hash of two cells")
            run = _metrics(base64.b64decode(text_of(metrics, "the metrics")))
            if not run.evaluations:
                raise OddValueError("the metrics have no evaluations")
            last = run.evaluations[-1]
            runs = found.setdefault((name, epochs), [])
            runs.append((number(last[4], "the accuracy", 0, 1), number(last[5], "the accuracy", 0, 1)))
            if len(runs) > REPEATS:
                raise OddValueError(f"{shown(name)} occurs more than {REPEATS} times with {epochs} epochs")
            params[name] = integer(run.parameters, "the number of parameters")
            if epochs == EPOCHS[0]:
                seconds.setdefault(name, []).append(number(last[2], "the training time", 0))
    rows = {name: row for row, name in enumerate(texts)}
    present = [epochs for epochs in EPOCHS if any(key[1] == epochs for key in found)]
    values = {
        target(split, epochs).name: np.full((len(rows), REPEATS), np.nan)
        for epochs in present
        for split in ("test", "valid")
    }
    for (name, epochs), runs in found.items():
        for repeat, (valid, test) in enumerate(runs):
            values[f"valid_accuracy_{epochs}ep"][rows[name], repeat] = valid
            values[f"test_accuracy_{epochs}ep"][rows[name], repeat] = test
    return Table(
        list(texts.values()),
        tuple(target(split, epochs) for epochs in present for split in ("test", "valid")),
        values,
        # The authors do not name the seeds: trainings are numbered in the order of the file.
        seeds=dict.fromkeys(values, tuple(range(REPEATS))),
        facts={
            "params_M": np.asarray([params[name] for name in texts]) / 1e6,
            "train_seconds": np.asarray([np.mean(seconds.get(name, [np.nan])) for name in texts]),
        },
        source=str(path),
    )


# -- TFRecord ----------------------------------------------------------------------------------


def _records(path: Path) -> Iterator[bytes]:
    """Yield records: length (8 bytes), its checksum, content, checksum of the content."""
    with opened(path) as file:
        place = 0
        while head := file.read(12):
            place += 1
            if len(head) < 12:
                raise DataCorruptError(f"{path} ends within record {place}: download it again.")
            length, check = struct.unpack("<QI", head)
            if _masked_crc32c(head[:8]) != check:
                raise DataCorruptError(f"{path} is not a TFRecord, or is damaged at record {place}: download it again.")
            if length > LONGEST:
                raise DataCorruptError(
                    f"{path}: record {place} declares {length:,} bytes, far more than any row: download it again."
                )
            content = file.read(length + 4)
            if len(content) < length + 4:
                raise DataCorruptError(f"{path} ends within record {place}: download it again.")
            # Checksums of contents would take minutes in Python; the SHA-256 of the file covers them.
            yield content[:-4]
        if not place:
            raise DataCorruptError(f"{path} is empty: download it again.")


@functools.cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


def _masked_crc32c(data: bytes) -> int:
    table, crc = _crc_table(), 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


# -- protocol buffers --------------------------------------------------------------------------


class _Run:
    """One training: evaluations (at the beginning, half-way, at the end) by number of field, and parameters."""

    def __init__(self) -> None:
        self.evaluations: list[dict[int, float]] = []
        self.parameters = 0


def _metrics(data: bytes) -> _Run:
    run = _Run()
    for field, value in _fields(data):
        if field == 1 and isinstance(value, bytes):
            run.evaluations.append({n: v for n, v in _fields(value) if isinstance(v, float)})
        elif field == 2 and isinstance(value, int):
            run.parameters = value
    return run


def _fields(data: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Yield number and value of each field: varints, doubles, and bytes."""
    place = 0

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
            if shift > 63:
                raise OddValueError("a number in the metrics has more than 64 bits")

    while place < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 1:
            yield key >> 3, struct.unpack_from("<d", data, place)[0]
            place += 8
        elif kind == 2:
            length = varint()
            if length > len(data) - place:
                raise OddValueError("a field in the metrics is longer than they are")
            yield key >> 3, data[place : place + length]
            place += length
        else:
            raise OddValueError(f"the metrics have a field of kind {kind}")


def _text(bits: str, operations: str) -> str:
    """Make the space's string from the matrix, row by row, and the operations joined by commas."""
    names = operations.split(",")
    n = len(names)
    if len(bits) != n * n or not set(bits) <= {"0", "1"}:
        raise OddValueError(f"the matrix {shown(bits)} is not of {n} x {n} zeros and ones")
    if any(bits[n * row + column] == "1" for row in range(n) for column in range(row + 1)):
        raise OddValueError("the matrix has entries on or below its diagonal")
    if (names[0], names[-1]) != ("input", "output") or not set(names[1:-1]) <= set(OPERATIONS):
        raise OddValueError(f"the operations are {shown(operations)}")
    upper = "".join(bits[n * row + column] for row in range(n) for column in range(row + 1, n))
    return f"{upper}:{''.join(str(OPERATIONS.index(name)) for name in names[1:-1])}"


register_benchmark(
    BenchmarkInfo(
        name="nasbench101",
        space="nasbench101",
        summary="cells on CIFAR-10, three trainings each, 108 epochs",
        rows=423_624,
        targets=2,
        licence="Apache-2.0",
        reference="Ying et al., ICML 2019, arXiv:1902.09635",
        classes={"cifar10": 10},
        read=single(read),
        convert=convert,
        remotes=(
            Remote(
                "nasbench_only108.tfrecord",
                ("https://storage.googleapis.com/nasbench/nasbench_only108.tfrecord",),
                "4c39c3936e36a85269881d659e44e61a245babcb72cb374eacacf75d0e5f4fd1",
                499_000_000,
            ),
        ),
    ),
)
