"""Measures all columns of a ranking, and evaluates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from zcbench.metrics import noise_ceiling
from zcbench.supernets._ranking_columns import INHERITED, ON_INHERITED, Column, Columns, same_scores
from zcbench.supernets._ranking_measures import TARGETS, Lines, Measures, Weights
from zcbench.supernets._ranking_report import RankedScorer, SubnetRanking, in_order
from zcbench.supernets._ranking_statistics import Baseline, View, agreement, better_half
from zcbench.supernets._ranking_truth import Truth

#: baselines of every ranking; differences are to the first
BASELINES = ("params", "flops")
#: smallest number of subnets on which a predictor is evaluated
_JUDGED = 10


class Asked(NamedTuple):
    """The requested measurements; see :func:`rank_subnets`."""

    proxies: tuple[str, ...]
    few: tuple[str, ...]
    few_subnets: int
    predictors: tuple[str, ...]
    sizes: tuple[int, ...]
    draws: int
    weights: tuple[str, ...]
    weight_seeds: int
    seeds: int
    first_seed: int

    @property
    def all_seeds(self) -> range:
        """Seeds of inherited losses."""
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def some_seeds(self) -> range:
        """Seeds of proxies and predictors."""
        return range(self.first_seed, self.first_seed + self.weight_seeds)


def measured_columns(
    measures: Measures, columns: Columns, known: Truth, asked: Asked, sources: Sequence[Weights]
) -> list[Column]:
    """Return all columns; saved measurements are read."""
    count = len(columns.keys)
    found = [columns.trainings(known.seconds)] if known.values.shape[1] > 1 else []
    several = len(asked.weights) > 1
    for source in sources:
        for seed in asked.all_seeds:  # everything that needs one supernet before the next
            measures.losses(source, seed)
            if seed in asked.some_seeds and source.label in asked.weights:
                _scores(measures, asked, source, seed, count)
        source.release()
    for source in sources:
        losses = [measures.losses(source, seed) for seed in asked.all_seeds]
        spent = [source.seconds(seed) for seed in asked.all_seeds]
        found += [columns.inherited(source.label, target, losses, spent) for target in TARGETS]
    used = asked.some_seeds
    for which in [None, *(source for source in sources if source.label in asked.weights)]:
        lines = [_scores(measures, asked, which, seed, count) for seed in used]
        spent = [] if which is None else [which.seconds(seed) for seed in used]
        for label in dict.fromkeys([*asked.proxies, *asked.few]):
            of = f" of {which.label}" if which is not None and several else ""
            name = label if which is None else f"inherited({label}){of}"
            found.append(columns.proxy(label, name, "" if which is None else which.label, lines, spent))
        if which is not None:
            found += _predicted(measures, columns, asked, which, several)
    params = next(one for one in found if one.name == BASELINES[0])
    return found + [columns.with_params(one, params) for one in found if one.kind == INHERITED]


def _scores(measures: Measures, asked: Asked, source: Weights | None, seed: int, count: int) -> Lines:
    """Return lines of all proxies, those of slow proxies only for some subnets."""
    fast = [label for label in asked.proxies if label not in asked.few]
    found = measures.scores(fast, count, source, seed)
    if asked.few:
        for key, line in measures.scores(asked.few, min(asked.few_subnets, count), source, seed).items():
            found[key] = {**found[key], **line}
    return found


def _predicted(measures: Measures, columns: Columns, asked: Asked, source: Weights, several: bool) -> list[Column]:
    sizes = [size for size in asked.sizes if size + _JUDGED <= len(columns.keys)]
    if not (sizes and asked.predictors):
        return []
    used = asked.some_seeds
    lines = [measures.predictions(asked.predictors, sizes, asked.draws, source, seed) for seed in used]
    losses, spent = [measures.losses(source, seed) for seed in used], [source.seconds(seed) for seed in used]
    found = [
        columns.predictor(label, target, size, source.label, lines, losses, spent)
        for label in asked.predictors
        for target in TARGETS
        for size in sizes
    ]
    for column in found:
        column.name += f" of {source.label}" if several else ""
    return found


def judged(
    folder: str, known: Truth, columns: Sequence[Column], settings: dict[str, Any], source: Weights
) -> SubnetRanking:
    """Return the report."""
    by_name = {column.name: column for column in columns}
    rows, count = np.arange(len(known.architectures)), len(known.architectures)
    scores = np.full(count, np.nan)
    for view in by_name[BASELINES[0]].views[:1]:
        scores[view.rows] = view.scores
    baseline = Baseline(scores)
    scorers = []
    for column in columns:
        found = agreement(column.views, baseline, known.repeats) if column.views else None
        scorers.append(RankedScorer.of(column, found, _twin(column, by_name)))
    mean = known.values.mean(1)
    half = better_half(View(rows, mean, mean)).rows
    losses = by_name.get(f"{source.label} loss")
    shown = {"truth": (-mean).tolist(), "label": source.label, "rows": [], "scores": []}
    if losses is not None and losses.views:
        shown |= {"rows": losses.views[0].rows.tolist(), "scores": (-losses.views[0].scores).tolist()}
    return SubnetRanking(
        folder,
        known.architectures[0].space,
        known.target,
        tuple(one.key for one in known.architectures),
        known.values.shape[1],
        noise_ceiling(known.values),
        noise_ceiling(known.values[half]),
        in_order(scorers),
        settings,
        known.left_out,
        shown,
    )


def _twin(column: Column, by_name: dict[str, Column]) -> str:
    """Return the name of the proxy on new weights with the same scores; "" if there is none."""
    if column.kind != ON_INHERITED:
        return ""
    name = column.name.removeprefix("inherited(").partition(")")[0]
    return name if name in by_name and same_scores(by_name[name], column) else ""
