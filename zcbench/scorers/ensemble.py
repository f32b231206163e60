"""Combinations of scorers: by ranks (ensembles), or by a weighted sum."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np

from zcbench._notation import Part, Sum, Term, parse_sum
from zcbench.ensembles import Ensemble, ensemble_info, get_ensemble
from zcbench.errors import InvalidInputError
from zcbench.scorers._base import Floats, Scorer, Scores, asked
from zcbench.scorers._context import Context
from zcbench.scorers._register import as_scorer, register_scorer
from zcbench.types import Architecture

#: number of stored scores
_REMEMBERED = 100_000


class Composite(Scorer):
    """Scorers combined by an ensemble's function, over the set of requested architectures.

    A rank is relative: an architecture's score is its position among the architectures that are scored together, and
    two scores are comparable only within one call. Where a search needs a score of a single architecture, it adds it to
    a fixed sample (:class:`AmongOthers`). An architecture without a member's score has none.

    Args:
        ensemble: the function and its weights.
        members: texts of scorers.
    """

    of_sets: ClassVar[bool] = True

    def __init__(self, ensemble: Ensemble, members: Sequence[str]) -> None:
        self._ensemble, self._texts = ensemble, tuple(members)
        self._members: tuple[Scorer, ...] = ()

    def _relabel(self) -> None:
        """Set the label, once the members are known."""
        raise NotImplementedError

    def begin(self, context: Context) -> None:
        """Create the members."""
        super().begin(context)
        self._take([as_scorer(text, context) for text in self._texts])

    def _take(self, members: Sequence[Scorer]) -> None:
        labels = [member.label for member in members]
        if len(set(labels)) != len(labels):
            raise InvalidInputError(f"'{self.label}' names a member twice.")
        self._members = tuple(members)
        self._relabel()

    @property
    def parts(self) -> tuple[Scorer, ...]:
        """The members."""
        return self._members

    def with_parts(self, parts: Sequence[Scorer]) -> Self:
        """Return the same function of other members."""
        made = copy.copy(self)
        made._take(parts)
        return made

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Score a set; each score costs the sum of the members' costs.

        Raises:
            InvalidInputError: there is no task, or the ensemble's function raises or returns something else.
        """
        if not self._members:
            raise InvalidInputError(f"{self.label} needs a task: get_scorer({self.label!r}, benchmark).")
        found = [member.score(architectures) for member in self._members]
        columns, seconds, stored = {}, np.zeros(len(architectures)), np.zeros(len(architectures), np.bool_)
        reasons: dict[int, str] = {}
        for number, (member, scores) in enumerate(zip(self._members, found, strict=True)):
            columns[f"m{number}"] = scores.values if member.higher_is_better else -scores.values
            seconds += scores.seconds
            stored |= False if scores.stored is None else scores.stored
            for place, why in scores.reasons.items():
                reasons.setdefault(place, f"{member.label}: {why}")
        return Scores(self._combined(columns), seconds, reasons, stored=stored)

    def _combined(self, columns: dict[str, Floats]) -> Floats:
        return replace(self._ensemble, members=tuple(columns), own=False).combine(columns)


def _inside(members: Sequence[Scorer], weights: Sequence[float]) -> Sum:
    """Return members in the form of a label."""
    return Sum(tuple(Part(as_term(member.label), weight) for member, weight in zip(members, weights, strict=True)))


def as_term(label: str) -> Term:
    """Return a term for a label; a sum must be in brackets of a name."""
    found = parse_sum(label)
    return found.parts[0].term if len(found.parts) == 1 and found.weights == (1.0,) else Term("sum", found)


@register_scorer("ensemble", arguments="az_nas")
class EnsembleScorer(Composite):
    """An ensemble: scores from the ranks that several scorers assign among the requested architectures.

    Args:
        text: a registered ensemble, with its default members or others: "az_nas", "mean_rank(naswot+table(flops_M))".

    Raises:
        UnknownNameError: the ensemble does not exist.
    """

    def __init__(self, text: str) -> None:
        ensemble = get_ensemble(text)
        super().__init__(ensemble, ensemble.members)
        self.label = ensemble.label

    def _relabel(self) -> None:
        if not self._ensemble.own:
            self.label = str(Term(self._ensemble.name, _inside(self._members, self._ensemble.weights)))


