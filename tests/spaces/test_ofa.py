"""Subnets of Once-for-All from their settings."""

from zcbench.spaces import get_space


def test_subnets_read_from_settings_drop_what_lies_beyond_the_depth():
    space = get_space("ofa-mbv3")
    settings = {"ks": [3, 5, 7, 3] * 5, "e": [3, 4, 6, 3] * 5, "d": [2, 3, 4, 2, 2]}
    assert space.parse(str(settings)).key == "3x3,5x4|3x3,5x4,7x6|3x3,5x4,7x6,3x3|3x3,5x4|3x3,5x4"
    settings["ks"][2] = 5
    assert space.parse(str(settings)) == space.parse(str({**settings, "ks": [3, 5, 7, 3] * 5}))
