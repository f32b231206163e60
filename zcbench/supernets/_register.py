"""The registry of training rules, and settings in their names: "sandwich:random=2"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from zcbench._classes import ClassInfo, class_rules, made_of, registering_class, resolved
from zcbench._registry import Registry
from zcbench.supernets._rule import TrainingRule

C = TypeVar("C", bound=type[TrainingRule])


@dataclass(frozen=True, repr=False)
class TrainingRuleInfo(ClassInfo):
    """A registered training rule; its version is raised whenever trained weights may change."""

    make: type[TrainingRule]


_TRAINING_RULES: Registry[TrainingRuleInfo] = Registry(
    "training rule",
    package="zcbench.supernets",
    group="zcbench.training_rules",
    make=made_of,
    rules=class_rules(TrainingRule),
)


def register_training_rule(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[C], C]:
    """Register a subclass of :class:`TrainingRule`; its constructor's arguments are its settings.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever trained weights may change.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a training rule of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: the class is not a training rule, an argument of its constructor has no default, or a
            declaration is out of range.
    """
    declared = {"version": version, "reference": reference, "extra": extra}
    return registering_class(_TRAINING_RULES, TrainingRuleInfo, name, declared, override=override)


def training_rule_info(name: str) -> TrainingRuleInfo:
    """Return the registered training rule; raise UnknownNameError with suggestions if there is none."""
    return _TRAINING_RULES.info(name)


def get_training_rule(text: str) -> TrainingRule:
    """Make a training rule of this name, with the settings that follow it: "sandwich:random=2".

    Raises:
        UnknownNameError: there is none, or it has no such setting; the message suggests similar names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    made: TrainingRule = _TRAINING_RULES.get(text)
    return made


def list_training_rules(*patterns: str) -> list[str]:
    """Return the sorted names of the training rules that match any of the shell patterns; all without a pattern.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _TRAINING_RULES.names(patterns or ("*",))


def resolve_training_rules(predictors: str | Iterable[str]) -> list[str]:
    """Return labels for names and patterns in the given order, each once; settings may follow a pattern."""
    return resolved(_TRAINING_RULES, "training rules", predictors, "sandwich")
