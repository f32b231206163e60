"""A network that formulas are recomputed on."""

import pytest
import torch
from networks import images

import zcbench


@pytest.fixture
def cell_and_images():
    """A NAS-Bench-201 network, small enough for loops."""
    space = zcbench.get_space("digits-201")
    torch.manual_seed(0)
    key = "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    return space.build(space.parse(key)), *images(batch=6, channels=1, classes=10)
