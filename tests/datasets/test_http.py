"""What is said to a server and what is taken from it, against one that may answer anything."""

import contextlib
import gzip
import itertools
import socket
import threading

import pytest
from odd_server import CONTENT, ODD, SHA, chunk, head, left, odd, remote

from zcbench.datasets import _http
from zcbench.datasets._download import Remote, fetch
from zcbench.errors import DataCorruptError, DataMissingError

pytest.importorskip("requests")
pytestmark = pytest.mark.usefixtures("quick")


def length_is(value):
    def answer(handler):
        head(handler, Content_Length=value)
        handler.wfile.write(CONTENT)

    return answer


for name, value in {"word": "many", "negative": "-5", "fraction": "5e6", "none": "", "huge": "9" * 400}.items():
    ODD[f"/length-{name}"] = length_is(value)


@odd("/length-short")
def _(handler):
    head(handler, Content_Length=100)
    handler.wfile.write(CONTENT)


@odd("/length-long")
def _(handler):
    head(handler, Content_Length=len(CONTENT) + 1)
    handler.wfile.write(CONTENT)


@pytest.mark.parametrize("name", ["word", "negative", "fraction", "none"])
def test_a_length_that_is_no_number(server, tmp_path, name):
    """With a SHA-256 the file is known to be whole; without one an early end could not be told."""
    assert fetch(remote(server, f"length-{name}"), tmp_path).read_bytes() == CONTENT
    with pytest.raises(DataMissingError, match=r"does not say how long the file is, so that an early end"):
        fetch(remote(server, f"length-{name}", sha256=""), tmp_path / "new")
    assert left(tmp_path / "new") == []


def test_a_length_that_lies(server, tmp_path):
    with pytest.raises(DataCorruptError, match="another file than the authors published"):
        fetch(remote(server, "length-short"), tmp_path)
    for path in ("length-huge", "length-long"):
        with pytest.raises(DataMissingError, match=r"the connection broke after 5,1[0-9,]+ bytes, which are kept: run"):
            fetch(remote(server, path), tmp_path)
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT  # from what was kept
    assert server.asked[-1][1].startswith("bytes=51")


@odd("/416")
def _(handler):
    head(handler, 416, Content_Length=0)


@odd("/416-lies")
def _(handler):
    if handler.headers.get("Range"):
        head(handler, 416, Content_Range="bytes */3", Content_Length=0)
    else:
        head(handler, Content_Length=len(CONTENT))
        handler.wfile.write(CONTENT)


