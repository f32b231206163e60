"""The kinds of things that can be registered: one table, which ``zcbench`` and its commands read.

Each kind in the table has four functions in ``zcbench`` and appears in ``zcbench list`` and ``zcbench show``.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A kind of named things.

    Attributes:
        noun: singular noun: "proxy".
        plural: plural noun: "proxies".
        module: module of its public functions.
        registry: module and name of its registry.
        heavy: whether a look-up loads torch.
    """

    noun: str
    plural: str
    module: str
    registry: str
    heavy: bool = False

    @property
    def verbs(self) -> tuple[str, str, str, str]:
        """Names of its public functions."""
        return f"register_{self.noun}", f"get_{self.noun}", f"{self.noun}_info", f"list_{self.plural}"

    def verb(self, number: int) -> Any:
        """Return one of the functions, imported now."""
        return getattr(importlib.import_module(self.module), self.verbs[number])

    def info(self, name: str) -> Any:
        """Return the registered info with this name."""
        return self.verb(2)(name)

    def names(self, *patterns: str) -> list[str]:
        """Return the names that match any of the shell patterns; without patterns, all names."""
        found: list[str] = self.verb(3)(*patterns)
        return found

    @property
    def entries(self) -> Any:
        """The registry, a :class:`zcbench._registry.Registry`."""
        module, _, name = self.registry.partition(":")
        return getattr(importlib.import_module(module), name)


KINDS = (
    Kind("proxy", "proxies", "zcbench.proxies", "zcbench.proxies._register:_PROXIES", heavy=True),
    Kind("signal", "signals", "zcbench.probe", "zcbench.probe._register:_SIGNALS", heavy=True),
    Kind("predictor", "predictors", "zcbench.predictors", "zcbench.predictors._register:_PREDICTORS", heavy=True),
    Kind("encoding", "encodings", "zcbench.encodings", "zcbench.encodings._register:_ENCODINGS", heavy=True),
    Kind("ensemble", "ensembles", "zcbench.ensembles", "zcbench.ensembles._register:_ENSEMBLES"),
    Kind("benchmark", "benchmarks", "zcbench.datasets", "zcbench.datasets._info:_BENCHMARKS"),
    Kind("space", "spaces", "zcbench.spaces", "zcbench.spaces._register:_SPACES"),
    Kind("batch", "batches", "zcbench.batches", "zcbench.batches._register:_BATCHES"),
    Kind(
        "curve_predictor",
        "curve_predictors",
        "zcbench.curves",
        "zcbench.curves._register:_CURVE_PREDICTORS",
        heavy=True,
    ),
    Kind("scorer", "scorers", "zcbench.scorers", "zcbench.scorers._register:_SCORERS", heavy=True),
    Kind("searcher", "searchers", "zcbench.search", "zcbench.search._register:_SEARCHERS", heavy=True),
    Kind(
        "training_rule",
        "training_rules",
        "zcbench.supernets",
        "zcbench.supernets._register:_TRAINING_RULES",
        heavy=True,
    ),
    Kind("track", "tracks", "zcbench.runs", "zcbench.runs._register:_TRACKS"),
)


@contextmanager
def isolated() -> Iterator[None]:
    """Run a block, for example of a test, and restore all registries afterwards."""
    with ExitStack() as stack:
        for kind in KINDS:
            stack.enter_context(kind.entries.isolated())
        yield


#: Old names, kept for one release: the new name, and the old name of its first argument.
_RENAMED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("zcbench.datasets", "load_benchmark"): ("get_benchmark", "name"),
    ("zcbench.batches", "load_batch"): ("get_batch", "dataset"),
}


def renamed(module: str, name: str) -> Any:
    """Return the object of an old name of a module; a DeprecationWarning gives its new name.

    Raises:
        AttributeError: it is not an old name.
    """
    if (module, name) not in _RENAMED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new, first = _RENAMED[module, name]
    function = getattr(importlib.import_module(module), new)  # first: its imports reset Python's record of warnings
    warnings.warn(
        f"{name} is called {new} now; the old name will be removed in the next release.", DeprecationWarning, 3
    )

    def old(*arguments: Any, **named: Any) -> Any:
        if first in named:
            arguments = (named.pop(first), *arguments)
        return function(*arguments, **named)

    return old
