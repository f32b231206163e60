"""A user's function that is called in other processes: workers of this machine, or machines of an engine.

A process gets the function as a pickle. What stands in files arrives by name, and is imported there; what stands in a
script, a notebook or another function arrives by value where an engine carries it, as Dask and submitit do it.
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
    """A call that travels; as :class:`zcbench._workers.Work` it is done by processes of this machine.

    A process opens the call when it has imported the user's files.

    Args:
        content: the pickled call.
        names: of the numbers that a call gives.
        imports: Python files of the user's, imported before.
        files: by name of a module, the digest that its file has to have.
    """

    loads_torch = False

    def __init__(self, content: bytes, names: Sequence[str], imports: Sequence[str], files: Mapping[str, str]) -> None:
        self.names, self.imports = tuple(names), tuple(imports)
        self._content, self._files = content, dict(files)
        self._call: Any = None
        self._loaded = 0

    @classmethod
    def of(cls, call: Call, label: str, advice: str, *, by_value: bool) -> Sent:
        """A call as it is now.

        Args:
            call: the call.
            label: the function's name.
            advice: what to do where it cannot be pickled, behind "let it open what it needs itself, or".
            by_value: whether functions of a script travel by value also where the script can be run there.

        Raises:
            InvalidInputError: it cannot be pickled.
        """
        # A function with a version says by it alone whether it is the same.
        files = {} if getattr(call.function, "version", None) is not None else files_called(call.function)
        return cls(_pickled(call, label, advice, by_value), call.names, _imported(), files)

    def prepare(self) -> None:
        """Open the call.

        Raises:
            InvalidInputError: a file cannot be imported, or was edited since the search began.
        """
        Call.prepare()  # before libraries are loaded, and after
        # A training may load its data in processes of its own, which multiprocessing refuses to workers.
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
                f"{path} is not what the search began with: it was edited, or is another one there. Put it back and "
                "start the search again to go on, or begin with a new ledger."
            )
        self._loaded = len(sys.modules)

    def results(self, key: str, parts: Sequence[str], begin: Callable[[str], object] = str) -> Iterator[Any]:
        """Yield what each part gave."""
        for part, found in self._call.results(key, parts, begin):
            self._check()  # a call may import
            yield part, found

    def lost(self, status: Status, reason: str, seconds: float) -> Outcome:
        """What a call gave whose process died, or was stopped."""
        return nothing(self.names, status, reason, seconds)


def _imported() -> tuple[str, ...]:
    """The files of the user's that this process was told to import."""
    if (imports := sys.modules.get("zcbench._imports")) is None:
        return ()
    found: tuple[str, ...] = imports.imported_files()
    return found


def _pickled(call: Call, label: str, advice: str, by_value: bool) -> bytes:
    """A call as bytes; cloudpickle takes what stands in a notebook or in another function, too."""
    reason = ""
    main = sys.modules["__main__"]
    # Where there is no script (a notebook, python -c), no process can run it again.
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
