"""A message before slow libraries are imported, because the import takes seconds and prints nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType

MESSAGE = "zcbench: loading libraries …"
#: packages whose import is slow or starts a slow import
_SLOW = ("torch", "scipy", "sklearn")


class _Finder:
    """A finder that finds no module, and prints the message when a slow package is imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in _SLOW:
            from zcbench.cli._output import write_message

            _remove(self)
            write_message(MESSAGE)
        return None


def _remove(finder: _Finder) -> None:
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)


@contextmanager
def loading_is_said() -> Iterator[None]:
    """Print the message once if a slow package is imported in the block, and only on a terminal."""
    if "torch" in sys.modules or sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        _remove(finder)
