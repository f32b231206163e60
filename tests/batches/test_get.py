"""Images from the authors' site, which a server on loopback stands for, and from files that are here."""

import dataclasses
import hashlib
import http.server
import threading

import numpy as np
import pytest
from cifar_files import archive, binary_files, pickled_files, put, random_images

from zcbench.batches import _cifar_files, download_batch, find_images, get_batch, import_batch, list_downloads
from zcbench.datasets._download import Remote
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError

NAMES = ["cifar10", "cifar100"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("ZCBENCH_DATA", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def check(name, images, labels):
    found = find_images(name)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.take(np.arange(len(labels))), images.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("files", [binary_files, pickled_files])
@pytest.mark.parametrize("packed", [True, False])
def test_an_archive_of_the_authors(tmp_path, cache, name, files, packed):
    images = random_images(name)
    path = tmp_path / "archive"
    path.write_bytes(archive(files(name, *images), packed=packed))
    assert import_batch(name, path) == cache / "images" / f"{name}.bin"
    check(name, *images)
    assert sorted(p.name for p in cache.rglob("*") if p.is_file()) == [f"{name}.bin"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inner", [False, True])
def test_a_folder(tmp_path, name, inner):
    images = random_images(name)
    root = put(tmp_path / "there", files := pickled_files(name, *images))
    import_batch(name, root / next(iter(files)).split("/")[0] if inner else root)
    check(name, *images)


@pytest.fixture
def site(monkeypatch):
    """Serves contents by path, and counts what is asked for; returns (contents, asked)."""
    contents, asked = {}, []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            body = contents.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def publish(name, content, sha256=None):
        contents[f"/{name}.tar.gz"] = content
        digest = hashlib.sha256(content).hexdigest() if sha256 is None else sha256
        remote = Remote(
            f"{name}.tar.gz", (f"http://127.0.0.1:{server.server_port}/{name}.tar.gz",), digest, len(content)
        )
        layout = dataclasses.replace(_cifar_files.LAYOUTS[name], remotes=(remote,))
        monkeypatch.setitem(_cifar_files.LAYOUTS, name, layout)

    yield publish, asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", NAMES)
def test_from_the_site(site, cache, name):
    pytest.importorskip("requests")
    publish, asked = site
    images = random_images(name)
    publish(name, archive(binary_files(name, *images)))
    seen = []
    path = download_batch(name, lambda done, total: seen.append((done, total)))
    check(name, *images)
    assert seen[-1][0] == seen[-1][1] > 0
    assert get_batch(name, 4).provenance == f"{name}/train/4 of 20/seed 0"
    assert list(cache.rglob("*.tar.gz")) == []  # the archive is not kept
    assert download_batch(name) == path
    assert len(asked) == 1  # the images are here: nothing is asked for


def test_another_file_than_the_authors_is_thrown_away(site, cache):
    pytest.importorskip("requests")
    publish, _ = site
    publish("cifar10", archive(binary_files("cifar10", *random_images("cifar10"))), "0" * 64)
    with pytest.raises(DataCorruptError, match="another file than the authors published"):
        download_batch("cifar10")
    assert [p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"] == []


def test_what_is_downloaded_has_a_checksum():
    for name in list_downloads():
        for remote in _cifar_files.LAYOUTS[name].remotes:
            assert len(bytes.fromhex(remote.sha256)) == 32
            assert remote.urls[0].startswith("https://www.cs.toronto.edu/~kriz/")
            assert remote.size > 168_000_000


def test_what_cannot_be_imported(tmp_path):
    images = random_images("cifar10")
    files = binary_files("cifar10", *images)

    def refused(content, error, message, name="cifar10"):
        path = tmp_path / "x.tar.gz"
        path.write_bytes(content)
        with pytest.raises(error, match=message):
            import_batch(name, path)

    refused(archive(files), DataMissingError, "has no images of cifar100", "cifar100")
    refused(archive(files)[:-300], DataCorruptError, "x.tar.gz")
    refused(archive(files, packed=False)[:2000], DataCorruptError, "ends")
    refused(b"PK\3\4" + bytes(600), DataCorruptError, "not a tar")
    refused(b"<!DOCTYPE html><html></html>", DataCorruptError, "web page")
    fewer = {name: content for name, content in files.items() if "_3" not in name}
    refused(archive(fewer), DataCorruptError, "has 4 of 5 files of training images")
    both = files | pickled_files("cifar10", *images)
    refused(archive(both), DataCorruptError, "both layouts of the authors")
    damaged = files | {"cifar-10-batches-bin/data_batch_2.bin": b"x" * 100}
    refused(archive(damaged), DataCorruptError, "whole number of records")
    with pytest.raises(DataMissingError, match="does not exist"):
        import_batch("cifar10", tmp_path / "absent")
    with pytest.raises(InvalidInputError, match="digits has no images to download: choose cifar10 or cifar100"):
        import_batch("digits", tmp_path)


def test_names_in_an_archive_lead_nowhere(tmp_path, cache):
    content = next(iter(binary_files("cifar100", *random_images("cifar100")).values()))
    path = tmp_path / "x.tar"
    path.write_bytes(archive({"../../cifar-100-binary/train.bin": content}, packed=False))
    with pytest.raises(DataMissingError, match="has no images of cifar100"):
        import_batch("cifar100", path)
    assert not cache.exists()
