"""The kinds of things that are registered: one table, which ``zcbench`` and its commands read.

A kind that stands here has its four verbs in ``zcbench`` and appears in ``zcbench list`` and ``zcbench show``.
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
    """A kind of things that have names.

    Attributes:
        noun: what one is called: "proxy".
        plural: what several are called: "proxies".
        module: where its verbs are.
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
        """One of the functions, imported now."""
        return getattr(importlib.import_module(self.module), self.verbs[number])

    def info(self, name: str) -> Any:
        """What was registered of that name."""
        return self.verb(2)(name)

    def names(self, *patterns: str) -> list[str]:
        """Names that match any of the shell patterns, all without one."""
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
    """A block, of a test say, after which everything is registered that was before, and nothing else."""
    with ExitStack() as stack:
        for kind in KINDS:
            stack.enter_context(kind.entries.isolated())
        yield


#: Old names, kept for one release: the new one, and what its first argument was called.
_RENAMED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("zcbench.datasets", "load_benchmark"): ("get_benchmark", "name"),
    ("zcbench.batches", "load_batch"): ("get_batch", "dataset"),
}


def renamed(module: str, name: str) -> Any:
    """What an old name of a module stands for; a DeprecationWarning says its new one.

    Raises:
        AttributeError: it is no old name.
    """
    if (module, name) not in _RENAMED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new, first = _RENAMED[module, name]
    function = getattr(importlib.import_module(module), new)  # first: what it imports makes Python forget what was said
    warnings.warn(f"{name} is called {new} now; the old name goes with the next release.", DeprecationWarning, 3)

    def old(*arguments: Any, **named: Any) -> Any:
        if first in named:
            arguments = (named.pop(first), *arguments)
        return function(*arguments, **named)

    return old
