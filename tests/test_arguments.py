"""One rule for each kind of value, one sentence for what breaks it."""

import functools
import math

import numpy as np
import pytest

from zcbench import _arguments as rules
from zcbench.errors import InvalidInputError


class Mute:
    def __repr__(self):
        raise RuntimeError


async def later(a):
    return a


def steps(a):
    yield a


TAKEN = [
    (rules.whole, 5, 5),
    (rules.whole, np.int8(5), 5),
    (functools.partial(rules.whole, low=5, high=5), 5, 5),
    (rules.number, 5, 5.0),
    (rules.number, np.float32(0.5), 0.5),
    (functools.partial(rules.number, low=0.5, high=0.5), 0.5, 0.5),
    (rules.seed, 0, 0),
    (rules.seed, 2**32 - 1, 2**32 - 1),
    (rules.version, 10**9, 10**9),
    (rules.flag, False, False),
    (rules.text, "", ""),
    (rules.choice("colour", ["red", "blue"]), "red", "red"),
    (rules.names("colour", ["red", "blue"]), ("blue", "red"), ("blue", "red")),
    (rules.names("colour", lambda: ["red"]), (), ()),
    (rules.names("colour"), ("anything",), ("anything",)),
    (rules.mapping(rules.flag), {"a": True}, {"a": True}),
    (rules.called_with(1), len, len),
    (rules.called_with(2), max, max),
    (rules.optional(rules.flag), None, None),
    (rules.optional(rules.flag), True, True),
    (rules.all_text, "one", ["one"]),
    (rules.all_text, iter(["a", "b"]), ["a", "b"]),
]


@pytest.mark.parametrize(("rule", "value", "found"), TAKEN)
def test_what_is_taken(rule, value, found):
    taken = rule("size", value)
    assert taken == found
    assert type(taken) is type(found)


REFUSED = [
    (rules.whole, True, "size True: choose a whole number."),
    (rules.whole, np.True_, "choose a whole number."),
    (rules.whole, 1.0, "size 1.0: choose a whole number."),
    (rules.whole, "1", "size '1': choose a whole number."),
    (rules.whole, 2**63, f"choose at most {2**63 - 1}."),
    (functools.partial(rules.whole, low=1), 0, "size 0: choose at least 1."),
    (rules.number, math.nan, "choose a finite number."),
    (rules.number, math.inf, "choose a finite number."),
    (rules.number, 10**400, "choose a finite number."),
    (rules.number, True, "size True: choose a finite number."),
    (rules.number, "1", "size '1': choose a finite number."),
    (rules.number, [1], "choose a finite number."),
    (functools.partial(rules.number, low=0.5), 0.25, "size 0.25: choose at least 0.5."),
    (functools.partial(rules.number, high=0.5), 0.75, "size 0.75: choose at most 0.5."),
    (rules.seed, -1, f"size -1: choose a number from 0 to {2**32 - 1}."),
    (rules.seed, 2**32, f"choose a number from 0 to {2**32 - 1}."),
    (rules.seed, 0.0, f"choose a number from 0 to {2**32 - 1}."),
    (rules.version, 0, "size must be a positive integer up to 1000000000, not 0."),
    (rules.version, np.int64(1), "must be a positive integer"),  # JSON knows none of numpy's
    (rules.version, True, "must be a positive integer"),
    (rules.flag, 1, "size must be True or False, not 1."),
    (rules.text, 5, "size must be text, not 5."),
    (rules.text, "a\nb", "size must be one line of text, not 'a\\nb'."),
    (rules.text, "a\u2028b", "must be one line of text"),
    (rules.choice("colour", ["red", "blue"]), "rde", "size: unknown colour 'rde'; known: red, blue."),
    (rules.choice("colour", ["red"]), ["red"], "unknown colour ['red']"),
    (rules.names("colour"), "red", "size must be a tuple of texts such as ('red',), not 'red'."),
    (rules.names("colour"), ["red"], "must be a tuple of texts such as ('name',), not ['red']."),
    (rules.names("colour"), (1,), "must be a tuple of texts"),
    (rules.names("colour"), (" ",), "size: unknown colour ' '; known: all but blank text."),
    (rules.names("colour", ["red"]), ("blue",), "size: unknown colour 'blue'; known: red."),
    (rules.names("colour", ["red"]), ("red", "red"), "a name is repeated."),
    (rules.names("colour", least=2), ("red",), "size ('red',): give at least 2."),
    (rules.mapping(rules.flag), [("a", True)], "size must be a mapping from names"),
    (rules.mapping(rules.flag), {1: True}, "size must be a mapping from names"),
    (rules.mapping(rules.flag), {"a": 1}, "size['a'] must be True or False, not 1."),
    (rules.called_with(1), 5, "size must be a function, not 5."),
    (rules.called_with(1), later, "async functions and generators do not"),
    (rules.called_with(1), steps, "async functions and generators do not"),
    (rules.called_with(1), lambda: 0, "size is called with 1 argument, which () does not accept"),
    (rules.called_with(2), lambda a: 0, "size is called with 2 arguments, which (a) does not accept"),
    (rules.called_with(1), lambda a, *, b: 0, "give all other arguments a default"),
    (rules.optional(rules.flag), 0, "size must be True or False, not 0."),
    (rules.all_text, 5, "size 5: give names, one text or several in a list."),
    (rules.all_text, ["a", 5], "size: 5 is not a name: give texts."),
    (rules.text, Mute(), "size must be text, not a Mute."),
]


