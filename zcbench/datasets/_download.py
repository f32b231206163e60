"""Download files of authors: check the SHA-256, resume broken downloads, and use a mirror if a server fails."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from zcbench._arguments import as_tuple
from zcbench._files import cannot_write, locked
from zcbench.datasets._http import Answer, BrokenError, MisfitError, RefusedError, asked
from zcbench.datasets._paths import CACHE_ADVICE
from zcbench.datasets._read import is_web_page
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, ZcbenchError

#: called with (bytes so far, bytes in all or 0)
Progress = Callable[[int, int], None]
_ATTEMPTS = 3
#: seconds before the second attempt
_PAUSE = 0.1
#: largest download in bytes if the size of a file is unknown
_MOST = 1 << 36


@dataclass(frozen=True)
class Remote:
    """A file that authors publish.

    Attributes:
        name: name of the file on this machine.
        urls: addresses; later ones are mirrors.
        sha256: SHA-256 of its content; empty if the authors may change the file and published none.
        size: size in bytes, within ten percent; 0 if unknown.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "urls", as_tuple(self.urls))

    @property
    def most(self) -> int:
        """The largest number of bytes to download."""
        return self.size + self.size // 10 + (1 << 20) if self.size else _MOST


def github(repository: str, commit: str, path: str, sha256: str, size: int, name: str = "") -> Remote:
    """Return a file of a public repository at one commit, which cannot change."""
    return Remote(
        name or path.rsplit("/", 1)[-1],
        (
            f"https://raw.githubusercontent.com/{repository}/{commit}/{path}",
            f"https://github.com/{repository}/raw/{commit}/{path}",
        ),
        sha256,
        size,
    )


def fetch(remote: Remote, folder: Path, progress: Progress | None = None) -> Path:
    """Return the file on this machine, and download it unless it is complete.

    A broken download in ``NAME.part`` is resumed if a SHA-256 can show that its pieces belong together. If another
    process downloads the file, this one waits for it.

    Raises:
        DataMissingError: no server provides the file (no network, 404, a web page instead); the message says why.
        DataCorruptError: the downloaded file has another SHA-256 than that of the authors, and is deleted.
        StoreError: it cannot be written.
    """
    try:
        import requests  # noqa: F401
    except ImportError:
        raise MissingDependencyError("requests", "download", f"downloading {remote.name}") from None
    path, part = folder / remote.name, folder / f"{remote.name}.part"

    def waiting() -> None:
        if progress:
            with suppress(OSError):  # the other process has downloaded nothing so far
                progress(part.stat().st_size, remote.size)

    with locked(folder / f".{remote.name}.lock", CACHE_ADVICE, waiting=waiting):
        try:
            if not (path.is_file() and _fits(path, remote)):
                _from_places(remote, part, progress)
                part.replace(path)
        except OSError as error:
            if isinstance(error, ZcbenchError):
                raise
            raise cannot_write(path, error, CACHE_ADVICE) from None
    return path


def _fits(path: Path, remote: Remote) -> bool:
    """Return whether a file is that of the authors, as far as this can be checked."""
    if not remote.sha256:
        return True
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == remote.sha256.lower()


def _from_places(remote: Remote, part: Path, progress: Progress | None) -> None:
    """Download into ``part`` from the first server that provides the file."""
    reasons, other = [], False
    for url in remote.urls:
        try:
            if _resume(url, part, remote, progress) and not _fits(part, remote):
                part.unlink()  # its pieces may be of different files: start again
                _resume(url, part, remote, progress)
        except RefusedError as error:
            reasons.append(f"{url}: {error}")
            continue
        if _fits(part, remote):
            return
        part.unlink()
        other = True
        reasons.append(
            f"{url} sent another file than the authors published (its SHA-256 is not {remote.sha256[:16]}…), which was"
            " deleted"
        )
    text = f"{remote.name} could not be downloaded. " + "; ".join(reasons)
    if other:
        raise DataCorruptError(f"{text}. Try again later, or import a copy with  zcbench data import")
    raise DataMissingError(text)


def _resume(url: str, part: Path, remote: Remote, progress: Progress | None) -> bool:
    """Append to ``part`` the bytes that it lacks; return whether it had bytes before.

    Raises:
        RefusedError: the server does not provide the file, or not all of it.
    """
    resumed = False
    for attempt in range(_ATTEMPTS):
        if not remote.sha256:
            part.unlink(missing_ok=True)
        before = _size(part)
        try:
            return _attempt(url, part, remote, progress) or resumed
        except BrokenError as error:
            after = _size(part)
            if attempt == _ATTEMPTS - 1 or after <= before:
                kept = ", which are kept: run the command again" if remote.sha256 and after else ""
                raise RefusedError(f"the connection broke after {after:,} bytes{kept} ({error})") from None
            resumed = bool(remote.sha256)
            time.sleep(_PAUSE * 2**attempt)
    raise AssertionError  # the last attempt returned or raised


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _attempt(url: str, part: Path, remote: Remote, progress: Progress | None) -> bool:
    """Request the missing part; return whether a part was present.

    Raises:
        RefusedError: the server does not provide the file.
        BrokenError: the connection broke; the received part is kept.
    """
    for have in dict.fromkeys((_size(part), 0)):
        try:
            with asked(url, have) as answer:
                _take(answer, part, remote, progress)
                return answer.start > 0
        except MisfitError as error:
            if have and str(error).replace(" ", "") == f"bytes*/{have}":
                return True  # it is complete
            part.unlink(missing_ok=True)  # probably of another file
    raise RefusedError("returned another part of the file than the requested one")


def _take(answer: Answer, part: Path, remote: Remote, progress: Progress | None) -> None:
    """Append the received bytes to the present ones."""
    have, most = answer.start, answer.total or remote.most
    if answer.total > remote.most:
        raise RefusedError(f"announces {answer.total:,} bytes, but the file has about {remote.size or _MOST:,}")
    if not answer.sure and not remote.sha256:
        raise RefusedError("does not say how long the file is, so that an early end could not be noticed")
    first = next(answer.pieces, b"")
    if not have and is_web_page(first):
        raise RefusedError("sent a web page instead of the file")
    with part.open("ab" if have else "wb") as file:
        try:
            for piece in chain((first,), answer.pieces):
                have += len(piece)
                if have > most:
                    break
                file.write(piece)
                if progress:
                    progress(have, answer.total)
        finally:
            file.flush()
            os.fsync(file.fileno())
    if have > most:
        part.unlink()
        raise RefusedError(f"sends more than {most:,} bytes, which the file cannot have; they were deleted")
    if have < answer.total:
        raise BrokenError(f"{have:,} of {answer.total:,} bytes arrived")
