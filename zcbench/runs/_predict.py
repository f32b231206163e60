"""Rank candidates by what a few trained networks of a table tell: what is read, and the one function that does it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from zcbench import _arguments as rules
from zcbench._display import abridged, many
from zcbench._imports import space_named
from zcbench.datasets import Benchmark, own_benchmark, read_columns
from zcbench.datasets._features import matching
from zcbench.datasets._own_candidates import own_candidates
from zcbench.errors import DataCorruptError, InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.predictors._given import read_architectures
from zcbench.runs._predict_features import usable_features
from zcbench.runs._predicted import Prediction
from zcbench.runs._ranking import LEAST, TOLD, Ranking, Report
from zcbench.spaces import TableSpace
from zcbench.types import Architecture

Ints = NDArray[np.intp]

#: beginnings of notes about a table that the list of features says, and of notes about candidates that others say
_OBVIOUS, _SAID = ("The text in ",), ("The column ", "Of ")


def predict(
    trained: str | os.PathLike[str] | Benchmark,
    target: str | None = None,
    *,
    candidates: str | os.PathLike[str] | Benchmark | Iterable[Architecture | str] | None = None,
    predictor: str | None = None,
    features: str | Sequence[str] = (),
    exclude: str | Sequence[str] = (),
    arch: str | None = None,
    space: str | None = None,
    lower: bool = False,
    seed_column: str | None = None,
    seed: int = 0,
    top: int = 10,
    progress: Report | None = None,
) -> Prediction:
    """Rank candidates by a predictor that learns from the trained networks of a table.

    From ten trained networks on, a predictor is chosen by repeated five-fold cross-validation among cheap ones (a
    single column, a linear model, a Gaussian process, a random forest, boosted trees where LightGBM is installed). The
    tau that is reported is corrected for the choice. Networks that are equal in the search space, or in all features,
    are never on both sides of a division. No candidate is learned from.

    Args:
        trained: CSV (or parquet) file with a row per architecture, or a benchmark.
        target: the column to predict; default, of a benchmark, its own choice.
        candidates: a second file with the same columns, a benchmark, or, with a search space, architectures or their
            strings. Default: the rows of ``trained`` without a value of the target.
        predictor: name of a predictor with its settings, instead of the choice.
        features: names or shell patterns of columns to use; default all that the candidates have too and that are
            probably no results of the same training. With a search space none unless they are named.
        exclude: names or shell patterns of columns not to use.
        arch: the column that names the architectures; default as of :func:`zcbench.own_benchmark`.
        space: the search space whose strings the names are; its encodings are then the features.
        lower: whether small values of the target are good.
        seed_column: the column that distinguishes repeated trainings of an architecture.
        seed: decides divisions and everything random in predictors.
        top: number of candidates in the table that people read.
        progress: called after each fold with folds done, folds in all, and the predictor.

    Returns:
        All candidates, best first, with predictions and standard deviations in the target's unit.

    Raises:
        DataMissingError, DataCorruptError, InvalidArchitectureError: a file cannot be read.
        UnknownNameError: there is no such column, predictor or search space.
        InvalidInputError: there are fewer than three trained networks, no candidates or no features.

    Example:
        >>> import zcbench
        >>> table = zcbench.get_benchmark("elastic-mobilenet")
        >>> few = zcbench.predict(table, candidates=table.architectures[:3], predictor="bayesian_ridge")
        ... # doctest: +SKIP
    """
    seed, top = rules.seed("the seed", seed), rules.whole("top", top, 1, 10**9)
    if isinstance(trained, Benchmark):
        table = chosen(replace(trained, default_target=trained.target(target).name), features, exclude)
        lower = lower or not table.target().higher_is_better
    else:
        path = rules.path("the table of trained networks", trained)
        if target is None:
            raise InvalidInputError(f"say which column of {path} to predict: --target COLUMN")
        target = " ".join(rules.text("the target", target).split())
        try:
            table = own_benchmark(
                path,
                target,
                arch=arch,
                space=None if space is None else space_named(space),
                lower=[target] if lower else [],
                seed_column=seed_column,
                features=features,
                exclude=exclude,
            )
        except (UnknownNameError, DataCorruptError) as error:
            raise _perhaps_swapped(error, path, candidates, target) from None
    known = np.flatnonzero(np.isfinite(table.truth()))
    part = rows_of(table, known)
    if len(part) < LEAST:
        raise InvalidInputError(
            f"{table.source} has {many(len(part), 'trained network')} with a value of {table.default_target!r}: a "
            f"predictor needs {LEAST} at least, and {TOLD} before its quality can be estimated."
        )
    notes = [] if isinstance(trained, Benchmark) else [note for note in table.notes if not note.startswith(_OBVIOUS)]
    rest = _untrained(_candidates(candidates, table, notes), part, notes)
    usable = usable_features(part, rest, by_space=_has_code(part))
    ranking = Ranking(part, rest, usable, predictor, seed, progress)
    return ranking.made(lower, [*notes, *usable.notes], top)


def chosen(table: Benchmark, features: str | Sequence[str], exclude: str | Sequence[str]) -> Benchmark:
    """Return the table with the columns that a user chose.

    Raises:
        UnknownNameError: a name or pattern matches no column.
    """
    names = {**table.facts, **table.texts}
    wanted = matching(rules.all_text("features", features), names)
    kept = (wanted or set(names)) - matching(rules.all_text("exclude", exclude), names)
    return replace(
        table,
        facts={name: values for name, values in table.facts.items() if name in kept},
        texts={name: values for name, values in table.texts.items() if name in kept},
        requested=tuple(name for name in names if name in kept & wanted),
    )


def rows_of(table: Benchmark, rows: Ints) -> Benchmark:
    """Return the table with some of its rows."""
    source = table.own
    return replace(
        table,
        architectures=tuple(table.architectures[row] for row in rows),
        values={name: values[rows] for name, values in table.values.items()},
        curves={},
        facts={name: values[rows] for name, values in table.facts.items()},
        texts={name: tuple(values[row] for row in rows) for name, values in table.texts.items()},
        own=None if source is None else replace(source, lines=tuple(source.lines[row] for row in rows)),
    )


def _has_code(table: Benchmark) -> bool:
    """Tell whether the search space encodes its architectures; names of a table, and of timm's models, have no code."""
    if isinstance(table.space, TableSpace):
        return False
    try:
        table.space.encode(table.architectures[0])
    except Exception:  # a user-defined space may raise anything
        return False
    return True


