"""Fetch what authors publish: checked by SHA-256, resumed where it broke off, from a mirror if a place fails."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zcbench.datasets._read import is_web_page
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, StoreError

#: called with (bytes so far, bytes in all or 0)
Progress = Callable[[int, int], None]
_CHUNK = 1 << 16
_TIMEOUT = 30
_ATTEMPTS = 3


@dataclass(frozen=True)
class Remote:
    """A file that authors publish.

    Attributes:
        name: name that it gets on this machine.
        urls: where it is; later ones are mirrors.
        sha256: of its content; empty where the authors' place may change it and nobody stated one.
        size: in bytes, about; 0 if unknown.
    """

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    size: int = 0


def github(repository: str, commit: str, path: str, sha256: str, size: int, name: str = "") -> Remote:
    """A file of a public repository at one commit, which cannot change any more."""
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
    """The file on this machine, downloaded unless it is there and whole.

    What a broken download left in ``NAME.part`` is taken up again.

    Raises:
        DataMissingError: no place gives the file (no network, 404, a web page instead); says why for each.
        DataCorruptError: what came has another SHA-256 than the authors' file.
        StoreError: it cannot be written.
    """
    try:
        import pooch  # type: ignore[import-untyped]
    except ImportError:
        raise MissingDependencyError("pooch", "download", f"downloading {remote.name}") from None

    def downloader(url: str, output: Any, _: Any) -> None:
        _resume(url, folder / f"{remote.name}.part", progress)
        (folder / f"{remote.name}.part").replace(output)

    pooch.get_logger().setLevel("ERROR")
    reasons = []
    for url in remote.urls:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return Path(
                pooch.retrieve(
                    url,
                    known_hash=f"sha256:{remote.sha256}" if remote.sha256 else None,
                    fname=remote.name,
                    path=folder,
                    downloader=downloader,
                )
            )
        except _RefusedError as error:
            reasons.append(f"{url}: {error}")
        except ValueError as error:  # pooch: another hash
            if "hash" not in str(error):
                raise
            raise DataCorruptError(
                f"{url} gave another file than the authors published (its SHA-256 is not {remote.sha256[:16]}…): try"
                " again later, or import a copy with  zcbench data import"
            ) from None
        except OSError as error:
            raise StoreError(f"{folder / remote.name} cannot be written: {error.strerror or error}.") from None
    raise DataMissingError(f"{remote.name} could not be downloaded. " + "; ".join(reasons))


class _RefusedError(Exception):
    """A place does not give the file; the text says why."""


def _resume(url: str, part: Path, progress: Progress | None) -> None:
    """Download into ``part``, going on after what it holds already."""
    for attempt in range(_ATTEMPTS):
        before = part.stat().st_size if part.exists() else 0
        try:
            _attempt(url, part, progress)
            return
        except _BrokenError as error:
            after = part.stat().st_size if part.exists() else 0
            if attempt == _ATTEMPTS - 1 or after <= before:
                raise _RefusedError(
                    f"the connection broke after {after:,} bytes, which are kept: run the command again ({error})"
                ) from None
            time.sleep(0.1 * 2**attempt)


class _BrokenError(Exception):
    """The connection broke; what came is kept."""


def _attempt(url: str, part: Path, progress: Progress | None) -> None:
    import requests

    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        response = requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise _RefusedError(f"no answer ({type(error).__name__})") from None
    with response:
        if response.status_code == 416:  # nothing is missing, or what is there is of another file
            total = response.headers.get("Content-Range", "").rpartition("/")[2]
            if total == str(have):
                return
            part.unlink()
            _attempt(url, part, progress)
            return
        if response.status_code not in (200, 206):
            raise _RefusedError(f"answered {response.status_code} {response.reason}")
        if "text/html" in response.headers.get("Content-Type", ""):
            raise _RefusedError("gave a web page instead of the file")
        if response.status_code == 200:
            have = 0  # the server began anew
        length = int(response.headers.get("Content-Length") or 0)
        total_bytes = have + length if length else 0
        with part.open("ab" if have else "wb") as file:
            try:
                for chunk in response.iter_content(_CHUNK):
                    if not have and is_web_page(chunk):
                        raise _RefusedError("gave a web page instead of the file")
                    file.write(chunk)
                    have += len(chunk)
                    if progress:
                        progress(have, total_bytes)
            except requests.RequestException as error:
                raise _BrokenError(type(error).__name__) from None
            finally:
                file.flush()
                os.fsync(file.fileno())
    if total_bytes and have < total_bytes:
        raise _BrokenError(f"{have:,} of {total_bytes:,} bytes came")
