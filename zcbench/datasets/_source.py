"""The bytes of a file, in pieces, for a machine that reads instructions."""

from __future__ import annotations

from typing import IO

from zcbench.datasets._inert import RefusedError

#: bytes of the longest instruction without text
LONGEST = 9
#: minimum number of bytes of a long text
BULK = 256
_PIECE = 1 << 16


class Source:
    """The bytes of a file, in pieces; several pickles may follow each other."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        #: a piece, padded at the end of the file; place of the next byte; end of the file's bytes in the piece
        self.data, self.at, self.end = bytes(LONGEST), 0, 0
        self._before = 0
        #: number of bytes of long texts
        self.bulk = 0

    @property
    def count(self) -> int:
        """Number of bytes that were read."""
        return self._before + self.at

    def fill(self) -> None:
        """Read the next piece.

        Up to :data:`LONGEST` bytes before the end of ``data``, any instruction without text is then complete, or the
        file has ended.
        """
        rest = self.data[self.at : self.end]
        piece = self._file.read(_PIECE)
        self._before += self.at
        self.data, self.at, self.end = rest + piece, 0, len(rest) + len(piece)
        if not piece:
            if not rest:
                raise RefusedError("it ends too early")
            self.data += bytes(LONGEST)

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count >= BULK:
            self.bulk += count
        end = self.at + count
        if end <= self.end:
            piece = self.data[self.at : end]
            self.at = end
            return piece
        pieces = [self.data[self.at : self.end]]
        left = count - len(pieces[0])
        self._before += self.end
        self.data, self.at, self.end = bytes(LONGEST), 0, 0
        while left:
            piece = self._file.read(min(left, _PIECE))
            if not piece:
                raise RefusedError("it ends too early")
            pieces.append(piece)
            left -= len(piece)
        self._before += count - len(pieces[0])
        return b"".join(pieces)

    def finish(self) -> None:
        """Read to the end of the file, where containers compare checksums; RefusedError if anything follows."""
        if self.at < self.end or self._file.read(1):
            raise RefusedError("it has bytes after its end")

    def line(self, longest: int) -> bytes:
        """Return the bytes before the next line break, which is skipped; RefusedError if longer than ``longest``."""
        pieces: list[bytes] = []
        count = 0
        while (stop := self.data.find(b"\n", self.at, self.end)) < 0:
            pieces.append(self.data[self.at : self.end])
            count += len(pieces[-1])
            self.at = self.end
            if count > longest:
                break
            self.fill()
        else:
            pieces.append(self.data[self.at : stop])
            count += len(pieces[-1])
            self.at = stop + 1
        if count > longest:
            raise RefusedError("it has a line that is too long")
        if count >= BULK:
            self.bulk += count
        return b"".join(pieces)
