"""Evaluations that give no number: a search does not spend all of its budget on them."""

from __future__ import annotations

from pathlib import Path

from zcbench.errors import InvalidInputError

#: evaluations without a number after which a search ends that never had one
FIRST = 10
#: and one that had some
LATER = 50


class Failures:
    """Counts evaluations in a row that gave no number.

    Args:
        ledger: where they are written down; None in memory.
    """

    def __init__(self, ledger: Path | None) -> None:
        self._ledger = ledger
        self._ever = False
        self._row, self._line = 0, 0

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
        if self._row == 1:
            self._line = line
        if self._row < (LATER if self._ever else FIRST):
            return ""
        cut = "" if self._ledger is None else f" (or remove line {self._line} of {self._ledger} and all that follow)"
        said = (
            f"{self._row} evaluations in a row gave no number, the last because: {reason.rstrip('.')}. "
            f"Mend what evaluates, and begin with a new ledger{cut}."
        )
        if not self._ever:
            raise InvalidInputError(said)
        return said
