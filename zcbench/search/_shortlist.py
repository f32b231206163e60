"""Selects a few architectures from very many by cheap scores, without a search."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, many
from zcbench._notation import split_list
from zcbench._process import stable_seed
from zcbench.datasets import Benchmark, get_benchmark
from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, Scorer, as_scorer
from zcbench.search._base import Floats
from zcbench.search._budget import Budget
from zcbench.search._constraints import Constraints
from zcbench.search._domain import Domain
from zcbench.search._problem import Problem
from zcbench.search._reach import check_reachable
from zcbench.search._sifted import Reckoned, Sifted, unlike
from zcbench.types import Architecture, Batch, SearchSpace, Supernet


@dataclass(frozen=True, repr=False)
class Shortlist:
    """A few architectures in the order of their selection; the best by the last scorer is first.

    Attributes:
        architectures: ``(k,)``.
        scores: by label of a scorer, ``(k,)`` its scores of them, in its own units.
        drawn: number of different architectures that were drawn.
        scored: by label, number of architectures that the scorer scored.
        seconds: total seconds.
        notes: sentences that a reader of the result needs to know.
    """

    architectures: tuple[Architecture, ...]
    scores: dict[str, Floats]
    drawn: int
    scored: dict[str, int]
    seconds: float
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return brief(f"<Shortlist of {many(len(self), 'architecture')} of {self.drawn:,}>")

    def __len__(self) -> int:
        return len(self.architectures)

    def __iter__(self) -> Iterator[Architecture]:
        return iter(self.architectures)


def shortlist(
    space: SearchSpace | Benchmark | Supernet | str,
    k: int,
    *,
    scorer: Any = "params",
    candidates: int = 100_000,
    keep: int = 1_000,
    constraints: Any = None,
    diversity: float = 1.0,
    encoding: str = "onehot",
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    data: Batch | str | None = None,
    batch_size: int = 64,
    classes: int | None = None,
) -> Shortlist:
    """Choose a few promising architectures that differ from each other from very many, by cheap scores.

    Args:
        space: a search space, a benchmark or its name, or a supernet.
        k: number of architectures.
        scorer: a scorer, as for :func:`zcbench.get_scorer`; several, in a list or as text with commas, from the
            cheapest to the most expensive. All but the last are computed from choices if they are sums over choices, so
            that some hundred networks are enough to count the parameters of 100,000 architectures.
        candidates: largest number of different architectures to draw; fewer if the space has no more.
        keep: number of architectures that the last of several scorers scores.
        constraints: conditions that every architecture must satisfy, as for :func:`zcbench.search`.
        diversity: weight of the difference from the others; 0 chooses the best.
        encoding: encoding by which architectures are compared.
        seed: determines the drawn architectures, and the weights and samples of proxies.
        store: folder in which scores of proxies are looked up and saved.
        data: input of the proxies' networks: a batch, or the name of a source of samples; default the benchmark's.
        batch_size: number of samples in this batch.
        classes: number of outputs of the proxies' networks.

    Raises:
        InvalidInputError: an argument is out of range, nothing satisfies the constraints, or nothing has a score.
        UnknownNameError: there is no such scorer or benchmark.

    Example:
        >>> import zcbench
        >>> found = zcbench.search.shortlist("digits-201", 3, scorer="num_layers", candidates=50)
        >>> len(found), found.drawn
        (3, 50)
    """
    began = time.perf_counter()
    k = rules.whole("k", k, 1, 10**6)
    candidates, keep = rules.whole("candidates", candidates, 1, 10**6), rules.whole("keep", keep, 1, 10**6)
    diversity = rules.number("diversity", diversity, 0)
    if isinstance(space, str):
        space = get_benchmark(space)
    table = space if isinstance(space, Benchmark) else None
    context = Context.of(space, data=data, batch_size=batch_size, classes=classes, store=store, seed=seed)
    kept = Constraints(constraints, context)
    rows = None if table is None else table.architectures
    domain = Domain(context.space, rows, constraints=kept)
    check_reachable(kept, rows, np.random.default_rng(stable_seed("reach", seed)))
    rng = np.random.default_rng(stable_seed("shortlist", seed))
    problem = Problem(domain, (), Budget(1), rng)
    scorers = _several(scorer, context)
    sifted = Sifted(problem, scorers, candidates, keep, rng)
    left = sifted.architectures
    if not left:
        last = scorers[len(sifted.counts) - 1]
        seen = many(sifted.counts[-1], "architecture")
        raise InvalidInputError(f"the scorer {last.label} has no score for any of {seen}: {sifted.reason}")
    chosen = unlike(problem, encoding, left, np.arange(len(left)), k, diversity)
    notes = list(domain.notes())
    if len(chosen) < k:
        notes.append(f"There are only {many(len(chosen), 'architecture')} to choose from.")
    return Shortlist(
        tuple(left[row] for row in chosen),
        {label: values[chosen] for label, values in sifted.scores.items()},
        sifted.drawn,
        dict(zip([one.label for one in scorers], sifted.counts, strict=True)),
        time.perf_counter() - began,
        tuple(notes),
    )


def _several(given: Any, context: Context) -> list[Scorer]:
    """Return the scorers in order; those of many architectures are computed from choices if they are sums."""
    listed: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    texts = [one for each in listed for one in (split_list(each) if isinstance(each, str) else [each])]
    if not texts:
        raise InvalidInputError("a shortlist needs a scorer: give one, such as params.")
    made = [as_scorer(one, context) for one in texts]
    labels = [one.label for one in made]
    if len(set(labels)) < len(labels):
        raise InvalidInputError(f"{max(labels, key=labels.count)} is given as a scorer twice: give it once.")
    last = len(made) - 1
    return [one if one.of_sets or (place == last and last) else Reckoned(one) for place, one in enumerate(made)]
