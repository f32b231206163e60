"""Copies the files of another store: whole files, each in one step, under the same names."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

from zcbench._files import whole
from zcbench.errors import InvalidInputError, StoreError
from zcbench.records import _layout
from zcbench.records._kinds import Kind
from zcbench.records._layout import Source

_CHUNK = 1 << 20
_ADVICE = "choose another folder with --store."


def take_over(other: Path, store: Path, benchmark: str, kind: Kind[Any]) -> list[Path]:
    """Copy files of one kind that the store lacks or has less of.

    A file keeps its name. If another file has the name, the digest of the content is added. If the other file is the
    beginning of the new one, because its writer continued after an earlier merge, it is replaced.

    Returns:
        The files that were made or extended.

    Raises:
        InvalidInputError: it is the same store.
        StoreError: a file cannot be read or written.
    """
    if other.resolve() == store.resolve():
        raise InvalidInputError(f"{other} is the store itself: name another one.")
    folder, made = _layout.folder_of(store, benchmark), []
    for source in _layout.sources(other, benchmark, kind):
        try:
            path = _place(source, folder, kind)
            if path is not None:
                with whole(path, _ADVICE) as temporary:
                    shutil.copyfile(source.path, temporary)
                made.append(path)
        except FileNotFoundError as error:
            if Path(str(error.filename)) != source.path:
                raise
            raise StoreError(f"{source.path} was removed while it was copied. Try again.") from None
    return made


def _place(source: Source, folder: Path, kind: Kind[Any]) -> Path | None:
    """Return the path for a copy of a file; None if its content is already in the folder."""
    end = f"{kind.suffix}.{source.format}"
    digest = _digest(source.path)
    names = [source.stem] if source.stem else []
    for stem in [*names, f"{source.stem or 'old'}-{digest}"]:
        path = folder / f"{stem}{end}"
        if not path.exists():
            return path
        if path.samefile(source.path) or _begins(source.path, path):
            return None
        if source.format == "jsonl" and _begins(path, source.path):
            return path
    return None  # the name has the digest, so the content is the same


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _begins(short: Path, long: Path) -> bool:
    """Return whether a file is the beginning of another."""
    with short.open("rb") as one, long.open("rb") as other:
        while part := one.read(_CHUNK):
            if other.read(len(part)) != part:
                return False
    return True
