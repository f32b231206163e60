"""The embedded table of the subnets of elastic-mobilenet."""

import zcbench


def test_all_of_the_space_is_there():
    table = zcbench.get_benchmark("elastic-mobilenet")
    assert len(table) == 1_296
    assert {one.key for one in table.architectures} == {one.key for one in table.space}
