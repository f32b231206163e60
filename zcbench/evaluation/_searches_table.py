"""The tables of a comparison of searchers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zcbench._display import NOTHING, SENTENCE, amount, duration, fixed, many, plain, significant
from zcbench.evaluation._board import estimate_columns, number_or_none
from zcbench.evaluation._traces import Cost
from zcbench.metrics import Estimate

if TYPE_CHECKING:
    from zcbench.evaluation._over_seeds import Ratio, Reach
    from zcbench.evaluation._searches import SearchComparison, Searched

#: the metrics of the table of progress, and their descriptions
METRICS = {
    "value": "mean {}",
    "regret": "mean regret in {}",
    "rank": "median rank by {}",
    "improvement": "relative improvement over random in {}, percent,",
    "volume": "share of the known front's hypervolume",
}


def measured(estimate: Estimate) -> str:
    """Write a mean with half its interval, both to two digits of the latter: "94.02 ± 0.11"."""
    if math.isnan(estimate.value):
        return NOTHING
    half = (estimate.high - estimate.low) / 2
    if not math.isfinite(half):
        return significant(estimate.value, 4)
    if half == 0:
        return f"{significant(estimate.value, 6)} ± 0"
    digits = min(8, max(0, 1 - math.floor(math.log10(half))))
    return f"{fixed(estimate.value, digits)} ± {fixed(half, digits)}"


def cost(value: float, by: Cost) -> str:
    """Write a cost: a count, or seconds, the unit of budgets; "∞" for an infinite cost."""
    if not math.isfinite(value):
        return NOTHING if math.isnan(value) else "∞"
    if by == "seconds":
        return f"{amount(round(value))} s" if value >= 100 else duration(value)
    return fixed(value, 1) if value < 10 and value != round(value) else amount(round(value))


def spread(estimate: Estimate, text: Callable[[float], str]) -> str:
    """Write a median with its interval: "34 [30, 41]"."""
    if math.isnan(estimate.value):
        return NOTHING
    if math.isnan(estimate.low):
        return text(estimate.value)
    return f"{text(estimate.value)} [{text(estimate.low)}, {text(estimate.high)}]"


def percent(share: float) -> str:
    """Write a share as a percentage: "0.1 %"."""
    return f"{significant(100 * share, 3)} %"


def headline(comparison: SearchComparison) -> str:
    """Return a sentence that describes the table, and one with the statistics of the benchmark."""
    known, counts = comparison.known, {len(one.seeds) for one in comparison.searched}
    seeds = many(max(counts), "seed") if len(counts) == 1 else f"{min(counts)} to {max(counts)} seeds"
    where = f"{plain(known.benchmark)}: " if known.benchmark else ""
    guide = plain(comparison.guide)
    chosen = f", chosen by {guide}" if guide and guide != plain(known.name) else ""
    return (
        f"{where}{plain(known.name)} of the result of each searcher{chosen}, "
        f"{_after(comparison)}; mean and 95 % interval over {seeds}. The best of {many(len(known), 'architecture')} "
        f"has {significant(known.best, 5)}, the average {significant(known.mean, 5)}."
    )


def _after(comparison: SearchComparison) -> str:
    last = comparison.grid[-1]
    return f"after {cost(last, comparison.by)}{'' if comparison.by == 'seconds' else ' evaluations'}"


def titles(comparison: SearchComparison) -> list[tuple[str, bool]]:
    """Return the headings; costs to the best shares are after the results."""
    found = [("searcher", False)]
    if comparison.front is not None:
        found.append(("hypervolume", True))
    found += [(title, True) for title in (plain(comparison.known.name, 30), "regret", "rank", "RI, %")]
    for share in comparison.shares:
        found.append((f"to best {percent(share)}", True))
    if comparison.baseline:
        found += [(f"speed-up, {percent(share)}", True) for share in comparison.shares]
    return found


def cells(comparison: SearchComparison) -> list[list[str]]:
    """Return a row per searcher."""
    return [
        [
            plain(one.label),
            *([measured(one.volume[-1]) + _star(one)] if comparison.front is not None else []),
            measured(one.value[-1]) + ("" if comparison.front is not None else _star(one)),
            measured(one.regret[-1]),
            spread(one.rank[-1], lambda value: cost(value, "evaluations")),
            measured(one.improvement[-1]),
            *(_reached(one.reach[share], comparison.by) for share in comparison.shares),
            *([_ratio(one.ratio.get(share)) for share in comparison.shares] if comparison.baseline else []),
        ]
        for one in comparison.searched
    ]


def _star(one: Searched) -> str:
    return "*" if one.tied_with_best and not math.isnan(one.value[-1].value) else ""


def _reached(reach: Reach, by: Cost) -> str:
    """Write the median cost; if not all searches reached the goal, also the share that did."""
    if not reach.share:
        return "never"
    some = "" if reach.share == 1 else f" ({fixed(100 * reach.share, 0)} %)"

    def text(value: float) -> str:
        return f">{cost(reach.horizon, by)}" if math.isinf(value) else cost(value, by)

    median = reach.median()
    return (text(median.value) if math.isinf(median.low) else spread(median, text)) + some


def _ratio(ratio: Ratio | None) -> str:
    if ratio is None or math.isnan(ratio.value):
        return NOTHING
    start = ">" if ratio.at_least else ""

    def text(value: float) -> str:
        return significant(value, 3) if math.isfinite(value) else fixed(value)

    return start + spread(Estimate(ratio.value, ratio.low, ratio.high, 0), text) + " ×"


def footnotes(comparison: SearchComparison) -> list[str]:
    """Return the notes of the table; every sentence once."""
    notes = [*common_notes(comparison)]
    if any(len(one.seeds) > 1 for one in comparison.searched) and len(comparison.searched) > 1:
        notes.insert(0, "* marks searchers without a significant difference to the best (paired seeds).")
    what = "time" if comparison.by == "seconds" else "number of evaluations"
    notes.append(
        f"To best: the median {what} until the architecture chosen by the guide was first among that share of the "
        "table, and a bootstrap interval over seeds; (N %) of the searches reached it."
    )
    if comparison.baseline:
        notes.append(
            f"Speed-up: the median of {plain(comparison.baseline)} divided by the searcher's; > where "
            f"{plain(comparison.baseline)} ended before it reached the share in half of its searches."
        )
    notes.append(
        "RI: relative improvement over random, 100 (found - average) / average of the table, signed so that more is "
        "better."
    )
    return list(dict.fromkeys(notes))


def common_notes(comparison: SearchComparison) -> list[str]:
    """Return the notes that concern every cost."""
    notes = []
    if comparison.front is not None:
        assert comparison.front.reference is not None
        point = ", ".join(
            f"{plain(name)} {significant(value, 4)}"
            for name, value in zip(comparison.front.names, comparison.front.reference.tolist(), strict=True)
        )
        notes.append(
            f"Hypervolume: share of that of the known front ({many(len(comparison.front.points), 'point')}), from the "
            f"reference point {point}."
        )
    for one in comparison.searched:
        if one.ended_early:
            notes.append(
                f"{plain(one.label)}: {one.ended_early} of {many(len(one.seeds), 'search', 'searches')} ended before "
                f"90 % of {_after(comparison).removeprefix('after ')}; the last result counts."
            )
        if one.nothing:
            notes.append(
                f"{plain(one.label)}: {one.nothing} of {many(len(one.seeds), 'search', 'searches')} found no "
                "architecture with a value, so there is no mean."
            )
    return [*dict.fromkeys([*notes, *(plain(note, SENTENCE) for note in comparison.notes)])]


def progress_headline(comparison: SearchComparison, metric: str) -> str:
    """Return one sentence that describes the table of progress."""
    known = comparison.known
    what = METRICS[metric].format(plain(known.name))
    where = f"{plain(known.benchmark)}: " if known.benchmark else ""
    against = "time on the search's clock" if comparison.by == "seconds" else "the number of evaluations"
    return f"{where}{what} of the result against {against}, with 95 % intervals over seeds."


def progress_titles(comparison: SearchComparison) -> list[tuple[str, bool]]:
    """Return the headings: the searcher, and a cost for each other column."""
    return [("searcher", False), *((cost(place, comparison.by), True) for place in comparison.grid)]


def progress_cells(comparison: SearchComparison, metric: str) -> list[list[str]]:
    """Return a row per searcher."""

    def text(estimate: Estimate) -> str:
        if metric == "rank":
            return spread(estimate, lambda value: cost(value, "evaluations"))
        return measured(estimate)

    return [[plain(one.label), *map(text, getattr(one, metric))] for one in comparison.searched]


def progress_rows(comparison: SearchComparison) -> list[dict[str, Any]]:
    """Return a row per searcher and cost."""
    return [
        {
            "searcher": one.label,
            comparison.by: place,
            "seeds": len(one.seeds),
            **_at(one, number),
        }
        for one in comparison.searched
        for number, place in enumerate(comparison.grid)
    ]


def _at(one: Searched, number: int) -> dict[str, float | None]:
    found = estimate_columns("value", one.value[number]) | {"value_sd": number_or_none(one.deviation[number])}
    for name in ("regret", "rank", "improvement", "volume"):
        if estimates := getattr(one, name):
            found |= estimate_columns(name, estimates[number])
    return found


def flat(comparison: SearchComparison, one: Searched) -> dict[str, Any]:
    """Return a searcher at the last cost, as numbers by name; None where undefined."""
    row: dict[str, Any] = {
        "benchmark": comparison.known.benchmark,
        "target": comparison.known.name,
        "guide": comparison.guide,
        "searcher": one.label,
        "seeds": len(one.seeds),
        comparison.by: comparison.grid[-1],
        **_at(one, -1),
        **estimate_columns("behind_best", one.behind),
        "tied_with_best": one.tied_with_best,
        "mean_evaluations": number_or_none(one.evaluations.value),
        "mean_seconds": number_or_none(one.seconds.value),
        "ended_early": one.ended_early,
        "found_nothing": one.nothing,
    }
    for share in comparison.shares:
        reach, name = one.reach[share], f"to_best_{significant(share)}"
        row |= {f"{name}_reached": reach.share, **estimate_columns(f"{name}_median", reach.median())}
        row |= estimate_columns(f"{name}_mean", reach.mean(_horizon(comparison, share)))
        row[f"{name}_mean_up_to"] = _horizon(comparison, share)
        if (ratio := one.ratio.get(share)) is not None:
            row |= estimate_columns(f"speed_up_{significant(share)}", Estimate(ratio.value, ratio.low, ratio.high, 0))
            row[f"speed_up_{significant(share)}_at_least"] = ratio.at_least
        elif comparison.baseline:
            row[f"speed_up_{significant(share)}"] = None
    return row


def _horizon(comparison: SearchComparison, share: float) -> float:
    """Return the cost up to which every searcher has information: the common horizon of restricted means."""
    return min(one.reach[share].horizon for one in comparison.searched)


def content(comparison: SearchComparison) -> dict[str, Any]:
    """Return the rows, and the results of each searcher at every cost."""
    known, front = comparison.known, comparison.front
    return {
        "benchmark": known.benchmark,
        "target": known.name,
        "guide": comparison.guide,
        "by": comparison.by,
        "best": known.best,
        "average": known.mean,
        "architectures": len(known),
        "baseline": comparison.baseline,
        "front": None
        if front is None or front.reference is None
        else {"names": list(front.names), "reference": front.reference.tolist(), "points": front.points.tolist()},
        "searchers": [flat(comparison, one) for one in comparison.searched],
        "progress": progress_rows(comparison),
        "notes": footnotes(comparison),
    }
