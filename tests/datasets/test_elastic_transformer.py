"""The embedded table of subnets of elastic-transformer."""

import zcbench


def test_the_largest_the_smallest_and_others_of_the_space_are_there():
    table = zcbench.get_benchmark("elastic-transformer")
    keys = {one.key for one in table.architectures}
    assert len(table) == len(keys) == 225
    assert keys < {one.key for one in table.space}
    assert {table.space.largest.key, table.space.smallest.key} < keys
