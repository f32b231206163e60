"""The registry of predictors, and settings in their names: "gp:encoding=onehot+stats:seed=3"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from zcbench._registry import Registry, read_settings, split_outside
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.predictors._base import Predictor
from zcbench.types import summary_of

P = TypeVar("P", bound=type[Predictor])


@dataclass(frozen=True)
class PredictorInfo:
    """A registered predictor.

    Attributes:
        name: name in the registry.
        make: its class; the constructor's arguments are its settings.
        version: raised whenever predictions may change.
        reference: paper and section that define it.
        extra: the optional package that it needs, if any.
    """

    name: str
    make: type[Predictor]
    version: int = 1
    reference: str = ""
    extra: str = ""

    @property
    def parameters(self) -> dict[str, Any]:
        """Settings with their defaults."""
        return {p.name: p.default for p in inspect.signature(self.make).parameters.values()}

    @property
    def kind(self) -> str:
        """Kind of encodings that it takes."""
        return self.make.kind

    @property
    def uncertain(self) -> bool:
        """Whether it has ``predict_std``."""
        return hasattr(self.make, "predict_std")

    @property
    def summary(self) -> str:
        """First line of its docstring."""
        return summary_of(self.make)


_PREDICTORS: Registry[PredictorInfo] = Registry("predictor", package="zcbench.predictors", group="zcbench.predictors")


def register_predictor(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[P], P]:
    """Register a subclass of :class:`Predictor`; its constructor's arguments are its settings.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, raised whenever predictions may change.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a predictor of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: it is no class of predictors, or an argument of its constructor has no default.

    Example:
        >>> import numpy as np, zcbench
        >>> @zcbench.register_predictor("mean")
        ... class Mean(zcbench.VectorPredictor):
        ...     '''The mean of the training targets.'''
        ...     def _learn(self, x, y):
        ...         self.mean_ = y.mean()
        ...     def _value(self, x):
        ...         return np.full(len(x), self.mean_)
        >>> zcbench.get_predictor("mean:encoding=onehot").encoding
        'onehot'
    """
    if version < 1:
        raise InvalidInputError(f"predictor {name!r}: the version must be a positive integer, not {version!r}.")

    def decorate(make: P) -> P:
        if not (isinstance(make, type) and issubclass(make, Predictor)):
            raise InvalidInputError(f"predictor {name!r}: register a subclass of zcbench.Predictor.")
        info = PredictorInfo(name, make, version, reference, extra)
        for parameter, default in info.parameters.items():
            if default is inspect.Parameter.empty:
                raise InvalidInputError(f"predictor {name!r}: the argument {parameter!r} needs a default.")
        _PREDICTORS.add(name, info, override=override)
        return make

    return decorate


def predictor_info(name: str) -> PredictorInfo:
    """The predictor as it was registered; UnknownNameError with suggestions if there is none."""
    return _PREDICTORS.get(name)


def get_predictor(text: str, **settings: Any) -> Predictor:
    """A new predictor of that name, with the settings that follow it: "lightgbm:encoding=onehot:seed=1".

    Args:
        text: name and settings.
        settings: further ones, as objects.

    Raises:
        UnknownNameError: there is none, or it has no such setting; the message suggests near names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    name, *assignments = split_outside(text.strip(), ":")
    info = _PREDICTORS.get(name)
    known = info.parameters
    chosen = read_settings(name, assignments, known)
    for key, value in chosen.items():
        if isinstance(value, (int, float)) and value < 0:
            raise InvalidInputError(f"{name}:{key}={value}: {value} is too small.")
    for key in settings:
        if key not in known:
            raise UnknownNameError(f"setting of {name}", key, known)
    made = info.make(**{**chosen, **settings})
    made.label_ = predictor_label(name, made, known)
    return made


def predictor_label(name: str, predictor: Predictor, known: dict[str, Any]) -> str:
    """Name and the settings that differ from the defaults; ``get_predictor`` reads it back."""
    current = predictor.get_params(deep=False)
    changed = {key: current[key] for key in sorted(known) if str(current[key]) != str(known[key])}
    return name + "".join(f":{key}={value}" for key, value in changed.items())


def member_labels(text: str) -> list[str]:
    """Labels from "(gp+gcn:loss=hinge)", as predictors of several write them; InvalidInputError if one is empty."""
    labels = split_outside(text.removeprefix("(").removesuffix(")"), "+")
    if not all(labels):
        raise InvalidInputError(f"members={text!r}: write labels of predictors joined by '+'.")
    return labels


def list_predictors(*patterns: str) -> list[str]:
    """Names of the registered predictors that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _PREDICTORS.names(patterns or ("*",))


def resolve_predictors(predictors: Iterable[str]) -> list[str]:
    """Labels for names and patterns in the order given, each once; settings may follow a pattern."""
    labels: dict[str, None] = {}
    for text in predictors:
        pattern, *assignments = split_outside(text, ":")
        for name in list_predictors("*" if pattern == "all" else pattern):
            labels[get_predictor(":".join([name, *assignments])).label_] = None
    if not labels:
        raise InvalidInputError("no predictor was chosen: name at least one, e.g. gp.")
    return list(labels)
