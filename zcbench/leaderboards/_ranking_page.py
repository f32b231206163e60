"""The ranking report of a supernet as a self-contained HTML file, with quality and cost of every scorer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench._display import duration, fixed
from zcbench.leaderboards._search_page import _Plot
from zcbench.leaderboards._supernet_page import dots_of, intervals, page, plot

if TYPE_CHECKING:
    from zcbench.supernets import RankedScorer, SubnetRanking

#: scorers of the plot with intervals
_BEST = 7


def ranking_to_html(ranking: SubnetRanking) -> str:
    """Return the page of :func:`zcbench.supernets.rank_subnets`: table, tau against cost, intervals."""
    return page(
        ranking,
        [_costs(ranking), _best(ranking), _over(ranking), _losses(ranking)],
        title=f"zcbench supernet rank · {ranking.space}",
        heading=f"Which scorer ranks the subnets of {ranking.space} best, and at what cost?",
        command="zcbench supernet rank",
        plots_title="Tau, cost, and the inherited loss",
        kind="found several",
    )


def _costs(ranking: SubnetRanking) -> dict[str, Any] | None:
    """Plot tau of every scorer against the cost of ranking all subnets."""
    rows = [one for one in ranking.listed if one.all_in > 0 and math.isfinite(one.all_in)]
    if not rows:
        return None
    seconds = [math.log10(one.all_in) for one in rows]
    taus = [one.tau for one in rows]
    low = min(0.0, *taus) if len(taus) > 1 else min(0.0, taus[0])
    place = _Plot((min(seconds) - 0.1, max(seconds) + 0.1), (low, 1.0), "all-in seconds, logarithmic", "tau")
    points = list(zip(seconds, taus, strict=True))
    marks = [
        {"class": kind, "d": place.point(*point)}
        for kind, names in (("front", _front(rows)), ("chosen", {"params"}))
        for one, point in zip(rows, points, strict=True)
        if one.name in names
    ]
    dots = dots_of(place, [one.name for one in rows], seconds, taus, "log10 of the seconds")
    return {
        **plot(
            place,
            "tau against all-in cost",
            dots=dots,
            marks=marks,
            level=place.level([ranking.ceiling.value]) if math.isfinite(ranking.ceiling.value) else "",
            keys=[
                ("a scorer", "dot", "faint"),
                ("better than all cheaper scorers", "dot", "mark"),
                ("number of parameters", "dot", "other"),
                ("one training against another", "dotted", "ink"),
            ],
            note="Point at a scorer to show its name and values.",
        ),
        "left": duration(10 ** place.x[0]),
        "right": duration(10 ** place.x[1]),
    }


def _front(rows: list[RankedScorer]) -> set[str]:
    """Return the names of scorers that rank better than all cheaper ones."""
    best, names = -math.inf, set()
    for one in sorted(rows, key=lambda one: (one.all_in, -one.tau)):
        if one.tau > best:
            best = one.tau
            names.add(one.name)
    return names


def _chosen(ranking: SubnetRanking) -> list[RankedScorer]:
    """Plot the best scorers and the number of parameters with intervals."""
    rows = [one for one in ranking.listed if one.agreement and math.isfinite(one.agreement.tau.low)]
    chosen = rows[:_BEST]
    return chosen + [one for one in rows if one.name == "params" and one not in chosen]


def _best(ranking: SubnetRanking) -> dict[str, Any] | None:
    bars = []
    for one in _chosen(ranking):
        assert one.agreement is not None  # chosen so
        tau = one.agreement.tau
        bars.append((f"{one.name}: {fixed(tau.value)}, {duration(one.all_in)} all-in", (tau.value, tau.low, tau.high)))
    return intervals("the best scorers", "Kendall's tau, 95 % interval", bars) if bars else None


def _over(ranking: SubnetRanking) -> dict[str, Any] | None:
    bars = []
    for one in _chosen(ranking):
        assert one.agreement is not None  # chosen so
        over = one.agreement.over
        if math.isfinite(over.low) and one.name != "params":
            bars.append((f"{one.name}: {fixed(over.value)}", (over.value, over.low, over.high)))
    if not bars:
        return None
    top = max(0.05, *(bar[1][2] for bar in bars)) if bars else 0.05
    return intervals("difference to the number of parameters", "tau minus that of params, 95 % interval", bars, top)


def _losses(ranking: SubnetRanking) -> dict[str, Any] | None:
    """Plot inherited losses of the first supernet against results of stand-alone training."""
    rows = ranking.shown.get("rows") or []
    if not rows:
        return None
    inherited = np.array(ranking.shown["scores"], np.float64)
    alone = np.array(ranking.shown["truth"], np.float64)[rows]
    x, y = ((float(one.min()), float(np.quantile(one, 0.95))) for one in (inherited, alone))
    place = _Plot(x, y, f"inherited loss, {ranking.shown['label']}, first seed", f"trained alone: {ranking.target}")
    names = [ranking.subnets[row] for row in rows]
    return plot(
        place,
        "subnets in the supernet and trained alone",
        dots=dots_of(place, names, inherited.tolist(), alone.tolist(), "inherited"),
        keys=[("a subnet", "dot", "faint")],
        note="The plot excludes the worst 5 % in each direction.",
    )
