"""Names to objects: one registry class for everything that users can add.

Every kind has four functions, which its registry implements: ``register_X`` (:meth:`Registry.registering` for
decorators, :meth:`Registry.add_all` for objects), ``get_X(text)`` (:meth:`Registry.get`), ``X_info(name)``
(:meth:`Registry.info`) and ``list_X(*patterns)`` (:meth:`Registry.names`). ``zcbench/_kinds.py`` lists the kinds.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import pkgutil
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Generic, TypeVar

from zcbench._arguments import Rule, all_text, flag, shown
from zcbench._code import code_digest
from zcbench._notation import Term, parse_term
from zcbench.errors import BrokenRegistryError, DuplicateNameError, InvalidInputError, UnknownNameError, first_line

T = TypeVar("T")
F = TypeVar("F")
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?")
_LONGEST_NAME = 80


class Registry(Generic[T]):
    """A name space filled by built-in modules, by entry points of installed packages and by decorators.

    Built-in modules (those of ``package`` whose name has no leading underscore) and the entry points of ``group`` are
    imported at the first look-up. An entry point names a module or an object; its import must register. Every entry
    must satisfy the same rules, whoever adds it.

    If a built-in module cannot be imported, every look-up raises, because a registry must be complete. If an entry
    point raises, only its own registrations are lost: it is listed in ``broken``, and what it had registered before is
    removed. Several threads may use the registry at once.

    Args:
        kind: noun for one entry, for messages.
        package: import name of the package that contains the built-in modules.
        group: entry-point group.
        rules: the rule of each attribute of an entry, by name.
        optional: attributes that an entry may lack.
        make: from an entry, and the term that names it, to the result of ``get``. Without it, the result is the entry,
            and nothing can follow its name.
        numbered: whether a number may follow a name after "@": "cifar100@224".
        reserved: words that select several entries in a list of names, such as "all"; they cannot be names.
    """

    def __init__(
        self,
        kind: str,
        package: str,
        group: str,
        rules: Mapping[str, Rule] | None = None,
        optional: Iterable[str] = (),
        make: Callable[[T, Term], Any] | None = None,
        *,
        numbered: bool = False,
        reserved: Iterable[str] = (),
    ) -> None:
        self.kind = kind
        self.package = package
        self.group = group
        self.rules = dict(rules or {})
        self.optional = frozenset(optional)
        self.make = make
        self.numbered = numbered
        self.reserved = frozenset({"all", *reserved})
        #: entry points that could not be imported, with the reason
        self.broken: dict[str, str] = {}
        #: objects made of entries that can be reused, by text; cleared whenever an entry changes
        self.made: dict[str, Any] = {}
        self._entries: dict[str, T] = {}
        self._owners: dict[str, str] = {}  # the module whose import registered the entry
        self._loaded: set[tuple[str, str]] = set()  # entry points that were tried
        self._overridden: set[str] = set()  # by another thread, before the built-in of that name was registered
        self._discovered = False
        self._discovering = False
        self._lock = threading.RLock()  # held while modules are imported
        self._writing = threading.Lock()

    @property
    def _one(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def check(self, name: object, declared: Mapping[str, object]) -> None:
        """Validate declarations, by attribute of the future entry.

        Raises:
            InvalidInputError: the name is not lower-case letters, digits, ``_``, ``.`` and ``-``, or is reserved, or a
                value violates its rule.
        """
        if callable(name):
            decorator = f"register_{self.kind.replace(' ', '_').replace('-', '_')}"
            raise InvalidInputError(f'{self._one} needs a name: write @zcbench.{decorator}("mine") above it.')
        if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            raise InvalidInputError(
                f"{shown(name)} cannot name {self._one}: use lower-case letters, digits, '_', '-' and '.', at most "
                f"{_LONGEST_NAME}."
            )
        if name in self.reserved:
            raise InvalidInputError(
                f"{name!r} cannot name {self._one}, because it selects several: choose another name."
            )
        for attribute, value in declared.items():
            self.rules[attribute](f"{self.kind} {name!r}: {attribute.replace('_', ' ')}", value)

    def _check_entry(self, name: str, entry: T) -> None:
        self.check(name, {})
        declared = {}
        for attribute in self.rules:
            try:
                declared[attribute] = getattr(entry, attribute)
            except Exception as error:  # raised by a property of a user-defined object
                if attribute not in self.optional:
                    raise InvalidInputError(
                        f"{self.kind} {name!r}: a {type(entry).__name__} must have {attribute!r} ({_reason(error)})."
                    ) from None
        self.check(name, declared)

    def add(self, name: str, entry: T, *, override: bool = False) -> None:
        """Register ``entry``; nothing changes if it raises.

        Raises:
            InvalidInputError: a declaration violates its rule; see :meth:`check`.
            DuplicateNameError: the name is taken and ``override`` is False.
            BrokenRegistryError: a built-in module cannot be imported.
        """
        self.add_all({name: entry}, override=override)

    def add_all(self, entries: Mapping[str, T], *, override: bool = False) -> None:
        """Register all ``entries``, or none if one cannot be registered; see :meth:`add`."""
        flag("override", override)
        for name, entry in entries.items():
            self._check_entry(name, entry)
            code_digest(entry)  # reads the files of user code at the time when it is loaded
        owner = _importing()
        # Another thread in discovery may wait for the module that this thread imports: do not wait for that thread.
        alone = self._lock.acquire(blocking=False)
        try:
            # A later built-in would conflict with the entry that overrides it. A built-in that is imported first must
            # not wait for others that need it.
            if alone and not owner.startswith(f"{self.package}."):
                self.discover()
        finally:
            if alone:
                self._lock.release()
        with self._writing:
            new = {name: entry for name, entry in entries.items() if override or name not in self._overridden}
            if not override and (taken := [name for name in new if self._is_taken(name)]):
                raise DuplicateNameError(
                    f"{self._one} named {taken[0]!r} exists already: choose another name or pass override=True."
                )
            self._entries.update(new)
            self.made.clear()
            self._owners.update(dict.fromkeys(new, owner))
            if override and not alone:
                self._overridden.update(new)

    def _is_taken(self, name: str) -> bool:
        owner = self._owners.get(name, "")
        return name in self._entries and not (owner and owner not in sys.modules)  # a module whose import failed

    def registering(
        self, name: str, declared: Mapping[str, object], become: Callable[[Any], T], *, override: bool = False
    ) -> Callable[[F], F]:
        """Return a decorator that registers the result of ``become`` and returns the decorated object unchanged.

        Raises:
            InvalidInputError: the name or a declaration violates its rule; see :meth:`check`.
        """
        self.check(name, declared)

        def decorate(thing: F) -> F:
            self.add(name, become(thing), override=override)
            return thing

        return decorate

    def info(self, name: str) -> T:
        """Return the entry with this name.

        Raises:
            UnknownNameError: no entry has this name; the message suggests similar names.
        """
        self.discover()
        self._only_text(name)
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, text: str) -> Any:
        """Return the object that a text names: an entry, or an object made from it and its settings.

        Raises:
            UnknownNameError: no entry has this name; the message suggests similar names.
            InvalidInputError: the text is not a term, or this kind does not accept what follows the name.
        """
        if self.make is None:
            return self.info(text)
        self._only_text(text)
        return self.get_term(parse_term(text))

    def get_term(self, term: Term) -> Any:
        """Return the object that a term names; see :meth:`get`."""
        if self.make is None:
            return self.info(str(term))
        return self.make(self.info(term.name.partition("@")[0] if self.numbered else term.name), term)

    def names(self, patterns: Iterable[str] = ("*",)) -> list[str]:
        """Return the names that match any of the shell patterns, sorted; an unknown plain name raises."""
        self.discover()
        known, found = list(self._entries), set[str]()
        for pattern in all_text(f"the names of {self._one}", patterns):
            matches = fnmatch.filter(known, pattern)
            if not matches:
                raise UnknownNameError(self.kind, pattern, known)
            found.update(matches)
        return sorted(found)

    def matching(self, term: Term) -> list[Term]:
        """Return one term, with the same settings, for each name that matches the term's name, a pattern or "all"."""
        return [replace(term, name=name) for name in self.names("*" if term.name == "all" else term.name)]

    def is_built_in(self, name: str) -> bool:
        """Return whether a module of the package registered this name."""
        return self._owners.get(name, "").startswith(f"{self.package}.")

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Run a block, for example of a test, and restore the registry afterwards.

        Raises:
            BrokenRegistryError: a built-in module cannot be imported.
        """
        self.discover()
        with self._writing:
            before = (dict(self._entries), dict(self._owners), set(self._overridden), dict(self.broken))
        try:
            yield
        finally:
            with self._writing:
                self._entries, self._owners, self._overridden, self.broken = before
                self.made.clear()

    def _only_text(self, name: object) -> None:
        if not isinstance(name, str):
            raise InvalidInputError(f"the name of {self._one} must be text, not {shown(name)}.")

    # -- discovery -----------------------------------------------------------------------------

    def discover(self) -> None:
        """Import the built-in modules and the entry points, until this has succeeded once.

        Raises:
            BrokenRegistryError: a built-in module raised; the next call tries again.
        """
        if self._discovered:
            return
        with self._lock:
            if self._discovered or self._discovering:  # a module that is being imported registers entries
                return
            self._discovering = True
            try:
                self._discovered = self._import_all()
            finally:
                self._discovering = False

    def _import_all(self) -> bool:
        """Import everything; return whether the registry is complete."""
        self._take_back({}, lambda owner: owner.startswith(f"{self.package}."))
        package = importlib.import_module(self.package)
        built_ins = [f"{self.package}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_"]
        for module in built_ins:
            try:
                importlib.import_module(module)
            except Exception as error:
                raise BrokenRegistryError(
                    f"the {self.kind} registry cannot be used, because {module} could not be imported "
                    f"({_reason(error)}): install what is missing, or reinstall zcbench."
                ) from error
        if any(_is_being_imported(module) for module in built_ins):
            return False  # imported further up in this call stack, where it may still fail
        for point in importlib.metadata.entry_points(group=self.group):
            if (point.name, point.value) not in self._loaded:
                self._loaded.add((point.name, point.value))
                self._load(point)
        return True

    def _load(self, point: importlib.metadata.EntryPoint) -> None:
        before = dict(self._entries)
        try:
            point.load()
        except BaseException as error:  # a third-party package must not break zcbench, whatever it raises
            lost = self._take_back(before, lambda owner: True)
            reason = _reason(error) + (f"; its earlier registrations ({', '.join(lost)}) were removed" if lost else "")
            self.broken[point.name] = reason
            warnings.warn(
                f"the {self.kind} plug-in {point.name!r} ({point.value}) could not be imported: {reason}", stacklevel=2
            )

    def _take_back(self, before: Mapping[str, T], concerns: Callable[[str], bool]) -> list[str]:
        """Remove the registrations of modules whose import failed, which Python forgets too; return their names."""
        with self._writing:
            lost = [
                name
                for name, owner in self._owners.items()
                if owner not in sys.modules and concerns(owner) and self._entries.get(name) is not before.get(name)
            ]
            for name in lost:
                self._entries.pop(name, None)
                self._owners.pop(name)
                if name in before:
                    self._entries[name] = before[name]
            self.made.clear()
        return sorted(lost)


def _importing() -> str:
    """Return the name of the nearest module whose top-level code calls this function; "" if there is none."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    name = str(frame.f_globals.get("__name__", ""))
    return name if name in sys.modules else ""


def _is_being_imported(module: str) -> bool:
    return bool(getattr(getattr(sys.modules.get(module), "__spec__", None), "_initializing", False))


def _reason(error: BaseException) -> str:
    try:
        return first_line(error)
    except BaseException:  # raised by the exception's own text
        return type(error).__name__
