"""The text of the report of one search."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from zcbench._display import NAME, NOTHING, SENTENCE, duration, fixed, many, plain, significant
from zcbench.evaluation._board import number_or_none

if TYPE_CHECKING:
    from zcbench.evaluation._search_report import SearchReport

#: number of architectures of a front that the table shows; the CSV has all
SHOWN = 20


def what(report: SearchReport) -> str:
    """Name the searcher, the benchmark or function, and the seed."""
    return f"{plain(report.searcher)} on {plain(report.evaluate)}, seed {report.seed}"


def headline(report: SearchReport) -> str:
    """Return one sentence with the result and the number of evaluations."""
    evaluated = many(round(report.trace.end()), "evaluation")
    if report.found is None:
        return f"{what(report)}: nothing was found in {evaluated}."
    if len(report.objectives) > 1:
        share = "" if math.isnan(report.hypervolume) else (
            f", {fixed(100 * report.hypervolume, 1)} % of the known front's hypervolume"
        )  # fmt: skip
        names = " × ".join(map(plain, report.objectives))
        return (
            f"{what(report)}: a front of {many(len(report.front), 'architecture')} in {names} from {evaluated}{share}."
        )
    best = plain(report.architectures[report.found], NAME)
    return f"{what(report)}: the best of {evaluated} by {plain(report.guide)} is {best}."


def titles(report: SearchReport) -> list[tuple[str, bool]]:
    """Headings."""
    if len(report.objectives) > 1:
        return [("architecture", False), *((plain(name, 40), True) for name in report.values)]
    found = [("column", False), ("found", True)]
    if report.table:
        further = ("rank", "best", "average", "random search", "RI, %")
        found += [(title, True) for title in further]
    return found


def cells(report: SearchReport) -> list[list[str]]:
    """Return a row per architecture of the front, or per column with the guide first."""
    if len(report.objectives) > 1:
        return [
            [plain(report.architectures[row]), *(number(column[row]) for column in report.values.values())]
            for row in report.front[:SHOWN]
        ]
    if report.found is None:
        return []
    return [_column(report, name) for name in _names(report)]


def _names(report: SearchReport) -> list[str]:
    return [report.guide, *report.reported]


def number(value: float) -> str:
    """Format a value for the tables."""
    return significant(float(value), 5)


def _column(report: SearchReport, name: str) -> list[str]:
    assert report.found is not None  # without a result there are no rows
    value = float(report.values[name][report.found]) if name in report.values else math.nan
    row = [plain(name), number(value)]
    if not report.table:
        return row
    known = report.known(name)
    if known is None or math.isnan(value):
        return [*row, *[NOTHING] * 5]
    rank = f"{int(known.rank(value)):,} of {len(known):,}"
    improvement = fixed(float(known.improvement(value)), 1)
    return [*row, rank, number(known.best), number(known.mean), number(report.random(name)[0]), improvement]


def footnotes(report: SearchReport) -> list[str]:
    """Return sentences about the cost, the end and the table; every sentence once."""
    notes = [_cost(report)]
    notes.append(f"Ended: {plain(report.ended, SENTENCE)}" if report.ended else "The search has not ended.")
    if report.scorers:
        several = (f"{plain(role)} {plain(one)}" for role, ones in report.scorers.items() for one in ones)
        notes.append(f"Scorers: {'; '.join(several)}.")
    if report.constraints:
        notes.append(f"Constraints: {', '.join(map(plain, report.constraints))}.")
    notes += [*_table(report), *_missing(report)]
    if len(report.front) > SHOWN and len(report.objectives) > 1:
        notes.append(f"{len(report.front) - SHOWN} more architectures of the front are in the CSV and the JSON.")
    left_out = [plain(note, SENTENCE) for note in report.notes]
    table = [plain(note, SENTENCE) for note in report.table_notes]
    return [*dict.fromkeys(note for note in (*notes, *left_out) if note not in table), *table]


def _cost(report: SearchReport) -> str:
    # With a table's seconds those of the searcher itself are this machine's: they are reported and do not count.
    apart = report.spent.get("thinking", 0.0) if report.table else 0.0
    total = sum(report.spent.values()) - apart
    counted = {name: spent for name, spent in report.spent.items() if spent and not (apart and name == "thinking")}
    went = ", ".join(f"{plain(name)} {duration(spent)}" for name, spent in counted.items())
    rest = report.asks - report.equal - len(report)  # excluded by a filter, or too late for the budget
    parts = [f"{report.equal:,} equal to another one"] if report.equal else []
    parts += [f"{rest:,} not evaluated"] if rest > 0 else []
    others = f" ({', '.join(parts)})" if parts else ""
    scores = f"; {many(report.scored, 'score')}" if report.scored else ""
    time = f"{duration(total)} ({went})" if went else "no seconds are known"
    thought = f"; in addition the searcher itself took {duration(apart)}" if apart else ""
    done = f"{many(len(report), 'evaluation')} of {many(report.asks, 'proposal')}{others}"
    return f"Cost: {time}; {done}{scores}{thought}."


def _table(report: SearchReport) -> list[str]:
    """Explain the columns of a table."""
    if not report.table or not len(report):
        return []
    notes = []
    kept = " that satisfies the constraints" if report.constraints else ""
    if len(report.objectives) == 1:
        notes.append(
            f"Best and average: of every architecture of the table{kept}. Random search: the mean result of as many "
            "evaluations. RI: relative improvement over random, 100 (found - average) / average, positive if better."
        )
    elif (front := report.known_front) is not None and front.reference is not None:
        point = ", ".join(
            f"{plain(name)} {significant(value, 4)}"
            for name, value in zip(front.names, front.reference.tolist(), strict=True)
        )
        notes.append(
            f"The known front has {many(len(front.points), 'point')}; hypervolumes are measured from the point {point}."
        )
    judged = [name for name in report.reported if name in report.directions]
    if judged:
        guides = " and ".join(map(plain, report.objectives))
        verb = "is" if len(judged) == 1 else "are"
        notes.append(
            f"The search used only {guides}; {' and '.join(map(plain, judged))} of its choice {verb} reported."
        )
    elif report.guide in report.directions:
        notes.append(
            f"{plain(report.guide)} guides and is reported: the best of many noisy values is too optimistic. "
            "Another column is reported with --report (report= in Python)."
        )
    return notes


def _missing(report: SearchReport) -> list[str]:
    """Return sentences about evaluations without a value."""
    whole = int((report.epochs != report.epochs).sum())  # nan: trained completely
    good = int((report.trace.guide == report.trace.guide).sum())
    notes = []
    if good < whole:
        notes.append(f"{whole - good:,} of {many(whole, 'evaluation')} gave no {plain(report.guide)}.")
    if whole < len(report):
        notes.append(f"{len(report) - whole:,} of {many(len(report), 'evaluation')} were of trainings in part.")
    return notes


def rows(report: SearchReport) -> list[dict[str, Any]]:
    """Return a row per evaluation; "best" marks those that were the best so far by the guide."""
    incumbents, front = report.trace.incumbents.tolist(), set(report.front)
    found = []
    for row, architecture in enumerate(report.architectures):
        epochs = report.epochs[row]
        found.append(
            {
                "number": row + 1,
                "architecture": architecture,
                "epochs": None if math.isnan(epochs) else int(epochs),
                **{name: number_or_none(float(column[row])) for name, column in report.values.items()},
                "seconds": float(report.seconds[row]),
                "best": incumbents[row] == row,
                "front": row in front,
            }
        )
    return found


def content(report: SearchReport) -> dict[str, Any]:
    """Return the result, and every evaluation."""
    front = report.known_front
    return {
        "searcher": report.searcher,
        "evaluate": report.evaluate,
        "seed": report.seed,
        "objectives": [name if high else f"-{name}" for name, high in report.objectives.items()],
        "constraints": list(report.constraints),
        "scorers": {role: list(ones) for role, ones in report.scorers.items()},
        "best": None if report.found is None else _found(report, report.found),
        "front": [_found(report, row) for row in report.front],
        "hypervolume": number_or_none(report.hypervolume),
        "known": {name: _known(report, name) for name in _names(report) if report.known(name) is not None},
        "known_front": None
        if front is None or front.reference is None
        else {"names": list(front.names), "reference": front.reference.tolist(), "points": front.points.tolist()},
        "spent": dict(report.spent),
        "asks": report.asks,
        "equal": report.equal,
        "scored": report.scored,
        "budget": report.budget,
        "ended": report.ended,
        "evaluations": rows(report),
        "notes": footnotes(report),
    }


def _found(report: SearchReport, row: int) -> dict[str, Any]:
    values = {name: number_or_none(float(column[row])) for name, column in report.values.items()}
    return {
        "number": row + 1,
        "architecture": report.architectures[row],
        "values": values,
        "seconds": float(report.seconds[row]),
    }


def _known(report: SearchReport, name: str) -> dict[str, Any]:
    known = report.known(name)
    assert known is not None  # checked before
    row = report.found
    value = math.nan if row is None or name not in report.values else float(report.values[name][row])
    return {
        "architectures": len(known),
        "best": known.best,
        "average": known.mean,
        "random_search": number_or_none(float(report.random(name)[0])),
        "rank": number_or_none(float(known.rank(value))),
        "share": number_or_none(float(known.share(value))),
        "regret": number_or_none(float(known.regret(value))),
        "improvement": number_or_none(float(known.improvement(value))),
    }
