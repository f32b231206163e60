"""Equal networks of NAS-Bench-Macro."""

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


def test_equal_networks_compute_the_same():
    """Weights carried over from the written to the canonical form give the same outputs."""
    macro = get_space("nasbenchmacro")
    a = macro.parse("10210201")
    b = macro.canonical(a)
    assert b.key == "10210210"
    networks = [macro.build(each).eval() for each in (a, b)]
    for source, target in zip(
        (m for m in networks[0].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))),
        (m for m in networks[1].modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d, nn.Linear))),
        strict=True,
    ):
        target.load_state_dict(source.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(networks[0](x), networks[1](x))


def test_lists_of_numbers():
    space = get_space("nasbenchmacro")
    assert space.parse([0, 2, 0, 1, 2, 1, 0, 0]).key == "02012100"
    for wrong in ([0, 2, 0, 1, 2, 1, 0, 3], 2012100):
        with pytest.raises(InvalidArchitectureError):
            space.parse(wrong)
