"""Search spaces of strangers, and what is none."""

import re

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.spaces import ChoiceSpace, accepting_spaces
from zcbench.spaces._register import ALIASES


class Complete(ChoiceSpace):
    """A space that has all it must have."""

    def read(self, text):
        return tuple(text)

    def write(self, choices):
        return "".join(choices)

    def graph(self, architecture):
        raise NotImplementedError

    def build(self, architecture, *, num_classes=10):
        raise NotImplementedError


class Raises(Complete):
    canonical = property(lambda self: 1 / 0)


def space(**changed):
    made = Complete("t-space", [["a", "b"]])
    for name, value in changed.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Complete, "Complete is a class: register a search space, Complete(…)."),
        (5, "5 cannot be registered as a search space: it has no name that is a string"),
        (space(name=None), "it has no name that is a string"),
        (space(name="T Space"), "cannot name a search space"),
        (space(domains="convolutional"), "domains must be a tuple of texts such as ('convolutional',)"),
        (space(domains=("pictures",)), "unknown domain 'pictures'"),
        (space(input_shape=[3, 32, 32]), "input shape must be a tuple of sizes"),
        (space(input_shape=(3, 0)), "input shape 0: choose at least 1"),
        (space(input_shape=(3, 1.5)), "choose a whole number"),
        (space(parse=None), "parse must be a function"),
        (space(sample=lambda: 1), "sample is called with 1 argument"),
        (type("Bare", (), {"name": "t-bare"})(), "a Bare must have 'domains'"),
        (Raises("t-raises", [["a"]]), "a Raises must have 'canonical' (ZeroDivisionError: division by zero)"),
    ],
)
def test_search_spaces_that_are_none(made, message):
    before = zcbench.list_spaces()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_space(space(name="t-good"), made)
    assert zcbench.list_spaces() == before  # all or none


def test_aliases():
    darts = zcbench.get_space("darts")
    assert darts is zcbench.get_space("nasbench301")
    assert zcbench.space_info("DARTS").name == "nasbench301"
    assert zcbench.get_space("NAS-Bench-201") is zcbench.get_space("nasbench201")
    assert set(ALIASES.values()) <= set(zcbench.list_spaces())
    assert not set(ALIASES) & set(zcbench.list_spaces())
    with registry_as_it_was():
        zcbench.register_space(mine := space(name="darts"))
        assert zcbench.get_space("darts") is mine


def test_spaces_that_accept_strings():
    cells = [a.key for a in zcbench.get_benchmark("digits-201").architectures[:3]]
    assert accepting_spaces(cells) == ["digits-201", "nasbench201"]
    assert accepting_spaces(["110010010000010101101:00201"]) == ["nasbench101"]
    assert accepting_spaces([*cells, "110010010000010101101:00201"]) == []
    assert accepting_spaces(["resnet18", "my-net"]) == []  # spaces that accept any name are not counted
