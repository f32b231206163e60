"""The registry of searchers, and settings in their names: "evolution:population=20:sample=5"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from zcbench._classes import ClassInfo, class_rules, made_of, registering_class, resolved
from zcbench._registry import Registry
from zcbench.search._base import Searcher

S = TypeVar("S", bound=type[Searcher])


@dataclass(frozen=True, repr=False)
class SearcherInfo(ClassInfo):
    """A registered searcher; its version is raised whenever a search may proceed differently."""

    make: type[Searcher]

    @property
    def several(self) -> bool:
        """Whether it takes several objectives."""
        return self.make.several

    @property
    def epochs(self) -> bool:
        """Whether it needs learning curves."""
        return self.make.epochs


_SEARCHERS: Registry[SearcherInfo] = Registry(
    "searcher",
    package="zcbench.search",
    group="zcbench.searchers",
    make=made_of,
    rules=class_rules(Searcher),
)


def register_searcher(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[S], S]:
    """Register a subclass of :class:`Searcher`; its constructor's arguments are its settings.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever a search may proceed differently.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a searcher of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: the class is not a searcher, an argument of its constructor has no default, or a declaration
            is out of range.
    """
    declared = {"version": version, "reference": reference, "extra": extra}
    return registering_class(_SEARCHERS, SearcherInfo, name, declared, override=override)


def searcher_info(name: str) -> SearcherInfo:
    """Return the registered searcher; raise UnknownNameError with suggestions if there is none."""
    return _SEARCHERS.info(name)


def get_searcher(text: str) -> Searcher:
    """Make a searcher of this name, with the settings that follow it: "evolution:population=20".

    Raises:
        UnknownNameError: there is none, or it has no such setting; the message suggests similar names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    made: Searcher = _SEARCHERS.get(text)
    return made


def list_searchers(*patterns: str) -> list[str]:
    """Return the sorted names of the searchers that match any of the shell patterns; all names without a pattern.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SEARCHERS.names(patterns or ("*",))


def resolve_searchers(searchers: str | Iterable[str]) -> list[str]:
    """Return labels for names and patterns in the given order, each once; settings may follow a pattern."""
    return resolved(_SEARCHERS, "searchers", searchers, "random")
