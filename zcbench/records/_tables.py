"""The options with which user-defined tables were read: a small JSON file each, next to the records of the table.

``<store>/<benchmark>/<key>.table.json`` contains the options without any path, so that a store can be given to others.
The hidden file ``.<key>.place.json`` contains the path of the table on this machine;
:meth:`zcbench.records.Store.merge` does not copy it.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from zcbench._files import write_text
from zcbench.errors import StoreError
from zcbench.records import _layout

#: ending of the files with the options of a table
SUFFIX = ".table.json"
_ADVICE = "choose another folder with --store."


def keep(store: Path, benchmark: str, key: str, content: dict[str, Any], place: dict[str, Any]) -> None:
    """Write or replace one entry with the options of a table.

    Args:
        store: the folder.
        benchmark: name of the table.
        key: identifier of the entry; a file name.
        content: JSON without paths.
        place: JSON that is valid only on this machine.

    Raises:
        StoreError: it cannot be written.
    """
    folder = _layout.folder_of(store, benchmark)
    write_text(folder / f".{key}.place.json", json.dumps(place), _ADVICE)
    write_text(folder / f"{key}{SUFFIX}", json.dumps(content, ensure_ascii=False, indent=1) + "\n", _ADVICE)


def kept(store: Path, benchmark: str) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return the entries of :func:`keep` by key: content, and the place, which is empty for a store of another machine.

    Raises:
        StoreError: a file cannot be read; the message names it.
    """
    folder = _layout.folder_of(store, benchmark)
    found = {}
    for name in names(store, benchmark):
        key = name.removesuffix(SUFFIX)
        place: dict[str, Any] = {}
        with suppress(StoreError, FileNotFoundError):
            place = _read(folder / f".{key}.place.json")
        with suppress(FileNotFoundError):  # removed since the folder was listed
            found[key] = _read(folder / name), place
    return found


def names(store: Path, benchmark: str) -> list[str]:
    """List the names of the files with the options of a table, sorted."""
    try:
        listed = os.listdir(_layout.folder_of(store, benchmark))  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"cannot read {store / benchmark}: {error.strerror or error}.") from None
    return sorted(name for name in listed if name.endswith(SUFFIX) and not name.startswith("."))


def tables(store: Path) -> list[str]:
    """List the names of the tables with options in the store, sorted."""
    try:
        listed = os.listdir(store)  # noqa: PTH208 - names, not paths
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StoreError(f"cannot read {store}: {error.strerror or error}.") from None
    return sorted(name for name in listed if not name.startswith(".") and names(store, name))


def take_over_tables(other: Path, store: Path, benchmark: str) -> list[Path]:
    """Copy the options of a table from another store, without places; return the files that were made.

    Of two entries with the same key the entry of the later run is kept.

    Raises:
        StoreError: a file cannot be read or written.
    """
    here, made = kept(store, benchmark), []
    for key, (content, _) in kept(other, benchmark).items():
        if key in here and str(here[key][0].get("run", "")) >= str(content.get("run", "")):
            continue
        path = _layout.folder_of(store, benchmark) / f"{key}{SUFFIX}"
        write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n", _ADVICE)
        made.append(path)
    return made


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise StoreError(f"{path} is damaged: delete it, and give the table's  zcbench run  command again.")
    return content
