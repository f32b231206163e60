"""Comparison of searchers from traces of many searches: results, costs and intervals. Without torch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.evaluation import _searches_table
from zcbench.evaluation._board import Board
from zcbench.evaluation._efficiency import mean_interval
from zcbench.evaluation._fronts import KnownFront
from zcbench.evaluation._over_seeds import Ratio, Reach, median_interval, paired_difference, speed_up
from zcbench.evaluation._traces import COSTS, Cost, Known, Trace, cost_to
from zcbench.metrics import Estimate

Floats = NDArray[np.float64]
#: the default shares of "to best": the best 1 % and the best 0.1 % of the table
SHARES = (0.01, 0.001)


@dataclass(frozen=True, eq=False, repr=False)
class Searched:
    """One searcher over its seeds, at each cost of the comparison.

    Attributes:
        label: label of the searcher.
        seeds: the seeds, in order.
        value: by cost, the mean reported value of the incumbent; nan if a search had none yet.
        deviation: by cost, its standard deviation over seeds.
        regret: by cost, the mean regret.
        rank: by cost, the median rank in the table.
        improvement: by cost, the mean relative improvement over random, percent.
        volume: by cost, the mean share of the known front's hypervolume; empty without a front.
        reach: by share of the table, the cost to be among the best.
        ratio: by share, the baseline's cost divided by this cost; empty for the baseline and without one.
        behind: additional regret (or missing hypervolume) compared with the best at the last cost, paired by seed.
        tied_with_best: whether that interval reaches zero.
        evaluations: mean number of evaluations.
        seconds: mean total seconds.
        ended_early: number of searches that ended before nine tenths of the last cost.
        nothing: number of searches without a reported value.
    """

    label: str
    seeds: tuple[int, ...]
    value: tuple[Estimate, ...]
    deviation: tuple[float, ...]
    regret: tuple[Estimate, ...]
    rank: tuple[Estimate, ...]
    improvement: tuple[Estimate, ...]
    volume: tuple[Estimate, ...]
    reach: Mapping[float, Reach]
    ratio: Mapping[float, Ratio]
    behind: Estimate
    tied_with_best: bool
    evaluations: Estimate
    seconds: Estimate
    ended_early: int
    nothing: int

    def __repr__(self) -> str:
        return brief(f"<Searched by {plain(self.label, 60)}: {many(len(self.seeds), 'seed')}>")


@dataclass(frozen=True, eq=False, repr=False)
class SearchComparison(Board):
    """Searchers on one table, over seeds: a row each, the least regret (or the largest hypervolume) first.

    Attributes:
        known: the column that is reported.
        by: unit of costs, "evaluations" or "seconds".
        grid: costs at which searchers are compared; the table shows the last.
        searched: the searchers.
        baseline: label of the baseline; "" without one.
        front: the known front, with several objectives.
        guide: name of the column that guided; "" if it is not known.
        notes: notes on the results, a sentence each.
    """

    known: Known
    by: Cost
    grid: tuple[float, ...]
    searched: tuple[Searched, ...]
    baseline: str = ""
    front: KnownFront | None = None
    guide: str = ""
    notes: tuple[str, ...] = field(default=())
    repeated = 1

    def __repr__(self) -> str:
        return brief(f"<SearchComparison of {many(len(self.searched), 'searcher')} by {plain(self.known.name, 40)}>")

    @property
    def shares(self) -> tuple[float, ...]:
        """The shares of the table that are the goals."""
        return tuple(self.searched[0].reach)

    def headline(self) -> str:
        """Return a sentence that describes the table, and one with the statistics of the benchmark."""
        return _searches_table.headline(self)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column, and whether its cells are numbers."""
        return _searches_table.titles(self)

    def cells(self) -> list[list[str]]:
        """Return a row per searcher, at the last cost."""
        return _searches_table.cells(self)

    def footnotes(self) -> list[str]:
        """Return the notes of the table, a sentence each."""
        return _searches_table.footnotes(self)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per searcher, at the last cost, in full precision."""
        return [_searches_table.flat(self, one) for one in self.searched]

    def content(self) -> dict[str, Any]:
        """Return the rows, and the results of each searcher at every cost."""
        return _searches_table.content(self)

    def progress(self, metric: str = "value") -> SearchProgress:
        """Return the same searchers with a column per cost.

        Args:
            metric: "value", "regret", "rank", "improvement" or, with a known front, "volume".

        Raises:
            UnknownNameError: there is no such metric.
        """
        return SearchProgress(self, metric)


@dataclass(frozen=True, eq=False, repr=False)
class SearchProgress(Board):
    """The results of searchers at each cost.

    Attributes:
        comparison: the comparison of the searchers.
        metric: the metric of the table.
    """

    comparison: SearchComparison
    metric: str = "value"
    repeated = 1

    def __post_init__(self) -> None:
        known = [name for name in _searches_table.METRICS if name != "volume" or self.comparison.front is not None]
        if self.metric not in known:
            raise UnknownNameError("metric", self.metric, known)

    def __repr__(self) -> str:
        return brief(f"<SearchProgress of {many(len(self.comparison.searched), 'searcher')}: {self.metric}>")

    def headline(self) -> str:
        """Return one sentence that describes the table."""
        return _searches_table.progress_headline(self.comparison, self.metric)

    def titles(self) -> list[tuple[str, bool]]:
        """Return the headings: the searcher, and a cost for each other column."""
        return _searches_table.progress_titles(self.comparison)

    def cells(self) -> list[list[str]]:
        """Return a row per searcher."""
        return _searches_table.progress_cells(self.comparison, self.metric)

    def footnotes(self) -> list[str]:
        """Return the notes of the comparison that concern every cost."""
        return _searches_table.common_notes(self.comparison)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per searcher and cost, with all metrics."""
        return _searches_table.progress_rows(self.comparison)

    def content(self) -> dict[str, Any]:
        """Return the rows and the notes."""
        return {"metric": self.metric, "points": self.rows(), "notes": self.footnotes()}


