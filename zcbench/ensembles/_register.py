"""The registry of ensembles and the notation for their members: "mean_rank(naswot+2*synflow)"."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._display import brief, many
from zcbench._foreign import Foreign
from zcbench._notation import Part, Sum, Term, parse_term
from zcbench._registry import Registry
from zcbench.errors import InvalidInputError
from zcbench.types import summary_of

Floats: TypeAlias = NDArray[np.float64]
#: From scores ``(members, candidates)``, higher is better, and weights ``(members,)`` to ``(candidates,)``.
Combination: TypeAlias = Callable[[Floats, Floats], Floats]
F = TypeVar("F", bound=Combination)


@dataclass(frozen=True, repr=False)
class Ensemble:
    """A registered combination, with its members.

    Attributes:
        name: name in the registry.
        function: from scores and weights to combined scores.
        members: labels of proxies; empty for a combination without default members.
        weights: one weight per member.
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
        """Name, and the members if they are not the default; ``get_ensemble`` accepts it."""
        if self.own:
            return self.name
        pairs = zip(self.members, self.weights, strict=True)
        return str(Term(self.name, Sum(tuple(Part(parse_term(member), weight) for member, weight in pairs))))

    @property
    def code(self) -> str:
        """Digest of the function's code; "" for code of zcbench."""
        return code_digest(self.function)

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)

    def combine(self, scores: Mapping[str, ArrayLike]) -> Floats:
        """Score a set of candidates.

        Args:
            scores: by member, ``(candidates,)``, with the sign such that higher is better; nan where there is no score.

        Returns:
            ``(candidates,)``, higher is better; nan for a candidate without a score of some member. The candidates with
            all scores are ranked among themselves.

        Raises:
            InvalidInputError: a member is missing, lengths differ, or the function raises or returns something else.
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
            result[whole] = self._combined(table[:, whole])
        return result

    def _combined(self, table: Floats) -> Floats:
        """Apply the function, which may be user code, to scores ``(members, candidates)``."""
        found = np.empty(0)
        with Foreign() as call:
            found = np.asarray(self.function(table, np.asarray(self.weights)), np.float64)
        if call.kind is not None:
            raise InvalidInputError(f"the ensemble {self.label} could not combine scores: {call.said}")
        if found.shape != table.shape[1:]:
            raise InvalidInputError(
                f"the ensemble {self.label} returned an array {found.shape} for {table.shape[1]} candidates: its "
                "function must return one number for each."
            )
        return found


def _with_members(ensemble: Ensemble, term: Term) -> Ensemble:
    """Return the ensemble with its default members, or those in a term's brackets."""
    if term.settings:
        raise InvalidInputError(f"{term}: an ensemble takes no settings, write {term.name}(naswot+2*synflow).")
    if term.inside is None:
        if not ensemble.members:
            raise InvalidInputError(f"{term} has no default members: write {term}(naswot+synflow).")
        return ensemble
    members = term.inside.labels
    if len(set(members)) != len(members):
        raise InvalidInputError(f"'{term}' names a member twice.")
    return dataclasses.replace(ensemble, members=members, weights=term.inside.weights, own=False)


_ENSEMBLES: Registry[Ensemble] = Registry(
    "ensemble",
    package="zcbench.ensembles",
    group="zcbench.ensembles",
    make=_with_members,
    rules={
        "function": rules.called_with(2),
        "members": rules.names("member"),
        "version": rules.version,
        "reference": rules.text,
    },
)


def register_ensemble(
    name: str, *, members: str | Sequence[str] = (), version: int = 1, reference: str = "", override: bool = False
) -> Callable[[F], F]:
    """Register a function from scores ``(members, candidates)`` and weights to ``(candidates,)``; higher is better.

    Args:
        name: lower-case letters, digits, ``_``, ``-``, ``.``.
        members: proxies that it combines by default; others can be given in its name: "vote(naswot+synflow)".
        version: raised whenever values may change.
        reference: paper and section.
        override: replace an ensemble of the same name.

    Raises:
        DuplicateNameError: the name is taken.
        InvalidInputError: a declaration is out of range.
    """
    own: tuple[str, ...] = rules.as_tuple(members)

    def become(function: Combination) -> Ensemble:
        return Ensemble(name, function, own, (1.0,) * len(own), version, reference)

    declared = {"members": own, "version": version, "reference": reference}
    return _ENSEMBLES.registering(name, declared, become, override=override)


def get_ensemble(text: str) -> Ensemble:
    """Return the ensemble with this name, with its default members or those in brackets.

    Raises:
        UnknownNameError: the ensemble does not exist.
        InvalidInputError: members are missing or malformed.
    """
    ensemble: Ensemble = _ENSEMBLES.get(text)
    return ensemble


def ensemble_info(name: str) -> Ensemble:
    """Return the ensemble as it was registered, with or without members.

    Raises:
        UnknownNameError: the ensemble does not exist.
    """
    return _ENSEMBLES.info(name)


def list_ensembles(*patterns: str) -> list[str]:
    """List the registered ensembles that match any of the shell patterns, sorted; without patterns, all of them.

    Raises:
        UnknownNameError: a pattern matches nothing.
    """
    return _ENSEMBLES.names(patterns or ("*",))
