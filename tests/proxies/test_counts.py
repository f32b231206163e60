"""params, num_layers and l2_norm by hand."""

import math

import pytest
import torch
from by_hand import value
from networks import Tied, Twice, convnet, images
from torch import nn

# -- by hand -----------------------------------------------------------------------------------


def test_params_by_hand():
    conv1, conv2, norms, head = 6 * 3 * 9 + 6, 4 * 6 * 9 + 4, 2 * (6 + 4), 16 * 5 + 5
    assert value("params", convnet(), images()[0]) == conv1 + conv2 + norms + head
    assert value("params", Tied(), {"tokens": torch.ones(2, 3, dtype=torch.long)}) == 11 * 8 + 16 + 72 + 16
    frozen = convnet()
    frozen[0].requires_grad_(False)
    assert value("params", frozen, images()[0]) == conv2 + norms + head


# -- other counts ------------------------------------------------------------------------------


def test_num_layers():
    assert value("num_layers", convnet(), images()[0]) == 3
    assert value("num_layers", Twice(), images()[0]) == 3
    frozen = convnet()
    frozen[0].requires_grad_(False)
    assert value("num_layers", frozen, images()[0]) == 2
    lstm = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    assert value("num_layers", lstm, torch.ones(2, 3, dtype=torch.long)) == 1


def test_l2_norm():
    model = convnet()
    weights = [m.weight for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    expected = sum(math.sqrt(sum(w * w for w in weight.flatten().tolist())) for weight in weights)
    assert value("l2_norm", model, images()[0]) == pytest.approx(expected, rel=1e-6)
