"""Foreign pickles: what plain data comes out, and everything that a pickle may try."""

import itertools
import json
import os
import pickle
import pickletools
import random
import resource
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from official import CELLS, states
from pickled import (
    ARRAYS,
    CONTAINERS,
    EMPTY,
    NDARRAY,
    PLAIN,
    SCALARS,
    array,
    assert_plain,
    call,
    compressed,
    deflated,
    doubled,
    dtype,
    length,
    many,
    named,
    number,
    plain,
    read,
    same,
    scalar,
    text,
    torch_legacy,
    torch_zip,
    tup,
)

from zcbench.datasets._pickles import Shrunk, read_pickle, read_torch
from zcbench.errors import DataCorruptError, DataMissingError

# -- plain data --------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", PLAIN)
def test_plain_data(tmp_path, name, protocol):
    for container in CONTAINERS:
        same(read(container(tmp_path / "a.pickle", pickle.dumps(PLAIN[name], protocol))), PLAIN[name])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(tmp_path, name, protocol):
    content = pickle.dumps([ARRAYS[name]] * 2, protocol)
    for old in (content, content.replace(b"numpy._core", b"numpy.core")) if protocol < 4 else (content,):
        first, second = read(plain(tmp_path / "a.pickle", old))
        same(first, ARRAYS[name])
        assert first is second


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", SCALARS)
def test_numbers_of_numpy(tmp_path, name, protocol):
    number = SCALARS[name]
    content = read(plain(tmp_path / "a.pickle", pickle.dumps([number, (1, number), {number: number}], protocol)))
    same(content[:2], [number, (1, number)])
    (key, value) = next(iter(content[2].items()))
    same([key, value], [number, number])


def test_ordered_mappings_become_mappings(tmp_path):
    for protocol in range(6):
        content = read(plain(tmp_path / "a.pickle", pickle.dumps(OrderedDict(b=1, a=[2]), protocol)))
        same(list(content.items()), [("b", 1), ("a", [2])])
        assert type(content) is dict


