"""Executors: where the work of a run is done. Workers write their own files, and executors carry no results."""

from __future__ import annotations

from zcbench._notation import parse_term
from zcbench.errors import UnknownNameError
from zcbench.executors._crew import EngineCrew, EngineWarning
from zcbench.executors._protocol import Answer, EngineEndedError, Executor, WorkersFailedError
from zcbench.executors._sent import Sent

__all__ = [
    "Answer",
    "EngineCrew",
    "EngineEndedError",
    "EngineWarning",
    "Executor",
    "Sent",
    "WorkersFailedError",
    "get_executor",
    "list_executors",
]


def list_executors() -> list[str]:
    """Return the ways in which executors are written."""
    return ["dask://HOST:PORT", "local", "submitit"]


def get_executor(text: str) -> Executor | None:
    """Return the executor that a text names; None for "local", which means processes of this machine.

    Args:
        text: "local", "submitit" with settings as in "submitit:partition=cpu:hours=4:jobs=50", or "dask://HOST:PORT".

    Raises:
        UnknownNameError: there is no such executor, or no such setting.
        InvalidInputError: a setting or an address is malformed.
        MissingDependencyError: the executor's package is not installed.
    """
    if text.partition(":")[0] == "dask":
        from zcbench.executors._dask import DaskExecutor

        return DaskExecutor(text)
    term = parse_term(text)
    if term.name == "local":
        term.bare("the executor")
        return None
    if term.name == "submitit":
        from zcbench.executors._submitit import SubmititExecutor

        return SubmititExecutor.parse(term)
    raise UnknownNameError("executor", text, list_executors())
