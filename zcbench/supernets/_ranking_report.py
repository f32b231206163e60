"""The table of scorers that rank a supernet's subnets: quality and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zcbench._display import brief, duration, fixed, many
from zcbench.evaluation import Board
from zcbench.evaluation._board import estimate_columns, number_or_none
from zcbench.metrics import Estimate
from zcbench.supernets._ranking_columns import PREDICTOR, TRAINING, Column
from zcbench.supernets._ranking_statistics import Agreement
from zcbench.types import Status

#: largest number of names in a sentence
_NAMED = 12


@dataclass(frozen=True, repr=False)
class RankedScorer:
    """A row.

    Attributes:
        name: name of the scorer.
        kind: "training", "inherited", "proxy", "proxy on inherited weights" or "predictor".
        weights: label of the supernets that it needs; "" for none.
        agreement: quality of its ranking; None if there are fewer than two scores.
        seeds: number of supernets, or of draws of new weights.
        statuses: number of scores by status.
        detail: a reason for a missing score.
        each: median seconds for ranking one more subnet.
        fixed: seconds before that.
        all_in: seconds for ranking all subnets.
        same_as: name of the row with the same scores; "" if there is none.
    """

    name: str
    kind: str
    weights: str
    agreement: Agreement | None
    seeds: int
    statuses: Mapping[str, int]
    detail: str
    each: float
    fixed: float
    all_in: float
    same_as: str = ""

    def __repr__(self) -> str:
        return brief(f"<RankedScorer {self.name}: tau {fixed(self.tau)}>")

    @classmethod
    def of(cls, column: Column, agreement: Agreement | None, same_as: str) -> RankedScorer:
        """Make the row of a column."""
        return cls(
            column.name, column.kind, column.weights, agreement, column.seeds, dict(column.statuses), column.detail,
            column.each, column.fixed, column.all_in, same_as,
        )  # fmt: skip

    @property
    def tau(self) -> float:
        """Kendall's tau; nan if undefined."""
        return math.nan if self.agreement is None else self.agreement.tau.value

    @property
    def certain(self) -> bool:
        """Whether tau has an interval."""
        return self.agreement is not None and not math.isnan(self.agreement.tau.low)

    @property
    def failures(self) -> dict[str, int]:
        """Number of missing scores, by status."""
        return {name: count for name, count in self.statuses.items() if name != Status.OK}

    def flat(self) -> dict[str, Any]:
        """Return the row as plain values for programs."""
        nothing = Estimate(math.nan, math.nan, math.nan, 0)
        found = self.agreement
        tau, rho, half, over = (nothing,) * 4 if found is None else (found.tau, found.rho, found.half, found.over)
        by_seed = () if found is None else found.by_seed
        failures = {str(status): self.statuses.get(str(status), 0) for status in Status if status != Status.OK}
        return {
            "scorer": self.name,
            "kind": self.kind,
            "weights": self.weights,
            "seeds": self.seeds,
            "subnets": tau.n,
            **estimate_columns("tau", tau),
            "tau_by_seed": " ".join(f"{value:.4f}" for value in by_seed),
            "tau_spread": None if found is None else number_or_none(found.spread),
            **estimate_columns("rho", rho),
            **estimate_columns("better_half_tau", half),
            "of_ceiling": None if found is None else number_or_none(found.of_ceiling),
            **estimate_columns("over_params", over),
            "standing": "" if found is None else found.standing,
            "same_as": self.same_as,
            "seconds_each": number_or_none(self.each),
            "seconds_before": number_or_none(self.fixed),
            "seconds_all_in": number_or_none(self.all_in),
            "ok": self.statuses.get(str(Status.OK), 0),
            **failures,
        }


