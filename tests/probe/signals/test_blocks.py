"""Which modules are blocks."""

from by_hand import cell, value
from networks import Dead, convnet, images
from torch import nn

import zcbench
from zcbench.probe.signals.blocks import blocks_of
from zcbench.testing._zoo import Residual


def test_blocks():
    net = cell()
    assert blocks_of(net) == list(net.body)
    nested = nn.Sequential(nn.Sequential(Residual(), Residual()), Residual())
    assert len(blocks_of(nested)) == 3
    assert blocks_of(convnet()) == []  # layers then
    chain = value("az_expressivity", convnet(), images()[0])
    assert chain > 0
    dead = zcbench.score(Dead(), images()[0], proxies=["az_*"])
    assert {dead[name].status for name in ("az_expressivity", "az_trainability")} == {"unsupported"}
