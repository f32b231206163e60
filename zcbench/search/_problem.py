"""The problem that a searcher receives: domain, objectives, history and random numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zcbench.encodings import Encoding, Feed, get_encoding, join
from zcbench.encodings.proxies import ProxyEncoding
from zcbench.errors import InvalidArchitectureError, InvalidInputError, UnknownNameError, UnsupportedModelError
from zcbench.predictors import Predictor, get_predictor
from zcbench.scorers import Scorer, measures_time
from zcbench.scorers._encoding import ScoreEncoding
from zcbench.search._base import Objective
from zcbench.search._budget import Budget
from zcbench.search._domain import Domain
from zcbench.search._history import History
from zcbench.spaces import TableSpace, get_space
from zcbench.types import Architecture, SearchSpace


def _no_scorers(text: str) -> Scorer:
    raise InvalidInputError(f"this search has no source of scores: the scores of {text} are not available.")


@dataclass
class Problem:
    """The information that a searcher has about its search.

    Attributes:
        domain: the architectures that can be proposed.
        objectives: the objectives.
        budget: the total budget.
        rng: random generator for everything random in the search.
        history: all evaluations.
        epochs: epochs of a full training, if partial trainings are possible; otherwise None.
        levels: the available numbers of epochs, ascending; empty for every number.
        warm_start: a scorer that chooses the first architectures; None for a random choice.
        warm_start_from: number of architectures that are drawn and scored for this choice.
        features: scorers whose scores are inputs of a surrogate in addition to its encoding; see :meth:`encoding`.
        scored: scorers that give an objective, whose names are their labels.
        known: scorers that give an objective before the evaluation, such as FLOPs; by the objective's name.
        reference: reference point of the hypervolume, by objective, with signs such that high is good; None if none was
            given.
        scorer: from the text of a scorer to one whose scores are recorded and charged once.
        feed: source of encodings of a table's columns; None if there is no table.
    """

    domain: Domain
    objectives: tuple[Objective, ...]
    budget: Budget
    rng: np.random.Generator
    history: History = field(init=False)
    epochs: int | None = None
    levels: tuple[int, ...] = ()
    warm_start: Scorer | None = None
    warm_start_from: int = 1_000
    features: tuple[Scorer, ...] = ()
    scored: tuple[Scorer, ...] = ()
    known: Mapping[str, Scorer] = field(default_factory=dict)
    reference: tuple[float, ...] | None = None
    scorer: Callable[[str], Scorer] = _no_scorers
    feed: Feed | None = None

    def __post_init__(self) -> None:
        self.history = History(len(self.objectives))

    def part(self, epochs: float) -> int | None:
        """Return the available number of epochs nearest to ``epochs``; None for a full training."""
        whole = self.epochs or 1
        near = max(1, round(epochs))
        if self.levels:
            near = min(self.levels, key=lambda level: (abs(math.log(level / max(epochs, 1e-9))), level))
        return near if near < whole else None

    def initial(self, count: int) -> list[Architecture]:
        """Return the first architectures of a search: new ones, random or the best of many by the warm-start scorer.

        Fewer are returned if the domain has no more.
        """
        if self.warm_start is None:
            return self.domain.sample(self.rng, count, self.history)
        drawn = self.domain.sample(self.rng, max(count, self.warm_start_from), self.history)
        order = np.argsort(-self.warm_start.good(drawn), kind="stable")  # nan is last
        return [drawn[row] for row in order[:count]]

    @property
    def foreseen(self) -> dict[int, Scorer]:
        """Scorers of the objectives that are cheap to know before an evaluation, by position; times are not cheap."""
        cheap = {scorer.label: scorer for scorer in self.scored if not measures_time(scorer)}
        scorers = cheap | dict(self.known)
        return {place: scorers[o.name] for place, o in enumerate(self.objectives) if o.name in scorers}

    def foresee(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return the objectives known before an evaluation ``(n, objectives)``, high is good; nan for the others."""
        found = np.full((len(architectures), len(self.objectives)), np.nan)
        for place, scorer in self.foreseen.items():
            values = np.asarray(scorer.score(architectures), np.float64)
            found[:, place] = values if self.objectives[place].higher_is_better else -values
        return found

    def ends(self, most: int) -> list[Architecture]:
        """Return architectures with the lowest and the highest value of each objective known before an evaluation.

        They are chosen from all allowed architectures if these are at most ``most``, otherwise from as many as a warm
        start is chosen from. The list is empty if no such objective is known.
        """
        if not self.foreseen:
            return []
        every = self.domain.everything()
        if every is None or len(every) > most:
            every = self.domain.sample(self.rng, self.warm_start_from, self.history)
        found: dict[str, Architecture] = {}
        for column in self.foresee(every).T[list(self.foreseen)]:
            if np.isfinite(column).any():
                for row in (np.nanargmax(column), np.nanargmin(column)):
                    found.setdefault(self.domain.key(every[row]), every[row])
        return list(found.values())

    def encoding(self, text: str | Encoding = "onehot+stats", *, features: bool = True) -> Encoding:
        """Return a surrogate's encoding: the given encoding, followed by the scores of the feature scorers.

        Scores of proxies that the encoding contains, as in "onehot+proxies(naswot)", are charged like those of other
        scorers.

        Args:
            text: a name, several joined by "+", or an object.
            features: whether the scores of the feature scorers are appended.

        Raises:
            UnknownNameError: there is no such encoding.
            InvalidInputError: there are features but the encoding is not a vector to which scores can be appended; or
                it contains learning curves, which cost training; or only the names of the table's architectures are
                known.
        """
        encoding = get_encoding(text, self._own_space)
        if encoding.needs.curves:
            raise InvalidInputError(
                f"{encoding.name} contains learning curves, which need training: choose a searcher that trains partly."
            )
        parts = [part for known in encoding.parts for part in self._paid_for(known)]
        self._check_names(parts)
        scores = [ScoreEncoding(scorer) for scorer in self.features] if features else []
        if scores and encoding.kind != "vector":
            raise InvalidInputError(
                f"the encoding {encoding.name} is not a vector, so that scores cannot be added to it as features: "
                "choose a predictor with vector inputs, such as gp."
            )
        return join([*parts, *scores])

    def surrogate(self, predictor: str | Predictor) -> Predictor:
        """Return an unfitted predictor with the inputs of :meth:`encoding`.

        Args:
            predictor: name and settings ("gp:encoding=onehot"), or an object, which is changed.

        Raises:
            UnknownNameError: there is no such predictor or encoding.
            InvalidInputError: see :meth:`encoding`.
        """
        made = get_predictor(predictor) if isinstance(predictor, str) else predictor
        return made.with_encodings(self.encoding, self._own_space)

    def _paid_for(self, part: Encoding) -> list[Encoding]:
        if isinstance(part, ProxyEncoding) and not part.from_table:
            return [ScoreEncoding(self.scorer(member)) for member in part.members]
        if part.from_table and not part.needs.proxies and self.feed is not None and not getattr(part, "_fed", None):
            return [part.fed([self.feed])]
        return [part]

    def _check_names(self, parts: Sequence[Encoding]) -> None:
        """Raise InvalidInputError if a table has only names of architectures, and an encoding needs more."""
        space = self.domain.space
        if not isinstance(space, TableSpace) or not self.domain.candidates:
            return
        for part in parts:
            if part.from_table or isinstance(part, ScoreEncoding):
                continue
            try:
                part.rows(self.domain.candidates[:1])
            except (InvalidArchitectureError, UnsupportedModelError):
                raise InvalidInputError(
                    f"the encoding {part.name} needs more than names, but the table has only names of architectures: "
                    "choose a predictor of its columns, as  predictor=(gp:encoding=columns),  or give its search space."
                ) from None

    @property
    def _own_space(self) -> SearchSpace | None:
        """The space, if its name does not identify it."""
        space = self.domain.space
        try:
            return None if get_space(space.name) is space else space
        except UnknownNameError:
            return space
