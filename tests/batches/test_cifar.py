"""CIFAR: images from a sample or from the official binary files."""

import numpy as np
import pytest
import torch
from cifar_files import binary_files, put

from zcbench.batches import get_batch
from zcbench.errors import DataCorruptError

#: of the complete training sets, as everybody prints them
MEANS = {"cifar10": (0.4914, 0.4822, 0.4465), "cifar100": (0.5071, 0.4865, 0.4409)}
DEVIATIONS = {"cifar10": (0.2470, 0.2435, 0.2616), "cifar100": (0.2673, 0.2564, 0.2762)}


def write_binary(folder, name, images, labels):
    """The authors' binary version."""
    put(folder, binary_files(name, images, labels))


@pytest.fixture
def images():
    rng = np.random.RandomState(0)
    return rng.randint(256, size=(20, 32, 32, 3), dtype=np.uint8), rng.randint(10, size=20).astype(np.uint8)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    return tmp_path


def sample(folder, name, images, labels):
    folder.joinpath("images").mkdir(exist_ok=True)
    np.savez(folder / "images" / f"{name}_sample.npz", x_train=images, y_train=labels)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize("kind", ["sample", "binary"])
def test_images_are_normalised_and_keep_their_labels(folder, images, name, kind):
    (sample if kind == "sample" else write_binary)(folder, name, *images)
    batch = get_batch(name, 20, seed=3)
    assert batch.inputs.shape == (20, 3, 32, 32)
    assert batch.inputs.dtype == torch.float32
    assert batch.targets.dtype == torch.int64
    assert sorted(batch.targets.tolist()) == sorted(images[1].tolist())
    order = np.random.RandomState(3).permutation(20)
    for row in (0, 7, 19):
        image, label = images[0][order[row]], images[1][order[row]]
        assert int(batch.targets[row]) == label
        for channel, (y, x) in ((0, (0, 0)), (1, (5, 31)), (2, (31, 2))):
            expected = (image[y, x, channel] / 255 - MEANS[name][channel]) / DEVIATIONS[name][channel]
            assert float(batch.inputs[row, channel, y, x]) == pytest.approx(expected, rel=1e-4)
    assert batch.provenance == f"{name}/train/20 of 20/seed 3"


def test_a_sample_comes_before_the_binary_version(folder, images):
    write_binary(folder, "cifar10", *images)
    sample(folder, "cifar10", images[0][:5], images[1][:5])
    assert get_batch("cifar10", 5).provenance.endswith("5 of 5/seed 0")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_the_real_samples(data_folder, name):
    batch = get_batch(name, 256)
    mean, std = batch.inputs.mean((0, 2, 3)), batch.inputs.std((0, 2, 3))
    assert mean.abs().max() < 0.15
    assert (std - 1).abs().max() < 0.15
    assert 0 <= int(batch.targets.min()) <= int(batch.targets.max()) < int(name.removeprefix("cifar"))


@pytest.mark.parametrize("content", [b"", b"\1" * 3072, b"\1" * 3074])
def test_a_damaged_binary_file(folder, content):
    folder.joinpath("cifar-10-batches-bin").mkdir()
    folder.joinpath("cifar-10-batches-bin", "data_batch_1.bin").write_bytes(content)
    with pytest.raises(DataCorruptError, match=r"data_batch_1\.bin is not a whole number of records of 3073 bytes"):
        get_batch("cifar10", 1)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"<html>"])
def test_a_damaged_sample(folder, content):
    folder.joinpath("images").mkdir()
    folder.joinpath("images", "cifar100_sample.npz").write_bytes(content)
    with pytest.raises(DataCorruptError, match=r"cifar100_sample\.npz cannot be read \(.+\): copy it again"):
        get_batch("cifar100", 1)


def test_a_sample_that_would_run_code(folder):
    folder.joinpath("images").mkdir()
    objects = np.array([{"a": 1}], dtype=object)
    np.savez(folder / "images" / "cifar10_sample.npz", x_train=objects, y_train=objects)
    with pytest.raises(DataCorruptError, match="cannot be read"):
        get_batch("cifar10", 1)


def test_images_of_another_size(data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    plain, large, small = (get_batch(f"cifar100{at}", 3, 2) for at in ("", "@96", "@16"))
    assert large.inputs.shape == (3, 3, 96, 96)
    assert large.provenance == "cifar100@96/train/3 of 2000/seed 2"
    torch.testing.assert_close(large.targets, plain.targets)
    # Three times as large: averages over blocks of three give the image back, but for what bilinear weights smooth.
    back = large.inputs.unflatten(2, (32, 3)).unflatten(4, (32, 3)).mean((3, 5))
    assert (back - plain.inputs).abs().mean() < 0.15
    torch.testing.assert_close(small.inputs.mean(), plain.inputs.mean(), atol=0.02, rtol=0)
