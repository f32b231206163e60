"""``zcbench data``: where tables are, and what is said when they are not."""

import json

import pytest
from cifar_files import archive, binary_files, pickled_files, put, random_images

import zcbench
from zcbench.datasets import _load


@pytest.fixture(autouse=True)
def nothing_loaded():
    _load._load.cache_clear()


def test_list(cli):
    result = cli("data")
    assert (result.status, result.err) == (0, "")
    assert result.out.splitlines()[0].split() == ["benchmark", "table", "architectures", "source"]
    rows = {row["benchmark"]: row for row in json.loads(cli("data", "--json").out)["tables"]}
    assert list(rows) == zcbench.list_benchmarks()
    table = zcbench.get_benchmark("digits-201")
    assert rows["digits-201"] == {
        "benchmark": "digits-201",
        "table": "here",
        "architectures": len(table),
        "source": table.source,
    }
    assert rows["nasbench201"]["table"] == "missing"
    assert rows["nasbench201"]["source"] == "by hand: see  zcbench show nasbench201"
    assert rows["nasbenchmacro"]["source"] == "zcbench data get nasbenchmacro"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "say what to import: zcbench data import NAME FILE"),
        (["nasbench201"], "say what to import"),
        (["nasbench102", "x"], "unknown benchmark or batch 'nasbench102': did you mean 'nasbench101'"),
        (["digits-201", "x"], "digits-201 is part of zcbench: it has no source."),
        (["nasbench201", "absent.pth"], "absent.pth"),
    ],
)
def test_import_says_what_is_wrong(cli, words, message):
    result = cli("data", "import", *words)
    assert "Traceback" not in result.err
    assert result.status == 2
    last = result.err.splitlines()[-1]
    assert last.startswith("zcbench: ")
    assert message in last


def test_a_file_that_is_no_table(cli, place, tmp_path):
    place.joinpath("fake.pth").write_bytes(b"not a table")
    result = cli("data", "import", "nasbench201", "fake.pth")
    assert result.status == 2
    assert result.err.splitlines()[-1].startswith("zcbench: ")
    assert not tmp_path.joinpath("cache").exists()


def test_progress_does_not_run_into_the_message(cli, monkeypatch):
    import sys

    from zcbench.errors import DataMissingError

    def download_benchmark(name, report):
        report(1_000_000, 4_000_000)
        raise DataMissingError("the connection broke.")

    monkeypatch.setattr("zcbench.datasets.download_benchmark", download_benchmark)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    result = cli("data", "get", "nasbenchmacro")
    assert result.status == 1
    assert result.err == "\r1.0 of 4.0 MB (25 %)\nzcbench: the connection broke.\n"


@pytest.fixture
def no_images(place, monkeypatch):
    """A machine without images."""
    monkeypatch.setenv("HOME", str(place))
    for name in ("HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return place


def test_images_are_listed_with_the_places_that_are_searched(cli, no_images):
    rows = json.loads(cli("data", "--json").out)["samples"]
    assert rows[0] == {"batch": "cifar10", "images": "missing", "count": None, "source": "zcbench data get cifar10"}
    put(no_images / "data", binary_files("cifar10", *random_images("cifar10")))
    rows = json.loads(cli("data", "--json").out)["samples"]
    assert rows[0] == {"batch": "cifar10", "images": "here", "count": 20, "source": "data/cifar-10-batches-bin"}
    out = cli("data").out
    assert "The images of cifar100 are searched in these places, in this order:" in out
    assert "cifar-100-binary or cifar-100-python in data, this folder" in out


def test_an_archive_is_imported(cli, no_images):
    images = random_images("cifar100")
    no_images.joinpath("x.tar.gz").write_bytes(archive(pickled_files("cifar100", *images)))
    result = cli("data", "import", "cifar100", "x.tar.gz")
    assert result.status == 0
    assert result.out.startswith("20 images: ")
    assert zcbench.get_batch("cifar100", 20).provenance == "cifar100/train/20 of 20/seed 0"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "cifar10", "absent.tar.gz"], "absent.tar.gz does not exist: give the authors' archive or folder."),
        (["import", "cifar10", "a", "b"], "cifar10: give one archive or folder, not 2 files."),
        (["get", "cifar"], "did you mean 'cifar10' or 'cifar100'?"),
    ],
)
def test_images_that_cannot_be_had(cli, no_images, words, message):
    result = cli("data", *words)
    assert result.status == 2
    assert message in result.err.splitlines()[-1]
