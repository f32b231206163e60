"""Python files of the user: their registrations, and the networks that their functions build."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench._torchvision import torchvision_importable
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.spaces import FactorySpace, get_space
from zcbench.types import SearchSpace

#: prefix of the names of modules that are imported by their paths
_NAME = "zcbench_import_"


def space_named(name: str) -> SearchSpace:
    """Return the search space with this name; for "file.py:function", the space of the function's networks.

    Raises:
        UnknownNameError: the search space does not exist.
        InvalidInputError: the file cannot be imported, or has no such function.
    """
    file, colon, function = name.rpartition(":")
    if not (colon and file.endswith(".py")):
        return get_space(name)
    module, build = import_file(file), None
    with Foreign():  # a module may define its own __getattr__
        build = getattr(module, function, None)
    if not callable(build):
        raise InvalidInputError(f"{file} has no function {function!r}: write  --factory FILE.py:FUNCTION")
    return FactorySpace(name, build)


def import_file(path: str) -> ModuleType:
    """Run a Python file, once, for its registrations and definitions.

    Raises:
        InvalidInputError: the file does not exist or raises.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise InvalidInputError(f"{path} is not a file: give a Python file.")
    name = f"{_NAME}{stable_seed(file)}"
    if name in sys.modules:
        return sys.modules[name]
    if file.suffix != ".py":
        raise InvalidInputError(f"{path} is not a Python file: its name must end in .py.")
    spec = importlib.util.spec_from_file_location(name, file, loader=_Uncached(name, str(file)))
    assert spec is not None and spec.loader is not None  # it has the given loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    done = False
    try:
        with torchvision_importable(), Foreign() as call:
            spec.loader.exec_module(module)
        done = call.kind is None
    finally:
        if not done:
            sys.modules.pop(name, None)
    if call.kind is not None:
        raise InvalidInputError(f"{path} could not be imported: {call.reason}{_about_neighbours(file, call.reason)}")
    return module


def imported_files() -> tuple[str, ...]:
    """Return the paths of the files that :func:`import_file` has run and that still exist, in order."""
    found = (getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if name.startswith(_NAME))
    return tuple(path for path in found if isinstance(path, str) and Path(path).is_file())


def _about_neighbours(file: Path, reason: str) -> str:
    """Return advice for an import that failed because a module in the file's folder was not found."""
    found = re.search(r"No module named '(\w+)", reason)
    if found is None or not any((file.parent / name).exists() for name in (found[1], f"{found[1]}.py")):
        return ""
    return f". The module is in the folder of {file.name}: name that folder in PYTHONPATH."


def import_as_begun(files: Iterable[str], codes: Mapping[str, str], code: Callable[[str], str]) -> None:
    """Import files in a worker, which must find the same code as the start of the run.

    Args:
        files: Python files.
        codes: digests of user code in the process that started the run, by what they compute.
        code: returns this digest in the current process.

    Raises:
        InvalidInputError: a file cannot be imported, or was edited since the run started.
    """
    for path in files:
        import_file(path)
    for what, begun in codes.items():
        found = begun
        with suppress(UnknownNameError):  # the task that needs it reports the error and what to do
            found = code(what) if begun else begun
        if found != begun:
            raise InvalidInputError(
                f"the code of {what}, or code that it uses, is not the code with which the run started: a file was "
                "edited meanwhile. "
                "Start the run again; computed results are kept."
            )


class _Uncached(SourceFileLoader):
    """Compiles the current file: Python's cache does not notice an edit of equal length within one second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)
