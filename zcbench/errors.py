"""The exceptions of zcbench: each message says in one sentence what is wrong and what to do.

The command line prints ``str(error)`` of a :class:`ZcbenchError` and exits with a status of
``zcbench/cli/_status.py``; any other exception is a defect of zcbench.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ZcbenchError(Exception):
    """Base of every error that zcbench raises intentionally."""


#: largest number of characters of a name in a message
_NAME_LENGTH = 200


class UnknownNameError(ZcbenchError, LookupError):
    """A proxy, benchmark, space, target or operation that is not registered.

    Args:
        kind: the noun of what was looked up ("proxy").
        name: the requested name.
        known: the names that exist.
        hint: one further sentence, e.g. the command that lists them.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        options = sorted(set(known))
        given = repr(name if len(name) <= _NAME_LENGTH else name[:_NAME_LENGTH] + "…")
        close = difflib.get_close_matches(name[:_NAME_LENGTH], options, n=3, cutoff=0.5)
        if close:
            advice = "did you mean " + " or ".join(repr(option) for option in close) + "?"
        elif options:
            shown = ", ".join(options[:12]) + (", …" if len(options) > 12 else "")
            advice = f"known: {shown}."
        else:
            advice = "none is registered."
        problem = f"no {kind} matches {given}" if set("*?[") & set(name) else f"unknown {kind} {given}"
        super().__init__(" ".join(filter(None, [f"{problem}: {advice}", hint])))
        self.kind = kind
        self.name = name


class DuplicateNameError(ZcbenchError, ValueError):
    """A name was registered twice."""


class BrokenRegistryError(ZcbenchError, ImportError):
    """A module of zcbench that registers proxies, predictors or other entries could not be imported."""


class InvalidArchitectureError(ZcbenchError, ValueError):
    """A string or object that does not denote an architecture of the search space."""


class InvalidInputError(ZcbenchError, ValueError):
    """An argument of a public function or command that cannot be used as given."""


class UnsupportedModelError(ZcbenchError, TypeError):
    """The network or the batch does not have what a proxy measures; becomes the status ``unsupported``."""


class NonFiniteError(ZcbenchError, ArithmeticError):
    """A quantity in a score's formula is nan or infinite; becomes the status ``non-finite``."""


class DataMissingError(ZcbenchError, FileNotFoundError):
    """A table or a batch of data is not on this machine."""


class DataCorruptError(ZcbenchError, ValueError):
    """A table is truncated, unreadable, of the wrong version, or contains forbidden objects."""


class MissingDependencyError(ZcbenchError, ImportError):
    """An optional package is needed but not installed.

    Args:
        package: its name.
        extra: the extra of zcbench that installs it; empty for a package without one.
        purpose: the feature that needs it.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        wanted = f'"zcbench[{extra}]"' if extra else package
        super().__init__(f"{purpose} needs the package {package!r}, {_NOT_INSTALLED}{wanted}")


_NOT_INSTALLED = "which is not installed: run  pip install "


def names_missing_package(reason: str) -> bool:
    """Return whether a stored reason says that an optional package was missing, which installing it changes."""
    return _NOT_INSTALLED in reason


class StoreError(ZcbenchError, OSError):
    """Records could not be written or read (disk full, no permission, another run is writing)."""


#: largest number of characters of a reason
REASON_LENGTH = 500


def shortened(text: str) -> str:
    """Shorten a reason for storage: at most :data:`REASON_LENGTH` characters, and valid UTF-8 whatever it quotes."""
    # Call the methods of str itself: a subclass may have others.
    text = str.__getitem__(text, slice(REASON_LENGTH + 1)).encode(errors="backslashreplace").decode()
    return text if len(text) <= REASON_LENGTH else text[: REASON_LENGTH - 1] + "…"


def message_of(error: BaseException) -> str:
    """Return the first line of an exception's message; never raise, whatever the exception's code does."""
    try:
        text = str.__getitem__(str(error), slice(10 * REASON_LENGTH))
    except BaseException as second:  # even SystemExit: the first exception is the one to report
        return f"(its message cannot be read: {_type_name(second)})"
    return shortened(next((line for line in text.splitlines() if line.strip()), ""))


def first_line(error: BaseException) -> str:
    """Return type and first line of any exception as text that can be printed and stored everywhere; never raise."""
    message = message_of(error)
    return shortened(f"{_type_name(error)}: {message}" if message else _type_name(error))


def _type_name(error: BaseException) -> str:
    # Through type itself: a metaclass may define __name__, and a class may return another __class__.
    name: str = type.__dict__["__name__"].__get__(type(error))
    return shortened(next(iter(str.__getitem__(name, slice(100)).splitlines()), ""))
