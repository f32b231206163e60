"""Names to things: one small registry for everything that others can add to."""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import pkgutil
import re
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError

T = TypeVar("T")
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?")


class Registry(Generic[T]):
    """A name space filled by built-in modules, by entry points of installed packages and by decorators.

    Built-in modules (those of ``package`` whose name has no leading underscore) and the entry points of ``group`` are
    imported at the first look-up. An entry point names a module or an object; importing it must register.

    Args:
        kind: what is registered, in words, for messages.
        package: import name of the package that holds the built-ins.
        group: entry-point group.
    """

    def __init__(self, kind: str, package: str, group: str) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        #: entry points that could not be imported, with the reason
        self.broken: dict[str, str] = {}
        self._entries: dict[str, T] = {}
        self._discovered = False

    def add(self, name: str, entry: T, *, override: bool = False) -> None:
        """Register ``entry``.

        Raises:
            InvalidInputError: the name is not lower-case letters, digits, ``_``, ``.`` and ``-``.
            DuplicateNameError: the name is taken and ``override`` is False.
        """
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} cannot name a {self.kind}: use lower-case letters, digits, '_', '-' and '.'."
            )
        self.discover()  # a built-in that came later would collide with what overrides it
        if not override and name in self._entries:
            raise DuplicateNameError(
                f"a {self.kind} named {name!r} exists already: choose another name or pass override=True."
            )
        self._entries[name] = entry

    def get(self, name: str) -> T:
        """The entry of that name; UnknownNameError with suggestions if there is none."""
        self.discover()
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        return self._entries[name]

    def names(self, patterns: Iterable[str] = ("*",)) -> list[str]:
        """Names that match any of the shell patterns, sorted; a plain name that is unknown raises."""
        self.discover()
        found: set[str] = set()
        for pattern in patterns:
            matches = fnmatch.filter(self._entries, pattern)
            if not matches:
                raise UnknownNameError(self.kind, pattern, self._entries)
            found.update(matches)
        return sorted(found)

    def discover(self) -> None:
        """Import the built-ins and the entry points, once."""
        if self._discovered:
            return
        self._discovered = True
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self.package}.{module.name}")
        for point in importlib.metadata.entry_points(group=self.group):
            try:
                point.load()
            except Exception as error:  # a stranger's package must not take ours down
                self.broken[point.name] = f"{type(error).__name__}: {error}"
                warnings.warn(
                    f"the {self.kind} plug-in {point.name!r} ({point.value}) could not be imported: "
                    f"{self.broken[point.name]}",
                    stacklevel=2,
                )


def read_settings(name: str, assignments: Iterable[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """Values of "setting=value" texts, each of the kind that its default in ``known`` has.

    Raises:
        UnknownNameError: there is no such setting.
        InvalidInputError: it has no value, or one of the wrong kind.
    """
    found: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise InvalidInputError(f"{name}:{assignment}: write settings as {name}:setting=value.")
        if key not in known:
            raise UnknownNameError(f"setting of {name}", key, known)
        kind = type(known[key])
        try:
            if kind is bool:
                found[key] = {"true": True, "false": False}[text.lower()]
            else:
                found[key] = kind(text) if kind in (int, float) else text
        except (ValueError, KeyError):
            raise InvalidInputError(
                f"{name}:{assignment}: {text!r} is not a {kind.__name__}, as {known[key]!r} is."
            ) from None
    return found


def split_outside(text: str, separator: str) -> list[str]:
    """Split at a separator that stands in no brackets: "a,b(c,d)" at commas is "a" and "b(c,d)".

    Raises:
        InvalidInputError: brackets do not match.
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            break
        if character == separator and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth:
        raise InvalidInputError(f"{text!r}: brackets do not match.")
    return parts
