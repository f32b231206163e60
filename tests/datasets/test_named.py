"""The names that a pickle may use stand for themselves, and calling them gives plain data."""

import itertools

import pytest

from zcbench.datasets import _inert
from zcbench.datasets._inert import Array, DType, Named, RefusedError, Scalar
from zcbench.datasets._named import NAMES, Bounds, build, make, named


@pytest.fixture
def bounds():
    charged = []
    found = Bounds(charged.append, _inert.keys)
    yield found
    assert all(count >= 0 for count in charged)


def test_only_names_of_the_list():
    assert named("builtins", "set").name == "set"
    assert named("numpy.core.multiarray", "scalar") is not None
    for module, name in itertools.product(
        ("os", "builtins", "numpy", "collections", ""), ("system", "eval", "set.pop")
    ):
        with pytest.raises(RefusedError, match=f"requests {module}.{name}"):
            named(module, name)
    for odd in (("builtins", 5), (b"builtins", "set"), (None, None)):
        with pytest.raises(RefusedError, match="not text"):
            named(*odd)


def test_what_calls_stand_for(bounds):
    def call(module, name, *arguments):
        return make(named(module, name), arguments, bounds)

    assert call("builtins", "set", ["a", "b"]) == {"a", "b"}
    assert call("builtins", "frozenset", (1, 2)) == frozenset({1, 2})
    assert call("builtins", "bytes") == b""
    assert call("collections", "OrderedDict", [("a", 1), ["b", 2]]) == {"a": 1, "b": 2}
    assert call("_codecs", "encode", "\xffa", "latin1") == b"\xffa"
    assert call("numpy", "dtype", "f8", False, True).code == "f8"
    assert call("numpy", "dtype", "?").code == "b1"
    array = call("numpy.core.numeric", "_frombuffer", bytes(16), call("numpy", "dtype", "f8"), (2,), "C")
    assert (array.shape, array.dtype.code, array.fortran) == ((2,), "f8", False)


@pytest.mark.parametrize(
    ("function", "arguments", "reason"),
    [
        ("set", (5,), "in a way that is not known"),
        ("set", ({1},), "in a way that is not known"),
        ("set", ([[1]],), "not a short text"),
        ("OrderedDict", (["ab"],), "in a way that is not known"),
        ("OrderedDict", ([(1, 2, 3)],), "in a way that is not known"),
        ("bytes", (10**9,), "in a way that is not known"),
        ("encode", ("€", "latin1"), "in a way that is not known"),
        ("encode", ("a", "rot13"), "in a way that is not known"),
        ("dtype", ("O8",), "an array of objects"),
        ("dtype", ("V8",), "an array of 'V8'"),
        ("dtype", ("f8,f8",), "an array of"),
        ("_reconstruct", (Named("set"), (0,), b"b"), "in a way that is not known"),
        ("scalar", ("f8", bytes(8)), "in a way that is not known"),
        ("scalar", (DType("f8"), 5), "without bytes"),
        ("_frombuffer", (bytes(8), DType("f8"), (1,), "K"), "in a way that is not known"),
        ("_frombuffer", (bytes(8), DType("f8"), (-1,), "C"), "an impossible shape"),
        ("_frombuffer", (bytes(8), "f8", (1,), "C"), "an unknown form"),
        ("ndarray", ((2,),), "it calls ndarray"),
    ],
)
def test_calls_that_are_refused(bounds, function, arguments, reason):
    (record, *_) = [found for (_, name), found in NAMES.items() if name == function]
    with pytest.raises(RefusedError, match=reason):
        make(record, arguments, bounds)


def test_what_is_no_function(bounds):
    for function in (5, "set", set, DType("f8")):
        with pytest.raises(RefusedError, match="not a function"):
            make(function, (), bounds)
    with pytest.raises(RefusedError, match="not a function"):
        make(named("builtins", "set"), [[]], bounds)


def test_a_record_is_given_its_state_once():
    record = DType("f8")
    state = (3, ">", None, None, None, -1, -1, 0)
    build(record, state, int)
    assert record.order == ">"
    array, content = Array(), (1, (2,), record, False, bytes(16))
    build(array, content, int)
    assert array.shape == (2,)
    for target, given in (
        (record, state),
        (array, content),
        (DType("f8"), 5),
        (Scalar(record, b""), state),
        ({}, ({},)),
    ):
        with pytest.raises(RefusedError, match="changes an object in a way that is not known"):
            build(target, given, int)
    for odd, reason in (((3, ">", None, ("a",), None, -1, -1, 0), "records"), ((3, "!", *state[2:]), "byte order")):
        with pytest.raises(RefusedError, match=reason):
            build(DType("f8"), odd, int)
