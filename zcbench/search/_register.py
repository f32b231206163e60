"""The registry of searchers, and settings in their names: "evolution:population=20:sample=5"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, plain
from zcbench._notation import Term, parse_term
from zcbench._registry import Registry
from zcbench._settings import check_ranges, declared_range, declared_setting, read_settings
from zcbench.errors import InvalidInputError
from zcbench.search._base import Searcher
from zcbench.types import summary_of, written

S = TypeVar("S", bound=type[Searcher])


@dataclass(frozen=True, repr=False)
class SearcherInfo:
    """A registered searcher.

    Attributes:
        name: name in the registry.
        make: its class; the constructor's arguments are its settings.
        version: raised whenever a search may take another way.
        reference: paper and section that define it.
        extra: the optional package that it needs, if any.
    """

    name: str
    make: type[Searcher]
    version: int = 1
    reference: str = ""
    extra: str = ""

    def __repr__(self) -> str:
        return brief(f"<SearcherInfo {plain(f'{self.name}@{self.version}', 60)}>")

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings with their defaults."""
        return {p.name: p.default for p in inspect.signature(self.make).parameters.values()}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of settings that are numbers, as the class and its parents declare them."""
        found: dict[str, tuple[float, float]] = {}
        for parent in reversed(self.make.__mro__):
            found.update(vars(parent).get("ranges", {}))
        known = self.parameters
        return {key: edges for key, edges in found.items() if type(known.get(key)) in (int, float)}

    @property
    def several(self) -> bool:
        """Whether it takes several objectives."""
        return self.make.several

    @property
    def epochs(self) -> bool:
        """Whether it needs learning curves."""
        return self.make.epochs

    @property
    def code(self) -> str:
        """Digest of the class's code and of its bases' outside zcbench; "" where zcbench wrote all of it."""
        return code_digest(self.make)

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return summary_of(self.make)


def _class(what: str, value: object) -> object:
    if not (isinstance(value, type) and issubclass(value, Searcher)):
        raise InvalidInputError(f"{what.rpartition(':')[0]}: register a subclass of zcbench.Searcher.")
    return value


def _settings(what: str, value: Mapping[str, Any]) -> object:
    for key, default in value.items():
        if default is inspect.Parameter.empty:
            raise InvalidInputError(f"{what.rpartition(':')[0]}: the argument {key!r} needs a default.")
        if isinstance(default, (bool, int, float)):
            declared_setting(f"{what} {key!r}", default)
    return value


def _made(info: SearcherInfo, term: Term) -> Searcher:
    known = info.parameters
    made = info.make(**read_settings(term, known, info.ranges))
    current = {key: getattr(made, key, default) for key, default in known.items()}
    changed = {key: current[key] for key in sorted(known) if written(current[key]) != written(known[key])}
    made.label_ = info.name + "".join(f":{key}={written(value)}" for key, value in changed.items())
    return made


_SEARCHERS: Registry[SearcherInfo] = Registry(
    "searcher",
    package="zcbench.search",
    group="zcbench.searchers",
    make=_made,
    rules={
        "make": _class,
        "version": rules.version,
        "reference": rules.text,
        "extra": rules.text,
        "parameters": _settings,
        "ranges": rules.mapping(declared_range),
    },
)


def register_searcher(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[S], S]:
    """Register a subclass of :class:`Searcher`; its constructor's arguments are its settings.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever a search may take another way.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a searcher of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: it is no class of searchers, an argument of its constructor has no default, or a declaration
            is out of range.
    """

    def become(make: type[Searcher]) -> SearcherInfo:
        _SEARCHERS.check(name, {"make": make})
        for parent in make.__mro__:
            rules.mapping(declared_range)(f"searcher {name!r}: ranges", vars(parent).get("ranges", {}))
        info = SearcherInfo(name, make, version, reference, extra)
        check_ranges(f"searcher {name!r}", info.parameters, info.ranges)
        return info

    declared = {"version": version, "reference": reference, "extra": extra}
    return _SEARCHERS.registering(name, declared, become, override=override)


def searcher_info(name: str) -> SearcherInfo:
    """The searcher as it was registered; UnknownNameError with suggestions if there is none."""
    return _SEARCHERS.info(name)


def get_searcher(text: str) -> Searcher:
    """A new searcher of that name, with the settings that follow it: "evolution:population=20".

    Raises:
        UnknownNameError: there is none, or it has no such setting; the message suggests near names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    made: Searcher = _SEARCHERS.get(text)
    return made


def list_searchers(*patterns: str) -> list[str]:
    """Names of the registered searchers that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _SEARCHERS.names(patterns or ("*",))


def resolve_searchers(searchers: str | Iterable[str]) -> list[str]:
    """Labels for names and patterns in the order given, each once; settings may follow a pattern."""
    labels: dict[str, None] = {}
    for text in rules.all_text("searchers", searchers):
        for made in map(_SEARCHERS.get_term, _SEARCHERS.matching(parse_term(text))):
            labels[made.label_] = None
    if not labels:
        raise InvalidInputError("no searcher was chosen: name at least one, e.g. random.")
    return list(labels)