@dataclass(frozen=True, eq=False, repr=False)
class SubnetRanking(Board):
    """The result of :func:`zcbench.supernets.rank_subnets`: a row for each scorer, best tau first.

    Attributes:
        folder: folder of all files.
        space: name of the subnets' space.
        target: metric of the stand-alone trainings.
        subnets: strings of the subnets.
        trainings: number of stand-alone trainings of each subnet.
        ceiling: tau between two trainings that differ only in the seed.
        half_ceiling: the same among the better half.
        scorers: the rows.
        plan: settings.
        left_out: number of subnets without a stand-alone result.
        shown: data of the page's figure: losses with inherited weights and stand-alone.
    """

    folder: str
    space: str
    target: str
    subnets: tuple[str, ...]
    trainings: int
    ceiling: Estimate
    half_ceiling: Estimate
    scorers: tuple[RankedScorer, ...]
    plan: Mapping[str, Any]
    left_out: int = 0
    shown: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> RankedScorer:
        """Return the row of a scorer; raise KeyError if there is none."""
        for one in self.scorers:
            if one.name == name:
                return one
        raise KeyError(name)

    def __repr__(self) -> str:
        return brief(f"<SubnetRanking of {many(len(self.subnets), 'subnet')}, {many(len(self.scorers), 'scorer')}>")

    def __str__(self) -> str:
        return self.to_text()

    @property
    def listed(self) -> list[RankedScorer]:
        """Rows of the table: those with an interval of tau, without rows that repeat the scores of another."""
        return [one for one in self.scorers if one.certain and not one.same_as]

    def headline(self) -> str:
        """Return a sentence with the ranked subnets and the ceiling."""
        ceiling = "" if math.isnan(self.ceiling.value) else f"; one training against another: tau {_both(self.ceiling)}"
        return (
            f"Scorers that rank {many(len(self.subnets), 'subnet')} of {self.space}, compared with "
            f"{many(self.trainings, 'stand-alone training')} of each ({self.target}){ceiling}."
        )

    def titles(self) -> list[tuple[str, bool]]:
        """Return the heading of each column; columns that a narrow terminal can omit are last."""
        return [
            ("scorer", False),
            ("tau [95 % CI]", True),
            ("minus params", True),
            ("all-in", True),
            ("a subnet", True),
            ("better half", True),
            ("seeds", True),
            ("sd", True),
            ("rho", True),
            ("of ceiling", True),
            ("no score", True),
        ]

    def cells(self) -> list[list[str]]:
        """Return a row for each scorer."""
        return [_cells(one, len(self.subnets)) for one in self.listed]

    def rows(self) -> list[dict[str, Any]]:
        """Return all scorers in full precision."""
        return [one.flat() for one in self.scorers]

    def content(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "folder": self.folder,
            "space": self.space,
            "target": self.target,
            "plan": dict(self.plan),
            "headline": self.headline(),
            **estimate_columns("ceiling", self.ceiling),
            **estimate_columns("better_half_ceiling", self.half_ceiling),
            "trainings": self.trainings,
            "subnets": list(self.subnets),
            "left_out": self.left_out,
            "rows": self.rows(),
            "notes": self.footnotes(),
        }

    def above(self) -> list[RankedScorer]:
        """Return scorers, except trainings, whose difference to the parameters has an interval above zero."""
        return [
            one for one in self.listed if one.agreement and one.agreement.standing == "above" and one.kind != TRAINING
        ]

    def footnotes(self) -> list[str]:
        """Return which scorers are above the parameters, and explanations of the numbers."""
        compared = sum(one.agreement is not None and one.agreement.standing != "" for one in self.listed)
        above = [f"{one.name} by {_both(one.agreement.over)}" for one in self.above() if one.agreement]
        notes = [
            f"Above params by its interval, of {many(compared, 'scorer')}: {_some(above)}. Each interval is for one "
            f"comparison: of this many, about {fixed(0.025 * compared, 1)} are above by chance.",
            "tau: Kendall's, with the mean of the trainings, the mean over seeds; its interval is a jackknife over "
            "subnets. minus params: the difference to the number of parameters on the same subnets, with a paired "
            "bootstrap over subnets and seeds. sd: standard deviation of tau over seeds.",
            f"better half: tau among the better half of the subnets; one training against another there: "
            f"{_both(self.half_ceiling)}. One stand-alone training is compared with the mean of the others.",
            "and params: by the mean of two ranks, that of the scorer and that of the number of parameters.",
            "a subnet: median seconds for one more, including extraction and calibration. all-in: for all subnets, "
            "with the supernet's training. Seconds are CPU seconds of all threads; those of proxies are shares of "
            "passes that several proxies share, each charged in full.",
        ]
        if any(one.kind == PREDICTOR for one in self.scorers):
            notes.append(
                "Predictors are evaluated on the subnets that were not used in their fit, in "
                f"{many(int(self.plan['draws']), 'draw')}; minus params is on the same subnets, without new fits."
            )
        return [*notes, *self._left_out(), *self._settings()]

    def _left_out(self) -> list[str]:
        repeated = [one.name for one in self.scorers if one.same_as and one.certain]
        missing: dict[str, list[str]] = {}
        for one in self.scorers:
            if not one.certain:
                few = f"{one.statuses.get(str(Status.OK), 0):,} scores" if one.statuses.get(str(Status.OK), 0) else ""
                why = " and ".join(sorted(one.failures)) + (f", only {few}" if few and one.failures else "")
                why = why or "the same score or the same result for all"
                missing.setdefault(why, []).append(one.name)
        notes = [f"Not shown, {why}: {', '.join(names)}." for why, names in sorted(missing.items())]
        if repeated:
            notes.append(f"Not shown, the same scores as with new weights: {', '.join(repeated)}.")
        if self.left_out:
            notes.append(f"Excluded: {many(self.left_out, 'subnet')} without a result of every training.")
        return notes

    def _settings(self) -> list[str]:
        plan = self.plan
        few = plan.get("few") or ()
        notes = []
        if plan.get("weights"):
            notes.append(
                f"Inherited weights of proxies and predictors: {', '.join(plan['weights'])}, "
                f"{many(int(plan['weight_seeds']), 'supernet')}; given, not chosen by this table."
            )
        if plan.get("rules") not in (None, ["given"]):
            notes.append(f"Each rule has {plan['subnet_steps']:,} subnet-steps, a batch that a subnet learns from.")
        if few:
            notes.append(
                f"Measured only on the first {plan['few_subnets']} subnets: {', '.join(few)}; all-in is for all."
            )
        if plan.get("quick"):
            notes.append("This was the quick form: too short for meaningful numbers.")
        return notes


def _cells(one: RankedScorer, count: int) -> list[str]:
    found = one.agreement
    assert found is not None  # rows without it are not listed
    failures = sum(one.failures.values())
    return [
        one.name if one.kind == PREDICTOR or found.tau.n == count else f"{one.name}, {many(found.tau.n, 'subnet')}",
        _both(found.tau),
        _both(found.over),
        duration(one.all_in),
        duration(one.each),
        fixed(found.half.value),
        str(one.seeds),
        fixed(found.spread),
        fixed(found.rho.value),
        fixed(found.of_ceiling),
        f"{failures:,} of {failures + one.statuses.get(str(Status.OK), 0):,}" if failures else "",
    ]


def _both(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return fixed(estimate.value)
    return f"{fixed(estimate.value)} [{fixed(estimate.low)}, {fixed(estimate.high)}]"


def _some(names: Sequence[str]) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def in_order(scorers: Sequence[RankedScorer]) -> tuple[RankedScorer, ...]:
    """Sort by tau, best first; rows without tau are last, in their order."""
    return tuple(sorted(scorers, key=lambda one: (math.isnan(one.tau), -one.tau if not math.isnan(one.tau) else 0.0)))
