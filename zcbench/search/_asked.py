"""``zcbench.search``: from what a user gives to a loop."""

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
        space: a search space, a benchmark or the name of one, or a supernet: its space is searched, and its
            ``evaluate`` evaluates, if it has one. Scorers and constraints measure the networks that it builds.
        evaluate: a benchmark, whose table is looked up, or a function from an architecture to a number or to numbers by
            name; default the benchmark that ``space`` is. A function is called with global random numbers that are
            seeded anew for each architecture. What it raises costs that evaluation alone.
        scorer: what helps without training: what :func:`zcbench.get_scorer` takes (the name of a proxy, a weighted sum,
            a fitted predictor, a function); or a mapping from roles to these. The roles "feature" and "objective" take
            several, in a list or as text with commas. Proxies see fresh weights; "inherited(naswot)" is one on a
            supernet's subnets.
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
        objectives: names of columns, or of what ``evaluate`` returns; "-flops" where low is good. Default, for a table,
            the validation column, with the test column in the report. Scorers with the role
            "objective" come behind them; with such a scorer they may be none, and nothing is trained.
        reference: the point that hypervolume is measured from, a number for each of several objectives, in its units:
            {"accuracy": 80, "flops": 110}. Searchers of fronts look for what is better than it in all objectives.
        report: columns of the benchmark that are looked up for the report alone; no searcher sees them.
        cost: column of the seconds that training a network takes, or seconds of every network; default what the
            benchmark tells of the first objective.
        seed: decides everything random.
        ledger: a file that everything is written to, and from which a search that was stopped goes on as if it had not
            been. It goes on only with the same code of ``evaluate``; where a function has an attribute ``version``,
            that alone says whether it is the same. Of a supernet, weights and data have to be the same, too.
        batch: architectures that are asked for at once. What is found depends on it.
        epochs: epochs of a whole training, if ``evaluate`` takes an argument ``epochs``: it is called with
            ``epochs=3``, say, by searchers that stop trainings early, which may ask for more of the same network later;
            seconds are what calls took. A table tells by itself, from its learning curves.
        workers: processes that call ``evaluate``, up to ``batch`` at once; 0 for this one. The ledger is the same.
        timeout: seconds that one call may take; without workers a timeout takes one.
        executor: where ``evaluate`` is called: "local" (default), "submitit:partition=NAME:hours=4:jobs=50" (SLURM, one
            job for each call), "dask://HOST:PORT", or an object that does what these do
            (:class:`zcbench.executors.Executor`). Up to ``batch`` calls are out at once, no more than ``workers`` if
            these are not 0. The ledger is the same. Functions of a script or notebook travel by value; of modules
            their names, and all machines need the same files. What submitit needs lies in the ledger's folder, or in
            the current one, which all machines have to share.
        store: folder in which scores of proxies are looked up, and kept; they cost what they cost when they were
            measured.
        data: what the networks of proxies see: a batch, or the name of samples; default those of the benchmark, or
            those that a supernet is judged by.
        batch_size: samples in their batch.
        classes: outputs of their networks.
        scorer_seed: decides their batch and weights; searches with different seeds share scores.
        progress: called after every batch with the clock and the number of proposals.
        device: where torch's work is done; see :func:`zcbench.run`. A function of yours finds it as
            :func:`zcbench.devices.chosen`.

    Raises:
        InvalidInputError: something given is out of range or does not go together; the message says what to do.
        StoreError: the ledger cannot be written; what it holds is kept.
    """
    del device  # the decorator has it
    if scorer is not None:
        devices.check()  # also where functions are called elsewhere
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
    if supernet is not None:  # of other weights or data, answers are others
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
    """Name, settings, version and code of a searcher, also of one that was made by its constructor."""
    kind = type(searcher)
    code = called_digest(kind)
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
    if isinstance(space, Benchmark):
        return space.space, space
    if not all(hasattr(space, name) for name in ("name", "sample", "neighbors", "canonical")):
        raise InvalidInputError(f"the search space is {rules.shown(space)}: give a search space or a benchmark.")
    return space, None


def _of_supernet(supernet: Supernet) -> Callable[..., Any]:
    """What evaluates its subnets."""
    if getattr(supernet, "held_out", supernet) is None:
        raise InvalidInputError(
            "this supernet has no held-out data to judge subnets by: give it held_out=(inputs, targets), or give a "
            "function of an architecture."
        )
    found = getattr(supernet, "evaluate", None)
    if not callable(found):
        raise InvalidInputError(
            "this supernet has no evaluate: give a function of an architecture, such as "
            "zcbench.supernets.SubnetEvaluation(supernet, inputs, targets)."
        )
    return found  # type: ignore[no-any-return]


def _target(table: Benchmark | None, objectives: str | Iterable[str] | None) -> str | None:
    """The first column of training results that is searched for: it says which networks proxies see."""
    names = [] if table is None or objectives is None else rules.all_text("objectives", objectives)
    return next((name for name in names if table is not None and name in table.targets), None)
