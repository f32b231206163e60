"""A ranking of candidates by a predictor, as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from zcbench._display import SENTENCE, fixed, many, plain, significant
from zcbench.evaluation._board import Board, estimate_columns, number_or_none
from zcbench.metrics import Estimate
from zcbench.runs._cross_validation import FOLDS, Choice
from zcbench.runs._deviations import Deviations

#: why the one with the largest tau was not chosen
_KEPT = " The average is kept unless another is better by more than the standard error of their difference."
_NONE = Estimate(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Candidate:
    """A candidate with its prediction.

    Attributes:
        architecture: its name.
        predicted: the target's value; nan where there is nothing to predict it from.
        std: standard deviation of the prediction; nan where it cannot be checked.
        line: where it is in its file, "line 3"; "" where it is of no file.
    """

    architecture: str
    predicted: float
    std: float
    line: str = ""


@dataclass(frozen=True, repr=False)
class Prediction(Board):
    """Candidates, best first.

    Attributes:
        candidates: all of them.
        target: what is predicted.
        lower_is_better: whether small values are good.
        trained: number of trained networks.
        predictor: label of the predictor.
        source: name of the table of the trained networks.
        features: columns, or encodings of the search space, that the predictor uses.
        choice: how it was chosen and how well it ranks; None for fewer than ten trained networks.
        forced: whether a user named the predictor.
        repeats: of the cross-validation.
        deviations: how standard deviations were made; None where there are none.
        notes: sentences about trained networks, features and candidates.
        top: number of rows that people see.
    """

    candidates: Sequence[Candidate]
    target: str
    lower_is_better: bool
    trained: int
    predictor: str
    source: str
    features: tuple[str, ...]
    choice: Choice | None
    forced: bool
    repeats: int
    deviations: Deviations | None
    notes: tuple[str, ...] = ()
    top: int = 10
    column: str = field(default="architecture")

    def __repr__(self) -> str:
        return f"<Prediction of {plain(self.target, 40)} for {many(len(self.candidates), 'candidate')}>"

    def headline(self) -> str:
        """One sentence that says what the table shows."""
        return (
            f"{many(len(self.candidates), 'candidate')} by predicted {plain(self.target, 60)}, "
            f"{'lowest' if self.lower_is_better else 'highest'} first; learned from "
            f"{many(self.trained, 'trained network')} of {plain(self.source, 60)}"
        )

    def titles(self) -> list[tuple[str, bool]]:
        """Heading of each column, and whether its cells are numbers."""
        return [("rank", True), (plain(self.column, 60), False), (plain(self.target, 30), True), ("std", True)]

    def cells(self) -> list[list[str]]:
        """Return the best candidates."""
        shown = self.candidates[: self.top]
        digits = _decimals([one.std for one in shown], [one.predicted for one in shown])
        return [
            [str(n), one.architecture, fixed(one.predicted, digits), fixed(one.std, digits)]
            for n, one in enumerate(shown, 1)
        ]

    def footnotes(self) -> list[str]:
        """How the predictor was chosen, how well it ranks, what its standard deviations are worth, and notes."""
        return [*self._about_choice(), *self._about_deviations(), *(plain(note, SENTENCE) for note in self.notes)]

    def _about_choice(self) -> list[str]:
        if self.choice is None:
            return [
                f"With {many(self.trained, 'trained network')} it cannot be told how well {self.predictor} ranks: "
                "figures and standard deviations are given from ten on. Take the order as a guess."
            ]
        tau = self.choice.tau
        interval = f" [{fixed(tau.low)}, {fixed(tau.high)}]" if math.isfinite(tau.low) else ""
        how = f"{FOLDS}-fold cross-validation, {many(self.repeats, 'repeat')}"
        tau_said = f"Kendall's tau {fixed(tau.value)}{interval}"
        tried = ", ".join(f"{label} {fixed(value)}" for label, value in self.choice.tried.items())
        if self.forced:
            others = {label: value for label, value in self.choice.tried.items() if label != self.predictor}
            further = "".join(f"; {label}: {fixed(value)}" for label, value in others.items())
            return [
                f"{self.predictor} ranks held-out networks with {tau_said} (95 % interval over {tau.n} networks; {how}"
                f"{further})."
            ]
        corrected = (
            f"corrected for the choice (before: {fixed(self.choice.uncorrected)})"
            if fixed(tau.value) != fixed(self.choice.uncorrected)
            else "the correction for the choice is below .005"
        )
        found = [
            f"{self.predictor} was chosen by {how}. It ranks held-out networks with {tau_said} (95 % interval over "
            f"{tau.n} networks), {corrected}.",
            f"Tried, with tau before the correction: {tried}."
            + (_KEPT if self.choice.tried[self.predictor] < max(self.choice.tried.values()) else ""),
        ]
        if math.isfinite(tau.low) and tau.low <= 0:
            found.append("The interval includes 0: the order may be no better than chance.")
        if tau.value > 0.95:
            found.append(
                "This tau is higher than predictions from architectures reach: check that no feature is a result of "
                "the same training, and exclude it with --exclude."
            )
        return found

    def _about_deviations(self) -> list[str]:
        if self.deviations is None:
            return []
        covered = f"±1.96 std contain {100 * self.deviations.coverage:.0f} % of held-out networks (95 % would be exact)"
        if self.deviations.own:
            return [f"std is {self.predictor}'s own times {significant(self.deviations.factor, 3)}: {covered}."]
        return [f"std is the root mean square of cross-validation errors, the same for all: {covered}."]

    def rows(self) -> list[dict[str, Any]]:
        """All candidates."""
        # No column of the table replaces another one.
        name = "architecture" if self.column in ("rank", "std", f"predicted_{self.target}") else self.column
        line = "line" if name != "line" else "line of file"
        return [
            {
                "rank": number,
                name: one.architecture,
                f"predicted_{self.target}": number_or_none(one.predicted),
                "std": number_or_none(one.std),
                **({line: int(one.line.split()[-1])} if one.line else {}),
            }
            for number, one in enumerate(self.candidates, 1)
        ]

    def content(self) -> dict[str, Any]:
        """Everything that the JSON holds."""
        found: dict[str, Any] = {
            "target": self.target,
            "lower_is_better": self.lower_is_better,
            "trained": self.trained,
            "table": self.source,
            "predictor": self.predictor,
            "features": list(self.features),
            **estimate_columns("tau", self.choice.tau if self.choice else _NONE),
            "tau_uncorrected": self.choice.uncorrected if self.choice else None,
            "tried": {k: number_or_none(v) for k, v in self.choice.tried.items()} if self.choice else None,
            "folds": FOLDS if self.choice else None,
            "repeats": self.repeats if self.choice else None,
            "coverage": number_or_none(self.deviations.coverage) if self.deviations else None,
            "std_is": (None if not self.deviations else "own" if self.deviations.own else "residuals"),
            "std_factor": number_or_none(self.deviations.factor) if self.deviations else None,
            "notes": list(self.notes),
            "candidates": self.rows(),
        }
        return found


def _decimals(deviations: Sequence[float], values: Sequence[float]) -> int:
    """Decimals that show two digits of the smallest standard deviation, else four digits of the largest value."""
    known = [one for one in deviations if math.isfinite(one) and one > 0]
    if known:
        return max(0, min(12, 1 - math.floor(math.log10(min(known)))))
    sizes = [abs(one) for one in values if math.isfinite(one) and one]
    return max(0, min(12, 3 - math.floor(math.log10(max(sizes))))) if sizes else 2


__all__ = ["Candidate", "Prediction"]
