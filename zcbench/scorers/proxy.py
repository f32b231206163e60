"""Proxies as scorers: the network of each architecture is built, and measured on a batch."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from zcbench._workers import one_thread
from zcbench.errors import InvalidInputError
from zcbench.proxies import get_proxy, score_architecture
from zcbench.records import Store, Writer, describe_environment
from zcbench.scorers._base import Scorer, Scores
from zcbench.scorers._conditions import Conditions
from zcbench.scorers._context import Context
from zcbench.scorers._register import is_registered, register_scorer
from zcbench.types import Architecture, Score, SearchSpace


class _Known(NamedTuple):
    """The known score of a network."""

    value: float
    seconds: float
    reason: str


@register_scorer("proxy", arguments="naswot")
class ProxyScorer(Scorer):
    """A zero-cost proxy; its seconds include building the network.

    Equal networks share a score: the canonical network is measured, with weights that depend on it and the seed, as in
    ``zcbench run``. With a store, existing scores are not measured again, and new scores are stored as records with the
    same key, so that runs and searches share their scores. A score from the store costs its record's seconds, which do
    not include building; :class:`Scores` marks these scores.

    Args:
        proxy: name and settings, "naswot" or "synflow:repeats=3".

    Raises:
        UnknownNameError: the proxy does not exist.
    """

    def __init__(self, proxy: str) -> None:
        self.info = get_proxy(proxy)
        self.label = f"proxy({self.info.label})" if is_registered(self.info.name) else self.info.label
        self.higher_is_better = self.info.higher_is_better
        self._known: dict[str, _Known] | None = None
        self._writer: Writer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_writer": None}  # another process writes its own files

    def begin(self, context: Context) -> None:
        """Receive space, samples, classes, seed and store.

        Raises:
            InvalidInputError: the space builds no networks.
        """
        super().begin(context)
        if not context.space.domains:
            raise InvalidInputError(
                f"{self.label} measures networks, but the space {context.space.name} builds none: choose a scorer "
                "without networks, such as a column of the table."
            )
        self.conditions = Conditions.of(context, self.info)

    @property
    def identifier(self) -> str:
        """Proxy with its version, samples, seed, classes, and a digest of user code."""
        return self.info.identifier if self.context is None else self.conditions.identifier

    def measured(self, architecture: Architecture) -> Architecture:
        """Return the canonical form."""
        return architecture if self.context is None else self.context.space.canonical(architecture)

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Build and measure networks, or read their scores from the store.

        Raises:
            InvalidInputError: there is no task.
            StoreError: the store cannot be read or written; all earlier measurements are kept.
        """
        if self.context is None:
            raise InvalidInputError(f"{self.label} needs a task: get_scorer({self.label!r}, benchmark).")
        known = self._from_store()
        values, seconds = np.full(len(architectures), np.nan), np.zeros(len(architectures))
        stored = np.zeros(len(architectures), np.bool_)
        reasons: dict[int, str] = {}
        paid: dict[str, _Known] = {}
        with one_thread():
            for place, architecture in enumerate(architectures):
                network = self.measured(architecture)
                found = paid.get(network.key)
                if found is None:
                    found = known.get(network.key)
                    stored[place] = found is not None
                    found = paid[network.key] = found or self._measure(architecture, network)
                    seconds[place] = found.seconds
                values[place] = found.value
                if found.reason:
                    reasons[place] = found.reason
        return Scores(values, seconds, reasons, stored=stored)

    @property
    def _builder(self) -> SearchSpace:
        """The search space that builds the networks."""
        return self.conditions.context.space

    def _measure(self, architecture: Architecture, network: Architecture) -> _Known:
        """Build and score a network, and store the score."""
        began, built = time.perf_counter(), 0.0

        def begin(part: str) -> None:
            nonlocal built
            if part and not built:
                built = time.perf_counter() - began

        task = self.conditions.context
        (_, score), *_ = score_architecture(
            lambda: self._builder,
            network,
            [self.info.label],
            self.conditions.batch,
            classes=task.outputs,
            seed=task.seed,
            training_data=self.conditions.training_data,
            begin=begin,
        )
        building = built or time.perf_counter() - began  # a failed construction takes time as well
        self._keep(architecture, network, score)
        found = _of(score)
        return found._replace(seconds=found.seconds + building)

    # -- the store -----------------------------------------------------------------------------

    def _from_store(self) -> dict[str, _Known]:
        """Return, by network, the contents of the store when it was first read."""
        if self._known is None:
            store = self.context.store if self.context is not None else None
            self._known = {} if store is None else self._read(_opened(store))
        return self._known

    def _read(self, store: Store) -> dict[str, _Known]:
        records = store.records(self.conditions.folder)
        found: dict[str, _Known] = {}
        for item in records.where(self.conditions.has(records)):
            found.setdefault(item.network or item.architecture, _of(item.score))
        if records.notes:
            space = self.conditions.context.space
            for key in store.disagreeing(self.conditions.folder):
                if self.conditions.has_key(key):
                    network = space.canonical(Architecture(space.name, key[1]))
                    why = (
                        "the store contains different scores of it: resolve them with  zcbench run --retry disagreeing"
                    )
                    found.setdefault(network.key, _Known(np.nan, 0.0, why))
        return found

    def _keep(self, architecture: Architecture, network: Architecture, score: Score) -> None:
        store = self.context.store if self.context is not None else None
        if store is None:
            return
        if self._writer is None:
            self._environment, description = describe_environment()
            self._writer = _opened(store).writer(self.conditions.folder)
            self._writer.environment(self._environment, description)
            weakref.finalize(self, self._writer.close)
        self._writer.record(self.conditions.record(architecture, network, score, self._environment))
        assert self._known is not None  # the store was read first
        self._known[network.key] = _of(score)


def _of(score: Score) -> _Known:
    seconds = float(score.seconds) if np.isfinite(score.seconds) else 0.0
    reason = "" if score.value is not None else score.detail or f"its status is {score.status}."
    return _Known(float(score), seconds, reason)


def _opened(store: Any) -> Store:
    return store if isinstance(store, Store) else Store(store)
