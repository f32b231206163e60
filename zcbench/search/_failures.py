"""Limits on evaluations without a number, so that they do not use up a search's budget."""

from __future__ import annotations

from pathlib import Path

from zcbench.errors import InvalidInputError

#: evaluations in a row without a number after which a search ends that never had a number
FIRST = 10
#: the same for a search that had numbers
LATER = 50

#: how the sentence about a failed evaluation begins
FIRST_REASON = "The first evaluation without a number: "


class Failures:
    """Counter of consecutive evaluations without a number.

    Args:
        ledger: file in which they are recorded; None in memory.
    """

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._ever = False
        self._row, self._line = 0, 0
        self._reason = ""

    def take(self, ok: bool, reason: str, line: int) -> str:
        """Record an evaluation.

        Args:
            ok: whether it has a number.
            reason: why it has none.
            line: line of the ledger that records it.

        Returns:
            Why the search ends; "" while it continues.

        Raises:
            InvalidInputError: no evaluation ever had a number.
        """
        if ok:
            self._ever, self._row = True, 0
            return ""
        self._row += 1
        self._reason = self._reason or reason
        if self._row == 1:
            self._line = line
        if self._row < (LATER if self._ever else FIRST):
            return ""
        cut = "" if self._ledger is None else f" (or remove line {self._line} of {self._ledger} and all lines after it)"
        said = (
            f"{self._row} evaluations in a row returned no number; the last reason: {reason.rstrip('.')}. "
            f"Correct the evaluation, and start with a new ledger{cut}."
        )
        if not self._ever:
            raise InvalidInputError(said)
        return said

    def notes(self) -> tuple[str, ...]:
        """Return a sentence with the reason of the first evaluation that gave no number."""
        return (f"{FIRST_REASON}{self._reason.rstrip('.')}.",) if self._reason else ()
