"""Batches of one's own for benchmarks of one's own."""

import re

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import DuplicateNameError, InvalidInputError


@pytest.fixture(autouse=True)
def as_found():
    with registry_as_it_was():
        yield


@pytest.mark.parametrize(
    ("name", "declared", "message"),
    [
        ("My images", {}, "cannot name a batch"),
        ("mine@64", {}, "cannot name a batch"),
        ("mine", {"classes": 0}, "classes 0: choose at least 1"),
        ("mine", {"classes": "ten"}, "classes 'ten': choose a whole number"),
        ("mine", {"resizable": "yes"}, "resizable must be a function, not 'yes'"),
        ("mine", {"resizable": lambda images: images}, "resizable is called with 3 arguments"),
        ("mine", {"largest": 0}, "largest 0: choose at least 1"),
        ("mine", {"version": 0}, "version must be a positive integer"),
        ("mine", {"reference": 5}, "reference must be text"),
        ("mine", {"override": 1}, "override must be True or False"),
    ],
)
def test_declarations_out_of_range(name, declared, message):
    before = zcbench.list_batches()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_batch(name, **declared)(lambda: None)
    assert zcbench.list_batches() == before


@pytest.mark.parametrize("function", [5, lambda path: None])
def test_what_is_registered_is_called_without_arguments(function):
    with pytest.raises(InvalidInputError, match="function"):
        zcbench.register_batch("mine")(function)


def test_names_are_taken_once():
    with pytest.raises(DuplicateNameError, match="a batch named 'digits' exists already"):
        zcbench.register_batch("digits")(lambda: None)


def test_an_info_says_what_was_declared():
    @zcbench.register_batch("mine", classes=3, resizable=True, version=2, reference="my camera")
    def mine():
        """My photographs."""

    info = zcbench.batch_info("mine")
    assert (info.classes, info.resizable, info.version, info.reference) == (3, True, 2, "my camera")
    assert info.summary == "My photographs."
    assert mine() is None
    assert "mine" in zcbench.list_batches("m*")
