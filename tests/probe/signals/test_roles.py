"""Roles as a signal: those of the probe's weights."""

import pytest
import torch
from networks import convnet, images
from torch import nn

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.probe.roles import Role
from zcbench.types import Batch


def test_roles_by_name_of_the_weight():
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)
    with Probe(nn.Sequential(layer, nn.Flatten(), nn.Linear(40, 3)), Batch(torch.randn(4, 5, 8))) as probe:
        assert probe.roles["0.linear1.weight"] is Role.FFN_IN
        assert probe.roles["0.linear2.weight"] is Role.FFN_OUT
        assert probe.weights_for(Role.ATTENTION) == ["0.self_attn.in_proj_weight", "0.self_attn.out_proj.weight"]


def test_networks_without_any():
    with Probe(convnet(), Batch(*images())) as probe, pytest.raises(UnsupportedModelError, match="feeds attention"):
        _ = probe.roles
