"""What packed files may unpack to."""

import bz2
import gzip
import tracemalloc
import zipfile

import pytest

from zcbench.datasets._limits import FREE, RATIO, Allowance, open_member, open_packed, read_member
from zcbench.errors import DataCorruptError

CONTENT = bytes(range(256)) * 100


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".csv", bytes)])
def test_what_is_within_the_allowance_is_read_as_it_is(tmp_path, suffix, pack):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(pack(CONTENT))
    with open_packed(path) as file:
        assert file.read() == CONTENT
    with open_packed(path) as file:
        assert [file.read(10), file.readline(), file.read(1)] == [CONTENT[:10], b"\n", CONTENT[11:12]]


def bomb(path, size=256 << 20):
    """A quarter of a gigabyte of nothing, in a quarter of a megabyte."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
    else:
        with {".gz": gzip.open, ".bz2": bz2.open}[path.suffix](path, "wb") as file:
            for _ in range(size >> 20):
                file.write(bytes(1 << 20))
    return path


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".zip"])
def test_a_bomb_is_refused_when_the_allowance_is_spent(tmp_path, suffix):
    path = bomb(tmp_path / f"bomb{suffix}")
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    with pytest.raises(DataCorruptError, match=r"bomb\..* unpacks to more than [\d,]+ bytes, far more than a table"):
        if suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                read_member(archive, "a", Allowance.of(path))
        else:
            with open_packed(path) as file:
                file.read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.2 * (FREE + RATIO * path.stat().st_size)


def test_members_draw_on_one_allowance(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(5):
            archive.writestr(f"{number}", bytes(10 << 20))
    allowance = Allowance.of(path)
    with zipfile.ZipFile(path) as archive:
        for number in range(3):
            assert len(read_member(archive, f"{number}", allowance)) == 10 << 20
        with pytest.raises(DataCorruptError, match="unpacks to more than"):
            read_member(archive, "3", allowance)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_no_author_writes(tmp_path, method):
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("a", CONTENT)
    with zipfile.ZipFile(path) as archive, pytest.raises(DataCorruptError, match="'a', which is not packed by deflate"):
        open_member(archive, "a", Allowance.of(path))


def test_encrypted_members_and_sizes_that_lie(tmp_path):
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", CONTENT)
    content = path.read_bytes()
    directory = content.index(b"PK\1\2")
    encrypted = bytearray(content)
    encrypted[directory + 8] |= 1
    path.write_bytes(encrypted)
    with zipfile.ZipFile(path) as archive, pytest.raises(DataCorruptError, match="the encrypted member 'a'"):
        open_member(archive, "a", Allowance.of(path))
    lying = bytearray(content)
    lying[directory + 24 : directory + 28] = (1 << 31).to_bytes(4, "little")  # of two gigabytes, it says
    path.write_bytes(lying)
    with zipfile.ZipFile(path) as archive, pytest.raises(DataCorruptError, match="ends within its member 'a'"):
        read_member(archive, "a", Allowance.of(path))
