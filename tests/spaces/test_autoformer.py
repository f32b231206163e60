"""Transformers of AutoFormer's space: strings, configurations, neighbours, codes."""

import itertools

import numpy as np
import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space
from zcbench.spaces.autoformer import DEPTHS, WIDTHS

SPACE = get_space("autoformer-tiny")
CONFIG = {"layer_num": 12, "embed_dim": [192] * 12, "num_heads": [3] * 12, "mlp_ratio": [3.5] * 11 + [4]}


def test_the_authors_configuration():
    expected = "|".join(["192", *["3x3.5"] * 11, "3x4.0"])
    assert SPACE.parse(CONFIG).key == expected
    assert SPACE.parse({**CONFIG, "embed_dim": 192}).key == expected
    for wrong in ({"layer_num": 13}, {"mlp_ratio": [3.96] * 12}, {"embed_dim": 200}, {"num_heads": [3] * 11}):
        with pytest.raises(InvalidArchitectureError):
            SPACE.parse({**CONFIG, **wrong})


def test_ratios_have_one_form():
    written, usual = (SPACE.parse("|".join(["192", *[block] * 12])) for block in ("3x4", "3x4.0"))
    assert written == usual == SPACE.canonical(written)
    for wrong in (
        "192|" + "|".join(["3x3.5"] * 11),
        "192|" + "|".join(["5x3.5"] * 12),
        "200|" + "|".join(["3x4"] * 12),
    ):
        with pytest.raises(InvalidArchitectureError, match="write the width"):
            SPACE.parse(wrong)


@pytest.mark.parametrize(("depth", "neighbours"), [(12, 2 + 24 + 1), (13, 2 + 26 + 2), (14, 2 + 28 + 1)])
def test_neighbours_change_the_width_a_block_or_the_depth(depth, neighbours):
    architecture = SPACE.from_blocks(216, [(3, 4.0), (4, 3.5)] * 6 + [(3, 3.5)] * (depth - 12))
    found = [SPACE.blocks(other) for other in SPACE.neighbors(architecture)]
    assert len(found) == len(set(SPACE.neighbors(architecture))) == neighbours
    width, blocks = SPACE.blocks(architecture)
    for other_width, other in found:
        changed = sum(a != b for a, b in zip(blocks, other, strict=False)) + abs(len(other) - depth)
        assert changed + (other_width != width) == 1


def test_enumeration_begins_with_shallow_ones_and_codes_tell_all_apart():
    first = list(itertools.islice(SPACE, 300))
    assert first[0].key == "|".join(["192", *["3x3.5"] * 12])
    assert len({tuple(SPACE.encode(a)) for a in first}) == 300
    assert SPACE.size == len(WIDTHS) * sum(4**depth for depth in DEPTHS)
    code = SPACE.encode(SPACE.from_blocks(240, [(4, 3.5)] * 13))
    np.testing.assert_array_equal(code, [1, *[1, 1, 0] * 13, 0, 0, 0])