def _candidates(
    given: str | os.PathLike[str] | Benchmark | Iterable[Architecture | str] | None,
    table: Benchmark,
    notes: list[str],
) -> Benchmark:
    """Return the candidates as rows of a table."""
    if given is None:
        rest = rows_of(table, np.flatnonzero(~np.isfinite(table.truth())))
        if not len(rest):
            raise InvalidInputError(
                f"{table.source} has a value of {table.default_target!r} in every row: give candidates with "
                "--candidates FILE, or add rows without a value."
            )
        return rest
    if isinstance(given, str | os.PathLike):
        rest = own_candidates(rules.path("the candidates", given), table)
        said = (note for note in rest.notes if not note.startswith((*_OBVIOUS, *_SAID)))
        notes += [f"{rest.public_source}: {note[0].lower()}{note[1:]}" for note in said]
        return rest
    if isinstance(given, Benchmark):
        if given.space.name != table.space.name:
            raise InvalidInputError(
                f"{given.name} is of the space {given.space.name!r}, and {table.name} of {table.space.name!r}: give "
                "candidates of one space."
            )
        return _without_results(given, table)
    if type(table.space) is TableSpace:
        raise InvalidInputError(
            f"only names are known of these candidates: give a table with the columns of {table.source}, or a "
            "search space."
        )
    architectures = list(dict.fromkeys(read_architectures(given, [table.space])))
    return replace(
        table,
        name="candidates",
        architectures=tuple(architectures),
        values={name: np.full((len(architectures), 1), np.nan) for name in table.values},
        seeds={},
        curves={},
        facts={},
        texts={},
        source="candidates",
        own=None,
    )


def _without_results(given: Benchmark, table: Benchmark) -> Benchmark:
    """Return the candidates without results and without columns requested for them, which must not decide features."""
    target = table.target()
    return replace(
        given,
        values={target.name: np.full((len(given), 1), np.nan)},
        targets={target.name: target},
        default_target=target.name,
        classes={**given.classes, **table.classes},
        seeds={},
        curves={},
        requested=(),
    )


def _untrained(rest: Benchmark, part: Benchmark, notes: list[str]) -> Benchmark:
    """Return the candidates without trained networks.

    Raises:
        InvalidInputError: nothing is left.
    """
    canonical = part.space.canonical
    trained = {canonical(one) for one in part.architectures}
    left = np.array([i for i, one in enumerate(rest.architectures) if canonical(one) not in trained], np.intp)
    if len(left) == len(rest):
        return rest
    count = len(rest) - len(left)
    if not len(left):
        raise InvalidInputError(
            f"all {many(len(rest), 'candidate')} of {rest.source} are trained networks of {part.source}: there is "
            "nothing to predict. Give other candidates, or leave --candidates out to rank the rows without a value."
        )
    example = next(one for one in rest.architectures if canonical(one) in trained)
    notes.append(
        f"{many(count, 'candidate')} of {rest.public_source}, such as {abridged(str(example), 60)!r}, "
        f"{'is a trained network' if count == 1 else 'are trained networks'} of {part.public_source} and not ranked."
    )
    return rows_of(rest, left)


def _perhaps_swapped(error: ZcbenchError, path: str, candidates: object, target: str) -> ZcbenchError:
    """Return the error, with a question if only the file of candidates has the target."""
    lacks = isinstance(error, UnknownNameError) and error.name == target
    empty = isinstance(error, DataCorruptError) and "has no values" in str(error)
    if not (lacks or empty) or not isinstance(candidates, str | os.PathLike):
        return error
    try:
        columns = read_columns(rules.path("the candidates", candidates))
    except ZcbenchError:
        return error
    if target not in columns.numbers:
        return error
    return InvalidInputError(
        f"{path} has no values of {target!r}, and {candidates} has: the first file is that of the trained networks, "
        "and --candidates names the other. Are they swapped?"
    )


__all__ = ["chosen", "predict", "rows_of"]
