"""The columns of the table of an evaluation: each column is an entry here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zcbench._display import NOTHING, SENTENCE, duration, fixed, many, plain
from zcbench.evaluation._entry import Entry, Standing
from zcbench.metrics import FEWEST, Estimate

if TYPE_CHECKING:
    from zcbench.evaluation._evaluation import Evaluation


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        title: heading.
        text: the cell as text, from the rank as text and the entry.
        number: the cell as a number to sort by; nan if unknown.
        help: one sentence that explains the column.
        numeric: whether cells are numbers (aligned to the right).
    """

    title: str
    text: Callable[[str, Entry], str]
    number: Callable[[int, Entry], float]
    help: str
    numeric: bool = True


def interval(estimate: Estimate) -> str:
    """Write the value and its interval, ".62 [.58, .66]"; a dash if undefined."""
    if math.isnan(estimate.value):
        return NOTHING
    if math.isnan(estimate.low):
        return fixed(estimate.value)
    return f"{fixed(estimate.value)} [{fixed(estimate.low)}, {fixed(estimate.high)}]"


def place(rank: int, entry: Entry) -> int | None:
    """Return the rank of an entry that has a tau; None for others."""
    return None if math.isnan(entry.tau.value) else rank


def ranks(entries: Sequence[Entry]) -> list[str]:
    """Return the rank of each entry as text: "1=" for all that are tied with the best, "–" without a tau."""
    tied = sum(entry.tied_with_best for entry in entries) > 1
    return [
        NOTHING if place(rank, entry) is None else "1=" if tied and entry.tied_with_best else str(rank)
        for rank, entry in enumerate(entries, 1)
    ]


def _tau(entry: Entry) -> str:
    known = entry.standing in (Standing.RANKED, Standing.NO_INTERVAL)
    return interval(entry.tau) if known else str(entry.standing)


COLUMNS = (
    Column(
        "#",
        lambda rank, e: rank,
        lambda rank, e: place(rank, e) or math.nan,
        "Rank by tau, entries without an interval last; 1= marks all that do not differ significantly from the best.",
    ),
    Column("proxy", lambda rank, e: plain(e.proxy), lambda rank, e: rank, "Name in the registry.", numeric=False),
    Column(
        "tau [95 % CI]",
        lambda rank, e: _tau(e),
        lambda rank, e: e.tau.value,
        "Kendall's tau-b with the target, signed so that positive is good, or the reason why it is missing.",
    ),
    Column(
        "rho [95 % CI]",
        lambda rank, e: interval(e.rho),
        lambda rank, e: e.rho.value,
        "Spearman's rho with the target.",
    ),
    Column(
        "of ceiling",
        lambda rank, e: interval(e.of_ceiling),
        lambda rank, e: e.of_ceiling.value,
        "Tau against single trainings over the tau between two trainings: 1 ranks as well as training once.",
    ),
    Column(
        "over params",
        lambda rank, e: "" if e.proxy == "params" else interval(e.over_params),
        lambda rank, e: e.over_params.value,
        "Tau minus the tau of the number of parameters, paired.",
    ),
    Column(
        "scored",
        lambda rank, e: f"{e.n}/{e.total}",
        lambda rank, e: e.n,
        "Number of architectures with a score, and of all; correlations use the former.",
    ),
    Column(
        "time",
        lambda rank, e: duration(e.seconds),
        lambda rank, e: e.seconds,
        "Median time per architecture, one thread, as if the proxy ran alone.",
    ),
)


def headline(evaluation: Evaluation) -> str:
    """Return one sentence that describes the ranking."""
    direction = "higher is better" if evaluation.target.higher_is_better else "lower is better"
    text = (
        f"{plain(evaluation.benchmark)}: {many(evaluation.total, 'architecture')} against "
        f"{plain(evaluation.target.name)} ({plain(evaluation.target.description)}; {direction})"
    )
    # The columns of a user-defined table were computed elsewhere.
    text += f", seed {evaluation.seed}, batch {plain(evaluation.batch)}." if evaluation.batch else "."
    if math.isfinite(evaluation.ceiling.value):
        text += f" Seed-to-seed tau (noise ceiling): {interval(evaluation.ceiling)}."
    elif evaluation.trainings > 1:
        text += f" The noise ceiling is unknown: it needs {FEWEST} architectures with repeated trainings."
    else:
        text += " The noise ceiling is unknown: the table has no repeated trainings."
    return text


def footnotes(evaluation: Evaluation) -> list[str]:
    """Return a sentence for every kind of failure and note, and for incomparable entries."""
    notes = [
        f"{plain(entry.proxy)}: {failure.count} of {entry.total} {failure.status}: {plain(failure.example, SENTENCE)}"
        for entry in evaluation.entries
        for failure in entry.failures
    ]
    notes += [
        f"{plain(entry.proxy)}: {noted.count} of {entry.total} scores with a note: {plain(noted.example, SENTENCE)}"
        for entry in evaluation.entries
        for noted in entry.noted
    ]
    reasons = {
        Standing.SCORES_EQUAL: "its {n} scores are all equal, so it ranks nothing.",
        Standing.TRUTHS_EQUAL: "the {n} targets of scored architectures are all equal, so there is nothing to rank.",
        Standing.NO_INTERVAL: "tau over {n} architectures has no interval, so it is ranked after taus that have one.",
    }
    few = [entry for entry in evaluation.entries if entry.standing is Standing.NO_INTERVAL and entry.n < FEWEST]
    if few:
        named = "All proxies" if len(few) == len(evaluation.entries) > 1 else ", ".join(plain(e.proxy) for e in few)
        notes.append(
            f"{named}: fewer than {FEWEST} architectures have a score and a target. Their taus are shown without an "
            "interval and say little about other architectures."
        )
    notes += [
        f"{plain(entry.proxy)}: {reasons[entry.standing].format(n=entry.n)}"
        for entry in evaluation.entries
        if entry.standing in reasons and entry not in few
    ]
    if len({entry.architectures for entry in evaluation.entries}) > 1:
        notes.append(
            "Proxies were correlated over different architectures (column 'scored'); compare them on the common ones "
            "with  zcbench leaderboard --common"
        )
    return notes + [plain(note, SENTENCE) for note in (*evaluation.notes, *evaluation.table_notes)]
