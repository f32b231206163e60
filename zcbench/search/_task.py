"""The task of a search: evaluator, objectives and domain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.executors import Executor
from zcbench.scorers import Context, Scorer
from zcbench.scorers.table import needs_training
from zcbench.search._base import Objective
from zcbench.search._calling import FunctionEvaluator, executor_of
from zcbench.search._constraints import Constraints
from zcbench.search._domain import Domain
from zcbench.search._evaluators import Evaluator, TableEvaluator
from zcbench.search._facts import Fact
from zcbench.search._functional import equality
from zcbench.search._reach import check_reachable
from zcbench.types import Architecture, SearchSpace

Equal = str | Callable[[Architecture], str]


@dataclass(frozen=True)
class Calls:
    """How the user's function is called; see :func:`zcbench.search`."""

    epochs: int | None
    workers: int
    timeout: float | None
    seed: int
    executor: str | Executor | None = None
    folder: str = "."


@dataclass(frozen=True)
class Task:
    """The task, which is the same for every searcher.

    Attributes:
        evaluator: the evaluator.
        objectives: the objectives; those that scorers give are last.
        domain: the domain.
        known: by name, scorers that give an objective of networks without training them.
        reference: reference point of the hypervolume, with signs such that high is good; None for no such point.
        head: the task's entries in a ledger's head.
    """

    evaluator: Evaluator
    objectives: tuple[Objective, ...]
    domain: Domain
    known: Mapping[str, Scorer]
    reference: tuple[float, ...] | None
    head: Mapping[str, Any]


def task_of(
    space: SearchSpace,
    table: Benchmark | None,
    evaluate: Benchmark | Callable[..., Any] | None,
    *,
    objectives: str | Iterable[str] | None,
    reported: Sequence[str],
    scored: Sequence[Objective],
    cost: str | float | None,
    calls: Calls,
    constraints: Any,
    equal: Equal,
    reference: Mapping[str, float] | None,
    context: Context,
) -> Task:
    """Make the task that a user describes.

    In addition to the arguments of :func:`zcbench.search` it takes the space's own or evaluating ``table``, the
    objectives that scorers give (``scored``), how a function is called, and the ``context`` of scorers.

    Raises:
        InvalidInputError: arguments do not fit together, or nothing satisfies the constraints.
        UnknownNameError: the table has no such column.
    """
    evaluator, goals = _evaluator(evaluate, objectives, reported, scored, cost, calls)
    kept = Constraints(constraints, context)
    candidates = evaluator.benchmark.architectures if isinstance(evaluator, TableEvaluator) else None
    domain = Domain(space, candidates, equality(equal, space), constraints=kept)
    head: dict[str, Any] = {
        "space": space.name,
        "evaluate": evaluator.label,
        "objectives": [str(goal) for goal in goals],
        "report": list(reported),
    }
    if cost is not None:
        head["cost"] = cost
    if evaluator.epochs is not None:
        head["epochs"] = evaluator.epochs
    if domain.constraints is not None:
        head["constraints"] = [str(one) for one in domain.constraints.given]
        rng = np.random.default_rng(stable_seed("reach", calls.seed))
        check_reachable(domain.constraints, domain.candidates, rng)
    if equal != "canonical":
        head["equal"] = equal if isinstance(equal, str) else getattr(equal, "__qualname__", type(equal).__name__)
    if reference is not None:
        head["reference"] = dict(sorted(_numbers_of(reference, goals).items()))
    head["code"] = evaluator.code
    return Task(evaluator, goals, domain, _known(evaluator, goals), _turned(reference, goals), head)


