"""``zcbench.search``: from what a user gives to a loop."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.scorers import Scorer, get_scorer
from zcbench.search._base import Objective, Searcher
from zcbench.search._budget import Budget
from zcbench.search._calling import FunctionEvaluator
from zcbench.search._domain import Domain
from zcbench.search._engine import Search
from zcbench.search._evaluators import Evaluator, TableEvaluator
from zcbench.search._ledger import Ledger
from zcbench.search._loop import Loop
from zcbench.search._problem import Problem
from zcbench.search._register import get_searcher, searcher_info
from zcbench.search._result import SearchResult
from zcbench.types import SearchSpace

#: how facts begin that are measured while a network trains, so that nobody knows them before
_WHILE_TRAINING = "train_"
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
    constraints: Mapping[str, Any] | Iterable[str] | None = None,
    objectives: str | Iterable[str] | None = None,
    reference: Mapping[str, float] | None = None,
    report: str | Iterable[str] = (),
    seed: int = 0,
    ledger: str | os.PathLike[str] | None = None,
    batch: int = 1,
    epochs: int | None = None,
) -> SearchResult:
    """Search for the best architecture.

    Args:
        space: a search space, a benchmark or the name of one.
        evaluate: a benchmark, whose table is looked up, or a function from an architecture to a number or to numbers by
            name; default the benchmark that ``space`` is.
        scorer: what helps without training: a scorer, or the name of a proxy, of a column or of another scorer.
        role: what the scorer is used for, any of "warm-start" (it chooses the first architectures), "filter" (of a
            hundred proposals it chooses the one that is evaluated), "feature" (a surrogate sees its scores) and
            "objective" (it is searched for too).
        searcher: name and settings of a searcher.
        budget: evaluations, or text such as "12000s"; see :class:`Budget`.
        constraints: bounds on facts and scorers, {"params": 1e6} or ["params<=1e6"].
        objectives: names of columns, or of what ``evaluate`` returns; "-flops" where low is good.
        reference: the point that hypervolume is measured from, a number for each of several objectives, in its units:
            {"accuracy": 80, "flops": 110}. Searchers of fronts look for what is better than it in all objectives.
        report: columns of the benchmark that are looked up for the report alone; no searcher sees them.
        seed: decides everything random.
        ledger: a file that everything is written to, and from which a search that was stopped goes on.
        batch: architectures that are asked for at once.
        epochs: epochs of a whole training, if ``evaluate`` takes an argument ``epochs``.

    Raises:
        InvalidInputError: something given is out of range or does not go together; the message says what to do.
        StoreError: the ledger cannot be written; what it holds is kept.
    """
    place, evaluator, goals, domain = _task(space, evaluate, objectives, report, epochs)
    origin = _reference(reference, goals)
    made = get_searcher(searcher) if isinstance(searcher, str) else searcher
    limit = Budget.of(budget)
    seed = rules.seed("the seed", seed)
    head = {
        "space": place,
        "evaluate": evaluator.label,
        "objectives": [str(goal) for goal in goals],
        "searcher": _identifier(made),
        "seed": seed,
        "batch": rules.whole("batch", batch, 1, 10**6),
    }
    if reference is not None:
        head["reference"] = {name: float(value) for name, value in sorted(reference.items())}

    def make(metered: Callable[[Scorer], Scorer]) -> Search:
        rng = np.random.default_rng(stable_seed("search", seed))
        known = _known(evaluator, goals)
        problem = Problem(domain, goals, limit, rng, epochs=evaluator.epochs, known=known, reference=origin)
        return Search(made, problem)

    with Ledger(ledger, head, durable=not evaluator.simulated) as lines:
        return Loop(make, evaluator, goals, lines, batch).run()


def _identifier(searcher: Searcher) -> str:
    label = getattr(searcher, "label_", type(searcher).__qualname__)
    name = label.partition(":")[0]
    return f"{label}@{searcher_info(name).version}" if hasattr(searcher, "label_") else label


def _task(
    space: SearchSpace | Benchmark | str,
    evaluate: Benchmark | Callable[..., Any] | None,
    objectives: str | Iterable[str] | None,
    report: str | Iterable[str],
    epochs: int | None,
) -> tuple[str, Evaluator, tuple[Objective, ...], Domain]:
    if isinstance(space, str):
        space = get_benchmark(space)
    if evaluate is None:
        if not isinstance(space, Benchmark):
            raise InvalidInputError("say what evaluates: a benchmark, or a function from an architecture to a number.")
        evaluate = space
    if isinstance(space, Benchmark):
        space = space.space
    if isinstance(evaluate, Benchmark):
        names = [evaluate.default_target] if objectives is None else rules.all_text("objectives", objectives)
        goals = tuple(_of_table(evaluate, name) for name in names)
        looked_up = [*(goal.name for goal in goals), *rules.all_text("report", report)]
        table = TableEvaluator(evaluate, list(dict.fromkeys(looked_up)))
        return space.name, table, goals, Domain(space, evaluate.architectures)
    names = ["value"] if objectives is None else rules.all_text("objectives", objectives)
    goals = tuple(Objective(name.removeprefix("-"), not name.startswith("-")) for name in names)
    return space.name, FunctionEvaluator(evaluate, goals, epochs), goals, Domain(space)


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
    table = evaluator.benchmark
    names = [goal.name for goal in goals if goal.name in table.facts and not goal.name.startswith(_WHILE_TRAINING)]
    return {name: get_scorer(f"table({name})", table) for name in names}


def _of_table(benchmark: Benchmark, name: str) -> Objective:
    """A column as an objective: a target's direction is the table's, a fact's is written with a sign."""
    bare = name.removeprefix("-")
    if bare in benchmark.targets:
        return Objective(bare, benchmark.targets[bare].higher_is_better)
    if bare in benchmark.facts:
        return Objective(bare, bare == name)
    raise UnknownNameError("column", bare, [*benchmark.targets, *benchmark.facts])
