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
from zcbench.scorers import Context, Scorer
from zcbench.scorers.table import needs_training
from zcbench.search._base import Objective, Searcher
from zcbench.search._budget import Budget
from zcbench.search._calling import FunctionEvaluator
from zcbench.search._constraints import Constraints
from zcbench.search._domain import Domain
from zcbench.search._engine import Search
from zcbench.search._evaluators import Evaluator, TableEvaluator
from zcbench.search._facts import Fact
from zcbench.search._functional import equality
from zcbench.search._ledger import Ledger
from zcbench.search._loop import Loop, began_with
from zcbench.search._problem import Problem
from zcbench.search._reach import check_reachable
from zcbench.search._register import get_searcher, searcher_info
from zcbench.search._result import SearchResult
from zcbench.search._roles import Roles
from zcbench.types import Architecture, Batch, SearchSpace, written


def search(
    space: SearchSpace | Benchmark | str,
    evaluate: Benchmark | Callable[..., Any] | None = None,
    *,
    scorer: Any = None,
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
    store: str | os.PathLike[str] | None = None,
    data: Batch | str | None = None,
    batch_size: int = 64,
    classes: int | None = None,
    scorer_seed: int = 0,
) -> SearchResult:
    """Search for the best architecture.

    Args:
        space: a search space, a benchmark or the name of one.
        evaluate: a benchmark, whose table is looked up, or a function from an architecture to a number or to numbers by
            name; default the benchmark that ``space`` is. A function is called with global random numbers that are
            seeded anew for each architecture. What it raises costs that evaluation alone.
        scorer: what helps without training: what :func:`zcbench.get_scorer` takes (the name of a proxy, a weighted sum,
            a fitted predictor, a function); or a mapping from roles to these. The roles "feature" and "objective" take
            several, in a list or as text with commas.
        role: what one scorer is used for: "warm-start" (it chooses the first architectures, each of a thousand),
            "filter" (of a hundred proposals it chooses the one that is evaluated), "feature" (a surrogate sees its
            scores), "objective" (it is searched for, too); several as "warm-start+filter". Other numbers are written
            "warm-start:from=200+filter:from=20".
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
        objectives: names of columns, or of what ``evaluate`` returns; "-flops" where low is good. Scorers with the role
            "objective" come behind them; with such a scorer they may be none, and nothing is trained.
        reference: the point that hypervolume is measured from, a number for each of several objectives, in its units:
            {"accuracy": 80, "flops": 110}. Searchers of fronts look for what is better than it in all objectives.
        report: columns of the benchmark that are looked up for the report alone; no searcher sees them.
        seed: decides everything random.
        ledger: a file that everything is written to, and from which a search that was stopped goes on as if it had not
            been. It goes on only with the same code of ``evaluate``; where a function has an attribute ``version``,
            that alone says whether it is the same.
        batch: architectures that are asked for at once. What is found depends on it.
        epochs: epochs of a whole training, if ``evaluate`` takes an argument ``epochs``.
        workers: processes that call ``evaluate``, up to ``batch`` at once; 0 for this one. The ledger is the same.
        timeout: seconds that one call may take; without workers a timeout takes one.
        store: folder in which scores of proxies are looked up, and kept; they cost what they cost when they were
            measured.
        data: what the networks of proxies see: a batch, or the name of samples; default those of the benchmark.
        batch_size: samples in their batch.
        classes: outputs of their networks.
        scorer_seed: decides their batch and weights; searches with different seeds share scores.

    Raises:
        InvalidInputError: something given is out of range or does not go together; the message says what to do.
        StoreError: the ledger cannot be written; what it holds is kept.
    """
    limit, seed = Budget.of(budget), rules.seed("the seed", seed)
    space, table = _where(space)
    table = evaluate if isinstance(evaluate, Benchmark) else table
    reported = rules.all_text("report", report)
    context = Context(space, table, _target(table, objectives), data, batch_size, classes, store, scorer_seed)
    roles = Roles.of(scorer, role, context)
    calls = {"epochs": epochs, "workers": workers, "timeout": timeout, "seed": seed}
    where = table if evaluate is None else evaluate
    bounds = {"equal": equality(equal, space), "constraints": Constraints(constraints, space, table)}
    evaluator, goals, domain = _task(space, where, objectives, reported, calls, roles, bounds)
    origin = _reference(reference, goals)
    made = get_searcher(searcher) if isinstance(searcher, str) else searcher
    head = {
        "space": space.name,
        "evaluate": evaluator.label,
        "code": evaluator.code,
        "objectives": [str(goal) for goal in goals],
        "searcher": _identifier(made),
        "scorers": roles.head,
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
        filter_by, filter_from = roles.give(problem, metered, seed)
        return Search(made, problem, filter_by=filter_by, filter_from=filter_from)

    notes = roles.notes([*(goal.name for goal in goals), *reported])
    with Ledger(ledger, head, durable=not evaluator.simulated) as lines:
        return Loop(make, evaluator, goals, lines, batch, limit, notes, roles.try_out).run()


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


def _where(space: SearchSpace | Benchmark | str) -> tuple[SearchSpace, Benchmark | None]:
    """A search space, and the table that it came with."""
    if isinstance(space, str):
        space = get_benchmark(space)
    return (space.space, space) if isinstance(space, Benchmark) else (space, None)


def _target(table: Benchmark | None, objectives: str | Iterable[str] | None) -> str | None:
    """The first column of training results that is searched for: it says which networks proxies see."""
    names = [] if table is None or objectives is None else rules.all_text("objectives", objectives)
    return next((name for name in names if table is not None and name in table.targets), None)


def _task(
    space: SearchSpace,
    evaluate: Benchmark | Callable[..., Any] | None,
    objectives: str | Iterable[str] | None,
    reported: Sequence[str],
    calls: Mapping[str, Any],
    roles: Roles,
    bounds: Mapping[str, Any],
) -> tuple[Evaluator, tuple[Objective, ...], Domain]:
    """What evaluates, what is searched for, and where."""
    scored = roles.objectives
    none = objectives is not None and not rules.all_text("objectives", objectives)
    if evaluate is None and not (scored and (none or objectives is None)):
        raise InvalidInputError(
            "say what evaluates: a benchmark, or a function from an architecture to a number. Only a search for scores "
            'alone needs none: give a scorer with the role "objective".'
        )
    if none and not scored:
        raise InvalidInputError('a search needs an objective: name one, or give a scorer with the role "objective".')
    if isinstance(evaluate, Benchmark):
        names = [evaluate.default_target] if objectives is None else rules.all_text("objectives", objectives)
        goals = tuple(_of_table(evaluate, name) for name in names)
        looked_up = list(dict.fromkeys([*(goal.name for goal in goals), *reported]))
        evaluator: Evaluator = TableEvaluator(evaluate, looked_up, None if goals else 0.0)
        domain = Domain(space, evaluate.architectures, **bounds)
    else:
        names = ["value"] if objectives is None else rules.all_text("objectives", objectives)
        names = [] if evaluate is None else names
        goals = tuple(Objective(name.removeprefix("-"), not name.startswith("-")) for name in names)
        evaluator = FunctionEvaluator(nothing if evaluate is None else evaluate, goals, **calls)
        domain = Domain(space, **bounds)
    if twice := {goal.name for goal in goals} & {goal.name for goal in scored}:
        raise InvalidInputError(f"{min(twice)} is an objective and the label of a scorer that gives one: drop either.")
    return evaluator, (*goals, *scored), domain


def nothing(architecture: Architecture) -> dict[str, float]:
    """What evaluates where only scores are searched for."""
    return {}


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
