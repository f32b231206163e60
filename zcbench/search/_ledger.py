"""The ledger of a search: an append-only file of everything that was scored, asked and evaluated, and at what cost.

One line of JSON for each: the head (what is searched, by what), what a scorer was asked, each proposal whose equal had
been evaluated, each evaluation. A search that goes on reads its own lines instead of scoring and evaluating again, so
that it takes the way of a search that was never stopped. A file beside the ledger keeps the searcher's state, so that
it need not go that way step by step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

from zcbench._display import brief
from zcbench._files import cannot_write, locked, write_text
from zcbench.errors import DataCorruptError, InvalidInputError

Row: TypeAlias = dict[str, Any]
_ADVICE = "choose another place for the ledger"
#: what names an event; a line with other values means that the search took another way
_NAMES = {
    "scored": ("scorer", "architectures"),
    "equal": ("architecture", "epochs"),
    "evaluated": ("architecture", "epochs"),
    "ended": (),
}


class Ledger:
    """Lines of one search, in a file or in memory alone.

    Args:
        path: the file; None keeps nothing. Its folder is made.
        head: what is searched and how; a file with another head is refused.
        durable: whether each line outlasts a power cut; without it, it outlasts the death of the process alone.

    Raises:
        InvalidInputError: the file is no ledger, or that of another search; the message says what differs.
        StoreError: it cannot be written, or another search holds it.
    """

    def __init__(self, path: str | os.PathLike[str] | None, head: Mapping[str, Any], *, durable: bool = True) -> None:
        self._durable = durable
        self.path = None if path is None else Path(path)
        self.head = json.loads(json.dumps(dict(head)))
        #: lines so far, the head included, those included that are read back
        self.lines = 0
        self._stack = ExitStack()
        self._known: Iterator[Row] = iter(())
        self._next: Row | None = None
        self._file: Any = None
        if self.path is not None:
            self._open(self.path)

    def __repr__(self) -> str:
        return brief(f"<Ledger {self.path or 'in memory'}>")

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error, _ADVICE) from None
        busy = f"another search writes {path}: wait for it, or choose another ledger."
        self._stack.enter_context(locked(path.with_name(path.name + ".lock"), _ADVICE, busy=busy))
        try:
            _drop_torn_line(path)
            known = _rows(path)
            first = next(known, None)
            self._file = self._stack.enter_context(path.open("ab"))
            if first is None:
                self._write({"kind": "search", **self.head})
            else:
                self._check_head(path, first)
        except OSError as error:
            self.close()
            raise cannot_write(path, error, _ADVICE) from None
        except BaseException:
            self.close()
            raise
        self.lines = 1
        self._known = known
        self._next = next(known, None)

    def _check_head(self, path: Path, first: Row) -> None:
        if first.pop("kind", None) != "search":
            raise InvalidInputError(f"{path} is not the ledger of a search: choose another file.")
        for name in sorted({*first, *self.head}):
            if first.get(name) != self.head.get(name):
                raise InvalidInputError(
                    f"{path} is the ledger of another search: its {name} is {_shown(first.get(name))}, not "
                    f"{_shown(self.head.get(name))}. Go on with the same search, or choose another ledger."
                )

    @property
    def reading(self) -> bool:
        """Whether there are lines of an earlier run that were not taken yet."""
        return self._next is not None

    def known(self, kind: str, **names: Any) -> Row | None:
        """The next line of an earlier run; None if there is none.

        Raises:
            InvalidInputError: it tells of something else: the search did not take the same way.
        """
        row = self._next
        if row is None:
            return None
        wanted = {"kind": kind, **json.loads(json.dumps(names))}
        if any(row.get(name) != value for name, value in wanted.items()):
            raise InvalidInputError(
                f"line {self.lines + 1} of {self.path} tells of {row.get('kind')} {row.get('architecture', '')}, where "
                f"this search comes to {kind} {names.get('architecture', '')}: searcher, scorer or data were changed. "
                "Choose another ledger."
            )
        self._next = next(self._known, None)
        self.lines += 1
        return row

    def append(self, kind: str, **content: Any) -> Row:
        """Write a line, or find that an earlier run wrote it.

        Returns:
            The line: the earlier one if there is one.

        Raises:
            StoreError: it cannot be written; all earlier lines are kept.
            InvalidInputError: the earlier run's next line tells of something else.
        """
        names = {name: content[name] for name in _NAMES[kind]}
        if (row := self.known(kind, **names)) is not None:
            return row
        row = {"kind": kind, **content}
        self._write(row)
        self.lines += 1
        return row

    def _write(self, row: Row) -> None:
        if self._file is None:
            return
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        place = self._file.tell()
        try:
            self._file.write(line)
            self._file.flush()
            if self._durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            assert self.path is not None  # there is a file
            os.truncate(self.path, place)
            raise cannot_write(self.path, error, "make room and start the same search again") from None

    # -- the state beside it -----------------------------------------------------------------------

    @property
    def _state_path(self) -> Path | None:
        return None if self.path is None else self.path.with_name(self.path.name + ".state")

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Keep a state that stands for all lines so far."""
        if self._state_path is not None and not self.reading:
            write_text(self._state_path, json.dumps({"lines": self.lines, "state": state}), _ADVICE)

    def skip_to_state(self) -> tuple[dict[str, Any], list[Row]] | None:
        """The state that was kept, and the lines that it stands for, which are taken; None if there is none."""
        if self._state_path is None or not self._state_path.is_file() or self._next is None:
            return None
        try:
            kept = json.loads(self._state_path.read_text())
            lines, state = int(kept["lines"]), dict(kept["state"])
        except (OSError, ValueError, TypeError, KeyError):
            return None  # the lines alone tell as much, more slowly
        rows: list[Row] = []
        while self.lines < lines and self._next is not None:
            rows.append(self._next)
            self._next = next(self._known, None)
            self.lines += 1
        if self.lines < lines:
            raise InvalidInputError(
                f"{self._state_path} tells of {lines} lines and {self.path} has {self.lines}: delete the former."
            )
        return state, rows

    def close(self) -> None:
        """Close the file, and let others have it."""
        self._stack.close()
        self._file = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def read_ledger(path: str | os.PathLike[str]) -> tuple[Row, Iterator[Row]]:
    """The head of a ledger and its lines.

    Raises:
        InvalidInputError: there is no such file, or it is no ledger.
        DataCorruptError: a line is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise InvalidInputError(f"{path} is no file: give the ledger of a search.")
    rows = _rows(path)
    head = next(rows, {})
    if head.pop("kind", None) != "search":
        raise InvalidInputError(f"{path} is not the ledger of a search.")
    return head, rows


def _rows(path: Path) -> Iterator[Row]:
    """Lines one after the other; a last line without an end is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError
            except ValueError:
                raise DataCorruptError(f"line {number} of {path} is damaged: remove it and all that follow.") from None
            yield row


def _drop_torn_line(path: Path) -> None:
    """Cut off what a killed process left of its last line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - 65_536)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
