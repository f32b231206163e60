"""CIFAR-10 and CIFAR-100, from a sample or from the official binary files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from zcbench.batches._register import register_batch
from zcbench.datasets._arrays import Arrays
from zcbench.datasets._paths import data_folder
from zcbench.errors import DataCorruptError, DataMissingError, first_line

_CIFAR_BINARY = {
    "cifar10": "cifar-10-batches-bin/data_batch_*.bin",
    "cifar100": "cifar-100-binary/train.bin",
}
# Mean and standard deviation of the full training sets, per channel, in units of one.
_CIFAR_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}

_CIFAR_REFERENCE = "Krizhevsky, Learning multiple layers of features from tiny images, 2009"


@register_batch("cifar10", classes=10, resizable=True, reference=_CIFAR_REFERENCE)
def cifar10() -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-10, images of 32 pixels, from ``ZCBENCH_DATA``; "cifar10@224" scales them to 224 pixels."""
    return _cifar("cifar10")


@register_batch("cifar100", classes=100, resizable=True, reference=_CIFAR_REFERENCE)
def cifar100() -> tuple[np.ndarray, np.ndarray]:
    """CIFAR-100, images of 32 pixels, from ``ZCBENCH_DATA``; "cifar100@224" scales them to 224 pixels."""
    return _cifar("cifar100")


def _cifar(name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = data_folder()
    sample = folder / "images" / f"{name}_sample.npz"
    binary = sorted(folder.glob(_CIFAR_BINARY[name]))
    if sample.is_file():
        images, labels = _read_sample(sample)
    elif binary:
        parts = [_read_binary(path, labels_per_record=1 if name == "cifar10" else 2) for path in binary]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    else:
        raise DataMissingError(
            f"no {name} images in {folder}: put the official binary version there ({_CIFAR_BINARY[name]}), or "
            f"images/{sample.name} with the arrays x_train, uint8 (n, 32, 32, 3), and y_train."
        )
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in _CIFAR_STATISTICS[name])
    inputs = (images.transpose(0, 3, 1, 2).astype(np.float32) / 255 - mean) / std
    return inputs, labels.astype(np.int64)


def _read_sample(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with Arrays(path) as data:
            images, labels = data.array("x_train"), data.array("y_train")
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{path} cannot be read ({first_line(error)}): copy it again.") from None
    whole = images.dtype == np.uint8 and np.issubdtype(labels.dtype, np.integer)
    if not whole or images.shape[1:] != (32, 32, 3) or labels.shape != images.shape[:1]:
        raise DataCorruptError(f"{path} must hold x_train, uint8 (n, 32, 32, 3), and y_train, integers (n,).")
    return images, labels


def _read_binary(path: Path, labels_per_record: int) -> tuple[np.ndarray, np.ndarray]:
    """Records of the official binary version: label bytes (the last is the fine one), then 3 x 32 x 32 pixels."""
    content = np.fromfile(path, np.uint8)
    length = labels_per_record + 3 * 32 * 32
    if len(content) == 0 or len(content) % length:
        raise DataCorruptError(f"{path} is not a whole number of records of {length} bytes: copy it again.")
    records = content.reshape(-1, length)
    images = records[:, labels_per_record:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, records[:, labels_per_record - 1]
