"""Foreign pickles: numbers, strings, containers and arrays, nothing else."""

from __future__ import annotations

import bz2
import pickle
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar
from zipfile import ZipFile

from zcbench.errors import DataCorruptError, DataMissingError, ZcbenchError, first_line

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
        _check(module, name)
        return super().find_class(module, name)


def _check(module: str, name: str) -> None:
    if (module, name) not in _ALLOWED:
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


#: pickle's own implementation in Python, whose steps can be overridden
_PythonUnpickler: Any = vars(pickle)["_Unpickler"]


class ShrinkingUnpickler(_PythonUnpickler):  # type: ignore[misc]
    """As :class:`RestrictedUnpickler`, and frees parts of a large pickle while it is read.

    A mapping with exactly the keys ``keys`` is emptied the moment it is whole and gets one entry, "shrunk", with what
    ``shrink`` made of it. What it was made of is forgotten, but for the names that such mappings share; a later
    reference to it raises :class:`GoneError`. Pickle's own Python implementation, which is slow, because the fast one
    keeps all that it has read until the end.

    Args:
        file: the pickle.
        keys: keys of the mappings to shrink.
        shrink: from the whole mapping to what is kept.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_PythonUnpickler.dispatch)

    def __init__(self, file: IO[bytes], keys: frozenset[str], shrink: Callable[[dict[str, Any]], Any]) -> None:
        super().__init__(file, encoding="utf-8")
        self._keys, self._shrink = keys, shrink
        #: numbers of what was read since a mapping was shrunk, and of the strings among it that were needed again
        self._new: list[int] = []
        self._needed: set[int] = set()
        self._kept: Counter[str] = Counter()
        self._shrunk = False

    def find_class(self, module: str, name: str) -> Any:
        """The allowed class, or an UnpicklingError that names the forbidden one."""
        _check(module, name)
        return super().find_class(module, name)

    def load_setitems(self) -> None:
        """Fill a mapping."""
        super().load_setitems()
        mapping = self.stack[-1]
        if type(mapping) is dict and mapping.keys() == self._keys:
            small = self._shrink(mapping)
            mapping.clear()
            mapping["shrunk"] = small
            for number in self._new:
                if not self._shared(number):
                    del self.memo[number]
            self._new.clear()
            self._needed.clear()
            self._shrunk = True

    def _shared(self, number: int) -> bool:
        """Whether later mappings may refer to it: classes, strings of the first mapping, strings needed twice."""
        value = self.memo[number]
        if isinstance(value, str) and (not self._shrunk or (number in self._needed and self._kept[value] < _COPIES)):
            self._kept[value] += 1
            return True
        return isinstance(value, type)

    def _put(self, number: int) -> None:
        self.memo[number] = self.stack[-1]
        self._new.append(number)

    def _get(self, number: int) -> None:
        if number not in self.memo:
            raise GoneError("a part that was freed is needed again")
        self._needed.add(number)
        self.append(self.memo[number])

    def load_binput(self) -> None:
        """Number what was read."""
        self._put(self.read(1)[0])

    def load_long_binput(self) -> None:
        """Number what was read."""
        self._put(int.from_bytes(self.read(4), "little"))

    def load_binget(self) -> None:
        """Something that was read before."""
        self._get(self.read(1)[0])

    def load_long_binget(self) -> None:
        """Something that was read before."""
        self._get(int.from_bytes(self.read(4), "little"))

    def load_memoize(self) -> None:
        """Protocol 4, in which numbers are not written: torch.save uses 2."""
        raise GoneError("this protocol cannot be read in parts")

    for _step in (load_setitems, load_binput, load_long_binput, load_binget, load_long_binget, load_memoize):
        dispatch[getattr(pickle, _step.__name__.removeprefix("load_").upper())[0]] = _step


#: strings of one text that are kept, should each be needed again
_COPIES = 3


class GoneError(pickle.UnpicklingError):
    """A part of a pickle is needed again that was freed."""


_TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # first of the pickles in the older of torch.save's containers


def read_pickle(path: Path) -> Any:
    """Content of a pickle, plain or compressed by bzip2 (``.pbz2``).

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or asks for what is not admitted; the message names it.
    """
    return _guarded(path, bz2.open if path.suffix == ".pbz2" else open, lambda file: RestrictedUnpickler(file).load())


def read_torch(
    path: Path, keys: frozenset[str] = frozenset(), shrink: Callable[[dict[str, Any]], Any] | None = None
) -> Any:
    """Content of a file that ``torch.save`` wrote, if it holds no tensors.

    Args:
        path: the file.
        keys: with ``shrink``: keys of mappings that are replaced by ``{"shrunk": shrink(mapping)}`` while the file is
            read, so that it need not fit into memory.
        shrink: what is kept of such a mapping.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is damaged, or asks for what is not admitted; the message names it.
    """
    # Not torch.load: it hands archives of TorchScript, which may run code, to torch.jit.load.
    if shrink is not None:
        try:
            with path.open("rb") as file:
                return _torch(file, lambda pickled: ShrinkingUnpickler(pickled, keys, shrink))
        except GoneError:  # parts are shared: then all of it is needed at once
            pass
        except (FileNotFoundError, ZcbenchError):
            raise
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise _refused(path, error) from None
    return _guarded(path, open, _torch)


def _plain(file: IO[bytes]) -> RestrictedUnpickler:
    return RestrictedUnpickler(file, encoding="utf-8")


def _torch(file: IO[bytes], unpickler: Callable[[IO[bytes]], Any] = _plain) -> Any:
    if file.read(4) == b"PK\3\4":
        with ZipFile(file) as archive:
            name = next((name for name in archive.namelist() if name.endswith("/data.pkl")), "data.pkl")
            with archive.open(name) as pickled:
                content = unpickler(pickled).load()
                pickled.read()  # compares the checksum
                return content
    file.seek(0)
    if RestrictedUnpickler(file).load() != _TORCH_MAGIC:
        raise pickle.UnpicklingError("torch.save did not write it")
    for _ in ("version", "byte order"):
        RestrictedUnpickler(file).load()
    return unpickler(file).load()


def _guarded(path: Path, opener: Any, read: Any) -> Any:
    try:
        with opener(path, "rb") as file:
            return read(file)
    except FileNotFoundError:
        raise DataMissingError(f"{path} does not exist.") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise _refused(path, error) from None


def _refused(path: Path, error: Exception) -> DataCorruptError:
    return DataCorruptError(f"{path} was refused ({first_line(error)}): download it again from the authors.")
