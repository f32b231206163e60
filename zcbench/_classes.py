"""Common parts of the registries of classes; the arguments of a constructor are settings, "gp:kernel=rbf"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, plain
from zcbench._notation import Term, parse_term
from zcbench._registry import Registry
from zcbench._settings import check_ranges, declared_range, declared_setting, read_settings
from zcbench.errors import InvalidInputError
from zcbench.types import summary_of, written


@dataclass(frozen=True, repr=False)
class ClassInfo:
    """A registered class.

    Attributes:
        name: name in the registry.
        make: the class; the constructor's arguments are its settings.
        version: raised whenever its results may change.
        reference: paper and section that define it.
        extra: the optional package that it needs, if any.
    """

    name: str
    make: type[Any]
    version: int = 1
    reference: str = ""
    extra: str = ""

    def __repr__(self) -> str:
        return brief(f"<{type(self).__name__} {plain(f'{self.name}@{self.version}', 60)}>")

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings with their defaults."""
        return {p.name: p.default for p in inspect.signature(self.make).parameters.values()}

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest value of numeric settings, as the class and its parents declare them."""
        found: dict[str, tuple[float, float]] = {}
        for parent in reversed(self.make.__mro__):
            found.update(vars(parent).get("ranges", {}))
        known = self.parameters
        return {key: edges for key, edges in found.items() if type(known.get(key)) in (int, float)}

    @property
    def code(self) -> str:
        """Digest of the code of the class and of its bases outside zcbench; "" if all of it is part of zcbench."""
        return code_digest(self.make)

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return summary_of(self.make)


def class_rules(base: type[Any]) -> dict[str, rules.Rule]:
    """Return the rules for the attributes of a :class:`ClassInfo`, for subclasses of ``base``."""

    def subclass(what: str, value: object) -> object:
        if not (isinstance(value, type) and issubclass(value, base)):
            raise InvalidInputError(f"{what.rpartition(':')[0]}: register a subclass of zcbench.{base.__name__}.")
        return value

    return {
        "make": subclass,
        "version": rules.version,
        "reference": rules.text,
        "extra": rules.text,
        "parameters": _settings,
        "ranges": rules.mapping(declared_range),
    }


def _settings(what: str, value: Mapping[str, Any]) -> object:
    for key, default in value.items():
        if default is inspect.Parameter.empty:
            raise InvalidInputError(f"{what.rpartition(':')[0]}: the argument {key!r} needs a default.")
        if isinstance(default, (bool, int, float)):
            declared_setting(f"{what} {key!r}", default)
    return value


def registering_class(
    registry: Registry[Any], info: type[ClassInfo], name: str, declared: Mapping[str, Any], *, override: bool
) -> Callable[[Any], Any]:
    """Return a decorator that registers a class after validating its ranges and those of its parents.

    Args:
        registry: the registry.
        info: the class of its entries.
        name: the name of the new entry.
        declared: version, reference and extra.
        override: replace a class of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: it is not a class of this kind, an argument has no default, or a declaration is out of range.
    """

    def become(make: type[Any]) -> ClassInfo:
        registry.check(name, {"make": make})
        what = f"{registry.kind} {name!r}"
        for parent in make.__mro__:
            rules.mapping(declared_range)(f"{what}: ranges", vars(parent).get("ranges", {}))
        entry = info(name, make, **declared)
        check_ranges(what, entry.parameters, entry.ranges)
        return entry

    return registry.registering(name, declared, become, override=override)


def class_label(name: str, made: object, known: Mapping[str, Any]) -> str:
    """Return the name and the settings that differ from the defaults; the registry can read the label."""
    current = {key: getattr(made, key, default) for key, default in known.items()}
    changed = {key: current[key] for key in sorted(known) if written(current[key]) != written(known[key])}
    return name + "".join(f":{key}={written(value)}" for key, value in changed.items())


def made_of(info: Any, term: Term) -> Any:
    """Create an instance of a registered class with the settings of a term; its label is the name and the settings."""
    known = info.parameters
    made = info.make(**read_settings(term, known, info.ranges))
    made.label_ = class_label(info.name, made, known)
    return made


def resolved(registry: Registry[Any], what: str, given: str | Iterable[str], example: str) -> list[str]:
    """Return the labels for names and patterns in the given order, each once; settings may follow a pattern.

    Args:
        registry: a registry of classes.
        what: the plural noun, for messages: "searchers".
        given: names and patterns.
        example: a name that the message recommends.

    Raises:
        UnknownNameError: a pattern matches nothing.
        InvalidInputError: nothing was chosen, or a setting is wrong.
    """
    labels: dict[str, None] = {}
    for text in rules.all_text(what, given):
        for made in map(registry.get_term, registry.matching(parse_term(text))):
            labels[made.label_] = None
    if not labels:
        raise InvalidInputError(f"no {registry.kind} was chosen: name at least one, e.g. {example}.")
    return list(labels)
