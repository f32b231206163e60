"""Which spaces have independent parts, and how architectures are read and written by them."""

import numpy as np
import pytest

from zcbench.search._parts import parts_of
from zcbench.spaces import get_space, list_spaces


@pytest.mark.parametrize("name", ["nasbench201", "nasbenchmacro", "nats-size", "transnasbench101-micro", "ofa-mbv3"])
def test_numbers_are_read_back(name):
    parts = parts_of(get_space(name))
    numbers = parts.draw(np.random.default_rng(0), 20)
    assert (parts.numbers([parts.architecture(row) for row in numbers]) == numbers).all()


def test_the_parts_of_once_for_all_are_its_stages():
    space = get_space("ofa-mbv3")
    assert np.prod([float(len(options)) for options in parts_of(space).options]) == pytest.approx(float(space.size))


def test_spaces_whose_choices_depend_on_one_another_have_none():
    assert parts_of(get_space("nasbench101")) is None
    assert any(parts_of(get_space(name)) is None for name in list_spaces("darts*"))
