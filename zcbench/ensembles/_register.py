"""The registry of ensembles and the notation for their members: "mean_rank(naswot+2*synflow)"."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, many
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import summary_of, written

Floats: TypeAlias = NDArray[np.float64]
#: From scores ``(members, candidates)``, high is good, and weights ``(members,)`` to ``(candidates,)``.
Combination: TypeAlias = Callable[[Floats, Floats], Floats]
F = TypeVar("F", bound=Combination)

_MEMBER = re.compile(r"(?:([0-9.]+(?:e-?[0-9]+)?)\*)?(.+)")


@dataclass(frozen=True, repr=False)
class Ensemble:
    """A registered combination, with its members.

    Attributes:
        name: name in the registry.
        function: from scores and weights to combined scores.
        members: labels of proxies; empty for a combination that has none of its own.
        weights: one per member.
        version: raised whenever values may change.
        reference: paper and section.
    """

    name: str
    function: Combination
    members: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    version: int = 1
    reference: str = ""
    own: bool = True

    def __repr__(self) -> str:
        return brief(f"<Ensemble {self.label}@{self.version}: {many(len(self.members), 'member')}>")

    @property
    def label(self) -> str:
        """Name, and the members if they are not its own; ``get_ensemble`` reads it back."""
        if self.own:
            return self.name
        pairs = zip(self.weights, self.members, strict=True)
        return f"{self.name}({'+'.join(m if w == 1 else f'{_weight(w)}*{m}' for w, m in pairs)})"

    @property
    def code(self) -> str:
        """Digest of the function's code; "" where zcbench wrote it."""
        return code_digest(self.function)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)

    def combine(self, scores: Mapping[str, ArrayLike]) -> Floats:
        """Score a set of candidates.

        Args:
            scores: by member, ``(candidates,)``, turned so that high is good; nan where there is no score.

        Returns:
            ``(candidates,)``, high is good; nan for a candidate that lacks a member's score. Those that have all are
            ranked among themselves.

        Raises:
            InvalidInputError: a member is missing, or lengths differ.
        """
        if missing := [member for member in self.members if member not in scores]:
            raise InvalidInputError(f"{self.label} needs scores of {', '.join(missing)}: run these proxies too.")
        columns = [np.asarray(scores[member], np.float64) for member in self.members]
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise InvalidInputError(f"{self.label}: the members' scores must be vectors of one length.")
        table = np.stack(columns)
        whole = np.isfinite(table).all(0)
        result = np.full(table.shape[1], np.nan)
        if whole.any():
            result[whole] = self.function(table[:, whole], np.asarray(self.weights))
        return result


_ENSEMBLES: Registry[Ensemble] = Registry(
    "ensemble",
    package="zcbench.ensembles",
    group="zcbench.ensembles",
    rules={
        "function": rules.called_with(2),
        "members": rules.names("member"),
        "version": rules.version,
        "reference": rules.text,
    },
)


def register_ensemble(
    name: str, *, members: tuple[str, ...] = (), version: int = 1, reference: str = "", override: bool = False
) -> Callable[[F], F]:
    """Register a function from scores ``(members, candidates)`` and weights to ``(candidates,)``; high is good.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        members: proxies that it combines by default; others can be chosen in its name: "vote(naswot+synflow)".
        version: raised whenever values may change.
        reference: paper and section.
        override: replace an ensemble of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.
    """
    own: tuple[str, ...] = rules.as_tuple(members)
    _ENSEMBLES.check(name, {"members": own, "version": version, "reference": reference})

    def decorate(function: F) -> F:
        ensemble = Ensemble(name, function, own, (1.0,) * len(own), version, reference)
        _ENSEMBLES.add(name, ensemble, override=override)
        return function

    return decorate


def get_ensemble(text: str) -> Ensemble:
    """The ensemble of that name, with its own members or those that follow in brackets.

    Raises:
        UnknownNameError: there is none of that name.
        InvalidInputError: members are missing or malformed.
    """
    name, bracket, rest = rules.text("the name of an ensemble", text).strip().partition("(")
    ensemble = _ENSEMBLES.get(name)
    if not bracket:
        if not ensemble.members:
            raise InvalidInputError(f"{name} has no members of its own: write {name}(naswot+synflow).")
        return ensemble
    inner = rest.strip().removesuffix(")")
    pairs = [_MEMBER.fullmatch(part.strip()) for part in inner.split("+")]
    if not rest.rstrip().endswith(")") or not all(pairs):
        raise InvalidInputError(f"{text!r}: write the members as {name}(naswot+2*synflow).")
    found = [pair.groups() for pair in pairs if pair]
    members = tuple(member for _, member in found)
    if len(set(members)) != len(members):
        raise InvalidInputError(f"{text!r} names a member twice.")
    try:
        weights = tuple(float(weight or 1) for weight, _ in found)
    except ValueError:  # 1.2.3
        weights = (math.nan,)
    if not all(0 < weight < math.inf for weight in weights):
        raise InvalidInputError(f"{text!r}: weights must be positive numbers.")
    return dataclasses.replace(ensemble, members=members, weights=weights, own=False)


def _weight(weight: float) -> str:
    """A weight as labels write it: exactly, whole numbers without a point."""
    return str(int(weight)) if weight == int(weight) and weight < 1e15 else written(weight)


def registered(name: str) -> Ensemble:
    """The ensemble as it was registered, with or without members; UnknownNameError if there is none."""
    return _ENSEMBLES.get(name)


def list_ensembles() -> list[str]:
    """Names of the registered ensembles, sorted."""
    return _ENSEMBLES.names()
