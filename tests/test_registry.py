"""What is registered is found; what is wrong is said, and takes nothing else down."""

import os
import subprocess
import sys
import threading
import warnings

import pytest

import zcbench
from zcbench._notation import parse_term
from zcbench.errors import BrokenRegistryError, DuplicateNameError, InvalidInputError, UnknownNameError


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
def registry(place, monkeypatch):
    """A registry with the built-ins ``one`` and ``two``."""
    package = place / "fruit"
    package.mkdir()
    package.joinpath("__init__.py").write_text("from zcbench._registry import Registry\nR = Registry('f', 'fruit', '')")
    package.joinpath("_hidden.py").write_text("raise RuntimeError('not to be imported')")
    package.joinpath("built_in.py").write_text("from fruit import R\nR.add('one', 1)\nR.add('two', 2)")
    import fruit

    fruit.R.kind, fruit.R.group = "fruit", "test.fruit"
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module that is mended within a second is read anew
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
    with pytest.raises(UnknownNameError, match=r"no fruit matches 'z\*': known: one, three, two"):
        registry.names(["one", "z*"])


def test_duplicates(registry):
    registry.add("mine", 1)
    with pytest.raises(DuplicateNameError, match="a fruit named 'mine' exists already: choose another name or"):
        registry.add("mine", 2)
    assert registry.get("mine") == 1
    registry.add("mine", 2, override=True)
    assert registry.get("mine") == 2


def test_code_that_is_no_module_s_cannot_take_a_name_twice(registry):
    code = compile("registry.add('mine', 1)", "a cell of a notebook", "exec")
    exec(code, {"registry": registry, "__name__": "nowhere"})
    with pytest.raises(DuplicateNameError):
        exec(code, {"registry": registry, "__name__": "nowhere"})


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


def test_a_decorator_without_its_name(registry):
    with pytest.raises(
        InvalidInputError, match=r'a fruit needs a name: write @zcbench\.register_fruit\("mine"\) above'
    ):
        registry.add(test_bad_names, 1)


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


