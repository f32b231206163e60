"""Folders: where tables are read from and where imported ones are kept."""

from __future__ import annotations

import os
from pathlib import Path

from zcbench.errors import DataMissingError, StoreError

#: what to do where the cache cannot be written
CACHE_ADVICE = "set ZCBENCH_CACHE to another folder."


def data_folder(what: str = "tables") -> Path:
    """The folder that ``ZCBENCH_DATA`` names.

    Args:
        what: what it is asked for, for messages.

    Raises:
        DataMissingError: the variable is not set, or names no folder.
    """
    name = os.environ.get("ZCBENCH_DATA", "")
    if not name:
        raise DataMissingError(f"ZCBENCH_DATA is not set: set it to the folder that holds the {what}.")
    folder = _expanded("ZCBENCH_DATA", name)
    if not folder.is_dir():
        raise DataMissingError(f"ZCBENCH_DATA names {folder}, which is not a folder: correct the path.")
    return folder


def cache_folder() -> Path:
    """Where imported tables are kept: ``ZCBENCH_CACHE``, or ``zcbench`` in the user's cache folder.

    Raises:
        DataMissingError: ``ZCBENCH_CACHE`` names another user's home, and there is none.
        StoreError: there is neither such a variable nor a home.
    """
    if name := os.environ.get("ZCBENCH_CACHE"):
        return _expanded("ZCBENCH_CACHE", name)
    # As the XDG specification has it, a relative path counts as none.
    if (base := Path(os.environ.get("XDG_CACHE_HOME") or "")).is_absolute():
        return base / "zcbench"
    try:
        return Path.home() / ".cache" / "zcbench"
    except RuntimeError:  # in a container, often: neither HOME nor an entry in the list of users
        raise StoreError("this user has no home folder: set ZCBENCH_CACHE to a folder for tables.") from None


def known_cache() -> Path | None:
    """The cache folder; None where there is no home for one: what comes with zcbench needs none."""
    try:
        return cache_folder()
    except StoreError:
        return None


def cached(name: str) -> Path | None:
    """The file ``name`` in the cache, None if it is not there.

    Raises:
        StoreError: the cache cannot be looked at.
    """
    if (folder := known_cache()) is None:
        return None
    try:
        return folder / name if (folder / name).is_file() else None
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"cannot read {folder / name}: {reason}. Set ZCBENCH_CACHE to another folder.") from None


def _expanded(variable: str, name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise DataMissingError(f"{variable} is {name}, and there is no such home folder: write the path out.") from None
