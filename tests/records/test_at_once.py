"""Many lines at once are read as they are one by one."""

from random import Random

import pytest
from damage import mutated
from hypothesis import given, settings
from hypothesis import strategies as st
from stores import columns_of, gpu_lines, new_lines, old_lines
from toys import record

from zcbench.records import _at_once, _lines
from zcbench.records._schema import encoded, record_line

FORMS = pytest.mark.parametrize("lines", [old_lines(), new_lines(), gpu_lines()], ids=["schema 1", "of today", "gpu"])


@FORMS
def test_what_writers_write_is_read_at_once(tmp_path, lines, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"".join(lines))
    slow = columns_of(path, quick=False)
    assert slow[1].rows == len(lines)
    monkeypatch.setattr(_lines.Reader, "_line", None)  # what is read one by one would now raise
    assert columns_of(path, quick=True) == slow


@FORMS
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
        slow, quick = columns_of(path, quick=False), columns_of(path, quick=True)
        assert quick == slow
        bad += bool(slow[1].left_out)
    assert bad > 180


SEPARATORS = [b',"proxy":', b',"value":', b',"status":', b',"seconds":', b',"detail":', b"\n", b"\0", b"\1", b"}", b"{"]
SEPARATORS += [b',"memory":']


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 3), st.sampled_from(SEPARATORS)), max_size=4))
def test_cuts_in_wrong_places(tmp_path_factory, changes):
    text = b"".join([*new_lines(), *gpu_lines(), *old_lines()])
    for place, removed, added in changes:
        text = text[:place] + added + text[place + removed :]
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(text)
    assert columns_of(path, quick=True) == columns_of(path, quick=False)


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
        assert columns_of(path, quick=True) == columns_of(path, quick=False)


def test_many_different_parts_are_not_all_remembered(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"".join(encoded(record_line(record(f"a{number}"))) for number in range(3000)))
    expected = columns_of(path, quick=False)
    monkeypatch.setattr(_at_once, "_MOST_PARTS", 100)
    monkeypatch.setattr(_lines, "_CHUNK", 10_000)
    assert columns_of(path, quick=True) == expected
