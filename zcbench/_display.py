"""Make text and numbers from outside safe for display: terminals, Markdown, spreadsheets, JSON, figures.

Names of columns, architectures and proxies, reasons and paths come from users. A terminal interprets control characters
in them, Markdown and HTML their markup, and a spreadsheet their formulas. All code that writes output uses these
functions.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence

#: largest number of characters of a name and of a sentence; longer ones are shortened in the middle
NAME, SENTENCE = 200, 1000

_BREAKS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]\s*")
#: controls, direction marks, characters without width (Unicode's default-ignorable characters), surrogates
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(f"[{_UNSEEN}]")
_HIDDEN_IN_JSON = re.compile(f"(?!\n)[{_UNSEEN}]")
_MARKS = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
#: unlimited combining marks would cover the lines above
_TOWER = re.compile(f"({_MARKS}{{4}}){_MARKS}+")


def plain(text: object, limit: int = NAME) -> str:
    r"""Return one line in which every character is visible and no character controls the output.

    Line breaks and tabs become spaces. Control characters, direction marks, characters without width and surrogates are
    written as escapes ("\x1b", "\u202e").

    Args:
        text: any object; it is converted to a string.
        limit: largest number of characters of the result.
    """
    return abridged(_TOWER.sub(r"\1", _HIDDEN.sub(_escape, _BREAKS.sub(" ", str(text)).strip())), limit)


def brief(text: object) -> str:
    """Shorten the ``repr`` of a large object to one line of at most 120 characters."""
    return plain(text, 120)


def many(count: int, what: str, plural: str = "") -> str:
    """Return a count with its noun: "1 proxy", "2 proxies"."""
    return f"{count:,} {what if count == 1 else plural or what + 's'}"


def plain_lines(text: object, limit: int = SENTENCE) -> str:
    """Apply :func:`plain` to each line; lines and their indentation are preserved."""
    lines = []
    for line in str(text).split("\n"):
        inner = line.lstrip(" ")
        lines.append(" " * (len(line) - len(inner)) + plain(inner, limit))
    return "\n".join(lines)


def abridged(text: str, limit: int = NAME) -> str:
    """Return the text, or its beginning and end around "…" if it is longer than ``limit`` characters."""
    if len(text) <= limit:
        return text
    tail = limit // 3
    return f"{text[: limit - tail - 1]}…{text[len(text) - tail :]}"


def _escape(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# Only characters that would be read as markup are escaped: "l2_norm" and "0.62 [0.58, 0.66]*" remain unchanged.
_MARKDOWN = re.compile(
    r"[\\`$|]|[*~](?=\S)"
    r"|<(?=[A-Za-z/!?])"  # a tag
    r"|&(?=#?\w+;)"  # an entity
    r"|\](?=\s?[(\[:])|!(?=\[)|\[(?=\^)"  # a link, an image, a footnote
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis; not inside a word
    r"|(?<=:)/(?=/)|(?<=www)\.",  # an address
    re.IGNORECASE,
)
#: characters that start a heading, a quotation, a list or a task
_MARKDOWN_START = re.compile(r">|[#+\-=*](?!\d)|\d{1,9}(?=[.)](?:\s|$))|\[(?=[ xX]\])")


def markdown(text: object, limit: int = SENTENCE) -> str:
    """Return :func:`plain` text that Markdown displays verbatim in a cell or line: no markup, links, images or HTML."""
    line = " ".join(plain(text, limit).split())
    return _MARKDOWN.sub(lambda found: "&lt;" if found.group() == "<" else "\\" + found.group(), line)


def markdown_line(text: object, limit: int = SENTENCE) -> str:
    """Apply :func:`markdown` to a whole line, which then starts no heading, list or quotation."""
    line = markdown(text, limit)
    start = _MARKDOWN_START.match(line)
    if start is None:
        return line
    return f"{start.group()}\\{line[start.end() :]}" if start.group().isdigit() else "\\" + line


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_FORMULA = re.compile(r"[\s\"']*[=+\-@＝＋－＠]")
#: places where a list separator other than the comma would start a cell
_INNER_FORMULA = re.compile(r"(;[\s\"']*)(?=[=+\-@＝＋－＠])")


def cell(value: object) -> object:
    """Return a value for a CSV file; text that a spreadsheet would read as a formula starts with an apostrophe.

    Numbers remain numbers, also negative ones; text is :func:`plain`.
    """
    if not isinstance(value, str):
        return value
    text = plain(value, SENTENCE)
    if _NUMBER.fullmatch(text):
        return text
    # A tab or line break at the start was removed above; in the original text it would start a formula, too.
    risky = _FORMULA.match(text) or value[:1] in ("\t", "\r", "\n")
    return ("'" if risky else "") + _INNER_FORMULA.sub(r"\1'", text)


def label(text: object, limit: int = 60) -> str:
    """Return a label for matplotlib: :func:`plain`, without formulas in dollar signs, never hidden in the legend."""
    found = plain(text, limit).replace("$", r"\$")
    return f" {found}" if found.startswith("_") else found


def json_text(content: object) -> str:
    """Return JSON that every reader accepts and that is safe to print on a terminal.

    Numbers that are not finite become null. Characters that :func:`plain` escapes are written as JSON escapes, so
    readers restore them.
    """
    text = json.dumps(_finite(content), indent=2, ensure_ascii=False, allow_nan=False, default=str)
    return _HIDDEN_IN_JSON.sub(lambda found: json.dumps(found.group())[1:-1], text)


def _finite(content: object) -> object:
    if isinstance(content, Mapping):
        return {key if isinstance(key, str) else str(key): _finite(value) for key, value in content.items()}
    if isinstance(content, str) or content is None:
        return content
    if isinstance(content, Sequence):
        return [_finite(value) for value in content]
    if hasattr(content, "tolist"):  # NumPy
        return _finite(content.tolist())
    return None if isinstance(content, float) and not math.isfinite(content) else content


# -- numbers -----------------------------------------------------------------------------------

#: placeholder for a missing number
NOTHING = "–"


def fixed(value: float, digits: int = 2) -> str:
    """Format a number with this many decimals: "0.62"; never "-0.00", a dash for nan, powers of ten from 1e9."""
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1e9:
        return f"{value:.2e}"
    text = f"{value:.{digits}f}"
    return text if float(text) else text.lstrip("-")


def significant(value: float, digits: int = 6) -> str:
    """Format a number with this many significant digits; powers of ten only below 1e-4 and from 1e15."""
    if not math.isfinite(value):
        return fixed(value)
    if value == 0:
        return "0"
    text = f"{value:.{digits}g}"
    return f"{value:.0f}" if "e+" in text and abs(value) < 1e15 else text


def duration(seconds: float) -> str:
    """Format a time: "<0.1 ms", "0.33 ms", "50 ms", "12.35 s", "2.5 min", "7.1 h", "3.0 d".

    The unit is chosen after rounding: there is no "1000 ms", no "60 min" for 59.96, and no power of ten.
    """
    if math.isnan(seconds):
        return NOTHING
    if seconds < 0:
        return "-" + duration(-seconds)
    if seconds < 1e-4:
        return "<0.1 ms"
    if seconds < 1 and round(seconds * 1e3) < 100:
        milliseconds = seconds * 1e3
        decimals = 2 if round(milliseconds, 2) < 1 else 1 if round(milliseconds, 1) < 10 else 0
        return f"{milliseconds:.{decimals}f} ms"
    if seconds < 120 and round(seconds, 2) < 120:
        return f"{seconds:.2f} s"
    for unit, size, most in (("min", 60, 120), ("h", 3600, 48), ("d", 86400, 1e6)):
        if round(seconds / size, 1) < most:
            return f"{seconds / size:,.1f} {unit}"
    return "over 1,000,000 d"


def amount(number: int) -> str:
    """Format a count of any size: "15,625", "1.1e+09"."""
    if number < 10**9:
        return f"{number:,}"
    exponent = math.log10(number)  # also for whole numbers that no float can represent
    digits = f"{10 ** (exponent % 1):.1f}"
    return f"1.0e+{int(exponent) + 1:02}" if digits == "10.0" else f"{digits}e+{int(exponent):02}"


__all__ = [
    "NAME",
    "NOTHING",
    "SENTENCE",
    "abridged",
    "amount",
    "brief",
    "cell",
    "duration",
    "fixed",
    "json_text",
    "label",
    "many",
    "markdown",
    "markdown_line",
    "plain",
    "plain_lines",
    "significant",
]
