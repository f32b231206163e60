"""Samplers of Optuna as searchers: each choice of an architecture is a categorical parameter.

Source: T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama, "Optuna: A Next-generation Hyperparameter Optimization
Framework", KDD 2019, arXiv:1907.10902; default sampler: J. Bergstra et al., "Algorithms for Hyper-Parameter
Optimization", NIPS 2011.

Samplers of Optuna have internal random states that cannot be saved. Therefore a new sampler is made for each proposal,
with a seed from the search's random numbers. Its information is in the study, which is made from the history: a
completed trial for each evaluation in order, followed by a running trial for each pending proposal. Unlike in Optuna
itself, an architecture that equals an evaluated one becomes a failed trial. So does an architecture that is not allowed
(not a row of the table, or outside the constraints); the sampler is then called again, at most :data:`TRIES` times.
After that, and after :data:`STALE` proposals in a row that equal evaluated architectures, a new random architecture is
proposed. A warm-start scorer chooses the first :data:`WARM`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from zcbench.errors import InvalidInputError, MissingDependencyError, UnknownNameError, first_line
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._offspring import Either
from zcbench.search._outstanding import Outstanding
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.spaces import ChoiceSpace
from zcbench.types import Architecture

#: proposals that are not allowed after which a random architecture is proposed
TRIES = 100
#: proposals in a row that equal evaluated architectures, after which a random architecture is proposed
STALE = 5
#: number of architectures that a warm-start scorer chooses
WARM = 10


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingDependencyError("optuna", "optuna", "the searcher optuna") from None
    return optuna


@contextmanager
def _quietly() -> Iterator[None]:
    """Suppress Optuna's log and its warnings about experimental features."""
    log = _optuna().logging
    before = log.get_verbosity()
    log.set_verbosity(log.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.set_verbosity(before)


@register_searcher(
    "optuna",
    extra="optuna",
    reference="T. Akiba et al., 'Optuna: A Next-generation Hyperparameter Optimization Framework', KDD 2019, "
    "arXiv:1907.10902",
)
class OptunaSearch(Searcher):
    """A sampler of Optuna: TPE, NSGA-II, Gaussian process, and any other that takes a seed.

    Args:
        sampler: name of a class in ``optuna.samplers``: "TPESampler", "NSGAIISampler", "GPSampler", "RandomSampler".
    """

    featured = False
    several = True

    def __init__(self, sampler: str = "TPESampler") -> None:
        self.sampler = sampler

    def begin(self, problem: Problem) -> None:
        """Receive the problem.

        Raises:
            MissingDependencyError: Optuna is not installed.
            UnknownNameError: Optuna has no such sampler.
            InvalidInputError: architectures of the space do not have a fixed number of choices, or the sampler needs
                more arguments than a seed.
        """
        super().begin(problem)
        space = problem.domain.space
        if not isinstance(space, ChoiceSpace):
            raise InvalidInputError(
                f"Optuna needs a fixed number of choices, which architectures of {space.name} do not have: "
                "use another searcher, such as evolution."
            )
        self._space = space
        optuna = _optuna()
        samplers = [name for name in dir(optuna.samplers) if name.endswith("Sampler") and not name.startswith("Base")]
        if self.sampler not in samplers:
            raise UnknownNameError("sampler of Optuna", self.sampler, samplers)
        self._kind = getattr(optuna.samplers, self.sampler)
        self._parameters = {
            f"choice {place}": optuna.distributions.CategoricalDistribution(range(len(options)))
            for place, options in enumerate(space.options, 1)
        }
        self._study: Any = None
        self._numbers: list[int] = []  # trials of the history's rows
        self._asked: dict[int, str] = {}  # architectures of the running trials, by trial number
        self._generation: tuple[int, list[int]] = (
            -1,
            [],
        )  # of samplers with generations: number of the last generation, and the rows of its parents
        self._waiting: dict[str, str] = {}  # strings of pending architectures, by their keys
        self._out = Outstanding()
        self._stale = 0
        self._warm: list[Architecture] | None = None
        self._made_sampler(0)

    def _new_study(self) -> Any:
        optuna = _optuna()
        with _quietly():
            return optuna.create_study(
                storage=optuna.storages.InMemoryStorage(), directions=["maximize"] * len(self.problem.objectives)
            )

    def _made_sampler(self, seed: int) -> Any:
        try:
            with _quietly():
                return self._kind(seed=seed)
        except Exception as error:
            raise InvalidInputError(
                f"Optuna's {self.sampler} cannot be made from a seed alone ({first_line(error)}): use another sampler."
            ) from None

    # -- the study -----------------------------------------------------------------------------

    def _put_in_order(self) -> None:
        """Make the study consistent with the history and the pending proposals."""
        history = self.problem.history
        self._waiting = {key: of for key, of in self._waiting.items() if key in self._out and key not in history}
        if self._study is not None and not self._waiting and self._ended():
            return
        self._study, self._asked = self._new_study(), {}
        self._numbers = list(range(len(history)))
        self._set_parents()
        size, done = self._size_of_generation, 0
        for row in range(len(history)):
            values, state = self._outcome(row)
            self._add(history.architectures[row], values, state, done // size if size and values else None)
            done += values is not None
        for place, key in enumerate(self._waiting.values(), len(history)):
            self._add(Architecture(self._space.name, key), None, "RUNNING")
            self._asked[place] = key

    def _ended(self) -> bool:
        """End the running trials if they are the history's next rows in order, or equal to earlier ones."""
        history = self.problem.history
        for number, key in self._asked.items():
            row = len(self._numbers)
            if row < len(history) and history.architectures[row].key == key:
                self._end(number, self._outcome(row)[0])
                self._numbers.append(number)
            elif self.problem.domain.key(Architecture(self._space.name, key)) in history:
                self._end(number, None)
            else:
                return False
        self._asked = {}
        return len(self._numbers) == len(history)

    def _outcome(self, row: int) -> tuple[list[float] | None, str]:
        """Return the values of a row of the history and the state of its trial."""
        answer = self.problem.history.answer(row)
        return (list(answer.good), "COMPLETE") if answer.ok else (None, "FAIL")

    def _count(self) -> int:
        """Return the number of trials."""
        return int(self._study._storage.get_n_trials(self._study._study_id))

    def _params(self, architecture: Architecture) -> dict[str, int]:
        chosen = zip(self._parameters, self._space.options, self._space.choices(architecture), strict=True)
        return {name: options.index(option) for name, options, option in chosen}

    def _add(
        self, architecture: Architecture, values: list[float] | None, state: str, generation: int | None = None
    ) -> None:
        """Add a trial that was not suggested in this study."""
        trial = _optuna().trial
        notes = {} if generation is None else {self._kind._get_generation_key(): generation}
        with _quietly():
            self._study.add_trial(
                trial.create_trial(
                    state=trial.TrialState[state],
                    params=self._params(architecture),
                    distributions=self._parameters,
                    values=values,
                    system_attrs=notes,
                )
            )

    @property
    def _size_of_generation(self) -> int:
        """Number of members of a generation; 0 for a sampler without generations."""
        genetic = issubclass(self._kind, _optuna().samplers.BaseGASampler)
        return int(self._made_sampler(0).population_size) if genetic else 0

    def _set_parents(self) -> None:
        """Record the parents of the current generation in a new study."""
        generation, rows = self._generation
        if generation >= 0:
            name = f"{self._kind._get_parent_cache_key_prefix()}{generation}"
            self._study._storage.set_study_system_attr(self._study._study_id, name, rows)

    def _note_parents(self) -> None:
        """Save the parents of the current generation."""
        if not self._size_of_generation:
            return
        prefix = self._kind._get_parent_cache_key_prefix()
        for name, rows in self._study._storage.get_study_system_attrs(self._study._study_id).items():
            if name.startswith(prefix) and int(name.removeprefix(prefix)) > self._generation[0]:
                by_trial = {number: row for row, number in enumerate(self._numbers)}
                self._generation = int(name.removeprefix(prefix)), [by_trial[number] for number in rows]

    def _end(self, number: int, good: Sequence[float] | None) -> None:
        """End a trial with its values, or as failed without values."""
        failed = _optuna().trial.TrialState.FAIL
        # A sampler with nothing left stops Optuna's own loop, which does not run here: RuntimeError.
        with _quietly(), suppress(RuntimeError):
            self._study.tell(number, None if good is None else list(good), failed if good is None else None)

    # -- ask and tell --------------------------------------------------------------------------

    def ask(self, count: int) -> list[Proposal]:
        """Propose the sampler's suggestions."""
        if self._warm is None:
            self._warm = [] if self.problem.warm_start is None else self.problem.initial(WARM)
        self._put_in_order()
        found: list[Architecture] = []
        while len(found) < count:
            one = self._warm.pop(0) if self._warm else self._suggested() if self._stale < STALE else None
            if one is None:
                if (one := self._drawn(found)) is None:
                    break
                self._add(one, None, "RUNNING")
                self._asked[self._count() - 1] = one.key
            found.append(one)
            if self._stale >= STALE:
                break
        self._note_parents()
        keys = [self.problem.domain.key(one) for one in found]
        self._out.propose(keys)
        self._waiting.update(zip(keys, (one.key for one in found), strict=True))
        return [Proposal(one) for one in found]

    def _drawn(self, found: Sequence[Architecture]) -> Architecture | None:
        """Return a new random architecture; None if none is left."""
        problem = self.problem
        seen = Either(problem.history, self._waiting, {problem.domain.key(one) for one in found})
        return next(iter(problem.domain.sample(problem.rng, 1, seen)), None)

    def _suggested(self) -> Architecture | None:
        """Return the sampler's next allowed suggestion; None if there is none."""
        for _ in range(TRIES):
            number, params = self._trial()
            architecture = self._space.from_choices(
                [options[params[name]] for options, name in zip(self._space.options, self._parameters, strict=True)]
            )
            if self.problem.domain.allows(architecture):
                self._asked[number] = architecture.key
                return architecture
            self._end(number, None)
        return None

    def _trial(self) -> tuple[int, dict[str, int]]:
        self._study.sampler = self._made_sampler(int(self.problem.rng.integers(2**31)))
        try:
            with _quietly():
                trial = self._study.ask(self._parameters)
        except Exception as error:
            raise InvalidInputError(f"Optuna's {self.sampler} cannot search here: {first_line(error)}") from error
        return trial.number, trial.params

    def tell(self, answers: Sequence[Answer]) -> None:
        """Forget pending proposals that have a result; the history contains the values."""
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
        self._out.told([self.problem.domain.key(answer.architecture) for answer in answers])

    def state(self) -> dict[str, Any]:
        """Return the pending proposals, and the parents of the current generation."""
        return {
            "waiting": list(map(list, self._waiting.items())),
            "out": self._out.state(),
            "generation": list(self._generation),
            "stale": self._stale,
            "warm": None if self._warm is None else [one.key for one in self._warm],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        self._study = None
        self._waiting = dict(state["waiting"])
        self._out.restore(state["out"])
        self._generation = int(state["generation"][0]), list(state["generation"][1])
        self._stale = int(state["stale"])
        warm = state["warm"]
        self._warm = None if warm is None else [Architecture(self._space.name, key) for key in warm]
