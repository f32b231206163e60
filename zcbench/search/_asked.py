"""``zcbench.search``: makes a loop from the user's arguments."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._code import called_digest
from zcbench._process import stable_seed
from zcbench._workers import check_timeout
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.executors import Executor
from zcbench.scorers import Context, Scorer, space_of
from zcbench.scorers.inherited import answers_digest
from zcbench.search._base import Searcher
from zcbench.search._budget import Budget
from zcbench.search._clock import Clock
from zcbench.search._engine import Search
from zcbench.search._evaluators import TableEvaluator
from zcbench.search._guide import guide_and_report
from zcbench.search._ledger import Ledger
from zcbench.search._loop import Loop, began_with
from zcbench.search._problem import Problem
from zcbench.search._register import get_searcher, searcher_info
from zcbench.search._result import SearchResult
from zcbench.search._roles import Roles
from zcbench.search._task import Calls, Equal, task_of
from zcbench.types import Batch, SearchSpace, Supernet, written


@devices.on_device
def search(
    space: SearchSpace | Benchmark | Supernet | str,
    evaluate: Benchmark | Callable[..., Any] | None = None,
    *,
    scorer: Any = None,
    role: str | Iterable[str] = "warm-start",
    searcher: str | Searcher = "evolution",
    budget: Any = 100,
    constraints: Any = None,
    equal: Equal = "canonical",
    objectives: str | Iterable[str] | None = None,
    reference: Mapping[str, float] | None = None,
    report: str | Iterable[str] = (),
    cost: str | float | None = None,
    seed: int = 0,
    ledger: str | os.PathLike[str] | None = None,
    batch: int = 1,
    epochs: int | None = None,
    workers: int = 0,
    timeout: float | None = None,
    executor: str | Executor | None = None,
    store: str | os.PathLike[str] | None = None,
    data: Batch | str | None = None,
    batch_size: int = 64,
    classes: int | None = None,
    scorer_seed: int = 0,
    progress: Callable[[Clock, int], object] | None = None,
    device: str | None = None,
) -> SearchResult:
    """Search for the best architecture.

    Args:
        space: a search space, a benchmark or its name, or a supernet. The space of a supernet is searched with the
            supernet's ``evaluate`` if it has one, and scorers and constraints measure the networks that it builds.
        evaluate: a benchmark, whose table is read, or a function from an architecture to a number or to a mapping from
            names to numbers; default the benchmark given as ``space``. Before each call of a function, the global
            random generators get a seed that depends on the architecture. An exception in a call fails only that
            evaluation.
        scorer: help without training: anything that :func:`zcbench.get_scorer` takes (the name of a proxy, a weighted
            sum, a fitted predictor, a function), or a mapping from roles to these. The roles "feature" and "objective"
            take several scorers, as a list or as text with commas. Proxies measure networks with new weights;
            "inherited(naswot)" measures a supernet's subnets.
        role: how one scorer is used: "warm-start" (chooses each of the first architectures from a thousand), "filter"
            (chooses each architecture to evaluate from a hundred proposals), "feature" (its scores are inputs of the
            searcher's surrogate), "objective" (its score is an additional objective); several as "warm-start+filter".
            Other numbers are written as "warm-start:from=200+filter:from=20".
        searcher: name and settings of a searcher.
        budget: number of evaluations, or text such as "12000s"; see :class:`Budget`. A search with a ledger continues
            when it is called again with a larger budget.
        constraints: conditions that every architecture must satisfy: bounds on facts, scorers and functions, such as
            "params<=1e6", ["10<=flops_M<=60"], {"params": 1e6, "flops": (None, 6e7)}; functions that return whether an
            architecture is allowed; :class:`zcbench.search.Constraint`. If no architecture satisfies them, the search
            ends at once and the message gives the values that can be reached.
        equal: criterion by which networks are equal and evaluated only once: "canonical" (the space's canonical form),
            "functional" (equal outputs on fixed inputs, see :class:`zcbench.search.FunctionalHash`), or a function from
            an architecture to a text.
        objectives: names of columns or of values that ``evaluate`` returns; "-flops" for an objective to minimize.
            Default for a table: its validation column, with the test column in the report. Scorers with the role
            "objective" follow them. With such a scorer there may be no other objectives, and nothing is trained.
        reference: reference point of the hypervolume, a number for each of several objectives in its units, such as
            {"accuracy": 80, "flops": 110}. Multi-objective searchers look for architectures that are better in all
            objectives.
        report: columns of the benchmark that are only reported; searchers do not receive them.
        cost: column with the seconds of training a network, or the seconds of every network; default the benchmark's
            training seconds for the first objective.
        seed: determines everything random.
        ledger: file in which the whole search is recorded. An interrupted search continues from it as if it had not
            been interrupted. It continues only with the same code of ``evaluate``; if the function has an attribute
            ``version``, only that is compared. For a supernet, weights and data must be the same, too.
        batch: number of architectures requested from the searcher at once. The result depends on it.
        epochs: epochs of a full training, if ``evaluate`` has an argument ``epochs``. Searchers that stop trainings
            early call it with ``epochs=3``, for example, and may request more epochs of the same network later. The
            cost is the duration of the calls. For a table, its learning curves determine the epochs.
        workers: processes that call ``evaluate``, up to ``batch`` at once; 0 uses this process. The ledger is the same.
        timeout: seconds that one call may take; with ``workers=0``, a timeout uses one worker process.
        executor: where ``evaluate`` is called: "local" (default), "submitit:partition=NAME:hours=4:jobs=50" (SLURM, one
            job for each call), "dask://HOST:PORT", or an object with the interface of
            :class:`zcbench.executors.Executor`. Up to ``batch`` calls run at once, and at most ``workers`` if that is
            not 0. The ledger is the same. Functions of a script or notebook are sent by value; functions of modules are
            sent by name, and all machines need the same files. Submitit's files are written to the ledger's folder, or
            to the current folder, which all machines have to share.
        store: folder in which scores of proxies are looked up and saved; a saved score is charged the seconds of its
            original measurement.
        data: input of the proxies' networks: a batch, or the name of a source of samples; default the benchmark's, or
            the supernet's held-out data.
        batch_size: number of samples in this batch.
        classes: number of outputs of the proxies' networks.
        scorer_seed: determines their batch and weights; searches with different seeds share scores.
        progress: called after every batch with the clock and the number of proposals.
        device: device of torch's computations; see :func:`zcbench.run`. Your function gets it from
            :func:`zcbench.devices.chosen`.

    Raises:
        InvalidInputError: an argument is out of range or arguments do not fit together; the message says what to do.
        StoreError: the ledger cannot be written; its content is kept.
    """
    del device  # the decorator uses it
    if scorer is not None:
        devices.check()  # also if functions are called on other machines
    limit, seed = Budget.of(budget), rules.seed("the seed", seed)
    workers = rules.whole("workers", workers, 0, 10_000)
    check_timeout(timeout)
    supernet = None
    if isinstance(space, Supernet):
        evaluate = _of_supernet(space) if evaluate is None else evaluate
        supernet, space = space, space_of(space)
    space, table = _where(space)
    table = evaluate if isinstance(evaluate, Benchmark) else table
    evaluate = table if evaluate is None else evaluate
    reported = rules.all_text("report", report)
    if objectives is None and isinstance(evaluate, Benchmark):
        objectives, usual = guide_and_report(evaluate)
        reported = reported or list(usual)
    context = Context(
        space, table, _target(table, objectives), data, batch_size, classes, store, scorer_seed, supernet=supernet
    )
    roles = Roles.of(scorer, role, context)
    task = task_of(
        space,
        table,
        evaluate,
        objectives=objectives,
        reported=reported,
        scored=roles.objectives,
        cost=cost,
        calls=Calls(epochs, workers, timeout, seed, executor, _folder_of(ledger)),
        constraints=constraints,
        equal=equal,
        reference=reference,
        context=context,
    )
    made = get_searcher(searcher) if isinstance(searcher, str) else searcher
    if not isinstance(made, Searcher):
        raise InvalidInputError(f"the searcher is {rules.shown(made)}: give its name, or a zcbench.Searcher.")
    head = {
        **task.head,
        "searcher": _identifier(made),
        "scorers": roles.head,
        "seed": seed,
        "batch": rules.whole("batch", batch, 1, 10**6),
    }
    if supernet is not None:  # with other weights or data, evaluations differ
        head["supernet"] = answers_digest(supernet)

    def make(metered: Callable[[Scorer], Scorer]) -> Search:
        problem = Problem(
            task.domain,
            task.objectives,
            began_with(lines, limit),
            np.random.default_rng(stable_seed("search", seed)),
            epochs=task.evaluator.epochs,
            levels=task.evaluator.levels,
            known=task.known,
            reference=task.reference,
        )
        if task.domain.constraints is not None:
            task.domain.constraints.meter(metered)
        filter_by, filter_from = roles.give(problem, metered, seed)
        return Search(made, problem, filter_by=filter_by, filter_from=filter_from)

    notes = roles.notes([*(goal.name for goal in task.objectives), *reported])
    if not made.featured:
        notes += roles.unused(_identifier(made).partition("@")[0])
    with Ledger(ledger, head, durable=not task.evaluator.simulated) as lines:
        loop = Loop(make, task.evaluator, task.objectives, lines, batch, limit, notes, roles.try_out, progress)
        found = loop.run()
    return replace(found, table=task.evaluator.benchmark if isinstance(task.evaluator, TableEvaluator) else None)


def _folder_of(ledger: str | os.PathLike[str] | None) -> str:
    return "." if ledger is None else os.path.dirname(os.path.abspath(ledger))  # noqa: PTH100, PTH120  # a text


def _identifier(searcher: Searcher) -> str:
    """Return name, settings, version and code digest of a searcher, also if it was made by its constructor."""
    kind = type(searcher)
    code = called_digest(kind)
    if (label := getattr(searcher, "label_", None)) is not None:
        label += f"@{searcher_info(label.partition(':')[0]).version}"
    else:
        settings = inspect.signature(kind).parameters
        label = kind.__qualname__ + "".join(f":{name}={written(getattr(searcher, name, None))}" for name in settings)
    return f"{label}#{code}" if code else label


def _where(space: SearchSpace | Benchmark | str) -> tuple[SearchSpace, Benchmark | None]:
    """Return the search space, and its table if there is one."""
    if isinstance(space, str):
        space = get_benchmark(space)
    if isinstance(space, Benchmark):
        return space.space, space
    if not all(hasattr(space, name) for name in ("name", "sample", "neighbors", "canonical")):
        raise InvalidInputError(f"the search space is {rules.shown(space)}: give a search space or a benchmark.")
    return space, None


def _of_supernet(supernet: Supernet) -> Callable[..., Any]:
    """Return the function that evaluates the supernet's subnets."""
    if getattr(supernet, "held_out", supernet) is None:
        raise InvalidInputError(
            "this supernet has no held-out data to evaluate subnets on: give it held_out=(inputs, targets), or give a "
            "function of an architecture as evaluate."
        )
    found = getattr(supernet, "evaluate", None)
    if not callable(found):
        raise InvalidInputError(
            "this supernet has no method evaluate: give a function of an architecture, such as "
            "zcbench.supernets.SubnetEvaluation(supernet, inputs, targets)."
        )
    return found  # type: ignore[no-any-return]


def _target(table: Benchmark | None, objectives: str | Iterable[str] | None) -> str | None:
    """Return the first objective that is a column of training results; it determines the proxies' networks."""
    names = [] if table is None or objectives is None else rules.all_text("objectives", objectives)
    return next((name for name in names if table is not None and name in table.targets), None)
