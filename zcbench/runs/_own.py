"""User-defined tables: which names denote one, and how it is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from zcbench import _arguments as rules
from zcbench._imports import space_named
from zcbench.datasets import Benchmark, list_benchmarks, own_benchmark
from zcbench.datasets.own import OWN
from zcbench.errors import InvalidInputError
from zcbench.runs._register import list_tracks
from zcbench.runs._track import Track
from zcbench.spaces import ChoiceSpace, TableSpace

#: suffixes of files with tables
_TABLES = (".csv", ".tsv", ".txt", ".parquet")


@dataclass(frozen=True, kw_only=True)
class OwnTable:
    """How a user-defined table is read, in addition to its path and its target.

    Attributes:
        arch: column that names the architectures; None for "arch", "model", ….
        lower: columns in which lower is better.
        curves: patterns of columns that are the epochs of learning curves, "valid_loss_*".
        space: search space whose strings the names are; its networks are built.
        factory: "FILE.py:FUNCTION" that builds the network of a name.
        data: batch that the networks receive.
        classes: outputs of the networks.
        seed_column: column that distinguishes repeated trainings of an architecture.
        features: names or patterns of the columns that are correlated and that predictors use; all if empty.
        exclude: names or patterns of columns that are not.
    """

    arch: str | None = None
    lower: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    space: str | None = None
    factory: str | None = None
    data: str = "cifar10"
    classes: int = 10
    seed_column: str | None = None
    features: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("lower", "curves", "features", "exclude"):
            object.__setattr__(self, name, tuple(rules.all_text(name, getattr(self, name))))
        for name in ("arch", "space", "factory", "seed_column"):
            rules.optional(rules.text)(name, getattr(self, name))
        rules.text("data", self.data)
        rules.whole("classes", self.classes, 1, 2**31)
        if self.space and self.factory:
            raise InvalidInputError("--space and --factory both say how to build networks: choose one.")
        if self.factory and ".py:" not in self.factory:
            raise InvalidInputError(f"--factory takes FILE.py:FUNCTION, not {self.factory!r}.")

    def given(self) -> list[str]:
        """Return the names of the fields that differ from the default."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]

    def read(self, path: str, track: Track) -> Benchmark:
        """Read the table as a benchmark."""
        settings = track.settings(path)
        # Curve predictors are judged by the curves themselves.
        target = settings.target or (self.curves[0] if self.curves and track.curve_predictors else None)
        if target is None:
            raise InvalidInputError(f"say which column of {path} to rank against: --target COLUMN")
        builds = self.space or self.factory
        return own_benchmark(
            path,
            target,
            arch=self.arch,
            space=space_named(builds) if builds else None,
            lower=self.lower,
            curves=self.curves,
            batch=self.data,
            classes=self.classes,
            limit=None if builds or track.predictors else settings.limit,
            seed=track.seed,
            seed_column=self.seed_column,
            features=self.features,
            exclude=self.exclude,
        )


def is_own_table(name: str) -> bool:
    """Return whether a name denotes a user-defined table: a path, or the name of an earlier run ("own-my")."""
    if Path(name).suffix.lower() in _TABLES or os.sep in name:
        return True
    if name.startswith(OWN):
        return name not in list_benchmarks()
    return name not in list_benchmarks() and name not in list_tracks() and Path(name).exists()


def is_numbers(table: Benchmark) -> bool:
    """Return whether a user-defined table has no networks, so that its columns replace proxies."""
    build = getattr(type(table.space), "build", None)
    return table.name.startswith(OWN) and build in (None, ChoiceSpace.build, TableSpace.build)