def test_nothing_more_to_give_where_nothing_is_there(server, tmp_path):
    with pytest.raises(DataMissingError, match="416: answered 416 Requested Range Not Satisfiable"):
        fetch(remote(server, "416"), tmp_path)
    assert len(server.asked) == 1
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100])
    with pytest.raises(DataMissingError, match="answered 416"):
        fetch(remote(server, "416"), tmp_path)
    assert len(server.asked) == 3
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100])
    assert fetch(remote(server, "416-lies"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("part", [b"wrong" * 100, b"x" * len(CONTENT), CONTENT + b"more", b""])
def test_a_part_that_is_wrong_costs_a_second_download_and_no_more(server, tmp_path, part):
    (tmp_path / "file.bin.part").write_bytes(part)
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT
    assert len(server.asked) <= 2


def ranged(text, data):
    def answer(handler):
        wanted = handler.headers.get("Range")
        head(handler, 206 if wanted else 200, Content_Length=len(data if wanted else CONTENT), Content_Range=text)
        handler.wfile.write(data if wanted else CONTENT)

    return answer


HALF = len(CONTENT) // 2
RANGES = {
    "elsewhere": f"bytes 100-{len(CONTENT) - 1}/{len(CONTENT)}",
    "backwards": f"bytes {HALF}-5/{len(CONTENT)}",
    "beyond": f"bytes {HALF}-{len(CONTENT)}/{len(CONTENT)}",
    "word": "bytes all of it",
    "huge": f"bytes {HALF}-{'9' * 5000}/{'9' * 5000}",
    "lies": f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}",  # right, but other bytes come
}
for name, text in RANGES.items():
    ODD[f"/range-{name}"] = ranged(text, b"x" * (len(CONTENT) - HALF))


@pytest.mark.parametrize("name", RANGES)
def test_a_place_that_does_not_continue_where_it_should(server, tmp_path, name):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:HALF])
    assert fetch(remote(server, f"range-{name}"), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == [f"bytes={HALF}-", ""]


@odd("/piece")
def _(handler):
    head(handler, 206, Content_Range=f"bytes 5-9/{len(CONTENT)}", Content_Length=5)
    handler.wfile.write(CONTENT[5:10])


def test_a_piece_that_nobody_asked_for(server, tmp_path):
    with pytest.raises(DataMissingError, match="returned another part of the file than the requested one"):
        fetch(remote(server, "piece"), tmp_path)
    assert left(tmp_path) == []


@odd("/slices")
def _(handler):
    """A megabyte at a time, however much is asked for."""
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    data = CONTENT[start : start + 2_000_000]
    head(handler, 206, Content_Range=f"bytes {start}-{start + len(data) - 1}/{len(CONTENT)}", Content_Length=len(data))
    handler.wfile.write(data)


def test_slices_are_put_together(server, tmp_path):
    assert fetch(remote(server, "slices"), tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.asked] == ["", "bytes=2000000-", "bytes=4000000-"]


def redirect(location):
    def answer(handler):
        head(handler, 302, Location=location, Content_Length=0)

    return answer


REDIRECTS = {
    "/loop": ("/loop", "redirects more than 10 times"),
    "/to-disk": ("file:///etc/passwd", "redirects to 'file:///etc/passwd', which is no web address"),
    "/to-ftp": ("ftp://127.0.0.1/x", "redirects to 'ftp://127.0.0.1/x', which is no web address"),
    "/to-data": ("data:text/plain,hello", "which is no web address"),
    "/to-nothing": ("http://", "redirects more than 10 times"),
    "/to-bracket": ("http://[", r"redirects to 'http://\[', which is no address"),
    "/to-dots": ("http://a..b/", "no answer"),
    "/to-port": ("http://127.0.0.1:99999/", "no answer|no address"),
    "/to-escape": ("mailto:\x1b[2J", r"redirects to 'mailto:\\x1b\[2J', which is no web address"),
    "/login": ("/page", "sent a web page instead of the file"),
    "/to-404": ("/404", "answered 404 Not Found"),
}
ODD |= {path: redirect(target) for path, (target, _) in REDIRECTS.items()}
ODD["/moved"] = redirect("whole")


@pytest.mark.parametrize("path", REDIRECTS)
def test_redirects_to_nonsense(server, tmp_path, path):
    with pytest.raises(DataMissingError, match=REDIRECTS[path][1]) as caught:
        fetch(remote(server, path[1:]), tmp_path)
    assert "\x1b" not in str(caught.value)
    assert left(tmp_path) == []
    assert len(server.asked) <= 11


def test_a_redirect_is_followed_and_keeps_the_range(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:HALF])
    assert fetch(remote(server, "moved"), tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/moved", f"bytes={HALF}-"), ("/whole", f"bytes={HALF}-")]


@odd("/chunks")
def _(handler):
    head(handler, Transfer_Encoding="chunked")
    handler.wfile.write(b"".join(chunk(CONTENT[i : i + 50_000]) for i in range(0, len(CONTENT), 50_000)) + b"0\r\n\r\n")


@odd("/chunks-break")
def _(handler):
    head(handler, Transfer_Encoding="chunked")
    handler.wfile.write(chunk(CONTENT[:HALF]) + b"ffff\r\n" + CONTENT[HALF : HALF + 10])


@odd("/chunks-nonsense")
def _(handler):
    head(handler, Transfer_Encoding="chunked")
    handler.wfile.write(chunk(CONTENT[:HALF]) + b"zzz\r\n" + CONTENT[:10])


@pytest.mark.parametrize("sha256", [SHA, ""])
def test_chunks(server, tmp_path, sha256):
    assert fetch(remote(server, "chunks", sha256=sha256), tmp_path).read_bytes() == CONTENT
    for path in ("chunks-break", "chunks-nonsense"):
        folder = tmp_path / path
        with pytest.raises(DataMissingError, match=r"the connection broke after [0-9,]+ bytes"):
            fetch(remote(server, path, sha256=sha256), folder)
        assert fetch(remote(server, "whole", sha256=sha256), folder).read_bytes() == CONTENT


@odd("/packed")
def _(handler):
    assert handler.headers["Accept-Encoding"] == "identity"
    body = gzip.compress(CONTENT)
    head(handler, Content_Encoding="gzip", Content_Length=len(body))
    handler.wfile.write(body)


@odd("/packed-badly")
def _(handler):
    head(handler, Content_Encoding="gzip", Content_Length=len(CONTENT))
    handler.wfile.write(CONTENT)


def test_a_file_that_is_packed_on_the_way(server, tmp_path):
    assert fetch(remote(server, "packed"), tmp_path).read_bytes() == CONTENT
    with pytest.raises(DataMissingError, match="the received bytes cannot be decoded"):
        fetch(remote(server, "packed-badly"), tmp_path / "other")


@odd("/endless")
def _(handler):
    head(handler, Transfer_Encoding="chunked")
    while True:
        handler.wfile.write(chunk(bytes(1 << 20)))


@odd("/endless-redirect")
def _(handler):
    head(handler, 302, Location="/whole", Transfer_Encoding="chunked")
    with contextlib.suppress(OSError):
        for _ in range(200):
            handler.wfile.write(chunk(bytes(1 << 20)))
    handler.server.left = True


def test_more_than_the_file_can_have_is_not_taken(server, tmp_path):
    small = Remote("file.bin", (f"http://127.0.0.1:{server.server_port}/endless",), SHA, size=3_000_000)
    with pytest.raises(DataMissingError, match="sends more than 4,348,576 bytes, which the file cannot have"):
        fetch(small, tmp_path)
    assert left(tmp_path) == []
    tiny = Remote("file.bin", (f"http://127.0.0.1:{server.server_port}/whole",), SHA, size=100)
    with pytest.raises(DataMissingError, match=f"announces {len(CONTENT):,} bytes, but the file has about 100"):
        fetch(tiny, tmp_path)
    # What a redirect carries besides is not read at all.
    assert fetch(remote(server, "endless-redirect"), tmp_path).read_bytes() == CONTENT


def drip(handler, data):
    for byte in data:
        handler.wfile.write(bytes([byte]))
        handler.wfile.flush()
        threading.Event().wait(0.02)


ODD["/drip"] = lambda handler: (head(handler, Content_Length=len(CONTENT)), drip(handler, CONTENT))
ODD["/drip-head"] = lambda handler: drip(handler, b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 60_000)
ODD["/silent"] = lambda handler: threading.Event().wait(2)


@odd("/drip-chunks")
def _(handler):
    head(handler, Transfer_Encoding="chunked")
    drip(handler, itertools.chain.from_iterable(itertools.repeat(b"1\r\nx\r\n")))


@pytest.mark.parametrize("path", ["drip", "drip-head", "drip-chunks"])
def test_a_place_that_drips_for_ever(server, tmp_path, monkeypatch, path):
    monkeypatch.setattr(_http, "PATIENCE", 0.3)
    with pytest.raises(DataMissingError, match=r"it sent less than 66 kB in 0\.3 s, which is too slow"):
        fetch(remote(server, path), tmp_path)
    assert fetch(remote(server, path, "whole"), tmp_path).read_bytes() == CONTENT


def test_a_slow_disk_is_no_slow_place(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_http, "PATIENCE", 0.3)
    seen = []

    def slow(*numbers):
        seen.append(numbers)
        if len(seen) < 4:
            threading.Event().wait(0.5)

    assert fetch(remote(server, "whole"), tmp_path, slow).read_bytes() == CONTENT


def test_a_place_that_is_silent(server, tmp_path, monkeypatch):
    monkeypatch.setattr(_http, "SILENCE", 0.2)
    with pytest.raises(DataMissingError, match=r"silent: no answer \(no bytes arrived for 0\.2 s\)"):
        fetch(remote(server, "silent"), tmp_path)


@pytest.mark.parametrize(
    ("status", "wait", "words"),
    [
        (403, "", "answered 403 Forbidden"),
        (429, "120", "answered 429 Too Many Requests and requests a wait of 120 s"),
        (503, "9" * 50, "answered 503 Service Unavailable"),
        (503, "\x1b[2J", "answered 503 Service Unavailable"),
        (599, "", "answered 599"),
        (204, "", "answered 204 No Content"),
        (304, "", "answered 304 Not Modified"),
    ],
)
def test_refusals(server, tmp_path, status, wait, words):
    ODD["/refuses"] = lambda handler: head(handler, status, Content_Length=0, Retry_After=wait)
    with pytest.raises(DataMissingError, match=f"refuses: {words}$"):
        fetch(remote(server, "refuses"), tmp_path)


def test_no_way_to_the_place(server, tmp_path, monkeypatch):
    def refused(url, words):
        with pytest.raises(DataMissingError, match=words):
            fetch(Remote("file.bin", (url,), SHA), tmp_path)

    refused("http://127.0.0.1:9/x", r"no answer \(connection refused\)")
    refused(f"https://127.0.0.1:{server.server_port}/whole", r"no answer \(no secure connection could be made\)")
    refused("nonsense", r"no answer \(this is no web address\)")
    refused("file:///etc/passwd", r"no answer \(this is no web address\)")

    def unknown(*_, **__):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    refused("http://example.invalid/x", r"no answer \(its name cannot be resolved, check the network\)")


ODD["/noise"] = lambda handler: handler.wfile.write(bytes(range(256)) * 100)
ODD["/nothing"] = lambda handler: None
ODD["/many-headers"] = lambda handler: head(handler, **{f"X{i}": i for i in range(500)})


@pytest.mark.parametrize("path", ["noise", "nothing", "many-headers"])
def test_no_http(server, tmp_path, path):
    with pytest.raises(DataMissingError, match=f"{path}: no answer"):
        fetch(remote(server, path), tmp_path)
