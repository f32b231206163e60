"""Statistics of layers."""

import pytest
import torch

import zcbench
from zcbench.encodings import get_encoding

SPACE = zcbench.get_space("digits-201")
KEY = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_layers():
    row = get_encoding("layers").rows([SPACE.parse(KEY)])[0]
    with torch.device("cpu"):
        network = SPACE.build(SPACE.parse(KEY))
    sizes = {name: p.numel() for name, p in network.named_parameters() if p.dim() > 1}
    assert dict(zip(row.names, 10 ** row.values[:, 0], strict=True)) == pytest.approx(sizes)
    assert row.values.shape == (len(sizes), 6)
    assert (row.values[:, 3] >= row.values[:, 4] - 1e-9).all()  # |sum| is at most the sum of |.|
    assert row.values[-1, 2] > -12  # the classifier has a gradient
