"""The contract of searchers: named checks on an easy space whose best network is known."""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Callable
from typing import Any

from zcbench.errors import InvalidInputError, MissingDependencyError
from zcbench.search import Budget, Domain, Ledger, Objective, Search, Searcher, get_searcher, searcher_info
from zcbench.search._loop import Loop
from zcbench.testing._contest import STAGES, chance, shortfall, tells, worth
from zcbench.testing._easy_search import (
    EPOCHS,
    EasyEvaluator,
    Hint,
    Judge,
    Run,
    bounded_domain,
    drive,
    judged,
    problem,
    scattered,
    taken_over,
    thinned,
    watched,
    width,
)
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._world import differs, world
from zcbench.types import Architecture

#: steps of one run, and steps between two restored states
_STEPS, _EVERY = 40, 10


def check_searcher(searcher: str | type[Searcher], *, seed: int = 0) -> Report:
    """Run all checks on a searcher, built in or user-defined.

    Args:
        searcher: name of a registered one, optionally with settings ("evolution:population=20"), or a class.
        seed: seed of the searches.

    Returns:
        A :class:`Report`. A check is skipped if an optional package is missing, or if the searcher does not claim the
        checked property.

    Raises:
        UnknownNameError: the searcher or the setting does not exist.
        InvalidInputError: a setting is out of range.
    """
    checker = _Checker(searcher, seed)
    return run_checks(checker.name, checker.checks())


