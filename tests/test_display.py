"""Foreign text and numbers in output: nothing is obeyed, nothing is lost that need not be."""

import csv
import io
import json
import math
import re
import sys
import unicodedata
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from zcbench._display import (
    abridged,
    amount,
    cell,
    duration,
    fixed,
    json_text,
    label,
    markdown,
    markdown_line,
    plain,
    plain_lines,
    significant,
)

#: text with what makes trouble much more often than chance would have it
odd = st.text(
    st.sampled_from("ab1 _*`[](){}<>!#+-=|\\&;:/.~$@\"'\t\n\r\x1b\x9b\u202e\u200b\u2028\ud800é") | st.characters()
)
floats = st.floats(-1e300, 1e300)


def test_every_character_that_cannot_be_seen_is_written_out():
    shown = [c for c in map(chr, range(sys.maxunicode + 1)) if plain(f"a{c}b") == f"a{c}b"]
    hidden = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert [c for c in shown if unicodedata.category(c) in hidden] == []
    lost = set(map(chr, range(sys.maxunicode + 1))) - set(shown)
    # Besides those: letters and marks that have no width, and what is no character.
    assert all(unicodedata.category(c) in hidden | {"Mn", "Lo", "Cn"} for c in lost)
    assert not lost & set("äß漢字🙂 \u00a0|\\'\"")


@given(odd)
def test_plain_text_is_one_inert_line(text):
    line = plain(text, 50)
    assert len(line) <= 50
    assert line.splitlines() in ([line], [])
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in line)
    assert plain(line, 50) == line
    line.encode()


def test_what_plain_text_looks_like():
    assert plain("\x1b[31mred\x1b]0;title\x07") == r"\x1b[31mred\x1b]0;title\x07"
    assert plain("two\r\n  lines\tand \u2028 more\n") == "two lines and  more"
    assert plain("abc\u202etxt.exe\udc80\U000e0041") == r"abc\u202etxt.exe\udc80\U000e0041"
    assert plain("see  zcbench --help") == "see  zcbench --help"
    assert plain("a" + "\u0301" * 500) == "a" + "\u0301" * 4
    assert plain_lines("a\n  b\x1b\n\nc") == "a\n  b\\x1b\n\nc"


def test_long_text_keeps_both_ends():
    assert abridged("x" * 200_000 + "1", 60) == "x" * 39 + "…" + "x" * 19 + "1"
    assert abridged("short", 5) == "short"
    assert len(plain(" " * 300_000 + "\n" * 300_000 + "x")) == 1  # in linear time


class Shown(HTMLParser):
    """Tags and text of a page."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def rendered(source):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Shown(reader.render(source))


def spaced(text):
    return " ".join(plain(text, 10_000).split())


@given(odd)
def test_markdown_shows_a_line_as_it_is(text):
    page = rendered(markdown_line(text, 10_000) + "\n")
    assert set(page.tags) <= {"p"}
    assert page.text.strip() == spaced(text)


@given(odd, odd)
@example("", ">0")
def test_markdown_shows_notes_and_cells_as_they_are(one, two):
    page = rendered(f"- {markdown_line(one, 10_000)}\n- {markdown_line(two, 10_000)}\n")
    assert page.tags.count("li") == 2
    assert set(page.tags) <= {"ul", "li"}
    table = rendered(f"| a | b |\n|---|---|\n| {markdown(one, 10_000)} | {markdown(two, 10_000)} |\n")
    assert set(table.tags) <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert table.tags.count("td") == 2
    assert spaced(table.text) == spaced(f"a b {plain(one, 10_000)} {plain(two, 10_000)}")


@pytest.mark.parametrize(
    "text",
    ["test_accuracy", "0.62 [0.58, 0.66]", "0.620 ± 0.050*", "<0.1 ms", "-0.50", "lga:batch_norm=eval", "#", "1="],
)
def test_markdown_leaves_ordinary_cells(text):
    assert markdown(text) == text


def test_markdown_addresses_are_no_links():
    assert markdown("[a](http://evil) www.evil.example") == r"[a\](http:\//evil) www\.evil.example"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("\rx", "'x"),
        (' "=1', "'\"=1"),
        ("＝1", "'＝1"),
        ("a;=1", "a;'=1"),
        ("-2.5", "-2.5"),
        ("+1e-3", "+1e-3"),
        ("naswot", "naswot"),
        ("a=b", "a=b"),
        (-2.5, -2.5),
        (None, None),
        (True, True),
    ],
)
def test_no_cell_is_a_formula(text, safe):
    assert cell(text) == safe


@given(st.lists(odd, min_size=1, max_size=4))
def test_cells_survive_any_spreadsheet(texts):
    """Whatever separates cells where the file is opened, none begins with what starts a formula."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(map(cell, texts))
    assert out.getvalue().count("\n") == 1
    for found in next(csv.reader(io.StringIO(out.getvalue()))):
        number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", found, re.ASCII)
        assert number or found.lstrip(" \"'")[:1] not in tuple("=+-@\t\r") or found[0] == "'"
    for found in next(csv.reader(io.StringIO(out.getvalue()), delimiter=";")):
        assert not found.lstrip(" ").startswith("=")


