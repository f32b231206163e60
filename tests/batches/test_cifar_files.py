"""Layouts of CIFAR, and the places that are searched for them."""

import numpy as np
import pytest
from cifar_files import (
    binary_files,
    hub_arrow,
    hub_parquet,
    pickled_files,
    put,
    python2,
    python3,
    random_images,
)

from zcbench.batches import find_images, get_batch, searched
from zcbench.errors import DataCorruptError, DataMissingError

NAMES = ["cifar10", "cifar100"]


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A machine without any images; returns the home folder."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("ZCBENCH_DATA", "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return home


def check(name, images, labels, order=""):
    found = find_images(name)
    rows = np.array([3, 0, len(labels) - 1, 11])
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_array_equal(found.take(rows), images[rows].transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(found.take(np.arange(len(labels))), images.transpose(0, 3, 1, 2))
    assert found.order == order


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("root", ["data", ".", ".cache/torchvision", ".keras/datasets"])
def test_the_authors_layouts_in_the_usual_folders(nowhere, name, root):
    images = random_images(name)
    put(nowhere / root, binary_files(name, *images))
    check(name, *images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [python2, python3])
def test_pickles_of_both_pythons(nowhere, name, write):
    images = random_images(name)
    put(nowhere / "data", pickled_files(name, *images, write))
    check(name, *images)


def test_both_layouts_give_the_same_batch(nowhere):
    images = random_images("cifar10")
    put(nowhere / "data", pickled_files("cifar10", *images))
    first = get_batch("cifar10", 12, 5)
    put(nowhere / "data", binary_files("cifar10", *images))
    second = get_batch("cifar10", 12, 5)
    assert first.inputs.equal(second.inputs)
    assert first.targets.equal(second.targets)
    assert first.provenance == second.provenance == "cifar10/train/12 of 20/seed 5"


def test_the_folder_of_keras_3(nowhere):
    images = random_images("cifar10")
    put(nowhere / ".keras" / "datasets" / "cifar-10-batches-py-target", pickled_files("cifar10", *images))
    check("cifar10", *images)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("write", [hub_parquet, hub_arrow])
def test_caches_of_hugging_face(nowhere, monkeypatch, name, write):
    pytest.importorskip("pyarrow")
    images = random_images(name, 12)
    write(nowhere / ".cache" / "huggingface", name, *images)
    check(name, *images, order="hugging-face")
    assert get_batch(name, 5).provenance == f"{name}/train/5 of 12/seed 0/hugging-face"
    other = nowhere / "elsewhere"
    write(other, name, *random_images(name, 13))
    monkeypatch.setenv("HF_HOME", str(other))
    assert len(find_images(name).labels) == 13


def test_the_order_of_the_places(nowhere, tmp_path, monkeypatch):
    """The user's own folder, the cache, the folders of others."""
    pytest.importorskip("pyarrow")
    hub_parquet(nowhere / ".cache" / "huggingface", "cifar10", *random_images("cifar10", 12))
    assert len(find_images("cifar10").labels) == 12
    put(nowhere / "data", binary_files("cifar10", *random_images("cifar10", 13)))
    assert len(find_images("cifar10").labels) == 13
    images, labels = random_images("cifar10", 14)
    kept = b"".join(
        bytes([label]) + image.transpose(2, 0, 1).tobytes() for image, label in zip(images, labels, strict=True)
    )
    put(tmp_path / "cache", {"images/cifar10.bin": kept})
    check("cifar10", images, labels)
    own = put(tmp_path / "own", binary_files("cifar10", *random_images("cifar10", 15)))
    monkeypatch.setenv("ZCBENCH_DATA", str(own))
    assert len(find_images("cifar10").labels) == 15


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_is_called_images(name, nowhere):
    with pytest.raises(DataMissingError) as raised:
        get_batch(name, 4)
    text = str(raised.value)
    assert text.startswith(f"the images of {name} are not on this machine: run  zcbench data get {name}  (170 MB)")
    assert "table" not in text
    for place in searched(name):
        assert place in text
    assert str(nowhere / ".cache" / "huggingface" / "hub") in text
    assert "ZCBENCH_DATA (not set)" in text


BAD = {
    "no mapping": (b"\x80\x02]q\x00.", "not a file of cifar10's Python version"),
    "other fields": (python2({"x": "y"}), "not a file of cifar10's Python version"),
    "lengths": (python2({"data": np.zeros((2, 3072), np.uint8), "labels": [1]}), "2 images and 1 labels"),
    "labels": (python2({"data": np.zeros((1, 3072), np.uint8), "labels": [11]}), "a label 11, beyond its 10 classes"),
    "code": (b"cos\nsystem\n(S'touch hacked'\ntR.", "was refused"),
}


@pytest.mark.parametrize("content", BAD)
def test_pickles_that_are_none_of_the_authors(nowhere, content):
    raw, message = BAD[content]
    put(nowhere / "data", {"cifar-10-batches-py/data_batch_1": raw})
    with pytest.raises(DataCorruptError, match=message):
        find_images("cifar10")
    assert not (nowhere / "hacked").exists()


def test_a_label_out_of_range(nowhere):
    put(nowhere / "data", {"cifar-100-binary/train.bin": bytes([1, 100]) + bytes(3072)})
    with pytest.raises(DataCorruptError, match="a label 100, beyond its 100 classes"):
        find_images("cifar100")


def test_a_damaged_file_of_hugging_face(nowhere):
    pytest.importorskip("pyarrow")
    path = hub_parquet(nowhere / ".cache" / "huggingface", "cifar10", *random_images("cifar10", 3))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataCorruptError, match="cannot be read as cifar10 of Hugging Face"):
        find_images("cifar10")
    path.write_bytes(b"")
    with pytest.raises(DataCorruptError, match="cannot be read"):
        find_images("cifar10")
