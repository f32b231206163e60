"""Handwritten digits, which are part of scikit-learn."""

from __future__ import annotations

import numpy as np

from zcbench.batches._register import register_batch
from zcbench.datasets._digits import load_digits


@register_batch("digits", classes=10, reference="scikit-learn, load_digits")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits of 8 pixels: 500 of scikit-learn's."""
    train = load_digits()["train"]
    return train.inputs, train.targets
