"""Exit statuses: every command returns the same status for the same kind of failure."""

from __future__ import annotations

from collections.abc import Iterable

#: everything that was requested was done
FINE = 0
#: the work began, and all or part of it failed
FAILED = 1
#: the command cannot work with its arguments or input files
MISUSED = 2
#: Ctrl-C
INTERRUPTED = 130

#: the statuses in words, for ``zcbench --help`` and the documentation
MEANINGS = {
    FINE: "everything was done",
    FAILED: "the work began, and a score, check, download or output file failed",
    MISUSED: "wrong name, value or option; missing file, table or package",
    INTERRUPTED: "interrupted by Ctrl-C; stored results are kept",
}


def status_of(error: BaseException) -> int:
    """Return the exit status of a command that ends with an error."""
    from zcbench import errors

    misuse = (
        errors.InvalidInputError,
        errors.UnknownNameError,
        errors.InvalidArchitectureError,
        errors.DuplicateNameError,
        errors.UnsupportedModelError,
        errors.DataMissingError,
        errors.DataCorruptError,
        errors.MissingDependencyError,
        FileNotFoundError,
        IsADirectoryError,
        NotADirectoryError,
    )
    return MISUSED if isinstance(error, misuse) and not isinstance(error, errors.StoreError) else FAILED


def status_of_several(errors: Iterable[BaseException], done: int) -> int:
    """Return the exit status of a command that did the same for several benchmarks.

    Args:
        errors: the errors of those that failed.
        done: the number of those that succeeded.
    """
    statuses = {status_of(error) for error in errors}
    if not statuses:
        return FINE
    return MISUSED if statuses == {MISUSED} and not done else FAILED
