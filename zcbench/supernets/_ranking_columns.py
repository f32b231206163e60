"""Converts measured lines to columns of scores: each scorer's scores of the subnets, and their cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.metrics import mean_ranks
from zcbench.proxies import get_proxy
from zcbench.supernets._ranking_measures import TARGETS, Lines
from zcbench.supernets._ranking_statistics import Floats, View, means_of_others
from zcbench.types import Status

#: kinds of scorers
TRAINING, INHERITED, FRESH, ON_INHERITED, PREDICTOR = (
    "training", "inherited", "proxy", "proxy on inherited weights", "predictor",
)  # fmt: skip


@dataclass
class Column:
    """One scorer.

    Attributes:
        name: its name in rows.
        kind: its kind.
        weights: label of the supernets that it needs; "" for none.
        views: its scores, by supernet and draw.
        seeds: number of supernets, or of draws of new weights.
        statuses: number of scores by status.
        detail: a reason for a missing score.
        each: median seconds for ranking one more subnet.
        fixed: seconds before that: training the supernet, evaluating subnets for a predictor's fit, fitting.
        ranked: number of subnets that cost ``each``.
    """

    name: str
    kind: str
    weights: str
    views: list[View] = field(default_factory=list)
    seeds: int = 1
    statuses: Counter[str] = field(default_factory=Counter)
    detail: str = ""
    each: float = math.nan
    fixed: float = 0.0
    ranked: int = 0

    @property
    def all_in(self) -> float:
        """Seconds for ranking all subnets."""
        return self.fixed + self.ranked * self.each


class Columns:
    """Makes columns for some subnets.

    Args:
        keys: the subnets' strings.
        values: ``(n, seeds)`` results of their stand-alone trainings, high is good.
    """

    def __init__(self, keys: Sequence[str], values: Floats) -> None:
        self.keys, self.values, self.truth = list(keys), values, values.mean(1)

    def trainings(self, seconds: float) -> Column:
        """Return a column of single trainings of each subnet, compared with the mean of its other trainings."""
        others = means_of_others(self.values)
        rows = np.arange(len(self.keys))
        count = self.values.shape[1]
        views = [View(rows, self.values[:, seed], others[:, seed], seed) for seed in range(count)]
        statuses = Counter({str(Status.OK): self.values.size})
        return Column(
            "one stand-alone training", TRAINING, "", views, count, statuses, each=seconds, ranked=len(self.keys)
        )

    def inherited(self, label: str, target: str, lines: Sequence[Lines], spent: Sequence[float]) -> Column:
        """Return a column of the loss or accuracy with inherited weights.

        Args:
            label: label of the supernets.
            target: "loss" or "accuracy".
            lines: lines of each seed.
            spent: seconds of each supernet's training.
        """
        column = Column(f"{label} {target}", INHERITED, label, fixed=_mean(spent), ranked=len(self.keys))
        better = TARGETS[target]
        scored = [{key: {**one, "value": one.get(target)} for key, one in seed.items()} for seed in lines]
        return self._filled(column, scored, better)

    def with_params(self, column: Column, params: Column) -> Column:
        """Return a column with the mean of two ranks, those of a column and of the number of parameters.

        Args:
            column: a column with a view of each seed.
            params: the column of the number of parameters of all subnets.
        """
        sizes = {
            int(row): score for view in params.views[:1] for row, score in zip(view.rows, view.scores, strict=True)
        }
        found = Column(f"{column.name} and params", column.kind, column.weights, [], column.seeds, column.statuses)
        for view in column.views:
            kept = np.array([place for place, row in enumerate(view.rows) if int(row) in sizes], np.intp)
            if len(kept) > 1:
                mine = mean_ranks([sizes[int(row)] for row in view.rows[kept]])
                scores = (mean_ranks(view.scores[kept]) + mine) / 2
                found.views.append(View(view.rows[kept], scores, view.truth[kept], view.seed))
        found.detail, found.fixed, found.ranked = column.detail, column.fixed, column.ranked
        found.each = column.each + params.each
        return found

    def proxy(self, label: str, name: str, weights: str, lines: Sequence[Lines], spent: Sequence[float]) -> Column:
        """Return a column of a proxy's scores.

        Args:
            label: label of the proxy.
            name: name of the column.
            weights: label of the supernets; "" for new weights.
            lines: lines of each seed, by subnet and proxy.
            spent: seconds of each supernet's training; none for new weights.
        """
        column = Column(name, ON_INHERITED if weights else FRESH, weights, fixed=_mean(spent), ranked=len(self.keys))
        scored = [{key: one[label] for key, one in seed.items() if label in one} for seed in lines]
        return self._filled(column, scored, get_proxy(label).higher_is_better)

    def predictor(
        self,
        label: str,
        target: str,
        size: int,
        weights: str,
        lines: Sequence[Mapping[str, Any]],
        losses: Sequence[Lines],
        spent: Sequence[float],
    ) -> Column:
        """Return a column of predictions for the subnets that were not used in the fit.

        Args:
            label: label of the predictor.
            target: target of the fit.
            size: number of subnets in the fit.
            weights: label of the supernets.
            lines: fits of each seed, by "predictor|target|size|draw".
            losses: seconds for evaluating each subnet, for each seed.
            spent: seconds of each supernet's training.
        """
        what = {"loss": "losses", "accuracy": "accuracies"}[target]
        column = Column(f"{label} of {size} {what}", PREDICTOR, weights, seeds=len(lines))
        rows = {key: row for row, key in enumerate(self.keys)}
        fitting, predicting = [], []
        for place, fits in enumerate(lines):
            for name, fit in fits.items():
                if not name.startswith(f"{label}|{target}|{size}|"):
                    continue
                column.statuses[str(fit["status"])] += 1
                column.detail = column.detail or fit.get("detail", "")
                said = fit.get("predicted", {})
                if len(said) > 1:
                    chosen = sorted((rows[key], value) for key, value in said.items())
                    column.views.append(self._view([c[0] for c in chosen], [c[1] for c in chosen], place))
                    predicting.append(fit["predict_seconds"] / len(said))
                fitting.append(fit["fit_seconds"])
        each = float(np.median([line["seconds"] for seed in losses for line in seed.values()]))
        column.fixed = _mean(spent) + size * each + _median(fitting)
        column.each, column.ranked = _median(predicting), len(self.keys) - size
        return column

    def _filled(self, column: Column, lines: Sequence[Mapping[str, Any]], better: bool) -> Column:
        seconds = []
        column.seeds = len(lines)
        for place, seed in enumerate(lines):
            rows, scores = [], []
            for row, key in enumerate(self.keys):
                if (line := seed.get(key)) is None:
                    continue
                seconds.append(line["seconds"])
                column.statuses[str(line["status"])] += 1
                column.detail = column.detail or line.get("detail", "")
                if line["status"] == Status.OK:
                    rows.append(row)
                    scores.append(line["value"] if better else -line["value"])
            if len(rows) > 1:
                column.views.append(self._view(rows, scores, place))
        column.each = _median(seconds)
        return column

    def _view(self, rows: Sequence[int], scores: Sequence[float], place: int) -> View:
        chosen: NDArray[np.intp] = np.asarray(rows, np.intp)
        return View(chosen, np.asarray(scores, np.float64), self.truth[chosen], place)


def same_scores(one: Column, other: Column) -> bool:
    """Return whether two columns have the same scores of all subnets, seed by seed."""
    return len(one.views) == len(other.views) > 0 and all(
        np.array_equal(mine.rows, theirs.rows) and np.array_equal(mine.scores, theirs.scores)
        for mine, theirs in zip(one.views, other.views, strict=True)
    )


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.mean(found)) if found else 0.0
