"""Evaluations that give no number: a search does not spend all of its budget on them."""

from __future__ import annotations

from pathlib import Path

from zcbench.errors import InvalidInputError

#: evaluations without a number after which a search ends that never had one
FIRST = 10
#: and one that had some
LATER = 50

#: how the sentence about a failed evaluation begins
FIRST_REASON = "The first evaluation without a number: "


class Failures:
    """Counts evaluations in a row that gave no number.

    Args:
        ledger: where they are written down; None in memory.
    """

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._ever = False
        self._row, self._line = 0, 0
        self._reason = ""

    def take(self, ok: bool, reason: str, line: int) -> str:
        """Take an evaluation.

        Args:
            ok: whether it gave a number.
            reason: why it gave none.
            line: of the ledger that tells of it.

        Returns:
            Why the search ends, "" while it goes on.

        Raises:
            InvalidInputError: nothing ever gave a number.
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
        cut = "" if self._ledger is None else f" (or remove line {self._line} of {self._ledger} and all that follow)"
        said = (
            f"{self._row} evaluations in a row gave no number, the last because: {reason.rstrip('.')}. "
            f"Fix the function that evaluates, and start with a new ledger{cut}."
        )
        if not self._ever:
            raise InvalidInputError(said)
        return said

    def notes(self) -> tuple[str, ...]:
        """Return a sentence with the reason of the first evaluation that gave no number."""
        return (f"{FIRST_REASON}{self._reason.rstrip('.')}.",) if self._reason else ()