@register_scorer("sum", arguments="naswot+0.5*logsynflow")
class SumScorer(Composite):
    """A weighted sum, "naswot+0.5*logsynflow", of scores scaled to [0, 1] over the requested architectures.

    Each member's scores, with the sign such that higher is better, are scaled by the smallest and the largest of them
    among the architectures that are scored together and have all members' scores; a constant member counts 0. This is
    the ensemble "weighted_sum". Higher sums are better.

    Args:
        members: texts of scorers, each with its weight: "naswot", "0.5*logsynflow".
    """

    def __init__(self, *members: str) -> None:
        self._sum = parse_sum("+".join(members))
        ensemble = ensemble_info("weighted_sum")
        super().__init__(_weighted(ensemble, self._sum.weights), self._sum.labels)
        self.label = _sum_label(self._sum)

    @classmethod
    def read(cls, inside: Sum | None) -> Scorer:  # type: ignore[override]
        """Read members with their weights."""
        if inside is None:
            raise TypeError
        return cls(*map(str, inside.parts))

    def _relabel(self) -> None:
        self.label = _sum_label(_inside(self._members, self._sum.weights))


def _sum_label(found: Sum) -> str:
    """Format a sum: "naswot+2*synflow"; with its name where it would be read as its only member."""
    alone = len(found.parts) == 1 and found.weights == (1.0,)
    return str(Term("sum", found)) if alone else str(found)


def _weighted(ensemble: Ensemble, weights: Sequence[float]) -> Ensemble:
    return replace(ensemble, members=tuple(f"m{number}" for number in range(len(weights))), weights=tuple(weights))


class AmongOthers(Scorer):
    """A scorer of sets, for one architecture at a time, which is scored once together with the same others.

    Args:
        scorer: the scorer of sets.
        others: architectures; they are scored first, and their cost counts.
    """

    def __init__(self, scorer: Scorer, others: Sequence[Architecture]) -> None:
        self._scorer, self._others = scorer, list(others)
        self.label, self.higher_is_better, self.context = scorer.label, scorer.higher_is_better, scorer.context
        self._known: dict[Architecture, tuple[float, str]] = {}  # score, and the reason if it is missing

    @property
    def parts(self) -> tuple[Scorer, ...]:
        """The scorer of sets."""
        return (self._scorer,)

    def with_parts(self, parts: Sequence[Scorer]) -> Self:
        """Return another scorer with the same other architectures."""
        made = copy.copy(self)
        made._scorer, made._known = parts[0], {}
        return made

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Return the score of each among the others, ``(n,)``; stored scores cost nothing."""
        if len(self._known) + len(architectures) > _REMEMBERED:
            self._known = {one: self._known[one] for one in architectures if one in self._known}
        seconds, stored = np.zeros(len(architectures)), np.zeros(len(architectures), np.bool_)
        for place, architecture in enumerate(architectures):
            if architecture not in self._known:
                found = self._among(architecture)
                # A scorer that stores scores charges nothing for the others.
                seconds[place] = found.seconds.sum()
                stored[place] = found.stored is not None and found.stored.any()
                self._known[architecture] = float(found.values[-1]), found.reasons.get(len(self._others), "")
        known = [self._known[one] for one in architectures]
        reasons = {place: why for place, (_, why) in enumerate(known) if why}
        return Scores(np.array([value for value, _ in known], np.float64), seconds, reasons, stored=stored)

    def _among(self, architecture: Architecture) -> Scores:
        """Score the others and an architecture; exceptions of user-defined scorers become reasons."""
        several = [*self._others, architecture]
        return self._scorer.score(several) if self._scorer.parts else asked(self._scorer, several)
