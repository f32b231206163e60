"""The budget of a search."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from zcbench import _arguments as rules
from zcbench._display import many
from zcbench.errors import InvalidInputError, UnknownNameError

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:e\+?[0-9]+)?)\s*([a-z]*)", re.IGNORECASE)
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
}
_COUNTS = {
    **dict.fromkeys(("", "evaluation", "evaluations"), "evaluations"),
    **dict.fromkeys(("ask", "asks"), "asks"),
}


@dataclass(frozen=True)
class Budget:
    """The limits of a search, which ends at the first that is reached.

    Attributes:
        evaluations: number of evaluated networks; equal ones count once. If trainings can be stopped early, full
            trainings are counted, and a training for a third of the epochs counts as a third. Searchers that stop early
            and searchers that do not therefore get the same number of epochs for the same budget.
        seconds: on the search's clock (:class:`zcbench.search.Clock`): training, simulated or real, and scoring.
            An evaluation that would end later does not count. The searcher's own computing time counts if evaluations
            are real, and does not count if seconds are read from a table.
        asks: number of the searcher's proposals, including those that equal an evaluated architecture.
    """

    evaluations: int | None = None
    seconds: float | None = None
    asks: int | None = None

    def __post_init__(self) -> None:
        for field in ("evaluations", "asks"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, rules.whole(f"the budget of {field}", getattr(self, field), 0, 10**9))
        if self.seconds is not None:
            object.__setattr__(self, "seconds", rules.number("the budget of seconds", self.seconds, 0))
        if self.evaluations is None and self.seconds is None and self.asks is None:
            raise InvalidInputError("a search needs a budget: evaluations, seconds or asks.")

    def __str__(self) -> str:
        parts = [
            *([] if self.evaluations is None else [many(self.evaluations, "evaluation")]),
            *([] if self.seconds is None else [f"{self.seconds:,.10g} s"]),
            *([] if self.asks is None else [many(self.asks, "ask")]),
        ]
        return ", ".join(parts)

    @classmethod
    def of(cls, given: Any) -> Budget:
        """Make a budget of a number of evaluations, of text ("12000s", "2h", "100,3000s") or of a mapping.

        Raises:
            InvalidInputError: the value is none of these, or a number is out of range.
            UnknownNameError: a key of the mapping is no kind of budget.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, Mapping):
            known = [field.name for field in fields(cls)]
            for name in given:
                if name not in known:
                    raise UnknownNameError("kind of budget", str(name), known)
            return cls(**given)
        if isinstance(given, str):
            return cls(**_amounts(given))
        return cls(evaluations=rules.whole("the budget", given, 0, 10**9))


def _amounts(text: str) -> dict[str, Any]:
    """Parse the amounts, by kind."""
    amounts: dict[str, Any] = {}
    for part in text.split(","):
        found = _AMOUNT.fullmatch(part.strip())
        unit = "?" if found is None else found[2].lower()
        if found is None or unit not in (_SECONDS.keys() | _COUNTS.keys()):
            raise InvalidInputError(f"the budget {rules.shown(text)} cannot be read: write 100 or 12000s or 500asks.")
        name, amount = _COUNTS.get(unit, "seconds"), float(found[1])
        if name in amounts:
            raise InvalidInputError(f"the budget {rules.shown(text)} names {name} twice.")
        if name == "seconds":
            amounts[name] = amount * _SECONDS[unit]
        else:
            amounts[name] = int(amount) if amount.is_integer() else amount
    return amounts
