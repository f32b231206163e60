"""Encoders of FlexiBERT's space: strings, the authors' settings, equal encoders, neighbours, codes."""

import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space

SPACE = get_space("flexibert")
LAYER = {
    **{"operation_type": "SA", "operation_parameter": "WMA", "num_operation_heads": 4},
    **{"feed_forward_dimension": 1024, "num_feed_forward": 3},
}


def test_the_authors_settings():
    overrides = {"hidden_size": 256, "nas_config": {"encoder_layers": [LAYER] * 2}}
    assert SPACE.parse(overrides).key == "256|SA-WMA-4-1024x3|SA-WMA-4-1024x3"
    assert SPACE.parse(str(overrides)) == SPACE.parse({"hidden_size": 256, "encoder_layers": [LAYER] * 2})
    lacking = {name: value for name, value in LAYER.items() if name != "num_feed_forward"}
    for wrong in ({**overrides, "hidden_size": "256x"}, {**overrides, "nas_config": {"encoder_layers": [lacking] * 2}}):
        with pytest.raises(InvalidArchitectureError):
            SPACE.parse(wrong)


def test_transforms_have_no_heads():
    two, four = (SPACE.parse(f"128|LT-DFT-{heads}-512x1|SA-SDP-4-512x1") for heads in (2, 4))
    assert SPACE.canonical(two) == SPACE.canonical(four) == two
    assert SPACE.encode(two).tolist() == SPACE.encode(four).tolist()
    assert SPACE.graph(two) == SPACE.graph(four)
    other = SPACE.parse("128|LT-DFT-2-512x1|SA-SDP-2-512x1")
    assert SPACE.canonical(other) != SPACE.canonical(two)
    assert SPACE.encode(other).tolist() != SPACE.encode(two).tolist()


def test_neighbours_change_one_choice_or_double_or_halve_the_layers():
    shallow = SPACE.parse("128|LT-DFT-2-512x1|SA-SDP-4-1024x3")
    found = {other.key for other in SPACE.neighbors(shallow)}
    assert len(found) == 1 + 2 * (5 + 1 + 1 + 1) + 1
    assert "256|LT-DFT-2-512x1|SA-SDP-4-1024x3" in found
    deep = "128|LT-DFT-2-512x1|LT-DFT-2-512x1|SA-SDP-4-1024x3|SA-SDP-4-1024x3"
    assert deep in found
    assert shallow in SPACE.neighbors(SPACE.parse(deep))


@pytest.mark.parametrize(
    "text", ["64|SA-SDP-2-512x1|SA-SDP-2-512x1", "128|SA-SDP-2-512x1", "128|SA-SDP-3-512x1|SA-SDP-2-512x1"]
)
def test_what_is_no_encoder(text):
    with pytest.raises(InvalidArchitectureError, match="write the width"):
        SPACE.parse(text)
