"""Files as they come: web pages, packed and renamed copies, false counts, bombs, and readers that raise anything."""

import bz2
import gzip
import zipfile

import numpy as np
import pytest
from official_tables import OFFICIAL

import zcbench
from zcbench.datasets import _limits, _load, benchmark_info
from zcbench.datasets._read import bare_name, explained, is_web_page, read_csv, read_parquet
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Google Drive - Quota exceeded</title></head></html>"


def official(name, folder, change=lambda content: content, rename=lambda file: file):
    """The paths of a reader's valid files, their bytes and names changed."""
    files = OFFICIAL[name]()
    contents = {rename(file): change(files.write(content)) for file, content in files.files.items()}
    return files.benchmark, files.place(folder, contents)


def read(benchmark, paths):
    return _load.read_source(benchmark_info(benchmark), paths)


# -- web pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OFFICIAL)
def test_a_web_page_is_called_that_by_every_reader(name, tmp_path):
    benchmark, paths = official(name, tmp_path, lambda content: PAGE)
    with pytest.raises(DataCorruptError, match="is a web page, not a table: download the file itself") as caught:
        read(benchmark, paths)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("suffix", ["", ".html", ".tar", ".pth", ".pkl", ".json", ".csv", ".gz", ".parquet", ".npz"])
def test_a_web_page_is_called_that_under_every_name(suffix, tmp_path):
    path = tmp_path / f"NATS-tss-v1_0-3ffb9-simple{suffix}"
    path.write_bytes(PAGE)
    for benchmark in ("nasbench201", "nasbenchgraph", "timm", "nds", "transnasbench101-micro"):
        with pytest.raises(DataCorruptError, match="is a web page"):
            read(benchmark, [path])


def test_a_web_page_in_a_folder_an_archive_and_a_packed_file(tmp_path):
    benchmark, (folder,) = official("nasbench201", tmp_path)
    (folder / "000001.pickle.pbz2").write_bytes(PAGE)
    with pytest.raises(DataCorruptError, match=r"000001\.pickle\.pbz2 is a web page"):
        read(benchmark, [folder])
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("logs/0.json", PAGE)
    with pytest.raises(DataCorruptError, match=r"logs/0\.json in it is a web page"):
        read("nasbenchnlp", [tmp_path / "logs.zip"])
    (tmp_path / "DARTS.json.gz").write_bytes(gzip.compress(PAGE))
    with pytest.raises(DataCorruptError, match=r"DARTS\.json\.gz is a web page"):
        read("nds", [tmp_path / "DARTS.json.gz"])


def test_a_web_page_in_the_data_folder(tmp_path, monkeypatch):
    pytest.importorskip("pyarrow")
    (tmp_path / "nats_sss").mkdir()
    (tmp_path / "nats_sss" / "nats_sss_cifar10.parquet").write_bytes(PAGE)
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    with pytest.raises(DataCorruptError, match=r"nats_sss_cifar10\.parquet is a web page"):
        zcbench.get_benchmark("nats-size")


