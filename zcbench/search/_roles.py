"""The roles of scorers in a search: warm start, filter, feature, objective."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many
from zcbench._notation import Term, parse_sum, split_list
from zcbench._process import stable_seed
from zcbench._settings import read_settings
from zcbench.encodings import Feed
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import Context, Scorer, as_scorer
from zcbench.scorers._register import Turned
from zcbench.scorers.ensemble import AmongOthers
from zcbench.search._base import Objective
from zcbench.search._domain import Domain
from zcbench.search._metered import TRIED
from zcbench.search._problem import Problem
from zcbench.search._quantities import OTHERS
from zcbench.types import Architecture

#: the roles of scorers
ROLES = ("warm-start", "filter", "feature", "objective")
#: settings of roles: the number of architectures that are scored for one choice
_SETTINGS: Mapping[str, Mapping[str, int]] = {"warm-start": {"from": 1_000}, "filter": {"from": 100}}
_RANGES = {"from": (1, 10**6)}


@dataclass(frozen=True)
class Role:
    """A scorer in a role.

    Attributes:
        name: one of :data:`ROLES`.
        scorer: the scorer.
        choose_from: number of scored architectures from which it chooses one; 0 if it does not choose.
    """

    name: str
    scorer: Scorer
    choose_from: int = 0


@dataclass(frozen=True, repr=False)
class Roles:
    """All scorers of one search, with their roles.

    Attributes:
        all: in the given order.
        context: the task of the scorers.
    """

    all: tuple[Role, ...]
    context: Context
    _tried: list[Scorer] = field(default_factory=list)
    _some: list[Architecture] = field(default_factory=list)

    def __repr__(self) -> str:
        return brief(f"<Roles {', '.join(f'{one.scorer.label} as {one.name}' for one in self.all) or 'none'}>")

    @classmethod
    def of(cls, scorer: Any, role: Any, context: Context) -> Roles:
        """Read the roles from the user's arguments.

        Args:
            scorer: one scorer as for :func:`zcbench.get_scorer`; several, as a list or as text with commas, in the
                roles "feature" and "objective"; a mapping from roles to these; or None.
            role: role of one scorer: "filter", several as "warm-start+filter" or in a list, with settings as
                "warm-start:from=200+filter:from=20". It is not used if ``scorer`` is a mapping.
            context: the task.

        Raises:
            UnknownNameError: there is no such role or scorer.
            InvalidInputError: a role has several scorers and takes one; two different scorers have the same label; a
                scorer would use training results.
        """
        if scorer is None:
            return cls((), context)
        given = scorer if isinstance(scorer, Mapping) else dict.fromkeys(_texts(role), scorer)
        found: list[Role] = []
        made: dict[Any, Scorer] = {}  # one object for each scorer, also if it has several roles
        taken: set[str] = set()
        for text, scorers in given.items():
            for term in _terms(text):
                if term.name in taken:
                    raise InvalidInputError(
                        f"the role {term.name} is given twice: give it one scorer, or a list of them."
                    )
                taken.add(term.name)
                settings = read_settings(term, _SETTINGS.get(term.name, {}), _RANGES)
                number = settings.get("from", _SETTINGS.get(term.name, {}).get("from", 0))
                for one in _several(term.name, scorers):
                    key = one if isinstance(one, str) else id(one)
                    made.setdefault(key, as_scorer(one, context))
                    found.append(Role(term.name, made[key], number))
        if not found:
            raise InvalidInputError(f"the scorer has no role: name one, {', '.join(ROLES)}.")
        _check_labels(found)
        return cls(tuple(found), context)

    def _in(self, name: str) -> list[Role]:
        return [one for one in self.all if one.name == name]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives that scorers add."""
        return tuple(
            Objective(unsigned(one.scorer).label, one.scorer.higher_is_better) for one in self._in("objective")
        )

    @property
    def head(self) -> dict[str, Any]:
        """The entry in a ledger's head: by role, everything that determines its scorers' scores."""
        found: dict[str, Any] = {}
        for one in self.all:
            number = {"from": one.choose_from} if one.choose_from else {}
            found.setdefault(one.name, []).append({"scorer": one.scorer.identifier, **number})
        return found

    def notes(self, seen: Iterable[str]) -> list[str]:
        """Return notes on scorers that use results which others have to find by evaluation.

        Args:
            seen: columns that are objectives or reported.
        """
        watched = set(seen)
        by_scorer: dict[str, list[Role]] = {}
        for one in self.all:
            by_scorer.setdefault(one.scorer.label, []).append(one)
        found = []
        for label, roles in by_scorer.items():
            scorer, served = roles[0].scorer, " and ".join(one.name for one in roles)
            known = dict.fromkeys([*scorer.truth, *(name for name in scorer.columns if name in watched)])
            if known:
                judged = ", by which the search is evaluated" if watched & set(known) else ""
                found.append(
                    f"The scorer {label} is an oracle as {served}: it reads {', '.join(known)}{judged}. The result is "
                    "an upper bound on what scorers could reach."
                )
        return found

    def unused(self, searcher: str) -> list[str]:
        """Return a note if there are features, for a searcher that uses none."""
        labels = [one.scorer.label for one in self._in("feature")]
        if not labels:
            return []
        return [
            f"{', '.join(labels)} as feature changed nothing, because {searcher} uses no features. Searchers with a "
            "surrogate use them, such as guided."
        ]

    def give(self, problem: Problem, metered: Callable[[Scorer], Scorer], seed: int) -> tuple[Scorer | None, int]:
        """Pass the scorers to a search.

        Args:
            problem: receives warm start, features, objectives, and access to scorers that a searcher names.
            metered: from a scorer to one whose scores are charged.
            seed: seed of the search.

        Returns:
            The filter, or None, and the number of proposals from which it chooses one.
        """
        table = self.context.benchmark
        problem.feed = None if table is None else Feed.of(table)
        problem.scorer = lambda text: as_scorer(text, self.context).mapped(metered)
        rng = np.random.default_rng(stable_seed("scorers", seed))
        for one in self._in("warm-start"):
            problem.warm_start, problem.warm_start_from = one.scorer.mapped(metered), one.choose_from

        def one_by_one(leaf: Scorer) -> Scorer:
            return metered(alone(leaf, problem.domain, rng))

        features = [part for one in self._in("feature") for part in one.scorer.mapped(one_by_one).units()]
        problem.features = tuple({part.label: part for part in features}.values())
        problem.scored = tuple(
            alone(unsigned(one.scorer.mapped(one_by_one)), problem.domain, rng) for one in self._in("objective")
        )
        filters = self._in("filter")
        chosen = filters[0].scorer.mapped(metered) if filters else None
        # A warm start scores before everything else.
        self._tried[:] = [*problem.features, *problem.scored, *([] if chosen is None else [chosen])]
        self._some[:] = problem.domain.sample(rng, TRIED) if self._tried else []
        return chosen, filters[0].choose_from if filters else 1

    def try_out(self) -> None:
        """Score a few architectures before any evaluation is charged.

        Raises:
            InvalidInputError: a scorer has no score for any of them.
        """
        for scorer in self._tried:
            found = scorer.score(self._some)
            if self._some and len(found.reasons) == len(self._some):
                raise InvalidInputError(
                    f"the scorer {scorer.label} has no score for any of {many(len(self._some), 'architecture')} and "
                    f"cannot help the search: {found.reasons[0]}"
                )


