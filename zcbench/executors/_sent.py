"""A user's function that is called in other processes: workers of this machine, or machines of an executor.

A process receives the function as a pickle. Functions in modules are sent by name, and imported by the process.
Functions in a script, a notebook or another function are sent by value to an executor, as Dask and submitit do.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from zcbench._calls import Call, Outcome, nothing
from zcbench._code import edited, files_called
from zcbench.errors import InvalidInputError, first_line
from zcbench.types import Status


class Sent:
    """A call that is sent to other processes; processes of this machine use it as :class:`zcbench._workers.Work`.

    A process unpickles the call after it has imported the user's files.

    Args:
        content: the pickled call.
        names: names of the numbers that a call returns.
        imports: the user's Python files, which are imported first.
        files: by name of a module, the required digest of its file.
    """

    loads_torch = False

    def __init__(self, content: bytes, names: Sequence[str], imports: Sequence[str], files: Mapping[str, str]) -> None:
        self.names, self.imports = tuple(names), tuple(imports)
        self._content, self._files = content, dict(files)
        self._call: Any = None
        self._loaded = 0

    @classmethod
    def of(cls, call: Call, label: str, advice: str, *, by_value: bool) -> Sent:
        """Make a call to send, with the current code.

        Args:
            call: the call.
            label: the function's name.
            advice: what to do if it cannot be pickled, after "let it open what it needs itself, or".
            by_value: whether functions of a script are sent by value even if the script can be run by the process.

        Raises:
            InvalidInputError: the function cannot be pickled.
        """
        # If a function has a version, only the version determines whether it is the same.
        files = {} if getattr(call.function, "version", None) is not None else files_called(call.function)
        return cls(_pickled(call, label, advice, by_value), call.names, _imported(), files)

    def prepare(self) -> None:
        """Unpickle the call.

        Raises:
            InvalidInputError: a file cannot be imported, or was edited since the search began.
        """
        Call.prepare()  # before and after libraries are loaded
        # A training may load its data in further processes, which multiprocessing forbids in workers.
        getattr(multiprocessing.current_process(), "_config", {}).pop("daemon", None)
        if self.imports:
            from zcbench._imports import import_file

            for path in self.imports:
                import_file(path)
        self._call = pickle.loads(self._content)
        Call.prepare()
        self._check()

    def _check(self) -> None:
        if self._loaded != len(sys.modules) and (path := edited(self._files)):
            raise InvalidInputError(
                f"{path} has changed since the search began: it was edited, or is another file on that machine. "
                "Restore it and start the search again to resume it, or begin with a new ledger."
            )
        self._loaded = len(sys.modules)

    def results(self, key: str, parts: Sequence[str], begin: Callable[[str], object] = str) -> Iterator[Any]:
        """Yield the result of each part."""
        for part, found in self._call.results(key, parts, begin):
            self._check()  # a call may import further modules
            yield part, found

    def lost(self, status: Status, reason: str, seconds: float) -> Outcome:
        """Return the result of a call whose process died or was stopped."""
        return nothing(self.names, status, reason, seconds)


def _imported() -> tuple[str, ...]:
    """Return the user's files that this process has imported."""
    if (imports := sys.modules.get("zcbench._imports")) is None:
        return ()
    found: tuple[str, ...] = imports.imported_files()
    return found


def _pickled(call: Call, label: str, advice: str, by_value: bool) -> bytes:
    """Pickle a call; cloudpickle also supports functions in a notebook or in another function."""
    reason = ""
    main = sys.modules["__main__"]
    # Without a script (a notebook, python -c), another process cannot run it.
    if not by_value and (getattr(main, "__spec__", None) or getattr(main, "__file__", None)):
        try:
            return pickle.dumps(call)
        except Exception as error:
            reason = first_line(error)
    try:
        import cloudpickle
    except ImportError:
        what = "define it in a module, or run  pip install cloudpickle"
        raise InvalidInputError(f"{label} cannot be sent to other processes ({reason}): {what}") from None
    try:
        return bytes(cloudpickle.dumps(call))
    except Exception as error:
        raise InvalidInputError(
            f"{label} cannot be sent to other processes ({first_line(error)}): let it open what it needs itself, or "
            f"{advice}."
        ) from None