def _evaluator(
    evaluate: Benchmark | Callable[..., Any] | None,
    objectives: str | Iterable[str] | None,
    reported: Sequence[str],
    scored: Sequence[Objective],
    cost: str | float | None,
    calls: Calls,
) -> tuple[Evaluator, tuple[Objective, ...]]:
    """Return the evaluator and the objectives."""
    names = None if objectives is None else rules.all_text("objectives", objectives)
    if evaluate is None and (names or not scored):
        raise InvalidInputError(
            "give evaluate: a benchmark, or a function from an architecture to a number. Only a search for scores "
            'alone needs none: give a scorer with the role "objective".'
        )
    if names == [] and not scored:
        raise InvalidInputError('a search needs an objective: give one, or a scorer with the role "objective".')
    evaluator: Evaluator
    if isinstance(evaluate, Benchmark):
        if executor_of(calls.executor) is not None:
            raise InvalidInputError("executor applies only to a function: a table is read in this process.")
        goals = tuple(_of_table(evaluate, name) for name in names or [])
        looked_up = list(dict.fromkeys([*(goal.name for goal in goals), *reported]))
        seconds = cost if goals or cost is not None else 0.0
        evaluator = TableEvaluator(evaluate, looked_up, seconds, objectives=[goal.name for goal in goals])
    else:
        if cost is not None:
            raise InvalidInputError("cost applies only to a table: a function's cost is measured by the wall clock.")
        named = [] if evaluate is None else ["value"] if names is None else names
        if not all(name.removeprefix("-").strip() for name in named):
            raise InvalidInputError("an objective has no name: give the name of a number that evaluate returns.")
        goals = tuple(Objective(name.removeprefix("-"), not name.startswith("-")) for name in named)
        evaluator = FunctionEvaluator(nothing if evaluate is None else evaluate, goals, **vars(calls))
        evaluator.unnamed = names is None and evaluate is not None
    bare = [goal.name for goal in goals]
    if len(set(bare)) < len(bare):
        raise InvalidInputError(f"{max(bare, key=bare.count)} is given as an objective twice: give it once.")
    if twice := {goal.name for goal in goals} & {goal.name for goal in scored}:
        raise InvalidInputError(
            f"{min(twice)} is an objective and the label of a scorer that gives one: remove one of them."
        )
    return evaluator, (*goals, *scored)


def nothing(architecture: Architecture) -> dict[str, float]:
    """Return no values: the evaluation if all objectives are scores."""
    return {}


def _of_table(benchmark: Benchmark, name: str) -> Objective:
    """Return a column as an objective: the table has a target's direction, and a sign gives a fact's."""
    bare = name.removeprefix("-")
    if bare in benchmark.targets:
        return Objective(bare, benchmark.targets[bare].higher_is_better)
    if bare in benchmark.facts:
        return Objective(bare, bare == name)
    raise UnknownNameError("column", bare, [*benchmark.targets, *benchmark.facts])


def _known(evaluator: Evaluator, goals: Iterable[Objective]) -> dict[str, Scorer]:
    """Return scorers of the objectives that a table contains for networks that were never trained."""
    if not isinstance(evaluator, TableEvaluator):
        return {}
    facts = evaluator.benchmark.facts
    names = [goal.name for goal in goals if goal.name in facts and not needs_training(goal.name)]
    return {name: Fact(evaluator.benchmark, name) for name in names}


def _numbers_of(given: Mapping[str, float], goals: Sequence[Objective]) -> dict[str, float]:
    if not isinstance(given, Mapping) or set(given) != {goal.name for goal in goals}:
        raise InvalidInputError(
            f"the reference point is {rules.shown(given)}: give a number for each objective by name, "
            f"{{{', '.join(f'{goal.name!r}: …' for goal in goals)}}}."
        )
    return {name: rules.number(f"the reference point's {name}", value) for name, value in given.items()}


def _turned(given: Mapping[str, float] | None, goals: Sequence[Objective]) -> tuple[float, ...] | None:
    """Return the reference point with signs such that high is good."""
    if given is None:
        return None
    numbers = _numbers_of(given, goals)
    return tuple(numbers[goal.name] if goal.higher_is_better else -numbers[goal.name] for goal in goals)
