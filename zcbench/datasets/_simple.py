"""The compressed pickles of a NATS-Bench ``-simple`` folder, or of its downloaded tar.

A tar is read in place: nothing is unpacked to disk, so that no name in it can lead to another file. Its headers (POSIX
1003.1, "ustar") are read here, because Python's ``tarfile`` trusts sizes of extended headers and keeps an object for
each member. Members other than regular files, and those with other names, are skipped.
"""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import IO, Any

from zcbench.datasets._pickles import read_packed_pickle, read_pickle
from zcbench.errors import DataCorruptError

_BLOCK = 512
#: maximum bytes of a compressed record; the authors' have less than 100,000, their list of cells has 300,000
_LARGEST = 32 << 20
_MEMBER = re.compile(r"(?:\./)*(?:(?!\.\./)[^/]+/)?((?:[0-9]{6}|meta)\.pickle\.pbz2)", re.ASCII)


class SimpleFolder:
    """The records in a folder.

    Attributes:
        path: the folder.
        names: names of the regular files in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with os.scandir(path) as entries:
            self.names = frozenset(entry.name for entry in entries if entry.is_file())

    def read(self, name: str) -> Any:
        """Read a record; raises as :func:`read_pickle`."""
        return read_pickle(self.path / name)

    def __enter__(self) -> SimpleFolder:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class SimpleTar:
    """The records in a tar; a context manager that closes it.

    Attributes:
        path: the tar.
        names: names of the records in it, without those of folders.

    Raises:
        DataCorruptError: it is truncated or damaged, or has a record twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[bytes] = path.open("rb")
        try:
            self._places = _index(self._file, path)
        except BaseException:
            self._file.close()
            raise
        self.names = frozenset(self._places)

    def read(self, name: str) -> Any:
        """Read a record; raises as :func:`read_pickle`."""
        place, size = self._places[name]
        if size > _LARGEST:
            raise DataCorruptError(f"{self.path / name} has {size:,} bytes, far more than a record: download it again.")
        self._file.seek(place)
        return read_packed_pickle(io.BytesIO(self._file.read(size)), self.path / name, size)

    def __enter__(self) -> SimpleTar:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def open_simple(path: Path) -> SimpleFolder | SimpleTar:
    """Open the records at a path, which is a folder or a tar."""
    return SimpleFolder(path) if path.is_dir() else SimpleTar(path)


def is_tar(path: Path) -> bool:
    """Return whether a file begins with a tar's header, or has the name of a tar."""
    with path.open("rb") as file:
        return file.read(_BLOCK)[257:262] == b"ustar" or path.suffix == ".tar"


def _index(file: IO[bytes], path: Path) -> dict[str, tuple[int, int]]:
    """Return place and size of each record by name."""
    places: dict[str, tuple[int, int]] = {}
    end = file.seek(0, os.SEEK_END)
    place = 0
    while True:
        file.seek(place)
        header = file.read(_BLOCK)
        if header == bytes(_BLOCK):
            return places
        if len(header) < _BLOCK:
            raise DataCorruptError(f"{path} ends too early, after {len(places):,} records: download it again.")
        name, kind, size = tar_header(header, path, place)
        place += _BLOCK
        if place + size > end:
            raise DataCorruptError(f"{path} ends within its member {name!r}: download it again.")
        found = _MEMBER.fullmatch(name)
        if found and kind in (b"0", b"\0"):
            if found[1] in places:
                raise DataCorruptError(f"{path} has {found[1]} twice: download it again.")
            places[found[1]] = place, size
        place += -(-size // _BLOCK) * _BLOCK


def tar_header(header: bytes, path: Path, place: int) -> tuple[str, bytes, int]:
    """Return name, kind and size of a member; DataCorruptError if the header's checksum or a number is wrong."""
    stated = header[148:156].strip(b" \0")
    size = header[124:136].strip(b" \0")
    total = sum(header) - sum(header[148:156]) + 8 * 32  # the checksum itself counts as spaces
    if not re.fullmatch(rb"[0-7]{1,7}", stated) or int(stated, 8) != total or not re.fullmatch(rb"[0-7]{0,12}", size):
        raise DataCorruptError(f"{path} is not a tar, or is damaged at byte {place:,}: download it again.")
    prefix, name = (part.split(b"\0", 1)[0] for part in (header[345:500], header[:100]))
    # GNU's headers ("ustar  ") have times where POSIX has the prefix.
    whole = prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name
    return whole.decode("latin1"), header[156:157], int(size or b"0", 8)
