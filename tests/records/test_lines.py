"""Many lines at once are read as they are one by one; lines of schema 1 are read for ever."""

from pathlib import Path
from random import Random

import pytest
from damage import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from toys import record

from zcbench.records import _lines
from zcbench.records._columns import RECORDS, Builder
from zcbench.records._layout import Source
from zcbench.records._schema import encoded, record_line

#: made by  zcbench run  of commit cb76440: three proxies, one of which failed and was tried again; three trials
OLD = Path(__file__).parent / "schema_1"


def read(path, *, quick):
    """Columns, bad lines and the rest of what a file holds."""
    kind = RECORDS.traced
    builder = Builder(kind)
    reader = _lines.Reader(kind, builder)
    if not quick:
        reader._known = None
    part = reader.read(Source(path, "jsonl", "origin"))
    arrays, texts = builder.finish()
    columns = {
        name: [texts[name][code] for code in arrays[name]] if name in texts else arrays[name].tolist()
        for name in kind.names
    }
    # By their text, as nan is not equal to itself; whole numbers, and not bools or floats that are equal.
    return repr(columns), part


def old_lines():
    return (OLD / "digits-201.jsonl").read_bytes().splitlines(keepends=True)[1:]


def new_lines():
    items = [
        *(record("a", 1 / 3), record("b", None), record("c", -0.0, network="a"), record("d", 7, code="01", sample="2")),
        *(record("e", 2.5, repeats=3), record("f", 1e300, attempt=2), record('quoted","value":1', 2.0, detail="odd\n")),
        *(record("ü\u2028", 1.0, higher_is_better=False), record("h", None, status="non-finite", seconds=1e-9)),
    ]
    return [encoded(record_line(item)) for item in items]


@pytest.mark.parametrize("lines", [old_lines(), new_lines()], ids=["schema 1", "schema 2"])
def test_what_writers_write_is_read_at_once(tmp_path, lines, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"".join(lines))
    slow = read(path, quick=False)
    assert slow[1].rows == len(lines)
    monkeypatch.setattr(_lines.Reader, "_line", None)  # what is read one by one would now raise
    assert read(path, quick=True) == slow


@pytest.mark.parametrize("lines", [old_lines(), new_lines()], ids=["schema 1", "schema 2"])
def test_mutants_are_read_as_one_by_one(tmp_path, lines, monkeypatch):
    monkeypatch.setattr(_lines, "_FEW", 1)
    random, path, bad = Random(1), tmp_path / "file", 0
    for _ in range(400):
        spoilt, _ = mutated(random, lines)
        if random.random() < 0.3:  # two lines become one, or change places in part
            place = random.randrange(len(b"".join(spoilt)))
            text = b"".join(spoilt)
            spoilt = [text[:place], text[place + random.randrange(60) :]]
        path.write_bytes(b"".join(spoilt))
        slow, quick = read(path, quick=False), read(path, quick=True)
        assert quick == slow
        bad += bool(slow[1].left_out)
    assert bad > 180


SEPARATORS = [b',"proxy":', b',"value":', b',"status":', b',"seconds":', b',"detail":', b"\n", b"\0", b"\1", b"}", b"{"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.sampled_from(SEPARATORS)), max_size=4))
def test_cuts_in_wrong_places(tmp_path_factory, changes):
    text = b"".join([*new_lines(), *old_lines()])
    for place, removed, added in changes:
        text = text[:place] + added + text[place + removed :]
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(text)
    assert read(path, quick=True) == read(path, quick=False)


@pytest.mark.parametrize(
    "line",
    [
        # Cuts swapped, doubled, or replaced by what they are turned into.
        new_lines()[0]
        .replace(b'"value":', b'"X":')
        .replace(b'"seconds":', b'"value":')
        .replace(b'"X":', b'"seconds":'),
        new_lines()[0].replace(b',"value":', b"\n\1"),
        new_lines()[0].replace(b',"seconds":', b',"seconds":1,"seconds":'),
        new_lines()[0].replace(b',"proxy":', b',"proxy":"mine@1"},{"proxy":'),
        new_lines()[0].replace(b'"value":', b'"value":1,"value":'),
        new_lines()[0].replace(b'"seed":0', b'"seed":false'),
        new_lines()[0].replace(b'"seconds":0.5', b'"seconds":Infinity'),
        new_lines()[0].replace(b'"seconds":0.5', b'"seconds":NaN'),
        new_lines()[0].replace(b'"seconds":0.5', b'"seconds":[0.5]'),
        new_lines()[0].replace(b'"seconds":0.5', b'"seconds":0.50' + b"0" * 70),
        new_lines()[1].replace(b'"value":null', b'"value":NaN'),
        new_lines()[1].replace(b'"value":null', b'"value":true'),
        new_lines()[1].replace(b'"value":null', b'"value":1' + b"0" * 400),
    ],
)
def test_odd_lines_among_others(tmp_path, line):
    path = tmp_path / "file"
    for lines in ([line], [line] * 100, [*new_lines() * 20, line, *new_lines()]):
        path.write_bytes(b"".join(lines))
        assert read(path, quick=True) == read(path, quick=False)


@pytest.mark.parametrize("size", [1, 7, 100, 1000, 5000])
def test_chunks_of_any_size(tmp_path, monkeypatch, size):
    path = tmp_path / "file"
    path.write_bytes(b"".join([*new_lines(), b"x" * 3000 + b"\n", *old_lines(), b"\n", b'{"schema":2,"cut']))
    expected = read(path, quick=False)
    monkeypatch.setattr(_lines, "_CHUNK", size)
    monkeypatch.setattr(_lines._schema, "READ", 2000)
    found = read(path, quick=True)
    assert found[0] == expected[0]
    assert [line.line for line in found[1].left_out] == [line.line for line in expected[1].left_out]
    assert found[1].lines == expected[1].lines


def test_many_different_parts_are_not_all_remembered(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"".join(encoded(record_line(record(f"a{number}"))) for number in range(3000)))
    expected = read(path, quick=False)
    monkeypatch.setattr(_lines, "_MEMORY", 100)
    monkeypatch.setattr(_lines, "_CHUNK", 10_000)
    assert read(path, quick=True) == expected


# -- schema 1 ----------------------------------------------------------------------------------
