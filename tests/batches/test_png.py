"""PNG images of CIFAR, against the specification and another reader."""

import io
import struct
import zlib

import numpy as np
import pytest
from cifar_files import png, random_images

from zcbench.batches._png import decode


@pytest.mark.parametrize("filters", [(0,), (1,), (2,), (3,), (4,), (4, 3, 2, 1, 0)])
def test_every_filter(filters):
    image = random_images("cifar10", 1)[0][0]
    np.testing.assert_array_equal(decode(png(image, filters), 32), image.transpose(2, 0, 1))


def test_what_another_program_wrote():
    pil = pytest.importorskip("PIL.Image")
    image = np.add.outer(np.arange(32), np.arange(32))[..., None] * np.array([1, 2, 3])  # smooth: several filters
    out = io.BytesIO()
    pil.fromarray(image.astype(np.uint8)).save(out, "PNG")
    np.testing.assert_array_equal(decode(out.getvalue(), 32), image.astype(np.uint8).transpose(2, 0, 1))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEAD = b"\x89PNG\r\n\x1a\n"
IHDR = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
ROWS = bytes(32 * 97)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a", "not a PNG"),
        (HEAD, "damaged"),
        (HEAD + IHDR[:-1] + b"x" + chunk(b"IDAT", zlib.compress(ROWS)), "damaged"),
        (HEAD + chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 32, 8, 2, 0, 0, 0)), "not an RGB image of 32"),
        (HEAD + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 3, 0, 0, 0)), "not an RGB image of 32"),
        (HEAD + IHDR + chunk(b"IDAT", zlib.compress(ROWS[:-1])), "damaged"),
        (HEAD + IHDR + chunk(b"IDAT", zlib.compress(bytes(10**7))), "damaged"),
        (HEAD + chunk(b"IDAT", zlib.compress(ROWS)), "damaged"),
        (HEAD + IHDR + chunk(b"IDAT", zlib.compress(b"\x09" + ROWS[1:])), "unknown filter 9"),
    ],
)
def test_what_is_no_such_image(content, message):
    with pytest.raises(ValueError, match=message):
        decode(content, 32)


def test_a_byte_that_changed_is_noticed():
    content = bytearray(png(random_images("cifar10", 1)[0][0]))
    content[200] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        decode(bytes(content), 32)
