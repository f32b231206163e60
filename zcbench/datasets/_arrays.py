"""Arrays in a ``.npz`` file, never pickled ones.

The size in a header is compared with the file's size before memory is allocated.
"""

from __future__ import annotations

import math
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from zcbench.datasets._limits import Allowance, open_member
from zcbench.datasets._values import OddValueError, check_shape

#: deflate compresses no bytes to less than this part of them
_DEFLATE = 1032


class Arrays:
    """The arrays of a ``.npz`` file by name, each read on request; a context manager.

    Args:
        path: the file.
        file: the file if it is already open; the caller closes it.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: from the readers; the caller turns them into a sentence.
    """

    def __init__(self, path: Path, file: IO[bytes] | None = None) -> None:
        self._path = path
        self._archive = ZipFile(file or path)
        self.names = [name.removesuffix(".npy") for name in self._archive.namelist()]

    def __enter__(self) -> Arrays:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def text(self, name: str) -> str:
        """Return a text that was written as bytes, within the allowance of the file."""
        dtype, shape, _ = self._head(name)
        if dtype != np.uint8 or len(shape) != 1:
            raise OddValueError(f"{name!r} is not a text")
        return self._content(name, Allowance.of(self._path)).decode()

    def array(self, name: str) -> NDArray[Any]:
        """Return an array of plain numbers of any shape, within the allowance of the file.

        Raises:
            OddValueError: it is of another kind.
        """
        dtype, shape, fortran = self._head(name)
        content = self._content(name, Allowance.of(self._path))
        return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C").copy()

    def check(self, name: str, rows: int, dimensions: int) -> None:
        """Raise OddValueError unless the header has numbers, this number of dimensions and these rows."""
        dtype, shape, _ = self._head(name)
        check_shape(name, dtype, shape, rows, dimensions)

    def numbers(self, name: str, rows: int, dimensions: int) -> NDArray[Any]:
        """Return an array of real numbers.

        Args:
            name: its name.
            rows: the length of its first dimension.
            dimensions: its number of dimensions.

        Raises:
            OddValueError: it is of another kind.
        """
        self.check(name, rows, dimensions)
        dtype, shape, fortran = self._head(name)
        # The rows, which the bytes of the architectures bound, determine its size. The columns of a table may be nearly
        # empty, and so be compressed to far less than the allowance expects.
        flat = np.frombuffer(self._content(name, None), dtype)
        return flat.reshape(shape, order="F" if fortran else "C").copy()

    def _head(self, name: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
        with self._archive.open(f"{name}.npy") as file:
            dtype, shape, fortran = _read_head(file)
            stated = file.tell() + math.prod(shape) * dtype.itemsize
        info = self._archive.getinfo(f"{name}.npy")
        if stated != info.file_size or info.file_size > _DEFLATE * (info.compress_size + 64):
            raise OddValueError(f"{name!r} has another size than its header")
        return dtype, shape, fortran

    def _content(self, name: str, allowance: Allowance | None) -> bytes:
        info = self._archive.getinfo(f"{name}.npy")
        with open_member(self._archive, info, allowance or Allowance(self._path, info.file_size)) as file:
            _read_head(file)
            return file.read()


def _read_head(file: IO[bytes]) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    version = npy.read_magic(file)
    if version != (1, 0):  # other formats have longer headers, which plain arrays do not need
        raise OddValueError(f"format {version} of an array is not known")
    shape, fortran, dtype = npy.read_array_header_1_0(file)
    if dtype.hasobject or dtype.names or dtype.subdtype or dtype.itemsize == 0:
        raise OddValueError("an array is not of plain numbers or text")
    if any(not isinstance(n, int) or n < 0 for n in shape):
        raise OddValueError(f"an array has the shape {shape}")
    return dtype, shape, bool(fortran)
