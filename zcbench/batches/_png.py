"""A decoder of small PNG images without another package, for CIFAR in the caches of Hugging Face.

Source: Portable Network Graphics (PNG) Specification, third edition, W3C, sections 5, 7 and 9.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = 3


def decode(content: bytes, side: int) -> NDArray[np.uint8]:
    """Decode a PNG image of 8 bits per channel.

    Args:
        content: the bytes of a file.
        side: width and height that the image must have, pixels.

    Returns:
        Red, green and blue, ``(3, side, side)``.

    Raises:
        ValueError: it is not such an image, or damaged.
    """
    if not content.startswith(_SIGNATURE):
        raise ValueError("it is not a PNG image")
    place, packed, seen = len(_SIGNATURE), [], False
    while place + 12 <= len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        kind, body = content[place + 4 : place + 8], content[place + 8 : place + 8 + length]
        stated = content[place + 8 + length : place + 12 + length]
        if len(body) != length or zlib.crc32(kind + body) != int.from_bytes(stated, "big"):
            raise ValueError("it is damaged")
        if kind == b"IHDR":
            numbers = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"), *body[8:13]
            if numbers != (side, side, 8, 2, 0, 0, 0):  # width, height, bits, RGB, deflate, filters, not interlaced
                raise ValueError(f"it is not an RGB image of {side} x {side} pixels")
            seen = True
        elif kind == b"IDAT":
            packed.append(body)
        place += 12 + length
    size = side * (1 + _CHANNELS * side)
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(b"".join(packed), size + 1)
    if not seen or len(raw) != size:
        raise ValueError("it is damaged")
    return _unfiltered(raw, side).reshape(side, side, _CHANNELS).transpose(2, 0, 1)


def _unfiltered(raw: bytes, side: int) -> NDArray[np.uint8]:
    """Return the bytes of the rows without their filters."""
    width = _CHANNELS * side
    rows = np.frombuffer(raw, np.uint8).reshape(side, 1 + width)
    found = np.zeros((side + 1, width), np.uint8)  # the row above the first is zero
    for number, line in enumerate(rows, 1):
        above = found[number - 1]
        if line[0] == 0:
            found[number] = line[1:]
        elif line[0] == 1:
            found[number] = np.cumsum(line[1:].reshape(side, _CHANNELS), 0, np.uint8).reshape(-1)
        elif line[0] == 2:
            found[number] = line[1:] + above
        elif line[0] in (3, 4):
            found[number] = _predicted(line[1:].tolist(), above.tolist(), paeth=line[0] == 4)
        else:
            raise ValueError(f"it has a row of the unknown filter {line[0]}")
    return found[1:]


def _predicted(line: list[int], above: list[int], *, paeth: bool) -> list[int]:
    """Decode a row whose bytes are differences from a prediction by the bytes to the left and above."""
    found: list[int] = []
    for place, value in enumerate(line):
        a = found[place - _CHANNELS] if place >= _CHANNELS else 0
        b = above[place]
        if not paeth:
            found.append((value + (a + b) // 2) & 255)
            continue
        c = above[place - _CHANNELS] if place >= _CHANNELS else 0
        p = a + b - c
        distances = abs(p - a), abs(p - b), abs(p - c)
        nearest = (a, b, c)[distances.index(min(distances))]
        found.append((value + nearest) & 255)
    return found
