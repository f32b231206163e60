"""The ledger of a search: an append-only file of all scores, proposals and evaluations, with their costs.

It has one line of JSON for the head (the problem and the searcher), the budget, each request to a scorer, each proposal
that equals an evaluated architecture, each evaluation, and the reason for the end of the search. A resumed search reads
these lines instead of scoring and evaluating again, and therefore proceeds like a search that was never interrupted. A
ledger may be truncated after any line.

Two files next to the ledger can be lost at the cost of time only. ``.state`` contains the searcher's state, so that a
resumed search need not repeat every step. ``.ahead`` contains evaluations that ended before an earlier one of their
batch, because the ledger contains evaluations in the order of their proposals. ``.lock`` is locked while a search
writes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from zcbench import _arguments as rules
from zcbench._display import brief
from zcbench._files import cannot_write, locked, write_text
from zcbench.errors import InvalidInputError, StoreError, ZcbenchError
from zcbench.search._lines import Lines, Row, damaged, digest_of, encoded, first_row, rows_of
from zcbench.search._shapes import checked

_ADVICE = "choose another place for the ledger"
_FULL = "its content is kept: make room and start the same search again to resume it"
_BEGIN = b'{"kind":"search",'
#: version of the lines
FORMAT = 1
#: fields that identify an event; other values in a line mean that the search proceeded differently
_NAMES = {
    "budget": (),
    "scored": ("scorer", "architectures"),
    "equal": ("architecture", "epochs"),
    "evaluated": ("architecture", "epochs"),
    "ended": (),
}
#: lines whose computation has a cost
_PAID = ("scored", "evaluated")


class Ledger:
    """Lines of one search, in a file or only in memory.

    Args:
        path: the file; None for memory only. Its folder is created.
        head: description of the search; a file with another head is refused.
        durable: whether each line with a cost survives a power failure; otherwise it survives only the end of the
            process.

    Raises:
        InvalidInputError: the file is not a ledger, or that of another search; the message says what differs.
        StoreError: it cannot be written, or another search is writing it.
    """

    def __init__(self, path: str | os.PathLike[str] | None, head: Mapping[str, Any], *, durable: bool = True) -> None:
        self._durable = durable
        self.path = None if path is None else Path(rules.path("the ledger", path))
        self.head = json.loads(json.dumps(dict(head)))
        #: number of lines so far, including the head and the lines of an earlier run
        self.lines = 0
        self._stack = ExitStack()
        self._known: Generator[tuple[bytes, Row]] | None = None
        self._next: tuple[bytes, Row] | None = None
        self._file: Lines | None = None
        self._ahead: _Ahead | None = None
        self._digest, self._bytes = hashlib.sha256(), 0
        if self.path is not None:
            try:
                self._place = _resolved(self.path)  # the current folder may change
                self._open(self._place)
            except BaseException:
                self.close()
                raise

    def __repr__(self) -> str:
        return brief(f"<Ledger {self.path or 'in memory'}>")

    def _open(self, path: Path) -> None:
        try:
            there = path.exists()
        except OSError as error:  # a name that is too long, or a folder without read permission
            raise cannot_write(path, error, _ADVICE) from None
        if there and not path.is_file():
            what = "a folder" if path.is_dir() else "not a file"
            raise InvalidInputError(f"{self.path} is {what}: give a file for the ledger.")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error, _ADVICE) from None
        busy = f"another search is writing {self.path}: wait for it, or choose another ledger."
        self._stack.enter_context(locked(_beside(path, "lock"), _ADVICE, busy=busy))
        try:
            first = self._checked_head(path)  # before anything is written, because the file may be another's
        except OSError as error:
            raise cannot_write(path, error, _ADVICE) from None
        self._file = Lines(path, _FULL)
        self._stack.callback(self._file.close)
        head = encoded({"kind": "search", "format": FORMAT, **self.head})
        if first is None:
            self._file.clear()
            for name in ("state", "ahead"):  # files of a ledger that was removed
                with suppress(OSError):
                    _beside(path, name).unlink(missing_ok=True)
            self._file.append(head, durable=False)
        self._ahead = _Ahead(_beside(path, "ahead"), hashlib.sha256(head).hexdigest(), self._durable)
        self._stack.callback(self._ahead.close)
        known = self._known = rows_of(path, checked)
        self._stack.callback(known.close)
        self._next = next(known, None)
        self._take()

    def _checked_head(self, path: Path) -> Row | None:
        """Return the first line; None if there is none yet."""
        if not path.exists():
            return None
        try:
            first = first_row(path, _BEGIN)
        except (ValueError, RecursionError):
            raise InvalidInputError(f"{self.path} is not the ledger of a search: choose another file.") from None
        if first is None:
            return None
        found = {name: value for name, value in first.items() if name != "kind"}
        wanted = {"format": FORMAT, **self.head}
        for name in [*wanted, *sorted(set(found) - set(wanted))]:
            if found.get(name) != wanted.get(name):
                raise InvalidInputError(
                    f"{self.path} is the ledger of another search: its {name} is {_shown(found.get(name))}, not "
                    f"{_shown(wanted.get(name))}. Continue with the same search, or choose another ledger."
                )
        return first

    # -- lines of an earlier run -------------------------------------------------------------------

    @property
    def reading(self) -> bool:
        """Whether there are lines of an earlier run that have not been read yet."""
        return self._next is not None

    def peek(self, kind: str) -> Row | None:
        """Return the next line of an earlier run if it is of this kind, without consuming it."""
        return self._next[1] if self._next is not None and self._next[1].get("kind") == kind else None

    def _take(self) -> Row:
        assert self._next is not None and self._known is not None  # the caller has checked
        line, row = self._next
        self._next = next(self._known, None)
        self._counts(line)
        self._has(row)
        return row

    def _has(self, row: Row) -> None:
        """Remove an evaluation that has a line from the file next to the ledger."""
        if self._ahead is not None and self._ahead.rows and row.get("kind") == "evaluated":
            self._ahead.drop(row)

    def _counts(self, line: bytes) -> None:
        self._digest.update(line)
        self._bytes += len(line)
        self.lines += 1

    def known(self, kind: str, **names: Any) -> Row | None:
        """Return the next line of an earlier run; None if there is none.

        Raises:
            InvalidInputError: the line describes something else: the search proceeded differently.
        """
        if self._next is None:
            return None
        wanted = {"kind": kind, **json.loads(json.dumps(names))}
        row = self._next[1]
        if any(name not in row or row[name] != value for name, value in wanted.items()):
            raise self._other_way(f"{kind} {names.get('architecture', '')}".strip())
        return self._take()

    def _other_way(self, comes_to: str) -> InvalidInputError:
        assert self._next is not None  # the caller has checked
        row = self._next[1]
        tells = f"{row.get('kind')} {row.get('architecture', '')}".strip()
        return InvalidInputError(
            f"line {self.lines + 1} of {self.path} contains {_shown(tells)}, but this search is at "
            f"{_shown(comes_to)}: searcher, scorer or data have changed. Choose another ledger."
        )

    def damaged(self, why: str) -> ZcbenchError:
        """Return the error for a last line that a search cannot have written; ``why`` is a clause."""
        if self.path is None:
            return InvalidInputError(f"an evaluation cannot be used: {why}.")
        return damaged(self.path, self.lines, why)

    def finished(self) -> None:
        """Check at the end of the search that the ledger has ended, too.

        Raises:
            InvalidInputError: there are further lines of an earlier run.
        """
        if self._next is not None:
            raise self._other_way("an end")

    def append(self, kind: str, **content: Any) -> Row:
        """Write a line, or find it among the lines of an earlier run.

        Returns:
            The line: the earlier one if there is one.

        Raises:
            StoreError: it cannot be written; all earlier lines are kept.
            InvalidInputError: the earlier run's next line describes something else.
        """
        if (row := self.known(kind, **{name: content[name] for name in _NAMES[kind]})) is not None:
            return row
        row = {"kind": kind, **content}
        if self._file is None:
            self.lines += 1
            return row
        line = encoded(row)
        self._file.append(line, durable=self._durable and kind in _PAID)
        self._counts(line)
        self._has(row)
        return row

    # -- evaluations that ended before an earlier one ------------------------------------------------

    def set_aside(self, **content: Any) -> None:
        """Keep the content of an "evaluated" line that cannot be written yet."""
        if self._ahead is not None:
            self._ahead.add(content)

    def aside(self, **names: Any) -> Row | None:
        """Return the evaluation that was kept under these names, also by an earlier run; None if there is none."""
        return None if self._ahead is None else self._ahead.rows.get(_Ahead.name(names))

    # -- the state in a file next to it ------------------------------------------------------------

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Save the state after all lines so far; the ledger alone contains the same information.

        Raises:
            TypeError, ValueError: the state is not JSON-compatible.
        """
        if self.path is None or self.reading:
            return
        body = {"lines": self.lines, "bytes": self._bytes, "ledger": self._digest.hexdigest(), "state": state}
        text = json.dumps(body, allow_nan=False)
        path = _beside(self._place, "state")
        with suppress(StoreError):
            write_text(path, f"{_text_digest(text)}\n{text}\n", _ADVICE)

    def skip_to_state(self) -> tuple[dict[str, Any], Iterator[Row]] | None:
        """Return the saved state and the lines before it; None if there is none for this ledger.

        All of these lines have to be consumed before anything else is done.
        """
        if self.path is None or self._next is None:
            return None
        path = self._place
        try:
            digest, text, *_ = _beside(path, "state").read_text().split("\n")
            if digest != _text_digest(text):
                return None
            kept = json.loads(text)
            if kept["ledger"] != digest_of(path, kept["bytes"]):
                return None
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        return dict(kept["state"]), self._rows_up_to(kept["lines"])

    def _rows_up_to(self, lines: int) -> Iterator[Row]:
        while self.lines < lines:
            yield self._take()

    def close(self) -> None:
        """Close the file and release its lock."""
        self._stack.close()
        self._file = None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _Ahead:
    """The file of evaluations that ended early; it is created with its first line.

    Args:
        path: the file.
        head: digest of the head of its ledger.
        durable: whether each line survives a power failure.
    """

    def __init__(self, path: Path, head: str, durable: bool) -> None:
        self._path, self._head, self._durable = path, head, durable
        self._file: Lines | None = None
        self.rows: dict[str, Row] = {}
        self._read()

    def _read(self) -> None:
        try:
            lines = self._path.read_bytes().split(b"\n")
            if json.loads(lines[0]) != {"ahead": self._head}:
                raise ValueError
        except (OSError, ValueError):
            return
        for line in lines[1:-1]:
            try:
                row = json.loads(line)
                checked({"kind": "evaluated", **row})
                self.rows[self.name(row)] = row
            except (ValueError, TypeError, KeyError, RecursionError):
                return

    @staticmethod
    def name(row: Mapping[str, Any]) -> str:
        """Return the name that identifies an evaluation."""
        return json.dumps([row["architecture"], row["epochs"]])

    def add(self, row: Row) -> None:
        """Write an evaluation."""
        if self._file is None:
            self._file = Lines(self._path, _FULL)
            if not self.rows:
                self._file.clear()
                self._file.append(encoded({"ahead": self._head}), durable=False)
        self._file.append(encoded(row), durable=self._durable)
        self.rows[self.name(row)] = row

    def drop(self, row: Row) -> None:
        """Remove an evaluation; the file is deleted with the last one."""
        if self.rows.pop(self.name(row), None) is not None and not self.rows:
            self.close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read_ledger(path: str | os.PathLike[str]) -> tuple[Row, Iterator[Row]]:
    """Return the head of a ledger and its lines.

    Raises:
        InvalidInputError: there is no such file, or it is not a ledger.
        DataCorruptError: a line is damaged.
    """
    path = Path(rules.path("the ledger", path))
    try:
        there = path.is_file()
    except OSError:  # a name that is too long
        there = False
    if not there:
        raise InvalidInputError(f"{path} is not a file: give the ledger of a search.")
    try:
        head = first_row(path, _BEGIN)
    except (ValueError, RecursionError, OSError):
        head = None
    if head is None:
        raise InvalidInputError(f"{path} is not the ledger of a search.")
    rows = (row for _, row in rows_of(path, checked))
    next(rows)
    return {name: value for name, value in head.items() if name != "kind"}, rows


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.name}.{name}")


def _resolved(path: Path) -> Path:
    """Return the file itself, also for a link to a file that does not exist yet."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # circular links
        raise InvalidInputError(f"{path} is a circular link: give another file for the ledger.") from None


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:79]}…"
