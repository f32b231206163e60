"""Evaluations of runs on user-defined tables. Loads no torch."""

from __future__ import annotations

import os
from collections.abc import Sequence

from zcbench import _arguments as rules
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.evaluation import Evaluation, Wanted, evaluations_of, summarize_columns
from zcbench.records import CurveTrial, SearchTrace, Store, Trial
from zcbench.runs._own import is_own_table
from zcbench.runs._remembered import COLUMNS, Remembered, name_of, not_run, place_of, remembered, ways
from zcbench.runs._track import CURVES, PREDICTORS, SCORES, SEARCHES


def own_table(name: str | os.PathLike[str] | Benchmark) -> str | None:
    """Return the name or path of a user-defined table; None for anything else."""
    if isinstance(name, Benchmark):
        return name.name if name.own is not None else None
    called = os.fspath(name)
    return called if is_own_table(called) and not called.endswith(".toml") else None


def as_store(store: str | os.PathLike[str] | Store) -> Store:
    """Open the store in a folder.

    Raises:
        InvalidInputError: it is not a path.
    """
    if isinstance(store, Store):
        return store
    if not isinstance(store, str | os.PathLike):
        raise InvalidInputError(f"the store {rules.shown(store)}: give the path of a folder.")
    return Store(store)


def boards_of_table(
    store: Store,
    name: str | os.PathLike[str] | Benchmark,
    source: str | os.PathLike[str] | None,
    target: str | None,
    *,
    wanted: Wanted,
    common: bool,
    ensembles: Sequence[str],
) -> list[Evaluation]:
    """Evaluate the runs on a user-defined table: its columns, and proxies on its networks.

    Args:
        store: of the runs.
        name: the table's name, its path, or the table.
        source: its current path; default the path of the run.
        target: column to rank against; default that of the latest run.
        wanted: the requested records.
        common: use only architectures for which every proxy or column has a value.
        ensembles: combinations of the proxies.

    Raises:
        InvalidInputError: no such run is stored.
        DataMissingError, DataCorruptError: the table has moved or changed.
    """
    called, given = own_table(name), name if isinstance(name, Benchmark) else None
    assert called is not None
    place = place_of(called, None if source is None else rules.path("the source", source))
    found: list[Evaluation] = []
    wrong: list[ZcbenchError] = []
    every = ways(store, called, (COLUMNS, SCORES), target)
    for one in every:
        try:
            table = given if given is not None else one.read(place, target)
            if one.kind == SCORES:
                found += evaluations_of(store, table, target, wanted=wanted, common=common, ensembles=ensembles)
            elif wanted.seed in (None, one.settings.get("seed", 0)):
                found.append(_of_columns(one, table, target, common))
        except ZcbenchError as error:
            wrong.append(error)
    if found and ensembles and all(not one.batch for one in found):
        raise InvalidInputError(f"ensembles need networks, and {found[0].source} has none: give --space or --factory.")
    if found:
        return found
    if wrong:
        raise wrong[0]
    if every:
        raise InvalidInputError(f"the columns of {every[0].name} were not run with seed {wanted.seed}.")
    raise _nothing_ranked(store, called)


def _of_columns(one: Remembered, table: Benchmark, target: str | None, common: bool) -> Evaluation:
    """Correlate the same columns as a run, with the same directions."""
    column = table.target(target).name
    known = {one.target: one.target not in one.settings.get("lower", ()), **one.higher_is_better}
    ups = {name: up for name, up in known.items() if name in table.facts and name != column}
    if not ups:
        raise InvalidInputError(f"{table.source} has no other column of numbers than {column!r} that was run.")
    return summarize_columns(table, {name: (table.facts[name], up) for name, up in ups.items()}, column, common=common)


def _nothing_ranked(store: Store, called: str) -> InvalidInputError:
    """Return the error for a table on which neither columns nor proxies were run."""
    name, items = name_of(called), {PREDICTORS: Trial, SEARCHES: SearchTrace, CURVES: CurveTrial}
    # A run is noted before its work, and the work may have failed.
    known = [kind for kind, of in items.items() if name in store.benchmarks(of)]
    kinds = {one.kind: one for one in ways(store, called, known)}
    if PREDICTORS in kinds:
        return InvalidInputError(f"predictors alone have been run on {name}: see  zcbench efficiency {name}")
    if kinds:
        one = next(iter(kinds.values()))
        return InvalidInputError(f"only {one.kind} have been run on {name}: see  {one.command}")
    return not_run(store, called)


def ranked(store: str | os.PathLike[str] | Store = "runs") -> list[str]:
    """Return the benchmarks of a store that :func:`zcbench.leaderboard` can show, sorted.

    Raises:
        StoreError: the store cannot be read.
    """
    place = as_store(store)
    return sorted({*place.benchmarks(), *(name for name in place.tables() if _has_columns(place, name))})


def boards(store: str | os.PathLike[str] | Store = "runs") -> list[str]:
    """Return the benchmarks of :func:`ranked`, and those whose learning curves were forecast, sorted."""
    place = as_store(store)
    return sorted({*ranked(place), *place.benchmarks(CurveTrial)})


def _has_columns(store: Store, name: str) -> bool:
    try:
        return bool(remembered(store, name, (COLUMNS,)))
    except ZcbenchError:
        return True  # the board of this table reports the error
