"""The registry of curve predictors, and settings in their names: "lcpfn:prior=paper"."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from zcbench._classes import ClassInfo, class_rules, made_of, registering_class, resolved
from zcbench._registry import Registry
from zcbench.curves._base import CurvePredictor

C = TypeVar("C", bound=type[CurvePredictor])


@dataclass(frozen=True, repr=False)
class CurvePredictorInfo(ClassInfo):
    """A registered curve predictor; its version is raised whenever a forecast may change."""

    make: type[CurvePredictor]


_CURVE_PREDICTORS: Registry[CurvePredictorInfo] = Registry(
    "curve predictor",
    package="zcbench.curves",
    group="zcbench.curve_predictors",
    make=made_of,
    rules=class_rules(CurvePredictor),
)


def register_curve_predictor(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[C], C]:
    """Register a subclass of :class:`CurvePredictor`; its constructor's arguments are its settings.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever a forecast may change.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a curve predictor of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: the class is not a curve predictor, an argument of its constructor has no default, or a
            declaration is out of range.
    """
    declared = {"version": version, "reference": reference, "extra": extra}
    return registering_class(_CURVE_PREDICTORS, CurvePredictorInfo, name, declared, override=override)


def curve_predictor_info(name: str) -> CurvePredictorInfo:
    """Return the registered curve predictor; raise UnknownNameError with suggestions if there is none."""
    return _CURVE_PREDICTORS.info(name)


def get_curve_predictor(text: str) -> CurvePredictor:
    """Make a curve predictor of this name, with the settings that follow it: "lcpfn:prior=paper".

    Raises:
        UnknownNameError: there is none, or it has no such setting; the message suggests similar names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    made: CurvePredictor = _CURVE_PREDICTORS.get(text)
    return made


def list_curve_predictors(*patterns: str) -> list[str]:
    """Return the sorted names of the curve predictors that match any of the shell patterns; all without a pattern.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _CURVE_PREDICTORS.names(patterns or ("*",))


def resolve_curve_predictors(predictors: str | Iterable[str]) -> list[str]:
    """Return labels for names and patterns in the given order, each once; settings may follow a pattern."""
    return resolved(_CURVE_PREDICTORS, "curve predictors", predictors, "lcpfn")