@pytest.mark.parametrize(
    ("start", "page"),
    [
        (b"\xef\xbb\xbf  <HTML lang=en>", True),
        (b"<!-- saved --><html>", True),
        (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x">', True),
        ("﻿<!doctype html>".encode("utf-16"), True),
        (b"<head><meta charset=utf-8>", True),
        (b"model,top1\n<html>,1", False),
        (b"<headings>,acc\n", False),
        (b"<?xml version='1.0'?><table/>", False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_what_a_web_page_is(start, page):
    assert is_web_page(start) is page


# -- copies ------------------------------------------------------------------------------------


#: readers whose files are no pickles
PLAIN = (
    *("autoformer-32", "darts-swap", "flexibert", "hwnasbench, csv", "nasbench101", "nasbench301", "nasbenchmacro"),
    *("nasbenchnlp", "nds", "ofa-mbv3", "timm", "transnasbench101-micro"),
)


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(
    ("pack", "rename"),
    [
        (gzip.compress, lambda file: f"{file}.gz"),
        (gzip.compress, lambda file: file),
        (bz2.compress, lambda file: f"{file}.bz2"),
        (bytes, lambda file: file.replace(".", " (1).", 1)),
    ],
)
def test_packed_and_renamed_copies_are_the_same_table(name, pack, rename, tmp_path):
    benchmark, paths = official(name, tmp_path / "a")
    before = read(benchmark, paths)
    _, copies = official(name, tmp_path / "b", pack, rename)
    after = read(benchmark, copies)
    assert after.architectures == before.architectures
    assert after.targets == before.targets
    for group in ("values", "facts", "curves"):
        ours, theirs = getattr(after, group), getattr(before, group)
        assert set(ours) == set(theirs)
        assert all(np.array_equal(ours[c], theirs[c], equal_nan=True) for c in theirs)


def test_the_published_file_of_flexibert_packed(data_folder):
    table = zcbench.get_benchmark("flexibert", data_folder / "bert_nas" / "BERT_benchmark.json.gz")
    converted = benchmark_info("flexibert").convert(data_folder)
    assert [a.key for a in table.architectures] == converted.architectures
    assert all(np.array_equal(table.values[t], converted.values[t], equal_nan=True) for t in converted.values)


def test_what_packers_and_browsers_add_to_names(tmp_path):
    for name in ("cora.bench", "cora.bench.gz", "cora (1).bench", "cora(12).bench.BZ2"):
        assert bare_name(tmp_path / name) == "cora.bench"
    entry = {"valid_perf": 0.8, "perf": 0.7, "latency": 0.01, "para": 1.5}
    import pickle

    (tmp_path / "cora (1).bench").write_bytes(pickle.dumps({"1": entry}))
    assert read("nasbenchgraph", [tmp_path / "cora (1).bench"]).values["cora_test"].tolist() == [[0.7]]


def test_json_is_json_whatever_its_name(tmp_path):
    benchmark, paths = official("transnasbench101-micro", tmp_path, rename=lambda file: "table.dat")
    assert len(read(benchmark, paths).architectures) == 3


def test_a_folder_where_files_are_wanted(tmp_path):
    (tmp_path / "x").mkdir()
    for name in ("nds", "nasbenchmacro", "nasbench101", "timm", "ofa-mbv3"):
        with pytest.raises(DataCorruptError):
            read(name, [tmp_path / "x"])
    with pytest.raises(DataCorruptError, match="is a folder: give the files in it"):
        read("nds", [tmp_path / "x"])


# -- counts and bombs --------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_files_that_unpack_to_far_more_than_a_table(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "FREE", 1 << 20)
    bomb = pack(b"[" + b" " * (2 << 20) + b"1]")
    for benchmark, file in (("nds", "DARTS.json"), ("ofa-mbv3", "log.csv.gz"), ("nasbenchmacro", "x.json")):
        (tmp_path / file).write_bytes(bomb)
        with pytest.raises(DataCorruptError, match="unpacks to more than"):
            read(benchmark, [tmp_path / file])


@pytest.mark.parametrize(("benchmark", "member"), [("autoformer-32", "a/samples.json"), ("nasbenchnlp", "a/0.json")])
def test_archives_that_unpack_to_far_more_than_a_table(benchmark, member, tmp_path, monkeypatch):
    monkeypatch.setattr(_limits, "FREE", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}{member}", b"{" + b" " * (1 << 19) + b"}")
    with pytest.raises(DataCorruptError, match="unpacks to more than"):
        read(benchmark, [path])


def test_parquet_of_more_rows_than_its_size_can_hold(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "x.parquet"
    pq.write_table(pyarrow.table({"a": np.zeros(5_000_000), "b": np.zeros(5_000_000)}), path)
    assert path.stat().st_size < 100_000
    assert len(read_parquet(path, [])) == 0
    with pytest.raises(DataCorruptError, match="unpacks to more than"):
        read_parquet(path)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000, "9" * 5000, '"\\ud8']
)
@pytest.mark.parametrize("benchmark", ["nds", "flexibert", "nasbench301", "nasbenchmacro"])
def test_json_that_breaks_its_reader(text, benchmark, tmp_path):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataCorruptError, match=r"x\.json cannot be read"):
        read(benchmark, [tmp_path / "x.json"])


def test_names_that_stand_twice_in_json(tmp_path):
    entry = '{"test_acc": [1, 2, 3], "params": 1, "flops": 1}'
    (tmp_path / "x.json").write_text(f'{{"02012100": {entry}, "02012100": {entry}}}')
    with pytest.raises(DataCorruptError, match="'02012100' twice"):
        read("nasbenchmacro", [tmp_path / "x.json"])


# -- readers that raise ------------------------------------------------------------------------


def test_the_row_is_named_and_the_cause_is_kept(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("1\n2\nthree\n")
    with (
        pytest.raises(DataCorruptError, match=r"x\.txt cannot be read \(row 3: ValueError: invalid literal") as caught,
        explained(path) as at,
    ):
        for at.row, line in enumerate(path.read_text().split(), 1):
            int(line)
    assert isinstance(caught.value.__cause__, ValueError)


def test_rows_of_csv(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,2\r\n\r\n"x\ny",3\r\n')
    assert list(read_csv(path)) == [(2, {"a": "1", "b": "2"}), (5, {"a": "x\ny", "b": "3"})]
    for text, message in (
        ("a,b\n1,2\n1\n", "line 3: 1 cells for 2 columns"),
        ("a,b\n1,2,3\n", "line 2: 3 cells for 2 columns"),
        ("a,a\n1,2\n", "two columns have the same name"),
    ):
        path.write_text(text)
        with pytest.raises(DataCorruptError, match=message):
            list(read_csv(path))
