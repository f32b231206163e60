"""The handwritten digits of scikit-learn, split and scaled once for all users.

Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(CC BY 4.0); scikit-learn contains its 1,797 test images of 8 x 8 pixels with 17 grey levels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from zcbench.errors import MissingDependencyError

TRAIN, VALID, TEST = 500, 297, 1000
_SPLIT_SEED = 201


@dataclass(frozen=True)
class Images:
    """Images ``(n, 1, 8, 8)`` float32, zero mean and unit variance over the training part; labels ``(n,)`` int64."""

    inputs: np.ndarray
    targets: np.ndarray


@functools.cache
def load_digits() -> dict[str, Images]:
    """Load the fixed split: ``train`` (500), ``valid`` (297) and ``test`` (1,000) images, in a frozen random order.

    Raises:
        MissingDependencyError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits as load
    except ImportError:
        raise MissingDependencyError("scikit-learn", "", "the digits data set") from None
    raw = load()
    order = np.random.RandomState(_SPLIT_SEED).permutation(len(raw.target))
    inputs = (raw.images[order, None] / 16.0).astype(np.float32)
    mean, std = inputs[:TRAIN].mean(), inputs[:TRAIN].std()
    inputs = (inputs - mean) / std
    targets = raw.target[order].astype(np.int64)
    cuts = {"train": (0, TRAIN), "valid": (TRAIN, TRAIN + VALID), "test": (TRAIN + VALID, TRAIN + VALID + TEST)}
    return {part: Images(inputs[a:b], targets[a:b]) for part, (a, b) in cuts.items()}
