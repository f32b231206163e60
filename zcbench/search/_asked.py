"""``zcbench.search``: from what a user gives to a loop."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._code import code_digest
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import Scorer
from zcbench.search._base import Objective, Searcher
from zcbench.search._budget import Budget
from zcbench.search._calling import FunctionEvaluator
from zcbench.search._constraints import Constraints
from zcbench.search._domain import Domain
from zcbench.search._engine import Search
from zcbench.search._evaluators import Evaluator, TableEvaluator
from zcbench.search._facts import Fact, needs_training
from zcbench.search._functional import equality
from zcbench.search._ledger import Ledger
from zcbench.search._loop import Loop, began_with
from zcbench.search._problem import Problem
from zcbench.search._reach import check_reachable
from zcbench.search._register import get_searcher, searcher_info
from zcbench.search._result import SearchResult
from zcbench.types import Architecture, SearchSpace, written

#: what a scorer can be used for
ROLES = ("warm-start", "filter", "feature", "objective")


def search(
    space: SearchSpace | Benchmark | str,
    evaluate: Benchmark | Callable[..., Any] | None = None,
    *,
    scorer: Scorer | str | None = None,
    role: str | Iterable[str] = "warm-start",
    searcher: str | Searcher = "evolution",
    budget: Any = 100,
    constraints: Any = None,
    equal: str | Callable[[Architecture], str] = "canonical",
    objectives: str | Iterable[str] | None = None,
    reference: Mapping[str, float] | None = None,
    report: str | Iterable[str] = (),
    seed: int = 0,
    ledger: str | os.PathLike[str] | None = None,
    batch: int = 1,
    epochs: int | None = None,
    workers: int = 0,
    timeout: float | None = None,
) -> SearchResult:
    """Search for the best architecture.

    Args:
        space: a search space, a benchmark or the name of one.
        evaluate: a benchmark, whose table is looked up, or a function from an architecture to a number or to numbers by
            name; default the benchmark that ``space`` is. A function is called with global random numbers that are
            seeded anew for each architecture. What it raises costs that evaluation alone.
        scorer: what helps without training: a scorer, or the name of a proxy, of a column or of another scorer.
        role: what the scorer is used for, any of "warm-start" (it chooses the first architectures), "filter" (of a
            hundred proposals it chooses the one that is evaluated), "feature" (a surrogate sees its scores) and
            "objective" (it is searched for too).
        searcher: name and settings of a searcher.
        budget: evaluations, or text such as "12000s"; see :class:`Budget`. A search that has a ledger goes on where it
            is given a larger one.
        constraints: what every architecture has to keep: bounds on facts, scorers and functions, "params<=1e6",
            ["10<=flops_M<=60"], {"params": 1e6, "flops": (None, 6e7)}; functions that say whether an architecture is
            allowed; :class:`zcbench.search.Constraint`. Where nothing keeps them the search ends at once, and says what
            is within reach.
        equal: what equal networks share, which are evaluated once: "canonical" (the space's canonical form),
            "functional" (equal outputs on fixed inputs, see :class:`zcbench.search.FunctionalHash`), or a function from
            an architecture to a text.
        objectives: names of columns, or of what ``evaluate`` returns; "-flops" where low is good.
        reference: the point that hypervolume is measured from, a number for each of several objectives, in its units:
            {"accuracy": 80, "flops": 110}. Searchers of fronts look for what is better than it in all objectives.
        report: columns of the benchmark that are looked up for the report alone; no searcher sees them.
        seed: decides everything random.
        ledger: a file that everything is written to, and from which a search that was stopped goes on as if it had not
            been. It goes on only with the same code of ``evaluate``; where a function has an attribute ``version``,
            that alone says whether it is the same.
        batch: architectures that are asked for at once. What is found depends on it.
        epochs: epochs of a whole training, if ``evaluate`` takes an argument ``epochs``: it is called with
            ``epochs=3``, say, by searchers that stop trainings early, which may ask for more of the same network later;
            seconds are what calls took. A table tells by itself, from its learning curves.
        workers: processes that call ``evaluate``, up to ``batch`` at once; 0 for this one. The ledger is the same.
        timeout: seconds that one call may take; without workers a timeout takes one.

    Raises:
        InvalidInputError: something given is out of range or does not go together; the message says what to do.
        StoreError: the ledger cannot be written; what it holds is kept.
    """
    limit, seed = Budget.of(budget), rules.seed("the seed", seed)
    calls = {"epochs": epochs, "workers": workers, "timeout": timeout, "seed": seed}
    place, evaluator, goals, domain = _task(space, evaluate, objectives, report, calls, constraints, equal)
    origin = _reference(reference, goals)
    made = get_searcher(searcher) if isinstance(searcher, str) else searcher
    head = {
        "space": place,
        "evaluate": evaluator.label,
        "code": evaluator.code,
        "objectives": [str(goal) for goal in goals],
        "searcher": _identifier(made),
        "seed": seed,
        "batch": rules.whole("batch", batch, 1, 10**6),
    }
    if reference is not None:
        head["reference"] = {name: float(value) for name, value in sorted(reference.items())}
    if domain.constraints is not None:
        head["constraints"] = [str(one) for one in domain.constraints.given]
        check_reachable(domain.constraints, domain.candidates, np.random.default_rng(stable_seed("reach", seed)))
    if equal != "canonical":
        head["equal"] = equal if isinstance(equal, str) else getattr(equal, "__qualname__", type(equal).__name__)

    def make(metered: Callable[[Scorer], Scorer]) -> Search:
        rng = np.random.default_rng(stable_seed("search", seed))
        known, begun = _known(evaluator, goals), began_with(lines, limit)
        problem = Problem(domain, goals, begun, rng, epochs=evaluator.epochs, known=known, reference=origin)
        problem.levels = evaluator.levels
        return Search(made, problem)

    with Ledger(ledger, head, durable=not evaluator.simulated) as lines:
        return Loop(make, evaluator, goals, lines, batch, limit).run()


def _identifier(searcher: Searcher) -> str:
    """Name, settings, version and code of a searcher, also of one that was made by its constructor."""
    kind = type(searcher)
    code = code_digest(kind)
    if (label := getattr(searcher, "label_", None)) is not None:
        label += f"@{searcher_info(label.partition(':')[0]).version}"
    else:
        settings = inspect.signature(kind).parameters
        label = kind.__qualname__ + "".join(f":{name}={written(getattr(searcher, name, None))}" for name in settings)
    return f"{label}#{code}" if code else label


def _task(
    space: SearchSpace | Benchmark | str,
    evaluate: Benchmark | Callable[..., Any] | None,
    objectives: str | Iterable[str] | None,
    report: str | Iterable[str],
    calls: Mapping[str, Any],
    constraints: Any,
    equal: str | Callable[[Architecture], str],
) -> tuple[str, Evaluator, tuple[Objective, ...], Domain]:
    if isinstance(space, str):
        space = get_benchmark(space)
    if evaluate is None:
        if not isinstance(space, Benchmark):
            raise InvalidInputError("say what evaluates: a benchmark, or a function from an architecture to a number.")
        evaluate = space
    table_of = space if isinstance(space, Benchmark) else None
    if isinstance(space, Benchmark):
        space = space.space
    if isinstance(evaluate, Benchmark):
        names = [evaluate.default_target] if objectives is None else rules.all_text("objectives", objectives)
        goals = tuple(_of_table(evaluate, name) for name in names)
        looked_up = [*(goal.name for goal in goals), *rules.all_text("report", report)]
        names = [goal.name for goal in goals]
        table = TableEvaluator(evaluate, list(dict.fromkeys(looked_up)), objectives=names)
        domain = Domain(
            space,
            evaluate.architectures,
            equality(equal, space),
            constraints=Constraints(constraints, space, evaluate),
        )
        return space.name, table, goals, domain
    names = ["value"] if objectives is None else rules.all_text("objectives", objectives)
    goals = tuple(Objective(name.removeprefix("-"), not name.startswith("-")) for name in names)
    domain = Domain(space, equal=equality(equal, space), constraints=Constraints(constraints, space, table_of))
    return space.name, FunctionEvaluator(evaluate, goals, **calls), goals, domain


def _reference(given: Mapping[str, float] | None, goals: Sequence[Objective]) -> tuple[float, ...] | None:
    """The reference point, turned so that high is good."""
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != {goal.name for goal in goals}:
        raise InvalidInputError(
            f"the reference point is {rules.shown(given)}: give a number for each objective by name, "
            f"{{{', '.join(f'{goal.name!r}: …' for goal in goals)}}}."
        )
    values = [rules.number(f"the reference point's {goal.name}", given[goal.name], -math.inf) for goal in goals]
    if not all(map(math.isfinite, values)):
        raise InvalidInputError("the reference point holds an infinity: give numbers that are worse than all else.")
    return tuple(value if goal.higher_is_better else -value for value, goal in zip(values, goals, strict=True))


def _known(evaluator: Evaluator, goals: Iterable[Objective]) -> dict[str, Scorer]:
    """Objectives that a table knows of networks that were never trained."""
    if not isinstance(evaluator, TableEvaluator):
        return {}
    facts = evaluator.benchmark.facts
    names = [goal.name for goal in goals if goal.name in facts and not needs_training(goal.name)]
    return {name: Fact(evaluator.benchmark, name) for name in names}


def _of_table(benchmark: Benchmark, name: str) -> Objective:
    """A column as an objective: a target's direction is the table's, a fact's is written with a sign."""
    bare = name.removeprefix("-")
    if bare in benchmark.targets:
        return Objective(bare, benchmark.targets[bare].higher_is_better)
    if bare in benchmark.facts:
        return Objective(bare, bare == name)
    raise UnknownNameError("column", bare, [*benchmark.targets, *benchmark.facts])