@pytest.mark.parametrize(("rule", "value", "message"), REFUSED)
def test_what_is_refused(rule, value, message):
    with pytest.raises(InvalidInputError) as caught:
        rule("size", value)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_long_values_are_cut():
    for value in ("x" * 10_000, list(range(10_000)), 10**5000):
        with pytest.raises(InvalidInputError) as caught:
            rules.flag("size", value)
        assert len(str(caught.value)) < 110


def test_what_is_shown():
    assert rules.shown("x" * 100, 20) == "'" + "x" * 18 + "…"
    assert rules.shown(b"x" * 100, 20) == "b'" + "x" * 17 + "…"
    assert rules.shown([1, (2, {"a": None})]) == "[1, (2, {'a': None})]"
    assert rules.shown(np.zeros((2, 2))) == "array([[0., 0.], [0., 0.]])"
    assert rules.shown("a\nb") == r"'a\nb'"
    assert rules.shown(10**5000) == "a int"
    assert rules.shown([Mute()]) == "a list"
    assert rules.shown(list(range(100)), 1000) == f"[{', '.join(map(str, range(20)))}, …]"
    assert rules.shown(dict.fromkeys(range(100)), 1000).count("None") == 20
    assert rules.shown(set(range(100)), 1000).count(",") == 20
    loop = []
    loop.append(loop)
    assert rules.shown(loop) == "[[[[[…]]]]]"


def test_no_more_is_read_than_is_shown():
    class Entry:
        read = 0

        def __repr__(self):
            Entry.read += 1
            return "entry"

    for many in ([Entry()] * 1000, dict.fromkeys(range(1000), Entry()), {Entry() for _ in range(1000)}):
        Entry.read = 0
        rules.shown([many])
        assert 0 < Entry.read <= 20


def test_things_by_name():
    class Thing:
        def __init__(self, name):
            self.name = name

    one, two = Thing("one"), Thing("two")
    assert rules.by_name("space", [one, two]) == {"one": one, "two": two}
    with pytest.raises(InvalidInputError, match="two spaces named 'one' were given"):
        rules.by_name("space", [one, Thing("one")])
    for odd in (5, Thing(None)):
        with pytest.raises(InvalidInputError, match="cannot be registered as a space: it has no name that is a string"):
            rules.by_name("space", [odd])


def test_lists_and_one_text_are_tuples():
    assert rules.as_tuple(["a"]) == rules.as_tuple("a") == ("a",)
    assert rules.as_tuple(5) == 5