def checkpoints(traces: Iterable[Trace], by: Cost = "evaluations") -> tuple[float, ...]:
    """Return costs 1, 2, 5, 10, … up to that of the longest search, from the first at which every search had a result.

    Raises:
        InvalidInputError: no search has a result.
    """
    several = [trace for trace in traces if len(trace)]
    if not several:
        raise InvalidInputError("no search evaluated anything: there is nothing to compare.")
    last = max(trace.end(by) for trace in several)
    first = max(float(trace.cost(by)[0]) for trace in several)
    steps = {m * 10.0**e for e in range(-3, 12) for m in (1, 2, 5)}
    return (*sorted(step for step in steps if first <= step < last), last)


def compare_searches(
    traces: Iterable[Trace],
    known: Known,
    *,
    by: Cost = "evaluations",
    grid: ArrayLike | None = None,
    shares: Sequence[float] = SHARES,
    baseline: str = "random",
    front: KnownFront | None = None,
    guide: str = "",
    notes: Iterable[str] = (),
) -> SearchComparison:
    """Compare searchers by their results in a known table.

    Args:
        traces: traces of any number of searchers and seeds; each reports the known column, and those of the front.
        known: the column that is reported.
        by: unit of costs.
        grid: ``(k,)`` costs, ascending; default :func:`checkpoints`.
        shares: shares of the table that are goals, such as the best 1 % and 0.1 %.
        baseline: label of the baseline of cost ratios, or its beginning before "@" or ":".
        front: the known front, if the searches had several objectives; it then determines the order.
        guide: name of the column that guided, for the headline.
        notes: sentences about the comparison.

    Raises:
        InvalidInputError: there are no traces, two have one label and seed, or costs do not ascend.
        UnknownNameError: a trace does not report a required column, or there is no such unit of costs.
    """
    if by not in COSTS:
        raise UnknownNameError("cost", str(by), COSTS)
    by_label: dict[str, dict[int, Trace]] = {}
    for trace in traces:
        if trace.seed in (of_label := by_label.setdefault(trace.label, {})):
            raise InvalidInputError(
                f"two searches of {plain(trace.label, 60)} have seed {trace.seed}: keep one of them."
            )
        of_label[trace.seed] = trace
    every = [trace for of_label in by_label.values() for trace in of_label.values()]
    costs = np.asarray(checkpoints(every, by) if grid is None else grid, np.float64).reshape(-1)
    if not len(every) or not len(costs) or not np.isfinite(costs).all() or (np.diff(costs) <= 0).any():
        raise InvalidInputError("give searches to compare, and finite costs in ascending order.")
    base = next((label for label in by_label if label == baseline or label.startswith((f"{baseline}@",))), "")
    found = {label: _found(list(of.values()), known, front, costs, by) for label, of in by_label.items()}
    worse = {label: _by_seed(by_label[label], numbers) for label, numbers in found.items()}
    order = sorted(by_label, key=lambda label: (_mean(worse[label].values()), label))
    reach = {
        label: {share: _reach(of.values(), known, share, by) for share in shares} for label, of in by_label.items()
    }
    searched = []
    for label in order:
        behind = paired_difference(worse[label], worse[order[0]])
        ratio = {}
        if base and label != base:
            ratio = {share: speed_up(reach[base][share], reach[label][share]) for share in shares}
        several = list(by_label[label].values())
        searched.append(
            _searched(label, several, found[label], known, reach[label], ratio, behind, label == order[0], costs, by)
        )
    return SearchComparison(known, by, tuple(costs.tolist()), tuple(searched), base, front, guide, tuple(notes))


