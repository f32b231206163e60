"""Output in any encoding: characters that a stream cannot encode get a readable replacement."""

from __future__ import annotations

import codecs
import io

#: name of the error handler
READABLE = "zcbench.readable"

#: replacements in ASCII
_REPLACEMENTS = {
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "±": "+/-",
    "×": "x",
    "·": "*",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "≠": "!=",
    "∞": "inf",
    "→": "->",
    "←": "<-",
    "α": "alpha",
    "β": "beta",
    "ε": "epsilon",
    "λ": "lambda",
    "μ": "mu",
    "µ": "u",
    "ρ": "rho",
    "σ": "sigma",
    "τ": "tau",
    "Σ": "sum",
    "∂": "d",
    "√": "sqrt",
    "°": " deg",
    "²": "^2",
    "³": "^3",
    "“": '"',
    "”": '"',
    "„": '"',
    "‘": "'",
    "’": "'",
    "\u00a0": " ",
    "\u202f": " ",
    "•": "*",
    "✓": "yes",
    "✗": "no",
    # progress bars
    "━": "-",
    "╸": "-",
    "╺": "-",
    "─": "-",
    "│": "|",
}


def readable(error: UnicodeError) -> tuple[str, int]:
    """Replace the characters that a codec cannot encode; this is an error handler of :mod:`codecs`.

    A character without a replacement becomes an escape.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    pieces = (
        _REPLACEMENTS.get(character) or character.encode("ascii", "backslashreplace").decode("ascii")
        for character in error.object[error.start : error.end]
    )
    return "".join(pieces), error.end


def make_readable(stream: object) -> None:
    """Make a text stream replace characters that its encoding lacks; other streams are not changed."""
    codecs.register_error(READABLE, readable)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=READABLE)
