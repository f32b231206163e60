"""Folders: where tables are read from and where imported ones are kept."""

from __future__ import annotations

import os
from pathlib import Path

from zcbench.errors import DataMissingError


def data_folder() -> Path:
    """The folder that ``ZCBENCH_DATA`` names.

    Raises:
        DataMissingError: the variable is not set, or names no folder.
    """
    name = os.environ.get("ZCBENCH_DATA", "")
    if not name:
        raise DataMissingError("ZCBENCH_DATA is not set: set it to the folder that holds the tables.")
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise DataMissingError(f"ZCBENCH_DATA names {folder}, which is not a folder: correct the path.")
    return folder


def cache_folder() -> Path:
    """Where imported tables are kept: ``ZCBENCH_CACHE``, or ``zcbench`` in the user's cache folder."""
    if name := os.environ.get("ZCBENCH_CACHE"):
        return Path(name).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zcbench"