FAILURES = {
    "1 / 0": "ZeroDivisionError: division by zero",
    "import sys; sys.exit('enough')": "SystemExit: enough",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise GeneratorExit": "GeneratorExit",
    "import absent_package": "ModuleNotFoundError: No module named 'absent_package'",
    "class E(BaseException):\n    def __str__(self): raise RuntimeError\nraise E": "E",
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_plug_in_costs_itself_alone_whatever_it_raises(registry, place, code):
    distribution(
        place,
        "rude",
        ["a = rude", "b = kind"],
        rude=f"from fruit import R\nR.add('half', 1)\nR.add('two', 22, override=True)\n{code}",
        kind="from fruit import R\nR.add('kind', 6)",
    )
    with pytest.warns(UserWarning, match="the fruit plug-in 'a' .rude. could not be imported") as caught:
        assert registry.names() == ["kind", "one", "two"]
    assert registry.get("two") == 2  # which it had replaced before it failed
    assert registry.broken["a"].startswith(FAILURES[code])
    assert registry.broken["a"].endswith("; its earlier registrations (half, two) were removed")
    assert len(caught) == 1


def test_what_a_broken_plug_in_imports_and_finishes_stays(registry, place):
    distribution(
        place,
        "package",
        ["a = top"],
        top="import part\nfrom fruit import R\nR.add('top', 1)\n1 / 0",
        part="from fruit import R\nR.add('part', 1)",
    )
    with pytest.warns(UserWarning, match="ZeroDivisionError"):
        assert registry.names() == ["one", "part", "two"]


@pytest.mark.parametrize("error", ["ImportError('no such package')", "RuntimeError('odd')", "KeyboardInterrupt"])
def test_a_broken_built_in_breaks_every_look_up_until_it_is_whole(registry, place, error):
    culprit = place / "fruit" / "culprit.py"
    culprit.write_text(f"from fruit import R\nR.add('half', 1)\nraise {error}\n")
    kind = KeyboardInterrupt if error == "KeyboardInterrupt" else BrokenRegistryError
    for look_up in (registry.names, lambda: registry.get("one"), lambda: registry.add("mine", 1), registry.names):
        with pytest.raises(kind) as caught:
            look_up()
        if kind is BrokenRegistryError:
            message = str(caught.value)
            assert message.startswith("the fruit registry cannot be used, because fruit.culprit could not be imported")
            assert error.partition("(")[0] in message
    culprit.write_text("from fruit import R\nR.add('half', 1)\nR.add('whole', 2)\n")
    assert registry.names() == ["half", "one", "two", "whole"]


def test_a_built_in_that_is_imported_first_and_fails_is_not_missed(registry, place):
    """Its first decorator starts the discovery of all others: what the module itself lacks must not be forgotten."""
    culprit = place / "fruit" / "culprit.py"
    culprit.write_text("from fruit import R\nR.add('first', 1)\nraise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        __import__("fruit.culprit")
    culprit.write_text("from fruit import R\nR.add('first', 1)\nR.add('second', 2)")
    assert registry.names() == ["first", "one", "second", "two"]


def test_threads_that_look_up_at_once_see_everything(registry, place):
    """One imports a built-in by itself, which waits inside; others look up; none waits for ever or sees a part."""
    slow = "import threading, time\nfrom fruit import R\ntime.sleep(0.2)\nR.add('slow', 1)\n"
    place.joinpath("fruit", "slow.py").write_text(slow + "time.sleep(0.2)\nR.add('slower', 2)\n")
    place.joinpath("fruit", "a_first.py").write_text("import time\ntime.sleep(0.1)\nfrom fruit import R\nR.add('a', 1)")
    found = []
    threads = [threading.Thread(target=lambda: found.append(registry.names()), daemon=True) for _ in range(4)]
    threads.insert(1, threading.Thread(target=lambda: __import__("fruit.slow"), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert found == [["a", "one", "slow", "slower", "two"]] * 4


def test_a_failed_decorator_leaves_everything_as_it_was(registry):
    registry.add("mine", 1)
    before = dict(registry._entries)
    with pytest.raises(InvalidInputError, match="override must be True or False"):
        registry.add("other", 2, override="yes")
    with pytest.raises(DuplicateNameError):
        registry.add_all({"new": 3, "mine": 4})
    with pytest.raises(InvalidInputError):
        registry.add_all({"new": 3, "Bad Name": 4})
    assert registry._entries == before


@pytest.mark.parametrize("name", [5, None, ("one",), b"one"])
def test_names_are_text(registry, name):
    for act in (lambda: registry.get(name), lambda: registry.names([name]), lambda: registry.add(name, 1)):
        with pytest.raises(InvalidInputError):
            act()


# -- what text makes, decorators, isolation ----------------------------------------------------


def test_text_makes_an_object(registry):
    registry.make = lambda entry, term: (entry, dict(term.settings))
    assert registry.get("two:ripe=yes") == (2, {"ripe": "yes"})
    assert registry.info("two") == 2
    assert [registry.get_term(term) for term in registry.matching(parse_term("t*:a=1"))] == [(2, {"a": "1"})]
    assert [str(term) for term in registry.matching(parse_term("all:a=1"))] == ["one:a=1", "two:a=1"]
    for text in ("two@3", "tow:ripe=yes"):
        with pytest.raises(UnknownNameError, match="did you mean 'two'"):
            registry.get(text)
    with pytest.raises(InvalidInputError, match="write settings as two:setting=value"):
        registry.get("two:ripe")


def test_a_number_behind_the_name(registry):
    registry.numbered, registry.make = True, lambda entry, term: (entry, term.name)
    assert registry.get("two@64") == (2, "two@64")
    with pytest.raises(UnknownNameError, match="unknown fruit 'tow'"):
        registry.get("tow@64")


def test_without_a_maker_nothing_follows_a_name(registry):
    for text in ("two:a=1", "two(a)", "two+one", "two@3"):
        with pytest.raises(UnknownNameError):
            registry.get(text)


def test_one_pattern_is_no_list_of_letters(registry):
    assert registry.names("t*") == ["two"]
    with pytest.raises(UnknownNameError, match="'ot'"):
        registry.names("ot")


def test_a_decorator_returns_what_it_decorates(registry):
    def thing():
        return 5

    assert registry.registering("thing", {}, lambda function: function())(thing) is thing
    assert registry.get("thing") == 5
    with pytest.raises(InvalidInputError, match="cannot name a fruit"):
        registry.registering("No name", {}, thing)


def test_what_is_built_in(registry):
    registry.discover()
    assert registry.is_built_in("one")
    registry.add("mine", 1)
    registry.add("one", 10, override=True)
    assert not registry.is_built_in("mine")
    assert not registry.is_built_in("one")
    assert not registry.is_built_in("no such fruit")


def test_what_was_made_is_forgotten_when_an_entry_changes(registry):
    with registry.isolated():
        registry.made["one"] = "jam"
        registry.add("one", 10, override=True)
        assert registry.made == {}
        registry.made["one"] = "other jam"
    assert registry.made == {}


def test_isolated_undoes_registrations_whatever_happens_inside(registry):
    registry.add("mine", 1)
    with pytest.raises(ZeroDivisionError), registry.isolated():
        registry.add("other", 2)
        registry.add("mine", 3, override=True)
        registry.add("one", 10, override=True)
        with registry.isolated():
            registry.add("inner", 4)
        assert registry.names() == ["mine", "one", "other", "two"]
        1 / 0  # noqa: B018
    assert registry.names() == ["mine", "one", "two"]
    assert [registry.get(name) for name in ("mine", "one", "two")] == [1, 1, 2]
    assert registry.is_built_in("one")
    registry.add("other", 5)
    with pytest.raises(DuplicateNameError):
        registry.add("one", 6)


def test_isolated_looks_up_first(registry):
    """Else what is discovered inside would be forgotten with the rest, for good."""
    with registry.isolated():
        assert registry.names() == ["one", "two"]
    assert registry.names() == ["one", "two"]


def test_isolated_while_a_built_in_is_broken(registry, place):
    place.joinpath("fruit", "culprit.py").write_text("1 / 0")
    with pytest.raises(BrokenRegistryError):
        with registry.isolated():
            raise AssertionError("the block must not run")
    place.joinpath("fruit", "culprit.py").write_text("")
    with registry.isolated():
        registry.add("mine", 1)
    assert registry.names() == ["one", "two"]


def test_plug_ins_of_batches_and_tracks(place, monkeypatch):
    """Every kind has a group of entry points."""
    from zcbench._kinds import KINDS

    assert {kind.entries.group for kind in KINDS} == {f"zcbench.{kind.plural}" for kind in KINDS}
    info = place / "images-1.0.dist-info"
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\nName: images\nVersion: 1.0\n")
    info.joinpath("entry_points.txt").write_text("[zcbench.batches]\nx = t_images\n[zcbench.tracks]\nx = t_tracks\n")
    place.joinpath("t_images.py").write_text(
        "import numpy as np, zcbench\n"
        "@zcbench.register_batch('t-plugged', classes=2)\n"
        "def images():\n    '''Zeros.'''\n    return np.zeros((4, 1, 2, 2)), np.arange(4) % 2\n"
    )
    place.joinpath("t_tracks.py").write_text(
        "import zcbench\nfrom zcbench.runs import Track\n"
        "zcbench.register_track(Track(name='t-plugged', benchmarks=('digits-201',), summary='Mine.'))\n"
    )
    code = (
        "import zcbench\nprint(zcbench.get_batch('t-plugged', 3).provenance)\n"
        "print(zcbench.get_track('t-plugged').summary, zcbench.track_info('t-plugged').benchmarks)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("t-plugged/train/3 of 4/seed 0/1-"), done.stderr
    assert done.stdout.endswith("Mine. ('digits-201',)\n")
    assert done.stderr == ""


def test_words_that_stand_for_several_name_nothing(registry):
    with pytest.raises(InvalidInputError, match=r"'all' cannot name a .*, because it selects several"):
        registry.add("all", object())
    with pytest.raises(InvalidInputError, match="'standard' cannot name a proxy, because it selects several"):
        zcbench.register_proxy("standard")


@pytest.mark.parametrize("module", ["zcbench.scorers.proxy", "zcbench.proxies.counts"])
def test_a_module_that_registers_can_be_imported_first(module):
    code = f"import {module}, zcbench; print(len(zcbench.list_scorers()), len(zcbench.list_proxies()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stderr == ""
    assert all(int(count) > 5 for count in found.stdout.split())
