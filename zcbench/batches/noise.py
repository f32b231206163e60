"""Images without content, for networks of any input size and machines without data."""

from __future__ import annotations

import numpy as np

from zcbench.batches._register import register_batch


@register_batch("noise", classes=9, resizable=True)
def noise() -> tuple[np.ndarray, np.ndarray]:
    """Draw standard normal images with labels of nine classes; "noise@64" are images of 64 pixels."""
    # As many images as CIFAR's sample has; their size is that of the smallest, 32 pixels.
    random = np.random.RandomState(0)
    return random.standard_normal((512, 3, 32, 32)).astype(np.float32), random.randint(9, size=512)
