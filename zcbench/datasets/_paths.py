"""The folders of tables and of imported tables."""

from __future__ import annotations

import os
import re
from pathlib import Path

from zcbench.errors import DataMissingError, StoreError

#: advice if the cache cannot be written
CACHE_ADVICE = "set ZCBENCH_CACHE to another folder."


def data_folder(what: str = "tables") -> Path:
    """Return the folder that ``ZCBENCH_DATA`` names.

    Args:
        what: the contents of the folder, for messages.

    Raises:
        DataMissingError: the variable is not set, or does not name a folder.
    """
    name = os.environ.get("ZCBENCH_DATA", "")
    if not name:
        raise DataMissingError(f"ZCBENCH_DATA is not set: set it to the folder that contains the {what}.")
    folder = _expanded("ZCBENCH_DATA", name)
    if not folder.is_dir():
        raise DataMissingError(f"ZCBENCH_DATA names {folder}, which is not a folder: correct the path.")
    return folder


def cache_folder() -> Path:
    """Return the folder of imported tables: ``ZCBENCH_CACHE``, or ``zcbench`` in the user's cache folder.

    Raises:
        DataMissingError: ``ZCBENCH_CACHE`` names another user's home, which does not exist.
        StoreError: neither the variable nor a home exists.
    """
    if name := os.environ.get("ZCBENCH_CACHE"):
        return _expanded("ZCBENCH_CACHE", name)
    # By the XDG specification a relative path is ignored.
    if (base := Path(os.environ.get("XDG_CACHE_HOME") or "")).is_absolute():
        return base / "zcbench"
    try:
        return Path.home() / ".cache" / "zcbench"
    except RuntimeError:  # often in a container: neither HOME nor an entry in the list of users
        raise StoreError("this user has no home folder: set ZCBENCH_CACHE to a folder for tables.") from None


def known_cache() -> Path | None:
    """Return the cache folder; None without a home, because embedded tables need no cache."""
    try:
        return cache_folder()
    except StoreError:
        return None


def cached(name: str) -> Path | None:
    """Return the file ``name`` in the cache, None if it does not exist.

    Raises:
        StoreError: the cache cannot be read.
    """
    if (folder := known_cache()) is None:
        return None
    try:
        return folder / name if (folder / name).is_file() else None
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"cannot read {folder / name}: {reason}. Set ZCBENCH_CACHE to another folder.") from None


def without_folders(source: str) -> str:
    """Return the source of a table without the folders of this machine: "/home/me/a.parquet (means)" -> "a.parquet …".

    A text that begins with no absolute path is not changed.
    """
    if not re.match(r"[/\\]|[A-Za-z]:[/\\]", source):
        return source
    # Names of folders may have any characters, so that those that exist are removed first.
    ends = [place for place, character in enumerate(source) if character in "/\\"]
    known = max((place for place in ends if Path(source[:place]).is_dir()), default=-1)
    path, rest = re.match(r"(.*?)( \(.*| and .*|$)", source[known + 1 :], re.DOTALL).groups()  # type: ignore[union-attr]
    return re.split(r"[/\\]", path)[-1] + str(rest)


def _expanded(variable: str, name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        raise DataMissingError(f"{variable} is {name}, and there is no such home folder: write the path out.") from None
