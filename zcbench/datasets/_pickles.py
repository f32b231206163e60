"""Foreign pickles: numbers, strings, containers and arrays, nothing else."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

from zcbench.errors import DataCorruptError, DataMissingError, first_line

_ALLOWED = {
    ("__builtin__", "set"),
    ("_codecs", "encode"),
    ("builtins", "set"),
    ("collections", "OrderedDict"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
}


class RestrictedUnpickler(pickle.Unpickler):
    """Admits containers, numbers, strings, numpy scalars and arrays; refuses everything else by name."""

    def find_class(self, module: str, name: str) -> Any:
        """The allowed class, or an UnpicklingError that names the forbidden one."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)


_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first of the pickles in the older of torch.save's containers


def read_pickle(path: Path) -> Any:
    """Content of a pickle, plain or compressed by bzip2 (``.pbz2``).

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or asks for what is not admitted; the message names it.
    """
    return _guarded(path, bz2.open if path.suffix == ".pbz2" else open, lambda file: RestrictedUnpickler(file).load())


def read_torch(path: Path) -> Any:
    """Content of a file that ``torch.save`` wrote, if it holds no tensors.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or asks for what is not admitted; the message names it.
    """
    # Not torch.load: it hands archives of TorchScript, which may run code, to torch.jit.load.
    return _guarded(path, open, _torch)


def _torch(file: IO[bytes]) -> Any:
    if file.read(4) == b"PK\3\4":
        with ZipFile(file) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
            with archive.open(name) as pickled:
                content = RestrictedUnpickler(pickled, encoding="utf-8").load()
                pickled.read()  # compares the checksum
                return content
    file.seek(0)
    if RestrictedUnpickler(file).load() != _TORCH_MAGIC:
        raise pickle.UnpicklingError("torch.save did not write it")
    for _ in ("version", "byte order"):
        RestrictedUnpickler(file).load()
    return RestrictedUnpickler(file, encoding="utf-8").load()


def _guarded(path: Path, opener: Any, read: Any) -> Any:
    try:
        with opener(path, "rb") as file:
            return read(file)
    except FileNotFoundError:
        raise DataMissingError(f"{path} does not exist.") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataCorruptError(
            f"{path} was refused ({first_line(error)}): download it again from the authors."
        ) from None
