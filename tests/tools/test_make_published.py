"""What the pages say of proxies, as data of the package."""

import make_published
import pytest

from zcbench._display import json_text


def test_the_file_is_what_the_pages_say(capsys):
    assert make_published.main(["--check"]) == 0, "run  python tools/make_published.py"
    text = make_published.FILE.read_text(encoding="utf8")
    assert text == json_text(make_published.collect()) + "\n"


def test_a_cell():
    found = make_published.estimate("-0.04 [-0.19, 0.10] (90)", 100)
    assert found == {"tau": -0.04, "low": -0.19, "high": 0.1, "networks": 90}
    assert make_published.estimate("0.57 [0.54, 0.60]", 100)["networks"] == 100
    assert make_published.estimate("-", 100) is None


def test_tables(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("text\n\n| a | `b` |\n|:--|--:|\n| 1 | 2 |\n\nmore\n\n  | c |\n  |---|\n  | 3 |\n")
    assert list(make_published.tables(page)) == [[["a", "b"], ["1", "2"]], [["c"], ["3"]]]


def test_larger_samples_replace_smaller_ones():
    benchmarks = make_published.collect()["benchmarks"]
    assert benchmarks["nasbench201"]["proxies"]["gradsign"]["networks"] == 510
    assert benchmarks["nats-size"]["proxies"]["gradsign"]["networks"] == 100
    assert "az_nas" not in benchmarks["nasbench201"]["proxies"]
    assert "autoformer-32" not in benchmarks


def test_a_file_that_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_published, "FILE", tmp_path / "x.json")
    assert make_published.main(["--check"]) == 1
    assert make_published.main([]) == 0
    assert make_published.main(["--check"]) == 0


def test_a_page_without_its_table(tmp_path):
    (tmp_path / "everywhere.md").write_text("nothing")
    with pytest.raises(ValueError, match="not enough values"):
        make_published.collect(tmp_path)
