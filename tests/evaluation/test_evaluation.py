"""What people and programs get of an evaluation: one line, a table, rows."""

import csv
import html
import io
import json
import sys
import types

import pytest
from boards import HOSTILE

from zcbench.errors import MissingDependencyError, StoreError


def test_repr_is_one_line(plain, odd):
    assert repr(plain) == "<Evaluation of 4 proxies on 30 architectures of toy@1, quality>"
    assert len(repr(odd)) <= 120


@pytest.mark.parametrize("form", ["csv", "json", "markdown"])
def test_a_path_gets_the_text(plain, tmp_path, form):
    write = getattr(plain, f"to_{form}")
    path = tmp_path / "new" / "file"
    assert write(path) == write(str(path)) == write() == path.read_text()
    with pytest.raises(StoreError, match=r"cannot write to .*Choose another path"):
        write(tmp_path / "new" / "file" / "inside")


def test_an_entry_by_its_proxy(plain):
    assert plain["first"].proxy == "first"
    with pytest.raises(KeyError):
        plain["none"]


def test_rows_are_those_of_the_csv(odd):
    rows, parsed = odd.rows(), list(csv.DictReader(io.StringIO(odd.to_csv())))
    assert [list(row) for row in rows] == [list(row) for row in parsed]
    assert json.loads(odd.to_json())["entries"] == rows


class Frame:
    """As much of pandas as is called."""

    def __init__(self, data, columns):
        self.data, self.columns = data, columns


def test_pandas_gets_the_rows(odd, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=Frame))
    frame = odd.to_pandas()
    assert [dict(zip(frame.columns, row, strict=True)) for row in frame.data] == odd.rows()


def test_pandas_may_be_absent(plain, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    said = r"a data frame needs the package 'pandas', which is not installed: run  pip install pandas$"
    with pytest.raises(MissingDependencyError, match=said):
        plain.to_pandas()


def test_real_pandas(odd):
    pandas = pytest.importorskip("pandas")
    frame = odd.to_pandas()
    assert frame["tau"].dtype == float
    assert frame["proxy"].tolist() == [entry.proxy for entry in odd.entries]
    assert isinstance(frame, pandas.DataFrame)


def test_html_says_what_the_table_says(odd):
    found = odd._repr_html_()
    assert found.count("<tr>") == 1 + len(odd.entries)
    assert found.startswith('<div class="tex2jax_ignore mathjax_ignore">')
    assert HOSTILE.split("|")[0] not in found
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in found
    assert all(note in html.unescape(found) for note in odd.footnotes())
