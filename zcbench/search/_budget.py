"""How much a search may spend."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from zcbench import _arguments as rules
from zcbench._display import many
from zcbench.errors import InvalidInputError, UnknownNameError

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:e[0-9]+)?)\s*(s|sec|seconds|evaluations|asks)?", re.IGNORECASE)


@dataclass(frozen=True)
class Budget:
    """What ends a search, whichever comes first.

    Attributes:
        evaluations: networks that are evaluated; equal ones count once.
        seconds: on the search's clock (:class:`zcbench.search.Clock`): training, simulated or real, and scoring.
            An evaluation that would end later does not count.
        asks: proposals of the searcher, those included whose equal was evaluated.
    """

    evaluations: int | None = None
    seconds: float | None = None
    asks: int | None = None

    def __post_init__(self) -> None:
        for field in ("evaluations", "asks"):
            if getattr(self, field) is not None:
                object.__setattr__(self, field, rules.whole(f"the budget of {field}", getattr(self, field), 0, 10**9))
        if self.seconds is not None:
            seconds = rules.number("the budget of seconds", self.seconds, 0)
            object.__setattr__(self, "seconds", None if math.isinf(seconds) else seconds)
        if self.evaluations is None and self.seconds is None and self.asks is None:
            raise InvalidInputError("a search needs a budget: evaluations, seconds or asks.")

    def __str__(self) -> str:
        parts = [
            *([] if self.evaluations is None else [many(self.evaluations, "evaluation")]),
            *([] if self.seconds is None else [f"{self.seconds:,g} s"]),
            *([] if self.asks is None else [many(self.asks, "ask")]),
        ]
        return ", ".join(parts)

    @classmethod
    def of(cls, given: Any) -> Budget:
        """A budget from a number of evaluations, from text ("12000s", "100,3000s") or from a mapping.

        Raises:
            InvalidInputError: it is none of these, or a number is out of range.
            UnknownNameError: a key of the mapping is no kind of budget.
        """
        if isinstance(given, cls):
            return given
        known = [field.name for field in fields(cls)]
        if isinstance(given, Mapping):
            for name in given:
                if name not in known:
                    raise UnknownNameError("kind of budget", str(name), known)
            return cls(**given)
        if isinstance(given, str):
            amounts: dict[str, Any] = {}
            for part in given.split(","):
                found = _AMOUNT.fullmatch(part.strip())
                if found is None:
                    raise InvalidInputError(
                        f"the budget {rules.shown(given)} is not like  100  or  12000s  or  500asks."
                    )
                unit = (found[2] or "evaluations").lower()
                name = "seconds" if unit.startswith("s") else unit
                amounts[name] = float(found[1]) if name == "seconds" or not found[1].isdigit() else int(found[1])
            return cls(**amounts)
        return cls(evaluations=rules.whole("the budget", given, 0, 10**9))
