"""Names to things: one small registry for everything that others can add to.

Every kind of thing has four verbs, which its registry implements: ``register_X`` (:meth:`Registry.registering` for what
is decorated, :meth:`Registry.add_all` for objects), ``get_X(text)`` (:meth:`Registry.get`), ``X_info(name)``
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
    imported at the first look-up. An entry point names a module or an object; importing it must register. Every entry,
    whoever adds it, passes the same rules.

    A built-in that cannot be imported makes every look-up raise: there is no half a registry. An entry point that
    raises, whatever it raises, costs what it registers alone: it is named in ``broken``, and what it had registered
    before it raised is taken back. Several threads may look up at once.

    Args:
        kind: what is registered, in words, for messages.
        package: import name of the package that holds the built-ins.
        group: entry-point group.
        rules: what each attribute of an entry must be, by name.
        optional: attributes that an entry may lack.
        make: from an entry, and the term that names it, to what ``get`` returns. Without it that is the entry itself,
            and nothing can follow its name.
        numbered: whether a number may follow a name, behind "@": "cifar100@224".
        reserved: words that mean several entries in a list of names, as "all" does, and so can name none.
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
        #: what was made of entries and may serve again, by text; forgotten whenever an entry changes
        self.made: dict[str, Any] = {}
        self._entries: dict[str, T] = {}
        self._owners: dict[str, str] = {}  # module whose import registered it
        self._loaded: set[tuple[str, str]] = set()  # entry points that were tried
        self._overridden: set[str] = set()  # by another thread, before the built-in of that name came
        self._discovered = False
        self._discovering = False
        self._lock = threading.RLock()  # held while modules are imported
        self._writing = threading.Lock()

    @property
    def _one(self) -> str:
        return f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"

    def check(self, name: object, declared: Mapping[str, object]) -> None:
        """Say what is wrong with what is declared, by attribute of the entry that it will be.

        Raises:
            InvalidInputError: the name is not lower-case letters, digits, ``_``, ``.`` and ``-``, or is reserved, or a
                value breaks its rule.
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
            raise InvalidInputError(f"{name!r} cannot name {self._one}, it stands for several: choose another name.")
        for attribute, value in declared.items():
            self.rules[attribute](f"{self.kind} {name!r}: {attribute.replace('_', ' ')}", value)

    def _check_entry(self, name: str, entry: T) -> None:
        self.check(name, {})
        declared = {}
        for attribute in self.rules:
            try:
                declared[attribute] = getattr(entry, attribute)
            except Exception as error:  # a property of a stranger's
                if attribute not in self.optional:
                    raise InvalidInputError(
                        f"{self.kind} {name!r}: a {type(entry).__name__} must have {attribute!r} ({_reason(error)})."
                    ) from None
        self.check(name, declared)

    def add(self, name: str, entry: T, *, override: bool = False) -> None:
        """Register ``entry``; nothing changes if it raises.

        Raises:
            InvalidInputError: a declaration breaks its rule; see :meth:`check`.
            DuplicateNameError: the name is taken and ``override`` is False.
            BrokenRegistryError: a built-in module cannot be imported.
        """
        self.add_all({name: entry}, override=override)

    def add_all(self, entries: Mapping[str, T], *, override: bool = False) -> None:
        """Register all ``entries`` or, if one cannot be registered, none; see :meth:`add`."""
        flag("override", override)
        for name, entry in entries.items():
            self._check_entry(name, entry)
            code_digest(entry)  # reads the files of strangers' code as they are now, when it is loaded
        owner = _importing()
        # Another thread that discovers may wait for the module which this one is importing: then do not wait for it.
        alone = self._lock.acquire(blocking=False)
        try:
            # A built-in that came later would collide with what overrides it. One that is imported first must not wait
            # for others that need it.
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
        """A decorator that registers what ``become`` makes of the decorated thing, which stays as it is.

        Raises:
            InvalidInputError: the name, or what is ``declared``, breaks its rule; see :meth:`check`.
        """
        self.check(name, declared)

        def decorate(thing: F) -> F:
            self.add(name, become(thing), override=override)
            return thing

        return decorate

    def info(self, name: str) -> T:
        """The entry of that name; UnknownNameError with suggestions if there is none."""
        self.discover()
        self._only_text(name)
        if name not in self._entries:
            raise UnknownNameError(self.kind, name, self._entries)
        return self._entries[name]

    def get(self, text: str) -> Any:
        """What a text names: an entry, or what is made of it and its settings.

        Raises:
            UnknownNameError: no entry has that name; the message suggests near ones.
            InvalidInputError: the text is no term, or what follows the name is not for this kind.
        """
        if self.make is None:
            return self.info(text)
        self._only_text(text)
        return self.get_term(parse_term(text))

    def get_term(self, term: Term) -> Any:
        """What a term names; see :meth:`get`."""
        if self.make is None:
            return self.info(str(term))
        return self.make(self.info(term.name.partition("@")[0] if self.numbered else term.name), term)

    def names(self, patterns: Iterable[str] = ("*",)) -> list[str]:
        """Names that match any of the shell patterns, sorted; a plain name that is unknown raises."""
        self.discover()
        known, found = list(self._entries), set[str]()
        for pattern in all_text(f"the names of {self._one}", patterns):
            matches = fnmatch.filter(known, pattern)
            if not matches:
                raise UnknownNameError(self.kind, pattern, known)
            found.update(matches)
        return sorted(found)

    def matching(self, term: Term) -> list[Term]:
        """One term for each name that matches the term's, a pattern or "all", with its settings."""
        return [replace(term, name=name) for name in self.names("*" if term.name == "all" else term.name)]

    def is_built_in(self, name: str) -> bool:
        """Whether a module of the package registered what has that name."""
        return self._owners.get(name, "").startswith(f"{self.package}.")

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """A block, of a test say, after which everything is registered that was before, and nothing else.

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
        """Import the built-ins and the entry points, until that has succeeded once.

        Raises:
            BrokenRegistryError: a built-in module raised; the next call tries again.
        """
        if self._discovered:
            return
        with self._lock:
            if self._discovered or self._discovering:  # a module that is being imported registers
                return
            self._discovering = True
            try:
                self._discovered = self._import_all()
            finally:
                self._discovering = False

    def _import_all(self) -> bool:
        """Import everything; whether everything is there."""
        self._take_back({}, lambda owner: owner.startswith(f"{self.package}."))
        package = importlib.import_module(self.package)
        built_ins = [f"{self.package}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_"]
        for module in built_ins:
            try:
                importlib.import_module(module)
            except Exception as error:
                raise BrokenRegistryError(
                    f"the {self.kind} registry cannot be used, because {module} could not be imported "
                    f"({_reason(error)}): install what is missing, or install zcbench again."
                ) from error
        if any(_is_being_imported(module) for module in built_ins):
            return False  # further up, on this very stack: it may yet fail
        for point in importlib.metadata.entry_points(group=self.group):
            if (point.name, point.value) not in self._loaded:
                self._loaded.add((point.name, point.value))
                self._load(point)
        return True

    def _load(self, point: importlib.metadata.EntryPoint) -> None:
        before = dict(self._entries)
        try:
            point.load()
        except BaseException as error:  # a stranger's package must not take ours down, whatever it raises
            lost = self._take_back(before, lambda owner: True)
            reason = _reason(error) + (f"; what it had registered ({', '.join(lost)}) was taken back" if lost else "")
            self.broken[point.name] = reason
            warnings.warn(
                f"the {self.kind} plug-in {point.name!r} ({point.value}) could not be imported: {reason}", stacklevel=2
            )

    def _take_back(self, before: Mapping[str, T], concerns: Callable[[str], bool]) -> list[str]:
        """Forget what modules registered whose import failed: Python has forgotten them too. Their names."""
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
    """Name of the module whose code runs, at its top level, nearest to the caller; "" for code that is no module's."""
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
    except BaseException:  # whose text raises
        return type(error).__name__
