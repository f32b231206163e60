"""The meaning of a column of cells: numbers, numbers with decimal commas, percentages, yes and no, or text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zcbench._display import abridged

Floats = NDArray[np.float64]

_NOTHING = frozenset(
    ("", "na", "nan", "n/a", "#n/a", "<na>", "n.a.", "null", "none", "nil", "nat", "-", "--", "–", "—", "?", ".")
)
_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
#: forms of a cell in the order of their tests; only ASCII digits, and no underscores, which Python would accept
_FORMS = {
    "missing": r"[+-]?nan(\(\w*\))?",
    "zero-led": r"[+-]?0\d+",
    "whole": r"[+-]?\d+",
    "number": r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?",
    "infinite": r"[+-]?(inf(inity)?|∞)",
    "comma or thousands": r"[+-]?[1-9]\d{0,2},\d{3}",
    "thousands": r"[+-]?\d{1,3}((,\d{3}){2,}(\.\d*)?|(,\d{3})+\.\d*|(\.\d{3}){2,}(,\d*)?|(\.\d{3})+,\d*"
    r"|([ '’\u00a0\u2009\u202f]\d{3})+([.,]\d*)?)",
    "comma": r"[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?",
    "percent": r"[+-]?(\d+([.,]\d*)?|[.,]\d+)\s?%",
    "truth": "true|yes|false|no",
}
_FORM = re.compile(
    "|".join(f"(?P<f{place}>{pattern})" for place, pattern in enumerate(_FORMS.values())), re.ASCII | re.IGNORECASE
)
_NAMES = {f"f{place}": name for place, name in enumerate(_FORMS)}
#: cells that contain only these characters are numbers if Python reads them, except for leading zeros
_PLAIN = re.compile(r"[0-9eE+.\-\n]*")
_ZERO_LED = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_LARGE = re.compile(r"^[+-]?[0-9]{16,}$", re.MULTILINE)
#: "1.234" may be a thousand or one if other columns have decimal commas
_POINT_OR_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}", re.ASCII)
#: thousands separators that have no other meaning
_POINTS = re.compile(r"[+-]?\d{1,3}((\.\d{3}){2,}(,\d*)?|(\.\d{3})+,\d*)", re.ASCII)
_COMMAS = re.compile(r"[+-]?\d{1,3}((,\d{3}){2,}(\.\d*)?|(,\d{3})+\.\d*)", re.ASCII)


@dataclass
class Reading:
    """The detected meaning of a column.

    Attributes:
        values: its numbers, nan for a missing value; None if it is not a column of numbers.
        reason: the reason why it is not one, as the end of a sentence.
        strange: place of the first cell that is not a number if many others are; None otherwise.
        code: whether it is text that can be names: no cell, or not every cell, is a number.
        missing: number of cells without a value.
        remarks: unusual properties of the numbers, as ends of sentences.
    """

    values: Floats | None
    reason: str = ""
    strange: int | None = None
    code: bool = False
    missing: int = 0
    remarks: list[str] = field(default_factory=list)


def is_number(cell: str) -> bool:
    """Return whether a cell is a number in the form of a column of numbers."""
    return _form(cell.strip()) in ("whole", "number", "zero-led")


def read_cells(
    columns: Mapping[str, Sequence[str]], at: Callable[[int], str], *, commas: bool, typed: frozenset[str] = frozenset()
) -> dict[str, Reading]:
    """Determine the meaning of every column; decimal commas in one column determine the meaning of points in others.

    Args:
        columns: cells by name, stripped.
        at: converts the place of a cell to words, "line 3".
        commas: whether the file may have decimal commas without quotation marks, because it is not separated by commas.
        typed: columns whose type is a number.
    """
    forms = {name: _forms(cells) for name, cells in columns.items()}
    german = any(
        found and found.keys() <= {"missing", "whole", "comma", "comma or thousands"} and "comma" in found
        for found in forms.values()
    )
    points, others = _thousands(columns, forms)
    readings = {}
    for name, cells in columns.items():
        reading = _read(cells, forms[name], at, commas=(commas or german) and not others)
        if (german or points) and reading.values is not None and name not in typed:
            reading = _doubtful(reading, cells, at)
        readings[name] = reading
    return readings


def _thousands(columns: Mapping[str, Sequence[str]], forms: Mapping[str, Mapping[str, int]]) -> tuple[bool, bool]:
    """Return whether a column has points between thousands, and whether one has such commas or decimal points."""
    points = commas = False
    for name, found in forms.items():
        first = columns[name][found["thousands"]] if "thousands" in found else ""
        points |= _POINTS.fullmatch(first) is not None
        commas |= _COMMAS.fullmatch(first) is not None
        if found.keys() <= {"missing", "whole", "number", "infinite"}:  # points that are not followed by three digits
            commas |= any("." in cell and not _POINT_OR_THOUSANDS.fullmatch(cell) for cell in columns[name])
    return points, commas


def _form(cell: str) -> str:
    if cell.lower() in _NOTHING:
        return "missing"
    found = _FORM.fullmatch(cell.replace("−", "-"))
    return _NAMES[str(found.lastgroup)] if found and found.lastgroup else "text"


def _forms(cells: Sequence[str]) -> dict[str, int]:
    """Return the place of the first cell of each form; empty if all are plain numbers."""
    joined = "\n".join(cells)
    if _PLAIN.fullmatch(joined) and not _ZERO_LED.search(joined):
        try:
            for cell in cells:
                float(cell)
        except ValueError:
            pass
        else:
            return {}
    first: dict[str, int] = {}
    for place, cell in enumerate(cells):
        first.setdefault(_form(cell), place)
    return first


def _read(cells: Sequence[str], first: dict[str, int], at: Callable[[int], str], *, commas: bool) -> Reading:
    def quote(form: str) -> str:
        return f"{_quoted(cells[first[form]])} in {at(first[form])}"

    missing = sum(_form(cell) == "missing" for cell in cells) if "missing" in first else 0
    kinds = first.keys() - {"missing"}
    if missing == len(cells):
        return Reading(None, "it has no values", missing=missing)
    numbers = {"whole", "number", "infinite"}
    if kinds <= numbers:
        return _numbers(cells, float, missing, at)
    if kinds <= {"whole", "zero-led"}:
        return Reading(None, f"it is text, as {quote('zero-led')} begins with 0", code=True, missing=missing)
    if kinds == {"truth"}:
        return _numbers(cells, lambda cell: _TRUTH[cell.lower()], missing, at)
    if kinds == {"percent"}:
        return _percentages(cells, missing, at)
    if "percent" in kinds and kinds <= numbers | {"percent", "comma"}:
        other = min(kinds - {"percent"}, key=first.__getitem__)
        return Reading(None, f"it mixes {quote('percent')} with {quote(other)}", missing=missing)
    if "thousands" in kinds or (kinds == {"comma or thousands", "number"}):
        form = "thousands" if "thousands" in kinds else "comma or thousands"
        if kinds <= numbers | {"thousands", "comma or thousands", "comma"}:
            return Reading(None, f"{quote(form)} has thousands separators (write digits alone)", missing=missing)
    if kinds & {"comma", "comma or thousands"} and kinds <= numbers | {"comma", "comma or thousands"}:
        return _with_commas(cells, first, kinds, missing, at, commas=commas)
    return _text(cells, first, missing, at)


def _with_commas(
    cells: Sequence[str],
    first: dict[str, int],
    kinds: set[str],
    missing: int,
    at: Callable[[int], str],
    *,
    commas: bool,
) -> Reading:
    comma = "comma" if "comma" in kinds else "comma or thousands"
    seen = f"{_quoted(cells[first[comma]])} in {at(first[comma])}"
    pointed = next((place for place, cell in enumerate(cells) if "." in cell and _form(cell) == "number"), None)
    if pointed is not None:
        other = f"{_quoted(cells[pointed])} in {at(pointed)}"
        return Reading(None, f"it mixes decimal commas and points ({seen}, {other})", missing=missing)
    if comma == "comma" or (commas and "whole" not in kinds):
        return _numbers(cells, lambda cell: float(cell.replace(",", ".")), missing, at)
    reason = f"{seen} may have a decimal comma or a thousands separator (write a point, or digits alone)"
    return Reading(None, reason, missing=missing)


def _percentages(cells: Sequence[str], missing: int, at: Callable[[int], str]) -> Reading:
    given = [place for place, cell in enumerate(cells) if _form(cell) == "percent"]
    pointed = next((place for place in given if "." in cells[place]), None)
    comma = next((place for place in given if "," in cells[place]), None)
    if pointed is not None and comma is not None:
        mixed = f"{_quoted(cells[comma])} in {at(comma)}, {_quoted(cells[pointed])} in {at(pointed)}"
        return Reading(None, f"it mixes decimal commas and points ({mixed})", missing=missing)
    return _numbers(cells, lambda cell: float(cell.rstrip("%").strip().replace(",", ".")), missing, at)


def _numbers(cells: Sequence[str], value: Callable[[str], float], missing: int, at: Callable[[int], str]) -> Reading:
    def number(cell: str) -> float:
        cell = cell.replace("−", "-").replace("∞", "inf")
        return math.nan if missing and _form(cell) == "missing" else value(cell)

    values = np.asarray([number(cell) for cell in cells], np.float64)
    remarks = []
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        remarks.append(
            f"{_count(len(infinite), 'value')} infinite, first {_quoted(cells[infinite[0]])} in {at(infinite[0])}"
        )
    if _LARGE.search("\n".join(cells)):
        inexact = [i for i, cell in enumerate(cells) if _is_whole(cell) and int(cell) != int(values[i])]
        if inexact:
            remarks.append(
                f"{_count(len(inexact), 'whole number')} beyond 2**53 and rounded, "
                f"first {_quoted(cells[inexact[0]])} in {at(inexact[0])}"
            )
    return Reading(values, missing=missing, remarks=remarks)


def _is_whole(cell: str) -> bool:
    # Python refuses to read whole numbers of thousands of digits, and no float represents them.
    return re.fullmatch(r"[+-]?[0-9]{16,308}", cell) is not None


def _doubtful(reading: Reading, cells: Sequence[str], at: Callable[[int], str]) -> Reading:
    """Reject a column of numbers if its points may separate thousands according to other columns."""
    pointed = [place for place, cell in enumerate(cells) if "." in cell and _form(cell) == "number"]
    if not pointed or not all(_POINT_OR_THOUSANDS.fullmatch(cells[place]) for place in pointed):
        return reading
    seen = f"{_quoted(cells[pointed[0]])} in {at(pointed[0])}"
    why = "as other columns have decimal commas or points between thousands"
    reason = f"{seen} may have a decimal point or a thousands separator, {why}"
    return Reading(None, reason, missing=reading.missing)


def _text(cells: Sequence[str], first: dict[str, int], missing: int, at: Callable[[int], str]) -> Reading:
    """Return the reading of text, or of numbers except for a few cells that are probably mistakes."""
    good = {"whole", "number", "infinite", "missing"}
    counts = Counter(_form(cell) for cell in cells)
    strange = len(cells) - sum(counts[form] for form in good)
    place = min(place for form, place in first.items() if form not in good)
    seen = f"{_quoted(cells[place])} in {at(place)}"
    if strange * 10 < len(cells) and strange < len(cells) - missing:
        return Reading(None, f"{seen} is not a number", strange=place, missing=missing)
    return Reading(None, f"it is text ({seen})", code=True, missing=missing)


def _quoted(cell: str) -> str:
    return repr(abridged(cell, 60))


def _count(number: int, what: str) -> str:
    return f"{number} {what} is" if number == 1 else f"{number} {what}s are"


__all__ = ["Reading", "is_number", "read_cells"]