def test_pickles_of_python_2(tmp_path):
    """Strings of eight bits, an array whose bytes are one, and a mapping from pairs, as cPickle wrote them."""
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\x01btR(K\x01(K\x02t"
    array += b"cnumpy\ndtype\n(U\x02u1K\0K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tbI00\nU\x02%stb."
    for raw in (b"\x01\x02", b"\xc3\xa9", b"\xff\xfe"):
        content = read(plain(tmp_path / "a.pkl", array % raw))
        assert content.tolist() == list(raw)
    old = b"(lp0\nS'a\\n\\xff'\np1\naS\"it's\"\naV\\u20ac\nag1\naI01\naL5L\naF1.5\na(dp2\nS'k'\nI5\nsa."
    text = read(plain(tmp_path / "b.pkl", old))
    assert text == [b"a\n\xff", "it's", "€", b"a\n\xff", True, 5, 1.5, {"k": 5}]
    pairs = b"ccollections\nOrderedDict\n((lp0\n(lp1\nS'a'\naI1\naatR."
    assert read(plain(tmp_path / "c.pkl", pairs)) == {"a": 1}


# -- attacks -----------------------------------------------------------------------------------


TWO = tup(number(2))
ATTACKS = {
    # foreign code by every instruction that can name or call it
    "GLOBAL": (call(named("os", "system"), text("touch x")), "requests os.system"),
    "GLOBAL eval": (call(named("builtins", "eval"), text("1")), "requests builtins.eval"),
    "GLOBAL getattr": (named("builtins", "getattr"), "requests builtins.getattr"),
    "GLOBAL dotted": (b"\x80\x04" + named("numpy", "ndarray.tofile"), "requests numpy.ndarray.tofile"),
    "GLOBAL dotted module": (named("numpy.ndarray", "tofile"), "requests numpy.ndarray.tofile"),
    "GLOBAL underscores": (named("collections", "OrderedDict.__init__.__globals__"), "requests collections.Ordered"),
    "GLOBAL odd letters": (named("\x1b[2J", "\u202eevil"), r"requests \\x1b\[2J"),
    "GLOBAL long": (named("a" * 900, "b" * 900), "requests a{100}.b{100}[)]"),
    "GLOBAL too long": (named("a" * 90_000, "b"), "a line that is too long"),
    "STACK_GLOBAL": (text("os") + text("system") + b"\x93", "requests os.system"),
    "STACK_GLOBAL dotted": (text("numpy") + text("dtype.__class__") + b"\x93", "requests numpy.dtype.__class__"),
    "STACK_GLOBAL of numbers": (b"K\1K\2\x93", "names a class by a value that is not text"),
    "STACK_GLOBAL of bytes": (b"C\5numpyC\5dtype\x93", "names a class by a value that is not text"),
    "STACK_GLOBAL of a name": (NDARRAY + NDARRAY + b"\x93", "names a class by a value that is not text"),
    "INST": (b"(S'touch x'\nios\nsystem\n", "instruction INST"),
    "OBJ": (b"(" + NDARRAY + number(1) + b"o", "instruction OBJ"),
    "NEWOBJ": (NDARRAY + tup(TWO) + b"\x81", "instruction NEWOBJ"),
    "NEWOBJ_EX": (NDARRAY + tup(TWO) + b"}\x92", "instruction NEWOBJ_EX"),
    "EXT1": (b"\x82\x01", "instruction EXT1"),
    "EXT2": (b"\x83\x01\x01", "instruction EXT2"),
    "EXT4": (b"\x84\x01\x01\x01\x01", "instruction EXT4"),
    "PERSID": (b"Pid\n", "instruction PERSID"),
    "BINPERSID": (text("id") + b"Q", "instruction BINPERSID"),
    "NEXT_BUFFER": (b"\x97", "instruction NEXT_BUFFER"),
    "READONLY_BUFFER": (b"C\1a\x98", "instruction READONLY_BUFFER"),
    "DUP": (b"N2\x86", "instruction DUP"),
    "POP": (b"NN0", "instruction POP"),
    "POP_MARK": (b"N(N1", "instruction POP_MARK"),
    "no instruction": (b"\xfe", "a byte that is not an instruction"),
    # calling what is permitted, otherwise than NumPy does
    "call of a list": (b"])R", "calls a value that is not a function"),
    "call of a text": (text("numpy") + b")R", "calls a value that is not a function"),
    "call with a list": (NDARRAY + b"]R", "calls a value that is not a function"),
    "call of an array": (EMPTY + b")R", "calls a value that is not a function"),
    "ndarray": (call(NDARRAY, TWO, dtype(), b"C\x10" + bytes(16)), "calls ndarray"),
    "_reconstruct of a data type": (EMPTY.replace(NDARRAY, named("numpy", "dtype")), "calls _reconstruct in a way"),
    "_reconstruct of text": (EMPTY.replace(NDARRAY, text("b")), "calls _reconstruct in a way"),
    "_reconstruct of nothing": (named("numpy._core.multiarray", "_reconstruct") + b")R", "calls _reconstruct in a way"),
    "encode by a program": (call(named("_codecs", "encode"), text("a"), text("zlib")), "calls encode in a way"),
    "encode bytes": (call(named("_codecs", "encode"), b"C\1a", text("latin1")), "calls encode in a way"),
    "encode beyond": (call(named("_codecs", "encode"), text("€"), text("latin1")), "calls encode in a way"),
    "encode by one's own errors": (call(named("_codecs", "encode"), text("€"), text("latin1"), text("x")), "in a way"),
    "set of text": (call(named("builtins", "set"), text("ab")), "calls set in a way"),
    "set of a set": (call(named("builtins", "set"), b"\x8f"), "calls set in a way"),
    "set of lists": (call(named("builtins", "set"), b"(]l"), "a key that is not a short text"),
    "OrderedDict of text": (call(named("collections", "OrderedDict"), text("ab")), "calls OrderedDict in a way"),
    "OrderedDict of triples": (call(named("collections", "OrderedDict"), b"((NNNtl"), "calls OrderedDict in a way"),
    "bytes of a length": (call(named("builtins", "bytes"), number(1 << 30)), "calls bytes in a way"),
    # changing what is permitted
    "BUILD of a class": (NDARRAY + b"}b", "changes an object"),
    "BUILD of a class by slots": (NDARRAY + tup(b"N}") + b"b", "changes an object"),
    "BUILD of a list": (b"])b", "changes an object"),
    "BUILD of a mapping": (b"}}b", "changes an object"),
    "BUILD of a set": (b"\x8f)b", "changes an object"),
    "BUILD of a number": (scalar(dtype(), b"C\x08" + bytes(8)) + b")b", "changes an object"),
    "BUILD of an array twice": (
        array(TWO) + tup(number(1), TWO, dtype(), b"\x89", b"C\x10" + bytes(16)) + b"b",
        "chang",
    ),
    "BUILD of an array by a mapping": (EMPTY + b"}b", "changes an object"),
    "BUILD of a data type twice": (dtype() + tup(number(3), text(">"), b"NNNNNN") + b"b", "changes an object"),
    "SETITEM of an array": (array(TWO) + number(0) + b"Ns", "adds to a value that is not a container"),
    "SETITEMS of an array": (array(TWO) + b"(" + number(0) + b"Nu", "adds to a value that is not a container"),
    "SETITEM of a list": (b"(Nl" + number(0) + b"Ns", "adds to a value that is not a container"),
    "SETITEM of a class": (NDARRAY + text("a") + b"Ns", "adds to a value that is not a container"),
    "SETITEM of a tuple": (b")K\0Ns", "adds to a value that is not a container"),
    "APPEND to a mapping": (b"}Na", "adds to a value that is not a container"),
    "APPEND to a data type": (dtype() + b"Na", "adds to a value that is not a container"),
    "APPEND to a set": (b"\x8fNa", "adds to a value that is not a container"),
    "APPENDS to a tuple": (b")(Ne", "adds to a value that is not a container"),
    "APPENDS to an array": (array(TWO) + b"(Ne", "adds to a value that is not a container"),
    "APPENDS to text": (text("a") + b"(Ne", "adds to a value that is not a container"),
    "ADDITEMS to a list": (b"](N\x90", "adds to a value that is not a container"),
    "ADDITEMS to a mapping": (b"}(N\x90", "adds to a value that is not a container"),
    "ADDITEMS to a frozen set": (b"(\x91(N\x90", "adds to a value that is not a container"),
    "a class as content": (b"(" + NDARRAY + b"l", "a class instead of data"),
    "a data type as content": (dtype(), "a class instead of data"),
    # data types and arrays
    "objects (a crash of old)": (
        b"c__builtin__\nset\n(cnumpy\nndarray\n((I1\ntcnumpy\ndtype\n(X\x01\0\0\0OtRC\x08AAAAAAAAtRtR",
        "an array of objects",
    ),
    "objects": (array(TWO, dtype("O8", "|"), b"(NNl"), "an array of objects"),
    "a number of objects": (scalar(dtype("O8", "|"), b"C\x08" + bytes(8)), "an array of objects"),
    "void": (array(TWO, dtype("V8", "|")), "an array of 'V8'"),
    "dates": (array(TWO, dtype("M8")), "an array of 'M8'"),
    "long double": (array(TWO, dtype("f16")), "an array of 'f16'"),
    "several": (array(TWO, dtype("f8,O")), "an array of 'f8,O'"),
    "a type by its name": (array(TWO, dtype("object_")), "an array of 'object_'"),
    "letters for digits": (array(TWO, dtype("f\u0668")), "an array of 'f"),
    "large text": (array(TWO, dtype("U99999999")), "an array of 'U99999999'"),
    "a type of fields": (call(named("numpy", "dtype"), b"((" + text("a") + text("O") + b"tl"), "an array of"),
    "fields in the state": (array(TWO, dtype("f8", "<", b"N" + tup(text("a")) + b"}")), "an array of records"),
    "a subtype in the state": (array(TWO, dtype("f8", "<", tup(b"N") + b"NN")), "an array of records"),
    "metadata in the state": (array(TWO, dtype("f8", "<", end=b"}")), "an array of records"),
    "unknown order": (array(TWO, dtype("f8", "?")), "unknown byte order"),
    "no order": (array(TWO, call(named("numpy", "dtype"), text("f8"))), "unknown byte order"),
    "no data type": (array(TWO, text("f8")), "an array of an unknown form"),
    "another's class as data type": (array(TWO, NDARRAY), "an array of an unknown form"),
    "no content": (EMPTY, "an array without content"),
    "no bytes": (array(TWO, raw=b"N"), "an array without bytes"),
    "a list for bytes": (array(TWO, raw=b"]"), "an array without bytes"),
    "too few bytes": (array(TWO, raw=b"C\x0f" + bytes(15)), "bytes do not fit its shape"),
    "too many bytes": (array(TWO, raw=b"C\x11" + bytes(17)), "bytes do not fit its shape"),
    "a shape beyond": (array(tup(number(2), number(2))), "bytes do not fit its shape"),
    "a negative shape": (array(tup(number(-1))), "an impossible shape"),
    "a negative shape twice": (array(tup(number(-1), number(-2))), "an impossible shape"),
    "a shape of truths": (array(tup(b"\x88", number(2))), "an impossible shape"),
    "a shape of fractions": (array(tup(b"G" + struct.pack(">d", 2))), "an impossible shape"),
    "a list as shape": (array(b"(K\2l"), "an array of an unknown form"),
    "an overflowing shape": (array(tup(*[b"\x8a\x05\0\0\0\0\1"] * 2)), "bytes do not fit|impossible"),
    "an empty overflowing shape": (array(tup(b"K\0", *[b"J\xff\xff\xff\x7f"] * 9), raw=b"C\0"), "an impossible shape"),
    "many dimensions": (array(tup(*[b"K\1"] * 99)), "an impossible shape"),
    "no size": (array(tup(number(0)), dtype("U0"), b"C\0"), "bytes do not fit its shape"),
    "malformed text": (array(tup(number(1)), dtype("U1"), b"C\4\xff\xff\xff\xff"), "array of malformed text"),
    "half of a letter": (array(tup(number(1)), dtype("U1"), b"C\4\0\xd8\0\0"), "array of malformed text"),
    "a short number": (scalar(dtype(), b"C\x07" + bytes(7)), "a number of the wrong length"),
    "a number of text": (scalar(text("f8"), b"C\x08" + bytes(8)), "calls scalar in a way"),
    "protocol 5, no order": (
        call(named("numpy._core.numeric", "_frombuffer"), b"C\0", dtype(), TWO, text("A")),
        "in a w",
    ),
    "protocol 5, no bytes": (
        call(named("numpy._core.numeric", "_frombuffer"), b"N", dtype(), TWO, text("C")),
        "without b",
    ),
    # numbers and text
    "LONG4 of 2 GB": (b"\x8b\xff\xff\xff\x7f", "a number that is too long"),
    "LONG4 negative": (b"\x8b\xff\xff\xff\xff", "a number that is too long"),
    "LONG1 of 255 bytes": (b"\x8a\xff" + b"\x7f" * 255, "a number that is too long"),
    "LONG of a million digits": (b"L" + b"9" * 1_000_000 + b"L\n", "a line that is too long"),
    "INT of a million digits": (b"I" + b"9" * 1_000_000 + b"\n", "a line that is too long"),
    "INT of letters": (b"I0x10\n", "a malformed number"),
    "INT of other digits": ("I\u0661\n".encode(), "a malformed number"),
    "FLOAT of letters": (b"Fone\n", "a malformed number"),
    "BINUNICODE beyond": (b"X\xff\xff\xff\xff" + b"a" * 99, "longer than a table|ends too early"),
    "BINUNICODE8 beyond": (b"\x8d" + b"\xff" * 7 + b"\x7f", "a text longer than a table"),
    "BINBYTES8 beyond": (b"\x8e" + b"\xff" * 8, "a text longer than a table"),
    "BYTEARRAY8 beyond": (b"\x96" + b"\0" * 5 + b"\1\0\0", "a text longer than a table"),
    "BINSTRING beyond": (b"T\xff\xff\xff\x7f", "a text longer than a table"),
    "FRAME beyond": (b"\x95" + b"\xff" * 8 + b"(", "before its content|ends too early"),
    "no UTF-8": (b"X\2\0\0\0\xff\xfe", "text that is not UTF-8"),
    "surrogates": (b"X\3\0\0\0\xed\xa0\x80", "text that is not UTF-8"),
    "UNICODE surrogates": (b"V\\ud800\n", "malformed text"),
    "UNICODE cut": (b"V\\u12\n", "malformed text"),
    "STRING without quotes": (b"Sabc\n", "malformed text"),
    "STRING of one quote": (b"S'\n", "malformed text"),
    "STRING of an odd escape": (b"S'\\q'\n", "malformed text"),
    "STRING of half an escape": (b"S'\\x4'\n", "malformed text"),
    # stack and memo
    "nothing": (b"", "before its content"),
    "two things": (b"NN", "before its content"),
    "an open mark": (b"N(", "before its content"),
    "TUPLE without mark": (b"t", "instructions are invalid"),
    "APPENDS without mark": (b"]e", "instructions are invalid"),
    "APPENDS to nothing": (b"(Ne", "instructions are invalid"),
    "APPEND to nothing": (b"Na", "instructions are invalid"),
    "TUPLE3 of one": (b"N\x87", "instructions are invalid"),
    "REDUCE of one": (b")R", "instructions are invalid"),
    "SETITEMS of three": (b"}(NNNu", "instructions are invalid"),
    "PUT of nothing": (b"q\0", "instructions are invalid"),
    "MEMOIZE of nothing": (b"\x94", "instructions are invalid"),
    "BINGET of nothing": (b"h\7", "instructions are invalid"),
    "LONG_BINGET of nothing": (b"j\xff\xff\xff\xff", "instructions are invalid"),
    "GET of nothing": (b"g7\n", "instructions are invalid"),
    "GET of letters": (b"ga\n", "a malformed number"),
    "PUT of a million digits": (b"Np" + b"9" * 1_000_000 + b"\n", "a line that is too long"),
    "an unknown protocol": (b"\x80\x06N", "an unknown protocol"),
    # form
    "a list in itself": (b"]q\0h\0a", "contains itself"),
    "a mapping in itself": (b"}q\0" + text("a") + b"h\0s", "contains itself"),
    "a list in a tuple in itself": (b"]q\0(h\0ta", "contains itself"),
    "a list in the mapping that it holds": (b"]q\0}" + text("a") + b"h\0sa", "contains itself"),
    "lists, 100,000 deep": (b"]" * 100_000 + b"a" * 99_999, "nested too deeply|more memory"),
    "tuples, 100,000 deep": (b")" + b"\x85" * 100_000, "nested too deeply|more memory"),
    "mappings, 50,000 deep": (b"}N" * 50_000 + b"N" + b"s" * 50_000, "nested too deeply|more memory"),
    "marks, a million deep": (b"(" * 1_000_000, "nested too deeply"),
    "lists, 100 deep": (b"]" * 100 + b"a" * 99, "nested too deeply"),
    "deep by parts that are shared": (
        b"(" + b"]" * 40 + b"a" * 38 + b"q\0a" + b"]" * 40 + b"h\0" + b"a" * 40 + b"l",
        "deep",
    ),
    "shared pairs": (doubled(50), "shared too often"),
    "shared lists": (b"]" + b"".join(b"q%c](h%ch%ce" % (n, n, n) for n in range(50)), "before its content"),
    "shared lists in one": (
        b"(" + b"]q\0" + b"".join(b"](h%ch%ceq%c" % (n, n, n + 1) for n in range(50)) + b"l",
        "shared too often",
    ),
    # keys
    "a list as key": (b"}]Ns", "a key that is not a short text"),
    "a mapping as key": (b"}}Ns", "a key that is not a short text"),
    "an array as key": (b"}" + array(TWO) + b"Ns", "a key that is not a short text"),
    "a class as key": (b"}" + NDARRAY + b"Ns", "a key that is not a short text"),
    "a frozen set as key": (b"}(\x91Ns", "a key that is not a short text"),
    "a complex number as key": (
        b"}" + scalar(dtype("c16"), b"C\x10" + bytes(16)) + b"Ns",
        "a key that is not a short text",
    ),
    "a list in a tuple as key": (b"}(]tNs", "a key that is not a short text"),
    "shared pairs as key": (b"}" + doubled(40) + b"Ns", "a key that is not a short text"),
    "shared pairs in a set": (b"\x8f(" + doubled(40) + b"\x90", "a key that is not a short text"),
    "shared pairs in a frozen set": (b"(" + doubled(40) + b"\x91", "a key that is not a short text"),
    "shared pairs in a called set": (
        call(named("builtins", "set"), b"(" + doubled(40) + b"l"),
        "a key that is not a short",
    ),
    "a deep tuple as key": (b"})" + b"\x85" * 100_000 + b"Ns", "a key that is not a short text"),
    "a wide tuple as key": (b"}(" + b"N" * 100_000 + b"tNs", "a key that is not a short text"),
    "a long text as key": (b"}" + text("a" * 5000) + b"Ns", "a key that is not a short text"),
    "long texts as keys": (b"}(" + (text("a" * 5000) + b"N") * 2 + b"u", "a key that is not a short text"),
    "a large number as key": (b"}\x8a\x10" + b"\x7f" * 16 + b"Ns", "a key that is not a short text"),
    "numbers with one hash": (
        b"}(\x8a\x08" + struct.pack("<q", 2**61 - 1) + b"NK\0Nu",
        "a key that is not a short text",
    ),
    "numbers whose hashes could be chosen": (
        b"}(" + b"".join(number(place) + b"N" for place in range(45_000)) + b"u",
        "more keys that are not text",
    ),
    "such numbers one by one": (
        b"}" + b"".join(number(place) + b"Ns" for place in range(45_000)),
        "more keys that are not text",
    ),
    "such numbers in sets": (
        b"(("
        + b"".join(number(place) for place in range(25_000))
        + b"\x91]"
        + b"\x8f("
        + b"".join(number(place) for place in range(25_000))
        + b"\x90t",
        "more keys that are not text",
    ),
    "such numbers in called sets": (
        call(named("builtins", "set"), b"(" + b"".join(number(place) for place in range(45_000)) + b"l"),
        "more keys that are not text",
    ),
    "such numbers in called mappings": (
        call(
            named("collections", "OrderedDict"),
            b"(" + b"".join(number(place) + b"N\x86" for place in range(45_000)) + b"l",
        ),
        "more keys that are not text",
    ),
    "a memo number out of order": (b"Nq\0Nr\xff\xff\xff\xff\x86", "numbers its parts out of order"),
    "a written memo number out of order": (b"Np0\nNp99\n\x86", "numbers its parts out of order"),
    "a negative memo number": (b"Np-1\n", "numbers its parts out of order"),
    "pairs with one hash": (b"}(\x8a\x08" + struct.pack("<q", 2**59) + b"K\1tNs", "a key that is not a short text"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_refused_and_why(tmp_path, attack):
    content, reason = ATTACKS[attack]
    for container in CONTAINERS:
        path = container(tmp_path / "attack.pickle", content + b".")
        with pytest.raises(DataCorruptError, match=f"attack.* was refused .*{reason}.*: download it again") as caught:
            read(path)
        assert len(str(caught.value).splitlines()) == 1
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 300 + len(str(path))


def test_mappings_as_large_as_the_authors(tmp_path):
    content = {"arch2infos": dict.fromkeys(range(15_625)), "evaluated_indexes": set(range(15_625))}
    for protocol in (0, 2, 4):
        assert read(plain(tmp_path / "a.pickle", pickle.dumps(content, protocol))) == content
    content = {"few": [dict.fromkeys(range(200)) for _ in range(500)], "texts": dict.fromkeys(map(str, range(50_000)))}
    assert read(plain(tmp_path / "a.pickle", pickle.dumps(content))) == content


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataMissingError, match=r"none\.pickle does not exist"):
        read_pickle(tmp_path / "none.pickle")
    with pytest.raises(DataMissingError, match=r"none\.pth does not exist"):
        read_torch(tmp_path / "none.pth")
    with pytest.raises(DataCorruptError, match="was refused"):
        read_pickle(tmp_path)


# -- containers that lie -----------------------------------------------------------------------


def refused(path, reason, reader=read_torch):
    with pytest.raises(DataCorruptError, match=reason):
        reader(path)


def test_containers_that_lie(tmp_path):
    path = torch_zip(tmp_path / "a", pickle.dumps(list(range(1000))))
    whole = path.read_bytes()
    directory = whole.index(b"PK\1\2")
    for offset, value, reason in (
        (8, b"\1\0", "the encrypted member 'archive/data.pkl'"),
        (10, b"\x0e\0", "'archive/data.pkl', which is not packed by deflate"),
        (10, b"\x08\0", "was refused"),
        (16, bytes(4), "was refused .*Bad CRC-32"),
        (24, b"\xff\xff\xff\x7f", "was refused .it ends too early"),
        (24, b"\1\0\0\0", "was refused"),
        (42, b"\xff\xff\xff\x7f", "was refused"),
        (42, b"\1\0\0\0", "was refused"),
        (46, b"../../etc/x", "was refused"),
    ):
        content = bytearray(whole)
        content[directory + offset : directory + offset + len(value)] = value
        path.write_bytes(content)
        refused(path, reason)
    refused(torch_zip(tmp_path / "b", pickle.dumps(1) + b"more"), "it has bytes after its end")
    refused(compressed(tmp_path / "c", pickle.dumps(1) + b"more"), "it has bytes after its end", read_pickle)
    with zipfile.ZipFile(tmp_path / "d.pth", "w") as archive:
        archive.writestr("archive/other", b"")
    refused(tmp_path / "d.pth", "was refused .*data.pkl")
    refused(plain(tmp_path / "e.pth", pickle.dumps([1])), "torch.save did not write it")
    refused(torch_legacy(tmp_path / "f", b""), "ends too early|before its content", lambda p: read_torch(p))


def test_damage_of_a_compressed_pickle_is_seen(tmp_path):
    """A bit of a number, wherever it is: the checksum says so, and no number is read."""
    content = bytearray(compressed(tmp_path / "a", pickle.dumps(list(np.linspace(0, 1, 300)))).read_bytes())
    for place in range(4, len(content), 41):
        damaged = bytearray(content)
        damaged[place] ^= 4
        refused(plain(tmp_path / "b.pbz2", damaged), "was refused", read_pickle)


def test_tensors_are_refused(tmp_path):
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save({"weight": torch.ones(2)}, tmp_path / "a.pth", **options)
        refused(tmp_path / "a.pth", "requests torch._utils._rebuild_tensor_v2")


def test_no_file_holds_what_was_shrunk(tmp_path):
    """A mapping that looks as if it had been given away is a mapping; one that was, is not a mapping."""
    path = tmp_path / "a.pth"
    torch.save([{"shrunk": 1}, {"less": 1, "full": 2}], path)
    kept = read_torch(path, frozenset(("less", "full")), lambda record: sorted(record))
    assert kept[0] == {"shrunk": 1}
    assert isinstance(kept[1], Shrunk)
    assert kept[1].kept == ["full", "less"]
    # With too many names that the mappings could share, all of the file is read at once.
    torch.save([[f"name {number}" for number in range(70_000)], {"less": 1, "full": 2}], path)
    assert read_torch(path, frozenset(("less", "full")), lambda record: None)[1] == {"less": 1, "full": 2}


# -- mutations of real files -------------------------------------------------------------------


def small_records():
    """Official records with few epochs."""
    records = states(CELLS[:1])
    for part in records[0].values():
        for run in part["all_results"].values():
            for name, table in run.items():
                if isinstance(table, dict) and len(table) > 5:
                    run[name] = dict(list(table.items())[:2] + list(table.items())[-2:])
    return records


def pickled_part(path):
    """What torch.save put into its container."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read(next(n for n in archive.namelist() if n.endswith("/data.pkl")))
    content = path.read_bytes()
    for _ in range(3):
        content = content[content.index(b".", 2) + 1 :]
    return content


def real_pickles(folder):
    """Pickles as the readers meet them."""
    records = small_records()
    content = {"meta_archs": CELLS[:1], "arch2infos": {0: {"less": records[0]["12"], "full": records[0]["200"]}}}
    torch.save(content, folder / "a.pth")
    found = [pickled_part(folder / "a.pth")]
    for protocol in range(6):
        found += [pickle.dumps(records[0]["12"], protocol), pickle.dumps([*ARRAYS.values()][:-1], protocol)]
        found.append(pickle.dumps([SCALARS, PLAIN["keys"], PLAIN["containers"], OrderedDict(a=1)], protocol))
    return [[content[a:b] for a, b in itertools.pairwise([*starts(content), len(content)])] for content in found]


def starts(content):
    return [place for _, _, place in pickletools.genops(content)]


CODES = [code.code.encode("latin1") for code in pickletools.opcodes]


def mutated(steps, rng):
    """The same instructions but for a few."""
    steps = list(steps)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        place, other = rng.randrange(len(steps)), rng.randrange(len(steps))
        match rng.randrange(8):
            case 0:
                del steps[place]
                if not steps:
                    return b"."
            case 1:
                steps.insert(place, steps[other])
            case 2:
                steps[place], steps[other] = steps[other], steps[place]
            case 3:
                steps.insert(place, rng.choice(CODES))
            case 4:
                steps[place] = rng.choice(CODES) + steps[place][1:]
            case 5:
                raw = bytearray(steps[place])
                raw[rng.randrange(len(raw))] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
                steps[place] = bytes(raw)
            case 6:
                names = ["numpy", "os", "builtins", "numpy._core.multiarray", "_codecs", "collections"]
                steps.insert(
                    place, named(rng.choice(names), rng.choice(["system", "ndarray", "dtype", "eval", "scalar"]))
                )
            case 7:
                steps[place:place] = steps[other : other + rng.randrange(30)]
    return b"".join(steps)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_mutated_instructions_give_plain_data_or_our_error(tmp_path_factory, seed):
    rng = random.Random(seed)
    folder = tmp_path_factory.getbasetemp() / "mutated"
    folder.mkdir(exist_ok=True)
    if not MUTABLE:
        MUTABLE.extend(real_pickles(folder))
    content = mutated(rng.choice(MUTABLE), rng)
    for container in CONTAINERS:
        path = container(folder / "a.pickle", content)
        try:
            assert_plain(read(path))
        except DataCorruptError as error:
            assert "was refused" in str(error)


MUTABLE = []


# -- costs -------------------------------------------------------------------------------------


ONE_MEBIBYTE = tup(number(1 << 20))
#: pickles that ask for far more memory or time than their size warrants
BOMBS = {
    "sets": lambda: b"\x8f" * 500_000,
    "lists": lambda: b"]" * 200_000,
    "mappings, remembered": lambda: b"}\x94" * 500_000,
    "nothing, remembered": lambda: b"N" + b"\x94" * 1_000_000,
    "memo numbers": lambda: b"N" + many(200_000, lambda place: b"r" + length(place)),
    "bytes of a text, again and again": lambda: (
        text("a" * 100_000) + b"q\1" + text("latin1") + b"q\2" + (named("_codecs", "encode") + b"h\1h\2\x86R") * 20_000
    ),
    "sets of a list, again and again": lambda: (
        b"(" + many(20_000, number) + b"lq\0" + named("builtins", "set") + b"q\1" + b"h\1h\0\x85R" * 50_000
    ),
    "mappings of pairs, again and again": lambda: (
        b"(" + many(20_000, lambda place: number(place) + b"N\x86") + b"lq\0"
        + named("collections", "OrderedDict") + b"q\1" + b"h\1h\0\x85R" * 50_000
    ),
    "arrays of the same bytes": lambda: (
        b"(" + array(ONE_MEBIBYTE, dtype("u1", "|") + b"q\1", b"B" + length(1 << 20) + bytes(1 << 20) + b"q\0")
        + array(ONE_MEBIBYTE, b"h\1", b"h\0") * 2000 + b"l"
    ),
    "numbers of the same bytes": lambda: (
        dtype("U9999") + b"q\0" + named("numpy._core.multiarray", "scalar") + b"q\1B" + length(39_996)
        + b"a\0\0\0" * 9_999 + b"q\2(" + b"h\1h\0h\2\x86R" * 100_000 + b"tt"
    ),
    "numbers of the same old text": lambda: (
        dtype("U9999") + b"q\0" + named("numpy._core.multiarray", "scalar") + b"q\1T" + length(39_996)
        + b"a\0\0\0" * 9_999 + b"q\2(" + b"h\1h\0h\2\x86R" * 100_000 + b"tt"
    ),
    "arrays of the same old text": lambda: (
        b"(" + array(tup(number(1 << 20)), dtype("u1", "|") + b"q\1", b"T" + length(1 << 20) + bytes(1 << 20) + b"q\2")
        + array(tup(number(1 << 20)), b"h\1", b"h\2") * 2000 + b"l"
    ),
    "records that share a long list": lambda: (
        b"(" + b"N" * 200_000 + b"l" + (b"q\0}(" + text("less") + b"h\0" + text("full") + b"h\0ua") * 10_000
    ),
    "nothing, packed": lambda: b"(" + b"N" * 5_000_000 + b"l",
    "lists, packed": lambda: b"(" + b"]" * 5_000_000 + b"l",
    "numbers, packed": lambda: b"(" + b"J\1\1\1\1" * 1_200_000 + b"l",
    "text, packed": lambda: b"X" + length(30_000_000) + b"a" * 30_000_000,
    "a wide letter, packed": lambda: b"X" + length(10_000_004) + b"a" * 10_000_000 + "😀".encode(),
    "a line, packed": lambda: b"S'" + b"a" * 16_000_000 + b"'\n",
    "tuples, packed": lambda: b")" + b"\x85" * 1_500_000,
    "behind the end, packed": lambda: b"N." + bytes(40_000_000),
}  # fmt: skip
CHILD = """
import json, sys, time
from pathlib import Path
# What is imported while the first file is read
import encodings.cp437, encodings.latin_1, encodings.raw_unicode_escape, pickletools
from zcbench.datasets._nasbench201_files import read_official
from zcbench.datasets._pickles import read_pickle, read_torch
from zcbench.errors import ZcbenchError
import pickled

FORBIDDEN = ("os.", "subprocess.", "ctypes.", "exec", "compile", "import", "pickle.find_class", "socket.", "shutil.",
             "tempfile.", "code.__new__", "object.__setattr__", "object.__delattr__", "sys._getframe", "mmap.")
HARMLESS = ("os.scandir", "os.listdir")
seen, watching = set(), False

def hook(event, arguments):
    if watching and (event.startswith(FORBIDDEN) and event not in HARMLESS):
        seen.add(f"{event} {arguments!r}"[:200])
    elif watching and event == "open" and (arguments[1] not in ("r", "rb", None) or arguments[2] & 3):
        seen.add(f"{event} {arguments!r}"[:200])

def memory(name):
    return next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith(name))

sys.addaudithook(hook)
for path in sorted(Path(sys.argv[1]).iterdir()):
    Path("/proc/self/clear_refs").write_text("5")
    before, began, ends = memory("VmRSS"), time.process_time(), []
    reads = [read_torch] if path.suffix == ".pth" else [read_pickle]
    for read in reads + [read_official] * (path.suffix == ".pth" and "records" in path.name):
        watching = True
        try:
            content = read(path)
            watching = False
            if read is not read_official:
                pickled.assert_plain(content)
            del content
            ends.append("read")
        except ZcbenchError as error:
            ends.append(str(error))
        except BaseException as error:
            ends.append(f"FOREIGN {type(error).__name__}: {error}"[:300])
        watching = False
    spent = memory("VmHWM") - before - 64 * path.stat().st_size, time.process_time() - began
    print(json.dumps([path.name, ends, *spent, sorted(seen)]), flush=True)
"""


def read_in_a_child(folder):
    """What became of each file in a folder: name, ends, memory in bytes beyond 64 times its size, seconds, events."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (300, 300))

    path = os.pathsep.join(sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)], capture_output=True, text=True, preexec_fn=limit, env=environment
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result[0] for result in results] == sorted(path.name for path in folder.iterdir())
    for name, ends, memory, _, events in results:
        assert memory < 200 << 20, name
        assert not events, name
        assert not any("FOREIGN" in end or "MemoryError" in end for end in ends), (name, ends)
    return results


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks of memory are read from Linux's /proc")
def test_costs_are_bounded_and_nothing_is_run(tmp_path):
    """Bombs, attacks and mutated real files in a process that reports its memory, and files and processes it makes."""
    for title, content in BOMBS.items():
        for container in (compressed, deflated) if "packed" in title else (plain, torch_zip):
            container(tmp_path / f"bomb {title} {container.__name__}.x", content() + b".")
    for title, (content, _) in ATTACKS.items():
        plain(tmp_path / f"attack {title.replace('/', '')}.pickle", content + b".")
    rng = random.Random(0)
    (tmp_path / "real").mkdir()
    bases = real_pickles(tmp_path / "real")
    for path in (tmp_path / "real").iterdir():
        path.unlink()
    (tmp_path / "real").rmdir()
    for count in range(300):
        rng.choice(CONTAINERS)(tmp_path / f"mutated {count}.x", mutated(rng.choice(bases), rng))
    results = read_in_a_child(tmp_path)
    by_name = {name: ends for name, ends, *_ in results}
    attacks = [ends for name, ends in by_name.items() if name.startswith("attack")]
    assert len(attacks) == len(ATTACKS)
    assert all("was refused" in ends[0] for ends in attacks)
    ends = [ends[0] for name, ends in by_name.items() if name.startswith("mutated")]
    assert min(ends.count("read"), sum("was refused" in end for end in ends)) > 5
