"""NAS-Bench-101 from its TFRecord, whole and damaged."""

import base64
import json
import struct

import numpy as np
import pytest

import zcbench
from zcbench.datasets import _load, benchmark_info
from zcbench.datasets.nasbench101 import _masked_crc32c
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def record(content):
    head = struct.pack("<Q", len(content))
    return head + struct.pack("<I", _masked_crc32c(head)) + content + b"\0\0\0\0"


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def evaluation(*numbers):
    body = b"".join(bytes([field << 3 | 1]) + struct.pack("<d", number) for field, number in enumerate(numbers, 1))
    return b"\x0a" + varint(len(body)) + body


def tfrecord(path, rows):
    """Rows (hash, epochs, bits, operations, parameters, valid, test) as NAS-Bench-101 writes them."""
    content = b""
    for name, epochs, bits, operations, parameters, valid, test in rows:
        metrics = evaluation(0, 0, 0.1, 0.1, 0.1) + evaluation(epochs, 1000.0 * epochs, 1, valid, test)
        metrics += b"\x10" + varint(parameters) + b"\x19" + struct.pack("<d", 5.0)
        row = [name, epochs, bits, operations, base64.encodebytes(metrics).decode()]
        content += record(json.dumps(row).encode())
    path.write_bytes(content)
    return path


CELL = ("aa", 108, "0110001100010000", "input,conv3x3-bn-relu,maxpool3x3,output")


def test_the_checksum_of_tfrecord_by_known_answers():
    # RFC 3720, B.4: CRC32C of 32 zeros is 8a9136aa; masked as TensorFlow's record writer does.
    crc = 0x8A9136AA
    assert _masked_crc32c(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_nas_bench_101_from_its_tfrecord(tmp_path):
    small = ("bb", 108, "0100", "input,output")
    rows = [(*CELL, 8_555_530, 0.9, 0.89), (*small, 300_000, 0.5, 0.49), (*CELL, 8_555_530, 0.92, 0.91)]
    table = zcbench.get_benchmark("nasbench101", tfrecord(tmp_path / "nasbench_only108.tfrecord", rows))
    assert [a.key for a in table.architectures] == ["110111:02", "1:"]
    assert table.default_target == "test_accuracy_108ep"
    np.testing.assert_allclose(table.values["valid_accuracy_108ep"], [[0.9, 0.92, np.nan], [0.5, np.nan, np.nan]])
    np.testing.assert_allclose(table.truth(), [0.9, 0.49])
    assert table.facts["params_M"].tolist() == [8.55553, 0.3]
    assert table.facts["train_seconds"].tolist() == [108_000, 108_000]


@pytest.mark.parametrize("damage", ["cut", "head", "html", "empty", "length", "json"])
def test_damaged_tfrecords(tmp_path, damage):
    path = tfrecord(tmp_path / "x.tfrecord", [(*CELL, 1, 0.9, 0.8)] * 3)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "cut": whole[: len(whole) // 2],
            "head": whole + b"\0" * 5,
            "html": b"<!DOCTYPE html><html>Quota exceeded</html>",
            "empty": b"",
            "length": b"\xff" * 12 + whole[12:],
            "json": record(b"not json"),
        }[damage]
    )
    with pytest.raises(DataCorruptError, match=r"x\.tfrecord"):
        zcbench.get_benchmark("nasbench101", path)


def read(benchmark, paths):
    return _load.read_source(benchmark_info(benchmark), paths)


def test_a_record_that_states_more_than_any_row_has(tmp_path):
    path = tmp_path / "x.tfrecord"
    for length in (1 << 40, (1 << 64) - 1, 1 << 21):
        head = struct.pack("<Q", length)
        path.write_bytes(head + struct.pack("<I", _masked_crc32c(head)) + b"{}")
        with pytest.raises(DataCorruptError, match=f"record 1 declares {length:,} bytes, far more than any row"):
            read("nasbench101", [path])
