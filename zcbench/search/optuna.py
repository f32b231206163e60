"""Any sampler of Optuna as a searcher: each choice of an architecture is a categorical parameter.

Source: T. Akiba, S. Sano, T. Yanase, T. Ohta, M. Koyama, "Optuna: A Next-generation Hyperparameter Optimization
Framework", KDD 2019, arXiv:1907.10902; default sampler: J. Bergstra et al., "Algorithms for Hyper-Parameter
Optimization", NIPS 2011.

Samplers of Optuna keep random states of their own, which they do not give away. So a sampler is made anew for each
proposal, with a seed from the search's random numbers; what it knows is in the study's trials, and these are the state.
What is proposed and not allowed (no row of a table, a constraint broken) is a failed trial, and the sampler is asked
again, :data:`TRIES` times at most; then, and after :data:`STALE` proposals in a row whose equals were evaluated, a
random new architecture becomes a trial. Answers to architectures whose equals were evaluated are trials too. What is
never answered becomes a failed trial. A warm-start scorer chooses the first :data:`WARM` trials.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from zcbench.errors import InvalidInputError, MissingDependencyError, UnknownNameError, first_line
from zcbench.search._base import Answer, Proposal, Searcher
from zcbench.search._offspring import Either
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.spaces import ChoiceSpace
from zcbench.types import Architecture

#: proposals that are not allowed after which a random architecture is taken
TRIES = 100
#: proposals in a row whose equals were evaluated, after which a random architecture is taken
STALE = 20
#: architectures that a warm-start scorer chooses
WARM = 10


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise MissingDependencyError("optuna", "optuna", "the searcher optuna") from None
    return optuna


@contextmanager
def _quietly() -> Iterator[None]:
    """Without Optuna's log and warnings of what is experimental."""
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
        sampler: name of a class of ``optuna.samplers``: "TPESampler", "NSGAIISampler", "GPSampler", "RandomSampler".
    """

    several = True

    def __init__(self, sampler: str = "TPESampler") -> None:
        self.sampler = sampler

    def begin(self, problem: Problem) -> None:
        """Take the problem.

        Raises:
            MissingDependencyError: Optuna is not installed.
            UnknownNameError: it has no such sampler.
            InvalidInputError: architectures of the space make no fixed number of choices, or the sampler needs more
                than a seed.
        """
        super().begin(problem)
        space = problem.domain.space
        if not isinstance(space, ChoiceSpace):
            raise InvalidInputError(
                f"Optuna searches among choices, and architectures of {space.name} make no fixed number of choices: "
                "take another searcher, such as evolution."
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
        self._study: Any = self._new_study()
        self._waiting: dict[int, tuple[str, int]] = {}  # architectures, and calls of ask, by the numbers of trials
        self._call = 0
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
                f"Optuna's {self.sampler} cannot be made of a seed alone ({first_line(error)}): take another sampler."
            ) from None

    def ask(self, count: int) -> list[Proposal]:
        """What the sampler suggests."""
        if self._warm is None:
            self._warm = [] if self.problem.warm_start is None else self.problem.initial(WARM)
        self._call += 1
        found: list[Proposal] = []
        while len(found) < count:
            one: Architecture | tuple[int, Architecture] | None
            one = self._warm.pop(0) if self._warm else self._suggested() if self._stale < STALE else None
            if one is None or isinstance(one, Architecture):
                one = self._enqueued(one)
            if one is None:
                break
            number, architecture = one
            self._waiting[number] = (architecture.key, self._call)
            found.append(Proposal(architecture))
            if self._stale >= STALE:
                break
        return found

    def _suggested(self) -> tuple[int, Architecture] | None:
        """A trial's number and its architecture, which is allowed; None if none is found."""
        for _ in range(TRIES):
            number, params = self._trial()
            architecture = self._space.from_choices(
                [options[params[name]] for options, name in zip(self._space.options, self._parameters, strict=True)]
            )
            if self.problem.domain.allows(architecture):
                return number, architecture
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

    def _enqueued(self, architecture: Architecture | None) -> tuple[int, Architecture] | None:
        """An architecture, or a random new one, as a trial; None where nothing new is left."""
        problem = self.problem
        if architecture is None:
            waiting = {problem.domain.key(Architecture(self._space.name, key)) for key, _ in self._waiting.values()}
            drawn = problem.domain.sample(problem.rng, 1, Either(problem.history, waiting))
            if not drawn:
                return None
            architecture = drawn[0]
        self._add(self._params(architecture), "RUNNING")
        return self._count() - 1, architecture

    def _count(self) -> int:
        """Number of trials."""
        return int(self._study._storage.get_n_trials(self._study._study_id))

    def _params(self, architecture: Architecture) -> dict[str, int]:
        chosen = zip(self._parameters, self._space.options, self._space.choices(architecture), strict=True)
        return {name: options.index(option) for name, options, option in chosen}

    def _add(self, params: Mapping[str, int], state: str, **further: Any) -> None:
        """A trial that the sampler did not suggest, or one of an earlier run."""
        trial = _optuna().trial
        with _quietly():
            self._study.add_trial(
                trial.create_trial(
                    state=trial.TrialState[state],
                    params=dict(params),
                    distributions={name: self._parameters[name] for name in params},
                    **further,
                )
            )

    def tell(self, answers: Sequence[Answer]) -> None:
        """End trials; those of earlier calls that have no answer have failed."""
        latest = 0
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
            key = answer.architecture.key
            number = next((number for number, (waiting, _) in self._waiting.items() if waiting == key), None)
            if number is not None:
                latest = max(latest, self._waiting.pop(number)[1])
                self._end(number, answer.good if answer.ok else None)
            elif answer.ok:
                self._add(self._params(answer.architecture), "COMPLETE", values=list(answer.good))
        for number in [number for number, (_, call) in self._waiting.items() if call < latest]:
            del self._waiting[number]
            self._end(number, None)

    def _end(self, number: int, good: Sequence[float] | None) -> None:
        """End a trial with its values; without any it has failed."""
        failed = _optuna().trial.TrialState.FAIL
        # A sampler with nothing left asks to stop a loop that is not Optuna's: RuntimeError.
        with _quietly(), suppress(RuntimeError):
            self._study.tell(number, None if good is None else list(good), failed if good is None else None)

    def state(self) -> dict[str, Any]:
        """All trials, and what the samplers wrote on them."""
        with _quietly():
            trials = self._study.get_trials(deepcopy=False)
            notes = self._study._storage.get_study_system_attrs(self._study._study_id)
        return {
            "trials": [[one.state.name, one.params, one.values, one.system_attrs] for one in trials],
            "notes": notes,
            "waiting": [[number, *of] for number, of in self._waiting.items()],
            "call": self._call,
            "stale": self._stale,
            "warm": None if self._warm is None else [one.key for one in self._warm],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what :meth:`state` described."""
        self._study = self._new_study()
        for name, params, values, notes in state["trials"]:
            self._add(params, name, values=values, system_attrs=notes)
        for key, note in state["notes"].items():
            self._study._storage.set_study_system_attr(self._study._study_id, key, note)
        self._waiting = {int(number): (key, int(call)) for number, key, call in state["waiting"]}
        self._call, self._stale = int(state["call"]), int(state["stale"])
        warm = state["warm"]
        self._warm = None if warm is None else [Architecture(self._space.name, key) for key in warm]
