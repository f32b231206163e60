"""The work of a worker that searches a table."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._code import code_digest, joined_codes
from zcbench._foreign import Foreign
from zcbench._imports import import_as_begun
from zcbench._notation import split_list
from zcbench._workers import Begin
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.scorers import Context, Scorer, as_scorer
from zcbench.scorers.proxy import ProxyScorer
from zcbench.search import SearchResult, get_searcher, search
from zcbench.types import Status

#: text for a searcher without scorers
NONE = "none"
#: the single part of a search
PART = "search"


class Result(NamedTuple):
    """The outcome of one search."""

    status: Status
    metrics: dict[str, float]
    rows: tuple[int, ...] = ()
    clock: tuple[float, ...] = ()
    epochs: tuple[int, ...] = ()
    detail: str = ""
    device: str = ""
    device_name: str = ""
    memory: float = math.nan


@dataclass
class TableSearching:
    """The settings that all searches of a run share.

    Attributes:
        benchmark: the table.
        guide: columns that searchers receive.
        budget: limit of each search.
        constraints: bounds on architectures.
        cost: column of training seconds, or seconds of every network.
        store: folder with stored scores of proxies, which also receives new ones.
        batch_size: samples in the batch of proxies.
        imports: Python files that register further searchers and scorers.
        codes: by "searcher | scorers", the digest of user-defined code at the start of the run.
    """

    benchmark: Benchmark
    guide: tuple[str, ...]
    budget: str
    constraints: tuple[str, ...]
    cost: str | float | None
    store: Path
    batch_size: int
    imports: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Import the files that register user-defined things.

        Raises:
            InvalidInputError: the code has changed since the start of the run.
        """
        import_as_begun(self.imports, self.codes, self.code)

    def code(self, what: str) -> str:
        """Return the digest of user-defined code, for "evolution | warm-start=mine"; "" without such code."""
        searcher, _, scorers = what.partition(" | ")
        own = [code_digest(type(one)) for one in self.scorers(scorers).values()]
        return joined_codes(code_digest(type(get_searcher(searcher))), *own, code_digest(self.benchmark.space))

    @cached_property
    def context(self) -> Context:
        """Return the context of scorers."""
        target = next((name for name in map(_bare, self.guide) if name in self.benchmark.targets), None)
        return Context(self.benchmark.space, self.benchmark, target, batch_size=self.batch_size, store=self.store)

    @cached_property
    def _made(self) -> dict[str, Scorer]:
        return {}  # one object per scorer, because it caches

    def scorers(self, text: str) -> dict[str, Scorer]:
        """Return scorers by role from "warm-start=naswot, filter=-params"; no scorers for "none".

        Raises:
            InvalidInputError: it has another form.
            UnknownNameError: there is no such scorer.
        """
        found = {}
        for part in [] if text == NONE else split_list(text):
            role, equals, scorer = part.partition("=")
            if not equals:
                raise InvalidInputError(f"scorers {rules.shown(text)}: write  ROLE=SCORER,  e.g. warm-start=naswot.")
            if scorer not in self._made:
                self._made[scorer] = as_scorer(scorer.strip(), self.context)
            found[role.strip()] = self._made[scorer]
        return found

    def lost(self, status: Status, reason: str, seconds: float) -> Result:
        """Return the result of a search whose worker died or was stopped."""
        return Result(status, {}, detail=reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Result]]:
        """Yield the result of one search: ``key`` is "seed searcher | scorers"."""
        seed, _, what = key.partition(" ")
        searcher, _, scorers = what.partition(" | ")
        for part in parts:
            begin(part)
            result = Result(Status.FAILED, {})
            with Foreign() as call, devices.noted() as used:
                result = self._traced(self.search(searcher, scorers, int(seed)))
            if call.is_a(UnsupportedModelError):
                result = Result(Status.UNSUPPORTED, {}, detail=call.message)
            elif devices.is_out_of_memory(call.kind, call.message):
                result = Result(Status.OUT_OF_MEMORY, {}, detail=call.message)
            elif call.kind is not None:
                result = Result(Status.FAILED, {}, detail=call.said)
            yield part, result._replace(device=used.device, device_name=used.device_name, memory=used.memory)

    def search(self, searcher: str, scorers: str, seed: int) -> SearchResult:
        """Run one search."""
        return search(
            self.benchmark,
            scorer=self.scorers(scorers) or None,
            searcher=searcher,
            budget=self.budget,
            constraints=list(self.constraints) or None,
            objectives=list(self.guide),
            cost=self.cost,
            seed=seed,
        )

    def _traced(self, found: SearchResult) -> Result:
        rows = self.benchmark.rows(found.architectures).tolist()
        whole = np.isnan(found.epochs)
        spent = {f"{what}_seconds": float(seconds) for what, seconds in found.spent.items()}
        return Result(
            Status.OK,
            {
                "evaluations": float(len(rows)),
                "asks": float(found.asks),
                "scored": float(found.scored),
                "stored": float(found.stored),
                **spent,
            },
            tuple(rows),
            tuple(float(f"{seconds:.9g}") for seconds in found.seconds.tolist()),
            () if whole.all() else tuple(np.where(whole, 0, found.epochs).astype(int).tolist()),
            " ".join([found.ended, *found.notes]),
        )

    @cached_property
    def table_digest(self) -> str:
        """Return a digest of the table: its architectures, the guiding columns, and the costs of training."""
        content = hashlib.sha256(repr((self.guide, str(self.cost))).encode())
        for architecture in self.benchmark.architectures:
            content.update(f"{architecture.key}\n".encode())
        for name in map(_bare, self.guide):
            known = self.benchmark.facts.get(name)
            content.update((self.benchmark.truth(name) if known is None else known).tobytes())
        for name, values in sorted(self.benchmark.facts.items()):
            if "seconds" in name or name == self.cost:
                content.update(values.tobytes())
        return content.hexdigest()[:12]

    def labels(self, scorers: str) -> str:
        """Return scorers by role, in canonical form."""
        return ", ".join(f"{role}={one.label}" for role, one in self.scorers(scorers).items())

    def digest(self, scorers: str) -> str:
        """Return a digest of the table and of everything that the scores of scorers depend on."""
        several = ", ".join(f"{role}={one.identifier}" for role, one in self.scorers(scorers).items())
        return f"{self.table_digest}-{hashlib.sha256(several.encode()).hexdigest()[:12]}"

    def proxies(self, scorers: Iterable[str]) -> list[str]:
        """Return labels of the proxies that scorers use."""
        leaves = (leaf for text in scorers for one in self.scorers(text).values() for leaf in one.leaves())
        return list(dict.fromkeys(leaf.info.label for leaf in leaves if isinstance(leaf, ProxyScorer)))


def _bare(column: str) -> str:
    return column.removeprefix("-")
