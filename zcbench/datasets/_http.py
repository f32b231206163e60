"""Request a file from one server: allowed answers, time limits, and messages about refusals.

A server can send anything, or send bytes without end. A separate thread waits for the network, and must deliver the
next :data:`PIECE` bytes within :data:`PATIENCE` seconds. A connection of 2 kB/s is fast enough for every file.
"""

from __future__ import annotations

import http
import queue
import re
import socket
import ssl
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import requests

#: bytes that must arrive within PATIENCE seconds: 1.1 kB/s
PIECE = 1 << 16
PATIENCE = 60.0
#: seconds without a byte after which a connection counts as broken
SILENCE = 30.0
#: largest number of redirects that are followed
REDIRECTS = 10
_END = object()


class RefusedError(Exception):
    """A server does not provide the file; the text has the reason."""


class BrokenError(Exception):
    """The connection broke, or was too slow."""


class MisfitError(Exception):
    """The server does not continue at the requested position."""


class Answer(NamedTuple):
    """The answer of a server.

    Attributes:
        start: position in the file of the first received byte.
        total: size of the file in bytes; 0 if the server does not state it.
        sure: whether an early end would be noticed.
        pieces: the bytes; raises :class:`BrokenError`.
    """

    start: int
    total: int
    sure: bool
    pieces: Iterator[bytes]


@contextmanager
def asked(url: str, have: int) -> Iterator[Answer]:
    """Request the bytes of a file from position ``have``.

    Raises:
        RefusedError: the server does not provide it.
        MisfitError: it does not continue at ``have``, or the file has no further bytes.
        BrokenError: the connection broke.
    """
    with closing(_in_time(_answers(url, have))) as items:
        response = next(items)
        _check_status(response, have)
        if "text/html" in response.headers.get("Content-Type", "").lower():
            raise RefusedError("sent a web page instead of the file")
        start, total, sure = _extent(response, have)
        yield Answer(start, total, sure, items)


def _in_time(items: Generator[Any]) -> Generator[Any]:
    """Yield the items of an iterator that runs in a thread; each item must arrive within the limit.

    Raises:
        BrokenError: an item did not arrive in time. The thread ends at the next item, or with the process.
    """
    box: queue.Queue[tuple[Any, Exception | None]] = queue.Queue(maxsize=4)
    left = threading.Event()
    threading.Thread(target=_hand_over, args=(items, box, left), daemon=True).start()
    try:
        while True:
            try:
                item, error = box.get(timeout=PATIENCE)
            except queue.Empty:
                raise BrokenError(
                    f"it sent less than {PIECE / 1000:.0f} kB in {PATIENCE:g} s, which is too slow"
                ) from None
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        left.set()
        with suppress(queue.Empty):  # make room in the queue, so that the thread ends without waiting
            while True:
                box.get_nowait()


def _hand_over(items: Generator[Any], box: queue.Queue[tuple[Any, Exception | None]], left: threading.Event) -> None:
    """Put the items of an iterator into a queue, then _END or its exception, until the reader stops."""

    def put(item: Any, error: Exception | None = None) -> None:
        while not left.is_set():
            with suppress(queue.Full):
                box.put((item, error), timeout=1)
                return

    try:
        with closing(items):
            for item in items:
                put(item)
                if left.is_set():
                    return
        put(_END)
    except Exception as error:  # a foreign answer can make the library raise nearly anything
        put(None, error)


def _answers(url: str, have: int) -> Generator[Any]:
    """Yield the response that is not a redirect, then its content in pieces; runs in the thread."""
    import requests

    # With compression, bytes would differ from those of the file, and could not be counted.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.Session() as session:
        # Not followed by the library, which would read the whole body of each redirect first.
        session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
        for _ in range(REDIRECTS + 1):
            try:
                response = session.get(url, headers=headers, stream=True, timeout=SILENCE)
            except Exception as error:
                raise RefusedError(f"no answer ({_why(error)})") from None
            if not response.is_redirect:
                break
            response.close()
            url = _target(url, response.headers["Location"])
        else:
            raise RefusedError(f"redirects more than {REDIRECTS} times")
        with response:
            yield response
            yield from _pieces(response)


