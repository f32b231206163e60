"""Download images from the authors' site, or import them from an archive or folder on this machine."""

from __future__ import annotations

import gzip
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from zcbench._files import whole
from zcbench.batches._cifar_files import (
    LAYOUTS,
    PIXELS,
    Images,
    Layout,
    joined,
    kept,
    read_binary,
    read_layout,
    read_pickled,
)
from zcbench.datasets._download import Progress, fetch
from zcbench.datasets._limits import Allowance
from zcbench.datasets._paths import CACHE_ADVICE, cache_folder
from zcbench.datasets._read import explained, refuse_web_pages
from zcbench.datasets._simple import tar_header
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError

_BLOCK = 512
#: largest size of a member in bytes; the largest of the authors has 154 million
_LARGEST = 1 << 28
#: number of images in one write
_AT_ONCE = 5000


def list_downloads() -> list[str]:
    """Return the names of the batches whose images can be downloaded or imported."""
    return list(LAYOUTS)


def download_batch(name: str, progress: Progress | None = None) -> Path:
    """Download the authors' archive of images, check it, write the images to the cache and return their path.

    Nothing is downloaded if the cache has the images.

    Args:
        name: "cifar10" or "cifar100".
        progress: called with the number of downloaded bytes and the number of all bytes.

    Raises:
        InvalidInputError: the batch has no images to download.
        DataMissingError: the site does not provide the archive.
        DataCorruptError: the archive is not that of the authors.
        StoreError: the archive or the images cannot be written.
    """
    layout, path = _layout(name), _place(name)
    if path.is_file():
        read_binary(path, 1, layout.classes)
        return path
    folder = cache_folder() / "downloads" / name
    files = [fetch(remote, folder, progress) for remote in layout.remotes]
    found = import_batch(name, files[0])
    for file in files:
        file.unlink(missing_ok=True)  # the cache has the images, and the archive needs as much space again
    return found


def import_batch(name: str, path: str | os.PathLike[str]) -> Path:
    """Read the authors' archive or folder, write the images to the cache and return their path.

    Args:
        name: "cifar10" or "cifar100".
        path: ``cifar-10-binary.tar.gz``, ``cifar-10-python.tar.gz`` (or of CIFAR-100), or the folder in it.

    Raises:
        InvalidInputError: the batch has no images to import.
        DataMissingError: the file does not exist, or has no images of that name.
        DataCorruptError: the file is damaged.
        StoreError: the cache cannot be written.
    """
    layout, source, target = _layout(name), Path(path), _place(name)
    if not source.exists():
        raise DataMissingError(f"{source} does not exist: give the authors' archive or folder.")
    with explained(source), tempfile.TemporaryDirectory(prefix="zcbench-", ignore_cleanup_errors=True) as folder:
        refuse_web_pages([source])
        if source.is_dir():
            found = read_layout(source, layout) or read_layout(source.resolve().parent, layout)
        else:
            found = _of_archive(source, layout, Path(folder))
        if found is None:
            raise DataMissingError(
                f"{source} has no images of {name}: give {layout.binary.split('/')[0]}, {layout.pickled.split('/')[0]} "
                "or the authors' archive."
            )
        with whole(target, CACHE_ADVICE) as temporary:
            _write(found, temporary)
    return target


def _layout(name: str) -> Layout:
    if name not in LAYOUTS:
        raise InvalidInputError(f"{name} has no images to download: choose {' or '.join(LAYOUTS)}.")
    return LAYOUTS[name]


def _place(name: str) -> Path:
    cache_folder()  # raises an error with advice if there is no cache
    path = kept(name)
    assert path is not None
    return path


def _write(images: Images, path: Path) -> None:
    """Write a record for each image: one byte for the label, then the pixels."""
    with path.open("wb") as file:
        for start in range(0, len(images.labels), _AT_ONCE):
            rows = np.arange(start, min(start + _AT_ONCE, len(images.labels)))
            labels = images.labels[rows].astype(np.uint8)[:, None]
            file.write(np.concatenate([labels, images.take(rows).reshape(len(rows), PIXELS)], 1).tobytes())


def _of_archive(path: Path, layout: Layout, folder: Path) -> Images | None:
    """Read the images in an archive; its members are written to a temporary folder with names that we choose."""
    patterns = {kind: _pattern(text) for kind, text in (("bin", layout.binary), ("py", layout.pickled))}
    found: dict[str, tuple[str, Path]] = {}
    for name, content in _members(path, tuple(patterns.values())):
        kind = next(kind for kind, pattern in patterns.items() if re.fullmatch(pattern, name))
        if name in found:
            raise DataCorruptError(f"{path} has {name} twice: download it again.")
        file = folder / f"{len(found)}"
        file.write_bytes(content)
        found[name] = kind, file
    if not found:
        return None
    kinds = {kind for kind, _ in found.values()}
    if len(kinds) > 1:
        raise DataCorruptError(f"{path} has both layouts of the authors: give one of their archives.")
    expected = 5 if "[1-5]" in layout.binary else 1
    if len(found) != expected:
        raise DataCorruptError(f"{path} has {len(found)} of {expected} files of training images: download it again.")
    files = [file for _, (_, file) in sorted(found.items())]
    if kinds == {"bin"}:
        return joined([read_binary(file, layout.labels, layout.classes) for file in files], str(path))
    return joined([read_pickled(file, layout) for file in files], str(path))


def _pattern(text: str) -> str:
    """Convert a pattern of paths in an archive to a regular expression."""
    return r"(?:\./)*" + re.escape(text).replace(r"\[1\-5\]", "[1-5]").replace(r"\[1-5\]", "[1-5]")


def _members(path: Path, patterns: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of the regular files in a tar, packed by gzip or not, whose names match."""
    with path.open("rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as opened:
        file: IO[bytes] = Allowance.of(path).limited(opened)  # type: ignore[arg-type]
        place = 0
        while len(header := file.read(_BLOCK)) == _BLOCK and header != bytes(_BLOCK):
            name, kind, size = tar_header(header, path, place)
            room = -(-size // _BLOCK) * _BLOCK
            if kind in (b"0", b"\0") and any(re.fullmatch(pattern, name) for pattern in patterns):
                if size > _LARGEST:
                    raise DataCorruptError(f"{path}: {name} has {size:,} bytes, more than the images can have.")
                content = file.read(size)
                if len(content) != size:
                    raise DataCorruptError(f"{path} ends within its member {name!r}: download it again.")
                yield name, content
                room -= size
            _skip(file, room)
            place += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if header != bytes(_BLOCK):
            raise DataCorruptError(f"{path} ends too early: download it again.")


def _skip(file: IO[bytes], count: int) -> None:
    while count > 0:
        piece = file.read(min(count, 1 << 20))
        if not piece:
            return
        count -= len(piece)
