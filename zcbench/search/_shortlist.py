"""A few architectures of very many, by cheap scores, without a search."""

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
    """A few architectures, in the order in which they were chosen; the best by the last scorer comes first.

    Attributes:
        architectures: ``(k,)``.
        scores: by label of a scorer, ``(k,)`` what it says of them, in its own units.
        drawn: different architectures that were drawn.
        scored: by label, how many a scorer saw.
        seconds: of all.
        notes: sentences that whoever reads the result has to know.
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
    """Choose a few promising architectures that are unlike one another, out of very many, by cheap scores.

    Args:
        space: a search space, a benchmark or the name of one, or a supernet.
        k: how many.
        scorer: what scores, as :func:`zcbench.get_scorer` takes it; several, in a list or as text with commas, from the
            cheapest to the dearest. All but the last are taken for sums over choices where they are: parameters of
            100,000 architectures are then reckoned from those of some hundred.
        candidates: different architectures that are drawn, at most; fewer where the space has no more.
        keep: how many the last of several scorers scores.
        constraints: what every architecture has to keep, as :func:`zcbench.search` takes it.
        diversity: weight of being unlike the others; 0 takes the best.
        encoding: by which architectures are compared.
        seed: decides what is drawn, and the weights and samples of proxies.
        store: folder in which scores of proxies are looked up, and kept.
        data: what the networks of proxies see: a batch, or the name of samples; default those of the benchmark.
        batch_size: samples in their batch.
        classes: outputs of their networks.

    Raises:
        InvalidInputError: an argument is out of range, nothing keeps the constraints, or nothing has a score.
        UnknownNameError: there is no such scorer, or benchmark.

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
        raise InvalidInputError(f"the scorer {last.label} has no score of any of {seen}: {sifted.reason}")
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
    """Scorers in their order; those that many architectures go through are reckoned where they are sums."""
    listed: Sequence[Any] = given if isinstance(given, list | tuple) else [given]
    texts = [one for each in listed for one in (split_list(each) if isinstance(each, str) else [each])]
    if not texts:
        raise InvalidInputError("a shortlist needs a scorer: name one, such as params.")
    made = [as_scorer(one, context) for one in texts]
    labels = [one.label for one in made]
    if len(set(labels)) < len(labels):
        raise InvalidInputError(f"{max(labels, key=labels.count)} is given as a scorer twice: name it once.")
    last = len(made) - 1
    return [one if one.of_sets or (place == last and last) else Reckoned(one) for place, one in enumerate(made)]
