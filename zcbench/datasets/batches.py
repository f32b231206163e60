"""Batches of the data that the benchmarks' networks were trained on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zcbench.datasets._digits import load_digits
from zcbench.datasets._paths import data_folder
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError
from zcbench.types import Batch

# Mean and standard deviation of the full training sets, per channel, in units of one.
_CIFAR_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


def load_batch(dataset: str, size: int, seed: int = 0) -> Batch:
    """Draw training samples at random.

    Args:
        dataset: "digits", "cifar10" or "cifar100". CIFAR images come from ``ZCBENCH_DATA/images``.
        size: number of samples.
        seed: decides which.

    Returns:
        Inputs ``(size, channels, height, width)`` float32, normalised, and class indices ``(size,)``.

    Raises:
        UnknownNameError: no batches of that data set are known.
        DataMissingError: the images are not on this machine.
        InvalidInputError: the data set has fewer samples than ``size``.
    """
    import torch

    if dataset not in _LOADERS:
        raise UnknownNameError("data set with batches", dataset, _LOADERS)
    if size < 1:
        raise InvalidInputError(f"a batch of {size} samples is impossible: the size must be at least 1.")
    inputs, targets = _LOADERS[dataset](dataset)
    if size > len(targets):
        raise InvalidInputError(f"a batch of {size} samples: {dataset} has only {len(targets)} here.")
    rows = np.random.RandomState(seed).permutation(len(targets))[:size]
    return Batch(
        torch.from_numpy(np.ascontiguousarray(inputs[rows])),
        torch.from_numpy(targets[rows]),
        provenance=f"{dataset}/train/{size}/seed {seed}",
    )


def _digits(_: str) -> tuple[np.ndarray, np.ndarray]:
    train = load_digits()["train"]
    return train.inputs, train.targets


def _cifar(name: str) -> tuple[np.ndarray, np.ndarray]:
    path = data_folder() / "images" / f"{name}_sample.npz"
    if not path.is_file():
        raise DataMissingError(
            f"no {name} images at {path}: set ZCBENCH_DATA to a folder that holds images/{path.name} "
            "(arrays x_train, uint8 (n, 32, 32, 3), and y_train)."
        )
    try:
        with np.load(path, allow_pickle=False) as data:
            images, labels = data["x_train"], data["y_train"]
    except (ValueError, OSError, KeyError, EOFError) as error:
        raise DataCorruptError(f"{path} cannot be read ({error}): copy it again.") from None
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in _CIFAR_STATISTICS[name])
    inputs = (images.transpose(0, 3, 1, 2).astype(np.float32) / 255 - mean) / std
    return inputs, labels.astype(np.int64)


_LOADERS: dict[str, Callable[[str], tuple[np.ndarray, np.ndarray]]] = {
    "digits": _digits,
    "cifar10": _cifar,
    "cifar100": _cifar,
}
