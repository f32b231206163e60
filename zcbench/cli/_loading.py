"""A message before torch is imported, which takes seconds in which nothing else is printed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

MESSAGE = "zcbench: loading PyTorch …"


class _Finder:
    """Finds no module; prints the message when torch is looked for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name == "torch":
            from zcbench.cli._output import write_message

            _remove(self)
            write_message(MESSAGE)
        return None


def _remove(finder: _Finder) -> None:
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)


@contextmanager
def loading_is_said() -> Iterator[None]:
    """Print the message once if torch is imported in the block, and only on a terminal."""
    if "torch" in sys.modules or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        _remove(finder)
