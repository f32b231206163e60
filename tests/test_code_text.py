"""Texts that code was compiled from: what is the same text, and what code stands in it."""

import hashlib
import linecache
import warnings

import pytest

from zcbench._code_text import all_code, digest_at, fingerprint, imported_in, kept_source, text_at

TEXT = """WIDTH = 3

def outer(x, *, y=1):
    def inner(z):
        return {z, 'a', 'b'} | {1.0, -0.0}
    return inner
"""


def code(text, name="f.py"):
    return compile(text, name, "exec")


def test_fingerprints_do_not_depend_on_place_and_lines():
    moved = code("\n\n\n" + TEXT, "/elsewhere/g.py")
    assert [fingerprint(c) for c in all_code(code(TEXT))][1:] == [fingerprint(c) for c in all_code(moved)][1:]
    assert [c.co_qualname for c in all_code(code(TEXT))] == ["<module>", "outer", "outer.<locals>.inner"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("'a'", "'c'"),
        ("1.0", "1"),
        ("-0.0", "0.0"),
        ("*, y", "y"),
        ("return inner", "return None"),
        ("z", "w"),
        ("|", "&"),
    ],
)
def test_fingerprints_change_with_what_is_computed(old, new):
    before, after = ({fingerprint(c) for c in all_code(code(t))} for t in (TEXT, TEXT.replace(old, new)))
    assert before != after


def test_files(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(TEXT)
    text = text_at(str(path))
    assert text.names == {"<module>", "outer", "outer.<locals>.inner"}
    assert {fingerprint(c) for c in all_code(code(TEXT))} == text.codes
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert text_at(str(path)).digest == text.digest
    for content in (b"def f(:", b"\0\xff\x7fELF", b"x = " + b"(" * 10_000):
        path.write_bytes(content)
        assert text_at(str(path)).codes == frozenset()
    for name in ("", "<string>", "\0", str(tmp_path), str(tmp_path / "absent.py")):
        assert text_at(name) is None


def test_warnings_of_a_file_change_nothing(tmp_path):
    path = tmp_path / "warns.py"
    path.write_text("def f(x):\n    return x is 3, '\\d'\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "f" in text_at(str(path)).names


def test_source_that_python_keeps():
    lines = ["# a cell\n", "def f(x):\n", "    return x\n", "\n", "f(1)\n"]
    linecache.cache["<cell 1>"] = (0, None, lines, "<cell 1>")
    found = next(c for c in all_code(code("".join(lines), "<cell 1>")) if c.co_name == "f")
    linecache.cache["<cell 2>"] = (0, None, ["\n", *lines, "f(2)\n"], "<cell 2>")
    other = next(c for c in all_code(code("\n" + "".join(lines) + "f(2)\n", "<cell 2>")) if c.co_name == "f")
    assert kept_source(found).digest == kept_source(other).digest  # the rest of the cell is not the function's
    assert fingerprint(found) in kept_source(found).codes
    assert kept_source(code(TEXT, "<nowhere>")) is None


def test_what_code_imports_when_it_runs():
    def runs():
        import os.path
        from json import dumps as written
        from json import loads

        def inner():
            import sys

            return sys

        return os, written, loads, inner

    wanted = {(0, "os.path", ""), (0, "json", ""), (0, "json", "dumps"), (0, "json", "loads"), (0, "sys", "")}
    assert imported_in(runs.__code__) == wanted


def test_a_digest_is_that_of_the_text(tmp_path):
    path = tmp_path / "own.py"
    path.write_bytes(b"\xef\xbb\xbfA = 1\r\n")
    assert digest_at(str(path)) == text_at(str(path)).digest == hashlib.sha256(b"A = 1\n").hexdigest()
    assert digest_at(str(tmp_path / "gone.py")) == digest_at("<stdin>") == digest_at("") == ""
