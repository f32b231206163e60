"""Cells of the DARTS space: their forms, and which are equal."""

import ast
from collections import namedtuple

import numpy as np
import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


@pytest.mark.parametrize("seed", range(5))
def test_darts_cells_in_any_order_have_one_form(seed):
    space, rng = get_space("nasbench301"), np.random.default_rng(seed)
    normal, reduce = space.cells_of(space.sample(rng))
    swapped = tuple(edge for i in range(0, 8, 2) for edge in (normal[i + 1], normal[i]))
    text = space.from_cells(swapped, reduce)
    assert space.canonical(text) == space.canonical(space.from_cells(normal, reduce))


def test_darts_nodes_that_do_not_need_each_other_may_change_places():
    space = get_space("nasbench301")
    rest = "|skip_connect~2,skip_connect~3|skip_connect~0,max_pool_3x3~1"
    one = f"sep_conv_3x3~0,skip_connect~1|max_pool_3x3~0,dil_conv_3x3~1{rest}"
    two = f"max_pool_3x3~0,dil_conv_3x3~1|sep_conv_3x3~0,skip_connect~1{rest}"
    other = f"max_pool_3x3~0,dil_conv_5x5~1|sep_conv_3x3~0,skip_connect~1{rest}"
    forms = [space.canonical(space.parse(f"{cell};{one}")) for cell in (one, two, other)]
    assert forms[0] == forms[1] != forms[2]


def test_darts():
    space = get_space("nasbench301")
    lists = "[(0,6),(1,2),(1,4),(0,6),(0,6),(1,3),(4,0),(3,6)]"
    expected = (
        "dil_conv_5x5~0,skip_connect~1|sep_conv_5x5~1,dil_conv_5x5~0|dil_conv_5x5~0,sep_conv_3x3~1"
        "|max_pool_3x3~4,dil_conv_5x5~3"
    )
    cell = [tuple(edge.split("~")) for node in expected.split("|") for edge in node.split(",")]
    named = [(operation, int(source)) for operation, source in cell]
    Genotype = namedtuple("Genotype", "normal normal_concat reduce reduce_concat")
    genotype = Genotype(named, range(2, 6), named, [2, 3, 4, 5])
    pairs = ast.literal_eval(lists)
    for form in (
        *(f"({lists},{lists})", f"[{lists},{lists}]", (pairs, pairs), np.array([pairs, pairs])),
        *(genotype, genotype._replace(normal_concat=[2, 3, 4, 5]), genotype._asdict()),
        f"Genotype(normal={named}, reduce={named})",
    ):
        assert space.parse(form).key == f"{expected};{expected}"
    assert space.parse(str(genotype._replace(normal_concat=[2, 3]))).key == f"{expected};{expected}"
    for wrong, reason in (
        (f"({lists},)", "."),
        (((0, 7),) * 8, "."),
        (([(0, 7)] * 8,) * 2, "NASLib numbers operations from 0 to 6"),
        (([(9, 0)] * 8,) * 2, "source 9"),
        (([(0, 1)] * 7,) * 2, "7 edges"),
        (([("conv", 1)] * 8,) * 2, "unknown operation 'conv'"),
        (([(True, 1)] * 8,) * 2, "edges are pairs"),
    ):
        with pytest.raises(InvalidArchitectureError, match=reason):
            space.parse(wrong)