def unsigned(scorer: Scorer) -> Scorer:
    """Return the scorer of an objective's numbers: params for "-params", because the objective has the sign."""
    return scorer.parts[0] if isinstance(scorer, Turned) else scorer


def alone(scorer: Scorer, domain: Domain, rng: np.random.Generator) -> Scorer:
    """Return a scorer of single architectures; a scorer of sets compares each one to a fixed sample."""
    return AmongOthers(scorer, domain.sample(rng, OTHERS)) if scorer.of_sets else scorer


def _texts(role: Any) -> list[str]:
    return rules.all_text("role", role)


def _terms(text: Any) -> list[Term]:
    """Parse the roles in a text such as "warm-start+filter:from=20"."""
    found = parse_sum(rules.text("a role", text))
    found.unweighted("a role")
    for part in found.parts:
        if part.term.name not in ROLES:
            raise UnknownNameError("role", part.term.name, ROLES)
    return [part.term for part in found.parts]


def _several(role: str, given: Any) -> Sequence[Any]:
    """Return the scorers that are given for a role."""
    found: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    found = [one for each in found for one in (split_list(each) if isinstance(each, str) else [each])]
    if not found:
        raise InvalidInputError(f"the role {role} has no scorer: give one.")
    if len(found) > 1 and role not in ("feature", "objective"):
        raise InvalidInputError(
            f"the role {role} takes one scorer, not {len(found)}: write a sum, naswot+synflow, or an ensemble, "
            "mean_rank(naswot+synflow)."
        )
    return found


def _check_labels(roles: Iterable[Role]) -> None:
    known: dict[str, str] = {}
    for one in roles:
        for leaf in one.scorer.leaves():
            if known.setdefault(leaf.label, leaf.identifier) != leaf.identifier:
                raise InvalidInputError(
                    f"two different scorers have the label {leaf.label}: give one of them another label."
                )
