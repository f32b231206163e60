"""Changes of dictionaries, lists and sets in place are seen, named and undone."""

from collections import OrderedDict, deque

import pytest

from zcbench.probe._containers import Containers


def kept(*containers):
    found = Containers()
    for number, container in enumerate(containers):
        found.add(container, f"owner {number}", "key")
    found.seal()
    return found


def restored(containers):
    """What was named when changes were undone."""
    named = []
    assert not containers.unchanged()
    containers.restore(lambda *what: named.append(what))
    assert containers.unchanged()
    return named


THING = object()


@pytest.mark.parametrize(
    ("container", "change", "entry"),
    [
        ({"a": 1}, lambda c: c.update(a=2), "a"),
        ({"a": 1}, lambda c: c.update(b=2), "b"),
        ({"a": 1, "b": 2}, lambda c: c.pop("a"), "a"),
        ({"a": THING}, lambda c: c.update(a=object()), "a"),
        (OrderedDict(a=1), lambda c: c.clear(), "a"),
        ([1, 2], lambda c: c.append(3), ""),
        ([1, 2], lambda c: c.reverse(), ""),
        (deque([1, 2]), lambda c: c.popleft(), ""),
        ({1, 2}, lambda c: c.add(3), ""),
        ({1, 2}, lambda c: c.discard(1), ""),
    ],
)
def test_every_change_is_named_and_undone(container, change, entry):
    before = container.copy()
    containers = kept(container)
    assert containers.unchanged()
    change(container)
    assert restored(containers) == [("owner 0", "key", entry)]
    assert container == before
    assert type(container) is type(before)


def test_the_order_of_keys_is_put_back():
    container = {"a": 1, "b": 2}
    containers = kept(container)
    container["a"] = container.pop("a")
    assert restored(containers) == []  # the order alone is of no matter to anybody
    assert list(container) == ["a", "b"]


def test_an_equal_object_that_cannot_change_is_put_back_in_silence():
    number, equal = int("1" * 30), int("1" * 30)
    container = {"a": number}
    containers = kept(container)
    container["a"] = equal
    assert not containers.unchanged()
    assert restored(containers) == []
    assert container["a"] is number


def test_what_lies_inside_is_kept_down_to_four_levels():
    levels = [[1]]
    for _ in range(5):
        levels.append([levels[-1]])
    deepest, fourth, outer = levels[0], levels[1], levels[-1]
    containers = kept(outer)
    fourth.append(2)
    assert restored(containers) == [("owner 0", "key", "")]
    deepest.append(2)
    assert containers.unchanged()  # too deep


def test_empty_ones_are_kept_too():
    inner, outer = {}, []
    containers = kept({"hooks": inner}, outer)
    inner["x"] = 1
    outer.append(1)
    assert restored(containers) == [("owner 0", "key", "x"), ("", "", 1)]
    assert (inner, outer) == ({}, [])


def test_a_container_that_holds_itself_is_kept_once():
    loop = [1]
    loop.append(loop)
    containers = kept(loop)
    loop[0] = 2
    assert len(restored(containers)) == 1
    assert loop[0] == 1


def test_large_ones_are_kept_and_not_searched():
    inner = [1]
    large = [inner] * 2000
    containers = kept(large)
    inner.append(2)
    assert containers.unchanged()
    large.pop()
    assert restored(containers) == [("owner 0", "key", "")]
    assert len(large) == 2000
