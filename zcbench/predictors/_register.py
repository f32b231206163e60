"""The registry of predictors, and settings in their names: "gp:encoding=onehot+stats:seed=3"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from zcbench import _arguments as rules
from zcbench._classes import ClassInfo, class_label, class_rules, registering_class, resolved
from zcbench._display import brief, plain
from zcbench._notation import Term, parse_sum, parse_term, unwrapped
from zcbench._registry import Registry
from zcbench._settings import check_setting, read_settings
from zcbench.encodings._base import KINDS
from zcbench.errors import UnknownNameError
from zcbench.predictors._base import Predictor
from zcbench.spaces import get_space

P = TypeVar("P", bound=type[Predictor])


@dataclass(frozen=True, repr=False)
class PredictorInfo(ClassInfo):
    """A registered predictor; its version is increased whenever predictions may change."""

    make: type[Predictor]

    def __repr__(self) -> str:
        return brief(f"<PredictorInfo {plain(f'{self.name}@{self.version}', 60)}: {self.kind}>")

    @property
    def kind(self) -> str:
        """Kind of encodings that it accepts."""
        return self.make.kind

    @property
    def uncertain(self) -> bool:
        """Whether it has ``predict_std``."""
        return hasattr(self.make, "predict_std")


def _made(info: PredictorInfo, term: Term, further: Mapping[str, Any] | None = None) -> Predictor:
    """Make a predictor with the settings of a term, and further ones."""
    known, ranges = info.parameters, info.ranges
    further, space = dict(further or {}), None
    if "space" not in known:  # a setting of every predictor, not an argument of its constructor
        given = dict(term.settings)
        space = further.pop("space", given.pop("space", None))
        term = Term(term.name, term.inside, tuple(given.items()))
    chosen = read_settings(term, known, ranges)
    for key, value in further.items():
        if key not in known:
            raise UnknownNameError(f"setting of {info.name}", key, known)
        chosen[key] = check_setting(info.name, key, value, known[key], ranges)
    made = info.make(**chosen)
    made.label_ = class_label(info.name, made, known)
    if space is not None:
        made.space = get_space(space) if isinstance(space, str) else space
    return made


_PREDICTORS: Registry[PredictorInfo] = Registry(
    "predictor",
    package="zcbench.predictors",
    group="zcbench.predictors",
    make=_made,
    rules={**class_rules(Predictor), "kind": rules.choice("kind of encoding", KINDS)},
)


def register_predictor(
    name: str, *, version: int = 1, reference: str = "", extra: str = "", override: bool = False
) -> Callable[[P], P]:
    """Register a subclass of :class:`Predictor`; its constructor's arguments are its settings.

    The class declares the valid values of settings in ``ranges``.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        version: a positive integer, increased whenever predictions may change.
        reference: paper and section.
        extra: optional package that it needs.
        override: replace a predictor of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: it is not a class of predictors, an argument of its constructor has no default, or a
            declaration is out of range.

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
    declared = {"version": version, "reference": reference, "extra": extra}
    return registering_class(_PREDICTORS, PredictorInfo, name, declared, override=override)


def predictor_info(name: str) -> PredictorInfo:
    """Return the registered predictor; UnknownNameError with suggestions for an unknown name."""
    return _PREDICTORS.info(name)


def get_predictor(text: str, **settings: Any) -> Predictor:
    """Make a predictor from its name and settings: "lightgbm:encoding=onehot:seed=1".

    Args:
        text: name and settings; every predictor has the setting ``space=NAME``, the search space of architectures that
            are given as strings.
        settings: further settings, as objects.

    Raises:
        UnknownNameError: there is no such predictor or setting; the message suggests similar names.
        InvalidInputError: a setting has no value, or one of the wrong kind.
    """
    if not settings:
        made: Predictor = _PREDICTORS.get(text)
        return made
    term = parse_term(text)
    return _made(_PREDICTORS.info(term.name), term, settings)


def member_labels(text: str) -> list[str]:
    """Parse the labels of a sum in brackets, "(gp+gcn:loss=hinge)"; InvalidInputError for other texts."""
    return list(parse_sum(unwrapped(text)).unweighted("a mean of predictors"))


def list_predictors(*patterns: str) -> list[str]:
    """List the registered predictors that match any of the shell patterns (all without one), sorted.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _PREDICTORS.names(patterns or ("*",))


def resolve_predictors(predictors: str | Iterable[str]) -> list[str]:
    """Return labels for names and patterns in the given order, each once; a pattern may have settings."""
    return resolved(_PREDICTORS, "predictors", predictors, "gp")
