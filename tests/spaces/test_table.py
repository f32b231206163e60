"""Names without networks."""

import pytest

from zcbench.errors import InvalidArchitectureError, UnsupportedModelError
from zcbench.spaces import get_space


def test_names_without_networks():
    space = get_space("table")
    architecture = space.parse(" any name, really ")
    assert architecture.key == "any name, really"
    assert space.canonical(architecture) == architecture
    assert space.encode(space.parse("[1, 2.5]")).tolist() == [1, 2.5]
    assert list(space) == []
    for text in ("", "two\nlines"):
        with pytest.raises(InvalidArchitectureError, match="is not a name"):
            space.parse(text)
    for text in (
        architecture.key,
        "64",
        "[]",
        "[[1], [2]]",
        '["1"]',
        "[true]",
        "[null]",
        "[NaN]",
        "[1e999]",
        f"[1{'0' * 400}]",
    ):
        with pytest.raises(InvalidArchitectureError, match="only a name"):
            space.encode(space.parse(text))
    for text in ("[" * 100_000, "9" * 200_000):
        with pytest.raises(InvalidArchitectureError, match="only a name") as caught:
            space.encode(space.parse(text))
        assert len(str(caught.value)) < 300
    for use in (space.neighbors, space.graph, space.build, lambda a: space.crossover(a, a, None), space.sample):
        with pytest.raises(UnsupportedModelError, match="are known by name only"):
            use(architecture)