def _by_seed(traces: Mapping[int, Trace], found: tuple[Floats, Floats, Floats, Floats]) -> dict[int, float]:
    """Return by seed the sort key at the last cost, low is good: regret, or the negative share of the volume."""
    _, regrets, _, volumes = found
    last = -volumes[:, -1] if len(volumes) else regrets[:, -1]
    return dict(zip(traces, last.tolist(), strict=True))


def _mean(values: Iterable[float]) -> float:
    """Return the mean as a sort key: nan, of a search without a result, is last."""
    found = float(np.mean(list(values)))
    return math.inf if math.isnan(found) else found


def _found(
    traces: Sequence[Trace], known: Known, front: KnownFront | None, grid: Floats, by: Cost
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return values, regrets, ranks and shares of the volume, ``(seeds, costs)`` each; the last may be empty."""
    values = np.array([trace.so_far(known.name, grid, by) for trace in traces])
    volumes = np.array([front.ratio_so_far(trace, grid, by) for trace in traces]) if front else np.empty((0, len(grid)))
    return values, known.regret(values), known.rank(values), volumes


def _reach(traces: Iterable[Trace], known: Known, share: float, by: Cost) -> Reach:
    several = list(traces)
    return Reach(
        np.array([cost_to(trace, known, share, by) for trace in several]),
        np.array([trace.end(by) for trace in several]),
    )


def _searched(
    label: str,
    traces: Sequence[Trace],
    found: tuple[Floats, Floats, Floats, Floats],
    known: Known,
    reach: Mapping[float, Reach],
    ratio: Mapping[float, Ratio],
    behind: Estimate,
    best: bool,
    grid: Floats,
    by: Cost,
) -> Searched:
    values, regrets, ranks, volumes = found
    improvement = known.improvement(values)
    return Searched(
        label,
        tuple(trace.seed for trace in traces),
        tuple(mean_interval(column) for column in values.T),
        tuple(float(np.std(column, ddof=1)) if len(column) > 1 else math.nan for column in values.T),
        tuple(mean_interval(column) for column in regrets.T),
        tuple(median_interval(column) for column in ranks.T),
        tuple(mean_interval(column) for column in improvement.T),
        tuple(mean_interval(column) for column in volumes.T) if len(volumes) else (),
        reach,
        ratio,
        behind,
        best or behind.low <= 0,
        mean_interval(trace.end("evaluations") for trace in traces),
        mean_interval(trace.end("seconds") for trace in traces),
        sum(trace.end(by) < 0.9 * grid[-1] for trace in traces),
        int(np.isnan(values[:, -1]).sum()),
    )