@given(odd)
def test_labels_are_no_mathematics(text):
    from matplotlib import cbook

    assert not cbook.is_math_text(label(text))
    assert not label(text).startswith("_")


def everything(depth):
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | odd
    return st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(odd, inner), max_leaves=depth)


@given(everything(10))
def test_json_gives_back_what_was_put_in(content):
    def without(value):
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if isinstance(value, list):
            return [without(v) for v in value]
        return {k: without(v) for k, v in value.items()} if isinstance(value, dict) else value

    def forbidden(name):
        raise AssertionError(name)

    text = json_text(content)
    assert json.loads(text, parse_constant=forbidden) == without(content)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text if c != "\n")


def test_json_of_numpy():
    content = {"a": np.float64("nan"), "b": np.array([1.0, np.inf]), "c": np.int64(3), 4: (1, 2)}
    assert json.loads(json_text(content)) == {"a": None, "b": [1.0, None], "c": 3, "4": [1, 2]}


# -- numbers -----------------------------------------------------------------------------------

UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
MOST = {"ms": 100, "s": 120, "min": 120, "h": 48, "d": 1e6}


@given(
    st.floats(1e-4, 8e10) | st.sampled_from([9.96e-3, 99.49e-3, 99.5e-3, 0.0996, 9.996e-4, 119.996, 7199.9, 172_799.0])
)
def test_times_are_near_and_in_one_unit(seconds):
    text = duration(seconds)
    number, unit = text.split()
    assert re.fullmatch(r"\d{1,3}(,\d{3})*(\.\d+)?", number)
    value = float(number.replace(",", ""))
    assert value < MOST[unit]
    step = 10.0 ** -len(number.partition(".")[2])
    assert abs(value * UNITS[unit] - seconds) <= 0.501 * step * UNITS[unit] * (1 + 1e-9)
    assert abs(value * UNITS[unit] / seconds - 1) < 0.06  # two digits at least


@given(st.floats(0, 1e12), st.floats(0, 1e12))
def test_longer_times_look_no_shorter(a, b):
    def read(text):
        number, unit = text.removeprefix("<").removeprefix("over ").split()
        return float(number.replace(",", "")) * UNITS[unit] * (0.9 if text.startswith("<") else 1)

    a, b = sorted((a, b))
    assert read(duration(a)) <= read(duration(b)) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "<0.1 ms"),
        (-0.0, "<0.1 ms"),
        (1e-4, "0.10 ms"),
        (9.996e-4, "1.0 ms"),
        (0.00996, "10 ms"),
        (0.0996, "0.10 s"),
        (59.96, "59.96 s"),
        (100.0, "100.00 s"),
        (119.996, "2.0 min"),
        (7199.0, "2.0 h"),
        (90_000.0, "25.0 h"),
        (1e6, "11.6 d"),
        (math.inf, "over 1,000,000 d"),
        (math.nan, "–"),
    ],
)
def test_times(seconds, text):
    assert duration(seconds) == text


@given(floats, st.integers(0, 4))
def test_fixed_numbers(value, digits):
    text = fixed(value, digits)
    assert not re.fullmatch(r"-0(\.0*)?", text)
    assert ("e" in text) == (abs(value) >= 1e9)
    assert float(text) == pytest.approx(value, rel=6e-3, abs=0.51 * 10.0**-digits)
    assert float(significant(value)) == pytest.approx(value, rel=1e-5)
    if "e" in significant(value):
        assert abs(value) < 1e-4 or abs(value) >= 1e15


def test_numbers_as_people_write_them():
    assert [fixed(x) for x in (-0.004, 0.005, -0.996, math.nan, math.inf, -math.inf, 1e300)] == [
        *("0.00", "0.01", "-1.00", "–", "∞", "-∞", "1.00e+300")
    ]
    assert [significant(x) for x in (1e6, 1234567.0, -0.0, 999999.5, 1e-7, 12.3456789)] == [
        *("1000000", "1234567", "0", "1000000", "1e-07", "12.3457")
    ]
    assert [amount(n) for n in (15_625, 10**9, 423_624_000_000, 9_999_999_999, 10**400)] == [
        *("15,625", "1.0e+09", "4.2e+11", "1.0e+10", "1.0e+400")
    ]
