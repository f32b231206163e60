"""CIFAR-10 and CIFAR-100, from any of their places on this machine."""

from __future__ import annotations

from typing import Any

import numpy as np

from zcbench.batches._cifar_files import Images, find_images
from zcbench.batches._register import register_batch

# Mean and standard deviation of the full training sets, per channel, in units of one.
_CIFAR_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}

_CIFAR_REFERENCE = "Krizhevsky, Learning multiple layers of features from tiny images, 2009"


@register_batch("cifar10", classes=10, resizable=True, reference=_CIFAR_REFERENCE)
def cifar10() -> tuple[Any, np.ndarray]:
    """CIFAR-10, images of 32 pixels (zcbench data get cifar10); "cifar10@224" scales them to 224 pixels."""
    return _cifar("cifar10")


@register_batch("cifar100", classes=100, resizable=True, reference=_CIFAR_REFERENCE)
def cifar100() -> tuple[Any, np.ndarray]:
    """CIFAR-100, images of 32 pixels (zcbench data get cifar100); "cifar100@224" scales them to 224 pixels."""
    return _cifar("cifar100")


def _cifar(name: str) -> tuple[Any, np.ndarray]:
    images = find_images(name)
    return Normalised(images, *_CIFAR_STATISTICS[name]), images.labels.astype(np.int64)


class Normalised:
    """Normalised images, computed only for requested rows.

    Args:
        images: the images.
        mean: of each channel, in units of one.
        deviation: of each channel.

    Attributes:
        order: the order of the images if it is not the authors'; else empty.
    """

    def __init__(self, images: Images, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        self._images, self.order = images, images.order
        self._mean, self._deviation = (np.asarray(v, np.float32)[:, None, None] for v in (mean, deviation))

    def __len__(self) -> int:
        return len(self._images.labels)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return images of these rows, float32 ``(k, 3, 32, 32)``."""
        found = (self._images.take(rows).astype(np.float32) / 255 - self._mean) / self._deviation
        return np.ascontiguousarray(found, np.float32)
