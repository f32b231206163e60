"""Downloads (_download.py, _http.py), against a server on loopback that may answer anything."""

import functools
import hashlib
import json
import subprocess
import sys
import threading
import time

import pytest
from odd_server import CONTENT, SHA, Handler, head, left, odd, remote
from toys import disk_of, registry_as_it_was

import zcbench
from zcbench.datasets import _load, benchmark_info, download_benchmark, register_benchmark
from zcbench.datasets._download import Remote, fetch, github
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, StoreError

pytest.importorskip("requests")
pytestmark = pytest.mark.usefixtures("quick")


def test_a_whole_file_is_fetched_once(server, tmp_path):
    seen = []
    path = fetch(remote(server, "whole"), tmp_path / "deep", lambda *numbers: seen.append(numbers))
    assert path == tmp_path / "deep" / "file.bin"
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert fetch(remote(server, "whole"), tmp_path / "deep") == path
    assert len(server.asked) == 1
    assert left(path.parent) == ["file.bin"]


def test_what_broke_off_is_taken_up_again(server, tmp_path):
    # Each answer stops half-way: of three attempts an eighth is left.
    with pytest.raises(DataMissingError, match=r"the connection broke after [0-9,]+ bytes, which are kept: run the"):
        fetch(remote(server, "breaks"), tmp_path)
    starts = [int(wanted.strip("bytes=-") or 0) for _, wanted in server.asked]
    assert starts == sorted(set(starts))
    assert len(starts) == 3
    kept = (tmp_path / "file.bin.part").read_bytes()
    assert kept == CONTENT[: len(kept)]
    assert 0.85 * len(CONTENT) < len(kept) < len(CONTENT)
    path = fetch(remote(server, "whole"), tmp_path)
    assert server.asked[-1] == ("/whole", f"bytes={len(kept)}-")
    assert path.read_bytes() == CONTENT


def test_a_server_that_cannot_resume_begins_anew(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:100])
    assert fetch(remote(server, "norange"), tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_whole_is_the_file(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT)
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT


def test_a_part_of_another_file_is_thrown_away(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT + b"more")
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("404", "answered 404 Not Found"),
        ("page", "sent a web page instead of the file"),
        ("sneaky", "sent a web page instead of the file"),
    ],
)
def test_a_place_that_refuses(server, tmp_path, path, reason):
    with pytest.raises(DataMissingError, match=reason):
        fetch(remote(server, path), tmp_path)
    assert not (tmp_path / "file.bin").exists()
    assert fetch(remote(server, path, "whole"), tmp_path).read_bytes() == CONTENT


def test_another_file_than_the_authors(server, tmp_path):
    with pytest.raises(DataCorruptError, match=r"sent another file than the authors published .* SHA-256 is not"):
        fetch(remote(server, "other"), tmp_path)
    assert left(tmp_path) == []
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT


def test_a_damaged_file_on_this_machine_is_fetched_again(server, tmp_path):
    (tmp_path / "file.bin").write_bytes(CONTENT[:-1])
    assert fetch(remote(server, "whole"), tmp_path).read_bytes() == CONTENT


def test_no_network(tmp_path):
    with pytest.raises(
        DataMissingError, match=r"file\.bin could not be downloaded\. http://127\.0\.0\.1:9/x: no answer"
    ):
        fetch(Remote("file.bin", ("http://127.0.0.1:9/x",)), tmp_path)


def test_no_disk(server, tmp_path):
    with (
        disk_of(100_000),
        pytest.raises(
            StoreError, match=r"cannot write to .*file\.bin: File too large\. Make room, or set ZCBENCH_CACHE"
        ),
    ):
        fetch(remote(server, "whole"), tmp_path)
    assert not (tmp_path / "file.bin").exists()


def test_a_mirror_helps_after_a_wrong_file(server, tmp_path):
    assert fetch(remote(server, "other", "whole"), tmp_path).read_bytes() == CONTENT
    with pytest.raises(DataCorruptError, match=r"which was deleted; .*404: answered 404 Not Found\. Try again"):
        fetch(remote(server, "other", "404"), tmp_path / "new")


def test_without_a_hash_nothing_is_glued_together(server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"of yesterday's file")
    assert fetch(remote(server, "whole", sha256=""), tmp_path).read_bytes() == CONTENT
    with pytest.raises(DataMissingError, match=r"the connection broke after 2,5[0-9,]+ bytes \("):
        fetch(remote(server, "breaks", sha256=""), tmp_path / "new")
    assert {wanted for _, wanted in server.asked} == {""}


