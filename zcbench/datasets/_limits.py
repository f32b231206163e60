"""The limit of unpacked bytes: one limit for zip, bzip2 and gzip files and for the members of a tar.

A file may unpack to 32 MiB and 32 times its own size. Authors' files stay far below: NATS-Bench's records unpack to
three times their size, logs and tables of text to ten times. All members of an archive share one allowance, because
overlapping members unpack the same bytes many times. The bytes of a stream are counted while they are read, whatever
sizes the file declares.
"""

from __future__ import annotations

import bz2
import gzip
import io
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from zcbench.errors import DataCorruptError

#: unpacked bytes that any file may have
FREE = 32 << 20
#: additional unpacked bytes for each byte of the file
RATIO = 32


class Allowance:
    """The remaining number of bytes that may be unpacked from one file.

    Args:
        name: the name of the file in messages.
        packed: its size in bytes.
    """

    def __init__(self, name: object, packed: int) -> None:
        self.name = name
        self.limit = self.left = FREE + RATIO * packed

    @classmethod
    def of(cls, path: Path) -> Allowance:
        """Return the allowance of a file on disk."""
        return cls(path, path.stat().st_size)

    def spend(self, count: int) -> None:
        """Use ``count`` bytes.

        Raises:
            DataCorruptError: fewer bytes are left.
        """
        self.left -= count
        if self.left < 0:
            raise DataCorruptError(
                f"{self.name} unpacks to more than {self.limit:,} bytes, far more than a table of its size:"
                " get it again, or check that it is the authors' file."
            )

    def limited(self, file: IO[bytes]) -> io.BufferedReader:
        """Return a stream of ``file``'s bytes that ends when the allowance is used."""
        return io.BufferedReader(_Counted(file, self), 1 << 16)


class _Counted(io.RawIOBase):
    """A stream that subtracts its bytes from an allowance."""

    def __init__(self, file: IO[bytes], allowance: Allowance) -> None:
        self._file, self._allowance = file, allowance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self._file.read(min(len(view), 1 << 16))
        self._allowance.spend(len(data))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def open_packed(path: Path) -> IO[bytes]:
    """Open a file on disk, unpacked if it is named ``.gz``, ``.bz2`` or ``.pbz2``, within its allowance."""
    if path.suffix == ".gz":
        return Allowance.of(path).limited(gzip.open(path))  # type: ignore[arg-type]
    if path.suffix in (".bz2", ".pbz2"):
        return Allowance.of(path).limited(bz2.open(path))
    return path.open("rb")


def open_member(archive: ZipFile, member: str | ZipInfo, allowance: Allowance) -> io.BufferedReader:
    """Open a member of a zip file, within the allowance of the archive.

    Raises:
        DataCorruptError: it is encrypted, or packed in another way than by deflate.
        KeyError: the archive has no such member.
    """
    info = archive.getinfo(member) if isinstance(member, str) else member
    if info.flag_bits & 0x1:
        raise DataCorruptError(
            f"{allowance.name} has the encrypted member {info.filename[:100]!r}: get the authors' file."
        )
    # Other methods need an amount of memory that the file declares (lzma) or are slow (bzip2); no author uses them.
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise DataCorruptError(
            f"{allowance.name} has the member {info.filename[:100]!r}, which is not packed by deflate."
        )
    return allowance.limited(archive.open(info))


def read_member(archive: ZipFile, member: str | ZipInfo, allowance: Allowance) -> bytes:
    """Read a member of a zip file; raises as :func:`open_member`, and DataCorruptError if it is incomplete."""
    info = archive.getinfo(member) if isinstance(member, str) else member
    with open_member(archive, info, allowance) as file:
        content = file.read()
    if len(content) != info.file_size:  # zipfile then compares no checksum
        raise DataCorruptError(f"{allowance.name} ends within its member {info.filename[:100]!r}: get it again.")
    return content
