"""Subnets of Once-for-All from their settings."""

import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


def test_subnets_read_from_settings_drop_what_lies_beyond_the_depth():
    space = get_space("ofa-mbv3")
    settings = {"ks": [3, 5, 7, 3] * 5, "e": [3, 4, 6, 3] * 5, "d": [2, 3, 4, 2, 2]}
    assert space.parse(str(settings)).key == "3x3,5x4|3x3,5x4,7x6|3x3,5x4,7x6,3x3|3x3,5x4|3x3,5x4"
    settings["ks"][2] = 5
    assert space.parse(str(settings)) == space.parse(str({**settings, "ks": [3, 5, 7, 3] * 5}))


def test_the_authors_settings():
    space = get_space("ofa-mbv3")
    settings = {"wid": None, "ks": [3] * 20, "e": [6] * 20, "d": [2] * 5, "r": [224]}
    assert space.parse(settings).key == space.parse(str(settings)).key == "|".join(["3x6,3x6"] * 5)
    for wrong in ({"d": [5] * 5}, {"ks": [3.0] * 20}, {"e": [5] * 20}):
        with pytest.raises(InvalidArchitectureError):
            space.parse({**settings, **wrong})
