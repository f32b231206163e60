"""Foreign pickles: only plain data and arrays. No name in a pickle is looked up or called.

``_machine`` reads the instructions, ``_inert`` represents NumPy's objects meanwhile, ``_settle`` makes arrays of them
afterwards, and ``_limits`` bounds the unpacked bytes. docs/security.md lists the formats and the guarantees.
"""

from __future__ import annotations

import bz2
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from zcbench.datasets._inert import RefusedError, Shrunk
from zcbench.datasets._limits import Allowance, open_member
from zcbench.datasets._machine import GoneError, Machine
from zcbench.datasets._source import Source
from zcbench.errors import DataCorruptError, DataMissingError, ZcbenchError, first_line

__all__ = ["Shrunk", "read_packed_pickle", "read_pickle", "read_torch"]

_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first of the pickles in the older of torch.save's containers


def read_pickle(path: Path) -> Any:
    """Read a pickle, plain or compressed by bzip2 (``.pbz2``).

    It returns None, booleans, numbers, text, bytes, lists, tuples, dicts, sets, NumPy's numbers and arrays.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or requests a forbidden object; the message names it.
    """
    with _explained(path), path.open("rb") as file:
        size = path.stat().st_size
        if path.suffix == ".pbz2":
            return _unpacked(file, path, size)
        return Machine(Source(file), size).load()


def read_packed_pickle(file: IO[bytes], name: Path, size: int) -> Any:
    """Read a pickle that bzip2 compressed, from a stream.

    Args:
        file: the compressed bytes.
        name: its name in messages.
        size: number of the compressed bytes.

    Raises:
        DataCorruptError: as in :func:`read_pickle`.
    """
    with _explained(name):
        return _unpacked(file, name, size)


def _unpacked(file: IO[bytes], name: Path, size: int) -> Any:
    with bz2.open(file) as unpacked:
        return _whole(Source(Allowance(name, size).limited(unpacked)), size)


def read_torch(
    path: Path, keys: frozenset[str] = frozenset(), shrink: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Read a file that ``torch.save`` wrote, if it contains no tensors.

    Args:
        path: the file.
        keys: with ``shrink``: keys of mappings that are replaced by ``Shrunk(shrink(mapping))`` while the file is read,
            so that it need not fit into memory. A file itself cannot contain a ``Shrunk``.
        shrink: returns the kept part of such a mapping.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or requests a forbidden object; the message names it.
    """
    # Not torch.load: it passes archives of TorchScript, which may run code, to torch.jit.load.
    with _explained(path), path.open("rb") as file:
        if shrink is not None:
            try:
                return _torch(path, file, keys, shrink)
            except GoneError:  # parts are shared, so the whole content is needed at once
                file.seek(0)
        return _torch(path, file)


def _whole(
    source: Source, size: int, keys: frozenset[str] = frozenset(), shrink: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Read a pickle up to the end of its file, where wrong checksums are detected."""
    content = Machine(source, size, keys, shrink).load()
    source.finish()
    return content


def _torch(
    path: Path,
    file: IO[bytes],
    keys: frozenset[str] = frozenset(),
    shrink: Callable[[dict[str, Any]], Any] | None = None,
) -> Any:
    size = path.stat().st_size
    if file.read(4) == b"PK\3\4":
        with ZipFile(file) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
            with open_member(archive, name, Allowance(path, size)) as pickled:
                source = Source(pickled)
                content = _whole(source, size, keys, shrink)
                if source.count != archive.getinfo(name).file_size:  # zipfile then compares no checksum
                    raise RefusedError("it ends too early")
                return content
    file.seek(0)
    source = Source(file)
    if Machine(source, size).load() != _TORCH_MAGIC:
        raise RefusedError("torch.save did not write it")
    for _ in ("version", "byte order"):
        Machine(source, size).load()
    return Machine(source, size, keys, shrink).load()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn any exception of a reader into one sentence."""
    try:
        yield
    except FileNotFoundError:
        raise DataMissingError(f"{path} does not exist.") from None
    except ZcbenchError:
        raise
    except Exception as error:  # a damaged container can raise nearly any exception
        reason = str(error) if isinstance(error, RefusedError) else first_line(error)
        raise DataCorruptError(f"{path} was refused ({reason}): download it again from the authors.") from None
