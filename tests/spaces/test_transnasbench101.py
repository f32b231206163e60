"""Equal cells of TransNAS-Bench-101."""

import pytest
import torch

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


def test_nodes_of_transnas_cells_may_change_places():
    space = get_space("transnasbench101-micro")
    a, b = space.parse("64-41414-3_20_123"), space.parse("64-41414-2_30_132")
    assert space.canonical(a) == space.canonical(b) == b
    assert space.canonical(space.parse("64-41414-3_21_123")).key == "64-41414-3_21_123"
    networks = [space.build(each, num_classes=3).eval() for each in (a, b)]
    swap = {"01": "02", "02": "01", "13": "23", "23": "13"}
    state = {
        ".".join(
            swap.get(part, part) if before == "edges" else part
            for before, part in zip(["", *parts], parts, strict=False)
        ): value
        for name, value in networks[0].state_dict().items()
        for parts in [name.split(".")]
    }
    networks[1].load_state_dict(state)
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(networks[0](x), networks[1](x), rtol=1e-4, atol=1e-5)


def test_lists_of_numbers():
    micro, macro = get_space("transnasbench101-micro"), get_space("transnasbench101-macro")
    assert micro.parse((1, 0, 2, 3, 3, 3)).key == micro.parse("[1, 0, 2, 3, 3, 3]").key == "64-41414-1_02_333"
    assert macro.parse((1, 2, 3, 4, 0, 0)).key == "64-1234-basic"
    for space, wrong in ((micro, (1, 0, 2, 3, 3, 4)), (macro, (1, 1, 1, 1))):
        with pytest.raises(InvalidArchitectureError):
            space.parse(wrong)