def _target(url: str, location: str) -> str:
    """Return the target of a redirect."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
    except ValueError:
        raise RefusedError(f"redirects to {location[:80]!a}, which is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RefusedError(f"redirects to {target[:80]!a}, which is no web address")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise RefusedError(f"redirects to {target[:80]!a}, where others could change the file")
    return target


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the content in pieces of PIECE bytes, with the bytes before a break."""
    piece, broken = bytearray(), None
    try:
        for chunk in response.iter_content(PIECE):
            piece += chunk
            if len(piece) >= PIECE:
                yield bytes(piece)
                piece.clear()
    except Exception as error:
        broken = BrokenError(_why(error))
    if piece:
        yield bytes(piece)
    if broken:
        raise broken


def _check_status(response: requests.Response, have: int) -> None:
    status = response.status_code
    if status == 416 and have:
        raise MisfitError(response.headers.get("Content-Range", ""))
    if status not in (200, 206):
        # The words of the server may contain anything, so those of the standard are used.
        known = {s.value: f" {s.phrase}" for s in http.HTTPStatus}
        wait = response.headers.get("Retry-After", "")
        later = f" and requests a wait of {int(wait)} s" if re.fullmatch("[0-9]{1,6}", wait) else ""
        raise RefusedError(f"answered {status}{known.get(status, '')}{later}")


def _extent(response: requests.Response, have: int) -> tuple[int, int, bool]:
    """Return the position of an answer in the file, the size of the file, and whether an early end would be noticed."""
    packed = response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity")
    length = response.headers.get("Content-Length", "")
    size = int(length) if re.fullmatch("[0-9]{1,15}", length) else 0
    # The library ignores a length that is not a number, and ends with the connection.
    sure = size > 0 or "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if response.status_code == 200:
        return 0, 0 if packed else size, sure
    if packed:
        raise MisfitError("")
    if "Content-Range" not in response.headers:
        return have, have + size if size else 0, sure
    found = re.fullmatch(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15}|\*)", response.headers["Content-Range"])
    if not found:
        raise MisfitError("")
    first, last = int(found[1]), int(found[2])
    total = 0 if found[3] == "*" else int(found[3])
    if not first == have <= last or (total and last >= total) or (size and size != last + 1 - first):
        raise MisfitError("")
    return have, total, sure


def _why(error: BaseException) -> str:
    """Describe the end of a connection in a few words."""
    import requests

    causes = list(_causes(error))

    def has(*kinds: type[BaseException] | str) -> bool:
        return any(
            type(c).__name__ == kind if isinstance(kind, str) else isinstance(c, kind) for c in causes for kind in kinds
        )

    if has("ProxyError"):
        return "the proxy server refused the connection"
    if has(ssl.SSLCertVerificationError):
        return "its certificate is not trusted, check the clock and the certificates of this machine"
    if has(ssl.SSLError, requests.exceptions.SSLError):
        return "no secure connection could be made"
    if has(socket.gaierror, "NameResolutionError", "LocationParseError"):
        return "its name cannot be resolved, check the network"
    if has(TimeoutError, requests.Timeout, "TimeoutError", "ReadTimeoutError"):
        return f"no bytes arrived for {SILENCE:g} s"
    if has(ConnectionRefusedError):
        return "connection refused"
    if has(requests.exceptions.ContentDecodingError, "DecodeError"):
        return "the received bytes cannot be decoded"
    if has(requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema):
        return "this is no web address"
    if has(requests.ConnectionError, requests.exceptions.ChunkedEncodingError, ConnectionError):
        return "the connection was closed"
    return type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and the exceptions that it wraps."""
    seen: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        found = todo.pop()
        if isinstance(found, BaseException) and not any(found is other for other in seen):
            seen.append(found)
            todo += [found.__cause__, found.__context__, getattr(found, "reason", None), *found.args]
    return iter(seen)
