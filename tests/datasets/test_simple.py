"""Folders and tars of records, as they are downloaded."""

import bz2
import io
import tarfile

import pytest
from official import CELLS, states, write_simple, write_tar

import zcbench
from zcbench.datasets._nasbench201_files import read_official
from zcbench.errors import DataCorruptError, DataMissingError


def member(name, content=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content), kind, link
    return info, content


def tar_of(path, members, form=tarfile.GNU_FORMAT):
    with tarfile.open(path, "w", format=form) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("top", ["", "./", "NATS-tss-v1_0-3ffb9-simple/", "./simple/", f"{'long' * 24}/"])
def test_tars_of_every_kind(tmp_path, form, top):
    folder = write_simple(tmp_path / "simple", states())
    members = [member(f"{top}{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]
    if len(top) > 80 and form != tarfile.USTAR_FORMAT:  # names then stand in extended headers, which are not followed
        with pytest.raises(DataMissingError, match=r"meta\.pickle\.pbz2 does not exist: download the whole archive"):
            read_official(tar_of(tmp_path / "a.tar", members, form))
        return
    table = read_official(tar_of(tmp_path / "a.tar", members, form))
    assert table.architectures == CELLS


def test_members_that_lead_elsewhere_are_skipped(tmp_path):
    folder = write_simple(tmp_path / "simple", states())
    secret = tmp_path / "000000.pickle.pbz2"
    secret.write_bytes((folder / "000000.pickle.pbz2").read_bytes())
    (folder / "000000.pickle.pbz2").unlink()
    members = [member(f"simple/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]
    content = secret.read_bytes()
    members += [
        member("simple/000000.pickle.pbz2", kind=tarfile.SYMTYPE, link=str(secret)),
        member("simple/000000.pickle.pbz2", kind=tarfile.LNKTYPE, link="simple/000001.pickle.pbz2"),
        member("simple/000000.pickle.pbz2", kind=tarfile.CHRTYPE),
        member("simple/000000.pickle.pbz2", kind=tarfile.FIFOTYPE),
        member("simple/000000.pickle.pbz2", kind=tarfile.DIRTYPE),
        member("simple/._000000.pickle.pbz2", content),
        member("../000000.pickle.pbz2", content),
        member("/000000.pickle.pbz2", content),
        member("a/../000000.pickle.pbz2", content),
        member("a/b/000000.pickle.pbz2", content),
        member("a.txt", b"text"),
    ]
    before = set(tmp_path.rglob("*"))
    table = read_official(tar_of(tmp_path / "a.tar", members))
    assert table.architectures == CELLS[1:]
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "a.tar"}


def test_damaged_tars(tmp_path):
    whole = write_tar(tmp_path / "NATS-tss-v1_0-3ffb9-simple.tar", states()).read_bytes()
    path = tmp_path / "a.tar"

    def refused(content, reason):
        path.write_bytes(content)
        with pytest.raises(DataCorruptError, match=rf"a\.tar.* {reason}") as caught:
            read_official(path)
        assert len(str(caught.value).splitlines()) == 1

    for cut in range(0, len(whole) - 10_240, len(whole) // 40):
        refused(whole[:cut], "(ends|was refused|is not a tar)")
    refused(b"", "ends too early, after 0 records")
    refused(b"<html>quota exceeded</html>" * 100, "is not a tar, or is damaged at byte 0")
    header = bytearray(whole)
    header[0] ^= 1
    refused(header, "is not a tar, or is damaged at byte 0")
    first, content = member("a", b"a" * 10)
    again = [member("s/000000.pickle.pbz2", b"a"), member("t/000000.pickle.pbz2", b"a")]
    refused(tar_of(path, again).read_bytes(), r"has 000000\.pickle\.pbz2 twice")
    first.size = 8**11 - 1
    block = first.tobuf(tarfile.USTAR_FORMAT)
    refused(block + content + bytes(1024), "ends within its member 'a'")
    for size in (b"\x80" + bytes(7) + b"\1" + bytes(3), b"\xff" * 12, b"-0000000001\0", b"0x0000000010"):
        odd = bytearray(block)
        odd[124:136] = size
        odd[148:156] = b" " * 8
        odd[148:156] = f"{sum(odd):06o}\0 ".encode()
        refused(bytes(odd) + bytes(1024), "is not a tar, or is damaged at byte 0")


def test_a_record_in_a_tar_that_unpacks_to_far_more(tmp_path):
    folder = write_simple(tmp_path / "simple", states())
    (folder / "000001.pickle.pbz2").write_bytes(bz2.compress(b"(" + b"N" * 40_000_000 + b"l."))
    members = [member(f"simple/{path.name}", path.read_bytes()) for path in sorted(folder.iterdir())]
    with pytest.raises(DataCorruptError, match=r"a\.tar.000001\.pickle\.pbz2 was refused .it needs far more memory"):
        read_official(tar_of(tmp_path / "a.tar", members))


def test_import_of_a_tar(tmp_path, monkeypatch, capsys):
    from zcbench.cli import main

    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    path = write_tar(tmp_path / "NATS-tss-v1_0-3ffb9-simple.tar", states())
    assert main(["data", "import", "nasbench201", str(path)]) == 0
    assert len(zcbench.get_benchmark("nasbench201")) == 3
    path.write_bytes(path.read_bytes()[:5000])
    assert main(["data", "import", "nasbench201", str(path)]) == 2
    assert "download it again" in capsys.readouterr().err