FETCH = """
import sys
from pathlib import Path
from zcbench.datasets import _download
from zcbench.datasets._download import Remote, fetch
_, url, sha256, folder = sys.argv
print(fetch(Remote("file.bin", (url,), sha256), Path(folder)).stat().st_size, flush=True)
"""


def fetching(server, path, folder):
    """Another process that downloads."""
    url = f"http://127.0.0.1:{server.server_port}/{path}"
    return subprocess.Popen([sys.executable, "-c", FETCH, url, SHA, str(folder)], stdout=subprocess.PIPE, text=True)


@odd("/slow")
def _(handler):
    start = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    head(handler, 206 if start else 200, Content_Length=len(CONTENT) - start)
    for i in range(start, len(CONTENT), 200_000):
        handler.wfile.write(CONTENT[i : i + 200_000])
        handler.wfile.flush()
        threading.Event().wait(0.03)


def test_two_at_once(server, tmp_path):
    """One downloads, the others wait for it."""
    others = [fetching(server, "slow", tmp_path) for _ in range(3)]
    assert fetch(remote(server, "slow"), tmp_path).read_bytes() == CONTENT
    assert [other.communicate()[0] for other in others] == [f"{len(CONTENT)}\n"] * 3
    assert len(server.asked) == 1
    assert left(tmp_path) == ["file.bin"]


def test_who_was_killed_is_taken_up(server, tmp_path):
    other, part = fetching(server, "slow", tmp_path), tmp_path / "file.bin.part"
    until = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < until:
        time.sleep(0.01)
    other.kill()
    other.communicate()
    kept = part.stat().st_size
    assert 0 < kept < len(CONTENT)
    assert CONTENT.startswith(part.read_bytes())
    assert fetch(remote(server, "slow"), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/slow", f"bytes={kept}-")


def test_a_cache_that_is_a_file(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"/file is not a folder\. Set ZCBENCH_CACHE to another folder\."):
        fetch(remote(server, "whole"), tmp_path / "file" / "downloads")


def test_places_of_a_repository():
    found = github("someone/thing", "abc", "data/x.csv", "0" * 64, 5)
    assert found.name == "x.csv"
    assert found.urls[0] == "https://raw.githubusercontent.com/someone/thing/abc/data/x.csv"


# -- a benchmark, from the server to the table -------------------------------------------------


@pytest.fixture
def macro(monkeypatch, tmp_path):
    """nasbenchmacro, whose authors' file is on the server as /whole."""
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    _load._load.cache_clear()
    entry = {"test_acc": [1, 2, 3], "params": 5, "flops": 6}
    content = json.dumps({"02012100": entry, "22222222": {**entry, "test_acc": [4, 5, 6]}}).encode()
    digest = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(Handler, "answer", functools.partialmethod(_answer_with, content))

    def point(server, path="whole", sha256=digest):
        info = benchmark_info("nasbenchmacro")
        url = f"http://127.0.0.1:{server.server_port}/{path}"
        changed = {**info.__dict__, "remotes": (Remote("macro.json", (url,), sha256),)}
        register_benchmark(type(info)(**changed), override=True)

    with registry_as_it_was():
        yield point
    _load._load.cache_clear()


def _answer_with(handler, content, body, kind="application/octet-stream", status=200, cut=None):
    if kind.startswith("text/html") or body.startswith(b"<html"):
        content = body
    handler.send_response(200)
    handler.send_header("Content-Type", kind)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def test_get(macro, server, tmp_path):
    macro(server)
    path = download_benchmark("nasbenchmacro")
    assert path == tmp_path / "cache" / "nasbenchmacro.npz"
    table = zcbench.get_benchmark("nasbenchmacro")
    assert table.truth().tolist() == [2, 5]


def test_get_from_a_place_that_gives_something_else(macro, server, tmp_path):
    macro(server, "page")
    with pytest.raises(DataMissingError, match="sent a web page"):
        download_benchmark("nasbenchmacro")
    assert not (tmp_path / "cache" / "nasbenchmacro.npz").exists()
    macro(server, sha256="")  # nobody stated a hash, and the content is of another format
    Handler.answer = functools.partialmethod(_answer_with, b"{}")
    with pytest.raises(DataCorruptError):
        download_benchmark("nasbenchmacro")
    assert not (tmp_path / "cache" / "nasbenchmacro.npz").exists()


def test_what_cannot_be_downloaded_says_what_to_do():
    with pytest.raises(
        DataMissingError, match=r"must be fetched by hand: download NATS-tss.* Then run  zcbench data import"
    ):
        download_benchmark("nasbench201")
    with pytest.raises(InvalidInputError, match="digits-201 is part of zcbench"):
        download_benchmark("digits-201")
