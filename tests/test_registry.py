"""What is registered is found; what is wrong is said, and takes nothing else down."""

import sys
import warnings

import pytest

from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder on the path, whose modules are forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def registry(place):
    """A registry with the built-ins ``one`` and ``two``."""
    package = place / "fruit"
    package.mkdir()
    package.joinpath("__init__.py").write_text("from zcbench._registry import Registry\nR = Registry('f', 'fruit', '')")
    package.joinpath("_hidden.py").write_text("raise RuntimeError('not to be imported')")
    package.joinpath("built_in.py").write_text("from fruit import R\nR.add('one', 1)\nR.add('two', 2)")
    import fruit

    fruit.R.kind, fruit.R.group = "fruit", "test.fruit"
    return fruit.R


def distribution(place, name, points, **modules):
    info = place / f"{name}-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[test.fruit]\n" + "\n".join(points) + "\n")
    for module, text in modules.items():
        place.joinpath(f"{module}.py").write_text(text)


def test_built_ins_are_found_at_the_first_look_up(registry):
    assert registry.names() == ["one", "two"]
    assert registry.get("two") == 2
    assert "fruit._hidden" not in sys.modules


def test_patterns(registry):
    registry.add("three", 3)
    assert registry.names(["t*"]) == ["three", "two"]
    assert registry.names(["t*", "two", "*e"]) == ["one", "three", "two"]
    assert registry.names(["[ot]*o"]) == ["two"]
    with pytest.raises(UnknownNameError, match=r"unknown fruit 'z\*': known: one, three, two"):
        registry.names(["one", "z*"])


def test_duplicates(registry):
    registry.add("mine", 1)
    with pytest.raises(DuplicateNameError, match="a fruit named 'mine' exists already: choose another name or"):
        registry.add("mine", 2)
    assert registry.get("mine") == 1
    registry.add("mine", 2, override=True)
    assert registry.get("mine") == 2


def test_built_ins_can_be_overridden_before_anything_was_looked_up(registry):
    with pytest.raises(DuplicateNameError, match="'one' exists already"):
        registry.add("one", 10)
    registry.add("two", 20, override=True)
    assert (registry.get("one"), registry.get("two")) == (1, 20)


def test_unknown_names(registry):
    with pytest.raises(UnknownNameError, match="unknown fruit 'tow': did you mean 'two'"):
        registry.get("tow")


@pytest.mark.parametrize("name", ["", "Apple", "a b", "-a", "a-", "a/b", "ä", "a\n", "a*"])
def test_bad_names(registry, name):
    with pytest.raises(InvalidInputError, match="cannot name a fruit: use lower-case letters"):
        registry.add(name, 1)
    assert registry.names() == ["one", "two"]


@pytest.mark.parametrize("name", ["a", "7", "a.b_c-d", "x2"])
def test_good_names(registry, name):
    registry.add(name, 1)
    assert registry.get(name) == 1


def test_entry_points_name_modules_or_objects(registry, place):
    distribution(
        place,
        "good",
        ["a = good_module", "b = good_object:Thing"],
        good_module="from fruit import R\nR.add('apple', 3)",
        good_object="from fruit import R\nR.add('pear', 4)\nclass Thing: pass",
    )
    assert registry.names() == ["apple", "one", "pear", "two"]
    assert registry.broken == {}


def test_a_broken_entry_point_takes_nothing_down(registry, place):
    distribution(
        place,
        "mixed",
        ["a = absent_module", "b = raises", "c = takes_a_name", "d = fine", "e = fine:missing"],
        raises="1 / 0",
        takes_a_name="from fruit import R\nR.add('one', 5)",
        fine="from fruit import R\nR.add('fine', 6)",
    )
    with pytest.warns(UserWarning) as caught:
        assert registry.names() == ["fine", "one", "two"]
    assert sorted(registry.broken) == ["a", "b", "c", "e"]
    assert registry.broken["b"] == "ZeroDivisionError: division by zero"
    assert registry.get("one") == 1
    texts = [str(w.message) for w in caught]
    assert len(texts) == 4
    assert "the fruit plug-in 'a' (absent_module) could not be imported: ModuleNotFoundError" in "\n".join(texts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        registry.names()  # said once
