"""What registries of classes share, on a registry of its own."""

from typing import ClassVar

import pytest

from zcbench._classes import ClassInfo, class_label, class_rules, registering_class
from zcbench._registry import Registry
from zcbench.errors import DuplicateNameError, InvalidInputError


class Base:
    """A kind of classes."""

    ranges: ClassVar = {"size": (1, 9), "rate": (0.0, 1.0)}

    def __init__(self, size: int = 3, rate: float = 0.5, way: str = "up") -> None:
        self.size, self.rate, self.way = size, rate, way


class Narrow(Base):
    """Narrower."""

    ranges: ClassVar = {"size": (2, 4)}


@pytest.fixture
def registry():
    found = Registry("thing", package="zcbench.runs.tracks", group="zcbench.none", rules=class_rules(Base))
    found._discovered = True  # it has no built-ins
    return found


def register(registry, make, name="mine", override=False, **declared):
    declared = {"version": 1, "reference": "", "extra": ""} | declared
    return registering_class(registry, ClassInfo, name, declared, override=override)(make)


def test_an_entry_tells_settings_and_the_narrowest_ranges(registry):
    assert register(registry, Narrow, version=3, reference="a paper") is Narrow
    info = registry.info("mine")
    assert info.parameters == {"size": 3, "rate": 0.5, "way": "up"}
    assert info.ranges == {"size": (2, 4), "rate": (0.0, 1.0)}
    assert (info.version, info.reference, info.summary) == (3, "a paper", "Narrower.")
    assert len(info.code) > 8 and repr(info) == "<ClassInfo mine@3>"


def test_a_label_names_what_is_not_the_default():
    known = {"size": 3, "rate": 0.5, "way": "up"}
    assert class_label("mine", Base(), known) == "mine"
    assert class_label("mine", Base(way="down", size=4), known) == "mine:size=4:way=down"


class Needs(Base):
    def __init__(self, strength) -> None: ...


class Beyond(Narrow):
    def __init__(self, size: int = 9) -> None: ...


class Odd(Base):
    ranges: ClassVar = {"size": (4, 1)}


@pytest.mark.parametrize(
    ("make", "declared", "message"),
    [
        (object, {}, "thing 'mine': register a subclass of zcbench.Base."),
        (Base(), {}, "register a subclass of zcbench.Base."),
        (Needs, {}, "the argument 'strength' needs a default."),
        (Beyond, {}, "size"),
        (Odd, {}, "ranges"),
        (Base, {"version": 0}, "positive integer"),
        (Base, {"reference": 5}, "reference"),
    ],
)
def test_what_cannot_be_registered(registry, make, declared, message):
    with pytest.raises(InvalidInputError, match=message):
        register(registry, make, **declared)
    assert not registry._entries


def test_a_name_is_taken_once(registry):
    register(registry, Base)
    with pytest.raises(DuplicateNameError):
        register(registry, Narrow)
    register(registry, Narrow, override=True)
    assert registry.info("mine").make is Narrow