class _Checker:
    def __init__(self, searcher: str | type[Searcher], seed: int) -> None:
        self._given, self.seed = searcher, seed
        made = self.make()
        self.kind = type(made)
        self.name = getattr(made, "label_", self.kind.__qualname__)

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name, in the order in which they run."""
        return {
            "declaration": self.declaration,
            "settings": self.settings,
            "starts": self.begins,
            "no more than requested": self.no_more_than_asked,
            "budget": self.budget,
            "same seed, same search": self.deterministic,
            "another seed": self.another_seed,
            "global random numbers": self.untouched,
            "nothing twice": self.nothing_twice,
            "constraints": self.constraints,
            "few neighbours": self.few_neighbours,
            "small space": self.small_space,
            "resume": self.resume,
            "resume with pending answers": self.resume_waiting,
            "resume in batches": self.resume_batches,
            "state": self.state,
            "failed evaluations": self.failed,
            "constant objective": self.constant,
            "patience": self.patience,
            "better than random": self.better_than_random,
            "several objectives": self.several,
            "epochs": self.epochs,
        }

    # -- helpers -------------------------------------------------------------------------------

    def make(self) -> Searcher:
        """Create a searcher."""
        return get_searcher(self._given) if isinstance(self._given, str) else self._given()

    @functools.cached_property
    def hints(self) -> bool:
        """Whether it needs scorers; this is tested once, without scorers."""
        try:
            self.make().begin(problem(self.seed, epochs=self.kind.epochs))
        except MissingDependencyError as error:
            raise SkippedError(str(error)) from None
        except InvalidInputError:
            self.make().begin(problem(self.seed, epochs=self.kind.epochs, hints=True))
            return True
        return False

    def begin(
        self, seed: int | None = None, domain: Domain | None = None, searcher: Searcher | None = None, **more: Any
    ) -> Run:
        """Start a search of the easy problem, without requests so far."""
        given = problem(
            self.seed if seed is None else seed, domain=domain, epochs=self.kind.epochs, hints=self.hints, **more
        )
        return Run(Search(searcher or self.make(), given))

    def search(self, steps: int, judge: Judge | None = None, *, batch: int = 1, **more: Any) -> Run:
        """Run a search of this many steps."""
        return drive(self.begin(**more), steps, judge or judged(1), batch=batch)

    @functools.cached_property
    def usual(self) -> Run:
        """The result of one search, one proposal at a time."""
        return self.search(_STEPS)

    # -- the checks ----------------------------------------------------------------------------

    def declaration(self) -> str:
        if not (self.kind.__doc__ or "").strip():
            raise FailedError("its class has no docstring: lists show its first line")
        if not isinstance(self._given, str):
            return "a class that is not registered"
        info = searcher_info(self._given.partition(":")[0])
        if not info.reference:
            raise FailedError("it cites no reference: pass reference=… to register_searcher")
        for name, default in info.parameters.items():
            if type(default) in (int, float) and name not in info.ranges:
                raise FailedError(f"its setting {name} is a number without a range: declare ranges = {{{name!r}: …}}")
        claims = [name for name in ("several", "epochs", "patient") if getattr(self.kind, name)]
        return ", ".join(claims) or "claims nothing"

    def settings(self) -> str:
        if not isinstance(self._given, str):
            raise SkippedError("a class that is not registered has no label")
        info = searcher_info(self._given.partition(":")[0])
        for name, default in info.parameters.items():
            if vars(get_searcher(info.name)).get(name, math.nan) != default:
                raise FailedError(f"its constructor does not store its argument {name} unchanged")
            for value in _others(default, info.ranges.get(name)):
                try:
                    made = get_searcher(f"{info.name}:{name}={value}")
                except InvalidInputError:
                    continue  # settings may depend on each other
                if getattr(made, name) != value:
                    raise FailedError(f"with {name}={value} it stores {name}={getattr(made, name)!r}")
                again = get_searcher(made.label_)
                if getattr(again, name) != value or again.label_ != made.label_:
                    raise FailedError(f"its label {made.label_} is parsed as {again.label_}")
        return f"{len(info.parameters)}, stored unchanged"

    def begins(self) -> str:
        try:
            hints = self.hints
        except InvalidInputError as error:
            raise FailedError(f"it refuses the easy problem, with and without scorers: {error}") from None
        if len(self.usual.told) < _STEPS:
            raise FailedError(f"it ended after {len(self.usual.told)} of {_STEPS} steps: {self.usual.search.ended}")
        return "with scorers" if hints else "without scorers"

    def no_more_than_asked(self) -> str:
        for batch in (1, 3, 8):
            over: list[int] = []
            drive(self.begin(searcher=watched(self.make(), over)), 8, judged(1), batch=batch)
            if max(over) > 0:
                raise FailedError(f"it returns {batch + max(over)} proposals for {batch} requested")
        return "1, 3 and 8 at once"

    def budget(self) -> str:
        for limit, most in ((Budget(0), 0), (Budget(1), 1), (Budget(7), 7), (Budget(seconds=5.5 * EPOCHS), 5)):
            for batch in (1, 4):
                seconds = self._spent(limit, batch)
                if seconds > most * EPOCHS + (limit.seconds is not None) * EPOCHS / 2:
                    raise FailedError(f"with a budget of {limit} it trains {seconds / EPOCHS:.1f} networks")
                if most and not seconds:
                    raise FailedError(f"with a budget of {limit} it evaluates nothing")
        return "0, 1 and 7 evaluations, and seconds"

    def _spent(self, limit: Budget, batch: int) -> float:
        """Return the seconds that a whole search spends."""
        evaluator = EasyEvaluator(EPOCHS if self.kind.epochs else None)
        given = problem(self.seed, epochs=self.kind.epochs, hints=self.hints)
        given.budget = limit
        goals: tuple[Objective, ...] = given.objectives
        with Ledger(None, {}) as ledger:
            loop = Loop(lambda metered: Search(self.make(), given), evaluator, goals, ledger, batch)
            loop.run()
            return loop.clock.total

    def deterministic(self) -> str:
        if not self.search(_STEPS).same(self.usual):
            raise FailedError("a second search with the same seed makes other proposals")
        return f"{len(self.usual.asked)} proposals"

    def another_seed(self) -> str:
        before = problem(self.seed).rng.bit_generator.state
        if self.usual.search.problem.rng.bit_generator.state == before:
            raise SkippedError("it draws no random numbers")
        if all(self.search(_STEPS, seed=self.seed + more).same(self.usual) for more in (1, 2)):
            raise FailedError("it draws random numbers, but other seeds make the same proposals")
        return "other proposals"

    def untouched(self) -> str:
        before = world()
        self.search(12)
        if differs(before, world()):
            raise FailedError("global random states of Python, numpy or torch, or flags, were changed")
        return "global states are unchanged"

    def nothing_twice(self) -> str:
        trained: dict[str, float] = {}
        for proposal in self.usual.asked:
            key = self.usual.search.problem.domain.key(proposal.architecture)
            if trained.get(key, 0) >= (proposal.epochs or EPOCHS):
                raise FailedError(f"{proposal.architecture} was trained for {trained[key]:g} epochs before")
            trained[key] = proposal.epochs or EPOCHS
        if self.usual.search.asks > 50 * len(self.usual.asked):
            raise FailedError(f"{self.usual.search.asks:,} proposals gave {len(self.usual.asked)} new networks")
        return f"{self.usual.search.asks} proposals for {len(trained)} networks"

    def constraints(self) -> str:
        for bound, least in ((95, 20), (56, 4)):  # one network in five, and one in a hundred
            run = self.search(30, domain=bounded_domain(bound))  # the engine refuses forbidden networks
            if any(width(one.architecture) > bound for one in run.asked):
                raise FailedError("it proposes networks that the constraints forbid")
            if len(run.told) < least:
                raise FailedError(f"it finds {len(run.told)} networks that satisfy a constraint: {run.search.ended}")
        return "satisfied, for constraints that one network in five or one in a hundred satisfies"

    def few_neighbours(self) -> str:
        run = self.search(30, domain=bounded_domain(10**6, scattered(60)))
        if len(run.told) < 20:
            raise FailedError(f"of a table of 60 networks it evaluates {len(run.told)}: {run.search.ended}")
        return "a table of 60 scattered networks"

    def small_space(self) -> str:
        steps = 60 * (EPOCHS if self.kind.epochs else 1)
        run = self.search(steps, domain=bounded_domain(10**6, scattered(5)))
        found = {one.architecture for one in run.asked}
        if len(found) < 5:
            raise FailedError(f"of a space of 5 networks it evaluates {len(found)}: {run.search.ended or 'no end'}")
        if not run.search.ended:
            raise FailedError("a space of 5 networks does not end")
        return "5 networks, then an end"

    def resume(self) -> str:
        return self._resumed(batch=1, out=0)

    def resume_waiting(self) -> str:
        if not self.kind.patient:
            raise SkippedError("it declares that it waits for every answer")
        return self._resumed(batch=1, out=3)

    def resume_batches(self) -> str:
        return self._resumed(batch=4, out=0)

    def _resumed(self, *, batch: int, out: int, objectives: int = 1) -> str:
        """Check that a new searcher with a restored state continues like the first one, up to the next state."""
        texts: list[tuple[str, int, int]] = []  # state, rows of the history, proposals
        steps = _STEPS if batch == 1 else _STEPS // 2

        def keep(step: int, run: Run) -> None:
            if step % _EVERY == 0:
                state = json.dumps(run.search.state(), sort_keys=True, allow_nan=False)
                texts.append((state, len(run.search.problem.history), len(run.asked)))

        first = self.begin(objectives=objectives)
        keep(0, first)
        drive(first, steps, judged(objectives), batch=batch, out=out, watch=keep)
        if len(texts) < 3:
            raise FailedError(f"it ends after {len(first.asked)} proposals: {first.search.ended}")
        for number, ((text, rows, done), (goal, _, end)) in enumerate(itertools.pairwise(texts)):
            # the state contains that of the random generator
            again = self.begin(seed=self.seed + 77, objectives=objectives)
            taken_over(first.search.problem.history, again.search.problem, rows)
            again.search.restore(json.loads(text))
            drive(again, _EVERY, judged(objectives), batch=batch, out=out)
            if again.asked != first.asked[done:end]:
                raise FailedError(f"restored after {number * _EVERY} steps it makes other proposals")
            if json.dumps(again.search.state(), sort_keys=True, allow_nan=False) != goal:
                raise FailedError(f"restored after {number * _EVERY} steps it reaches another state")
        return f"exact from each of {len(texts) - 1} states"

    def state(self) -> str:
        sizes: list[int] = []

        def measure(step: int, run: Run) -> None:
            state = run.search.searcher.state()
            text = json.dumps(state, allow_nan=False)
            if json.loads(text) != state:
                raise FailedError("JSON does not preserve its state: it contains a tuple, or a key that is not text")
            sizes.append(len(text))

        drive(self.begin(), 60, judged(1), batch=8, watch=measure)
        early, late = max(sizes[: len(sizes) // 2]), max(sizes[len(sizes) // 2 :])
        if late > 1.3 * early + 200:
            raise FailedError(
                f"its state grows with the history, from {early:,} to {late:,} characters: read problem.history"
            )
        return f"JSON, at most {max(sizes):,} characters"

    def failed(self) -> str:
        count = 0

        def third(one: Architecture, epochs: int | None) -> tuple[float, ...]:
            nonlocal count
            count += 1
            return judged(1)(one, epochs) if count % 3 else (math.nan,)

        for judge, what in ((third, "every third"), (lambda one, epochs: (math.nan,), "every")):
            run = self.search(_STEPS, judge)
            if len(run.told) < _STEPS:
                raise FailedError(f"where {what} evaluation fails it ends after {len(run.told)}: {run.search.ended}")
        return "every third, and all"

    def constant(self) -> str:
        run = self.search(_STEPS, lambda one, epochs: (71.5,))
        if len(run.told) < _STEPS:
            raise FailedError(f"where all networks are equally good it ends after {len(run.told)}: {run.search.ended}")
        return "continues"

    def patience(self) -> str:
        if not self.kind.patient:
            raise SkippedError("it declares that it waits for every answer")
        for out, searcher, what in (
            (0, thinned(self.make()), "every third proposal is dropped"),
            (8, None, "8 answers are pending"),
        ):
            run = drive(self.begin(searcher=searcher), _STEPS, judged(1), out=out)
            if len(run.asked) < _STEPS - out:
                raise FailedError(f"where {what} it stops after {len(run.asked)}: {run.search.ended or 'it waits'}")
        given = problem(self.seed, epochs=self.kind.epochs, hints=self.hints)
        filtered = Run(Search(self.make(), given, filter_by=Hint("filter", 1.0), filter_from=5))
        drive(filtered, _STEPS, judged(1))
        if len(filtered.told) < _STEPS:
            raise FailedError(f"with a filter it stops after {len(filtered.told)}: {filtered.search.ended}")
        return "with proposals dropped, answers late, and a filter"

    def better_than_random(self) -> str:
        if self.kind.__name__ == "RandomSearch":
            raise SkippedError("it is random search")
        contest = functools.cache(self._contest)
        for trainings, seeds in STAGES:
            found = [shortfall(contest(seed, trainings), trainings) for seed in range(seeds)]
            told = (
                f"{trainings} trainings, {seeds} seeds: each is worth {worth(found):.2g} of random search; chance "
                f"that it finds as much: {chance(found):.1g}"
            )
            if tells(found):
                return told
        raise FailedError(told)

    def _contest(self, seed: int, trainings: int) -> float:
        run = self.begin(seed=self.seed + 100 + seed)
        return drive(run, 40 * trainings, judged(1), batch=8, cost=trainings * EPOCHS).best

    def several(self) -> str:
        if not self.kind.several:
            raise SkippedError("it supports one objective")
        run = drive(self.begin(objectives=2), _STEPS, judged(2), batch=4)
        if len(run.told) < 2 * _STEPS:
            raise FailedError(f"with two objectives it ends after {len(run.told)}: {run.search.ended}")
        return f"two; {self._resumed(batch=1, out=0, objectives=2)}"

    def epochs(self) -> str:
        if not self.kind.epochs:
            raise SkippedError("it trains networks to the end")
        run = drive(self.begin(), 30 * EPOCHS, judged(1), batch=4, cost=30 * EPOCHS)
        parts = sum(one.epochs is not None for one in run.asked)
        whole = len(run.search.problem.history.complete)
        if not parts:
            raise FailedError("it never stops a training early")
        if not whole:
            raise FailedError("in the time of 30 full trainings it trains no network to the end")
        return f"{whole} full trainings, and {parts} partial ones"


def _others(default: Any, edges: tuple[float, float] | None) -> list[Any]:
    """Return other values of a setting, inside its range."""
    if isinstance(default, bool):
        return [not default]
    if not isinstance(default, int | float) or edges is None:
        return []
    near = [default + 1, default - 1] if isinstance(default, int) else [default * 0.75, default / 2 + 0.125]
    return [value for value in near if edges[0] <= value <= edges[1] and value != default]
