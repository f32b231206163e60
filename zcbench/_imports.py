"""Files of the user's own: what they register, and networks that their functions build."""

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

#: how modules are named whose files are imported by their paths
_NAME = "zcbench_import_"


def space_named(name: str) -> SearchSpace:
    """The search space of that name; for "file.py:function" the one whose networks the function builds.

    Raises:
        UnknownNameError: there is no such search space.
        InvalidInputError: the file cannot be imported, or has no such function.
    """
    file, colon, function = name.rpartition(":")
    if not (colon and file.endswith(".py")):
        return get_space(name)
    module, build = import_file(file), None
    with Foreign():  # a module may have a __getattr__ of its own
        build = getattr(module, function, None)
    if not callable(build):
        raise InvalidInputError(f"{file} has no function {function!r}: write  --factory FILE.py:FUNCTION")
    return FactorySpace(name, build)


def import_file(path: str) -> ModuleType:
    """Run a Python file, once, for what it registers or defines.

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
    assert spec is not None and spec.loader is not None  # it has the loader that it was given
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
    """Paths of the files that :func:`import_file` has run, and that are still there, in order."""
    found = (getattr(module, "__file__", None) for name, module in list(sys.modules.items()) if name.startswith(_NAME))
    return tuple(path for path in found if isinstance(path, str) and Path(path).is_file())


def _about_neighbours(file: Path, reason: str) -> str:
    """What to do where a file's import failed for want of a module that lies beside it."""
    found = re.search(r"No module named '(\w+)", reason)
    if found is None or not any((file.parent / name).exists() for name in (found[1], f"{found[1]}.py")):
        return ""
    return f". The module is in the folder of {file.name}: name that folder in PYTHONPATH."


def import_as_begun(files: Iterable[str], codes: Mapping[str, str], code: Callable[[str], str]) -> None:
    """Import files in a worker, which must find the code that the run began with.

    Args:
        files: Python files.
        codes: by what is computed, the digest of strangers' code in the process that began the run.
        code: gives that digest in this process.

    Raises:
        InvalidInputError: a file cannot be imported, or was edited since the run began.
    """
    for path in files:
        import_file(path)
    for what, begun in codes.items():
        found = begun
        with suppress(UnknownNameError):  # the task that asks for it says so, and what to do
            found = code(what) if begun else begun
        if found != begun:
            raise InvalidInputError(
                f"the code of {what}, or of what it sees, is not what the run began with: a file was edited meanwhile. "
                "Start the run again; what was computed before is kept."
            )


class _Uncached(SourceFileLoader):
    """Compiles the file as it is now: Python's cache takes an edit of one length within one second for none."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)
