"""Rows of finished training: what is whole survives a kill."""

import json

import pytest
from _rows import append_rows, done_rows, rows_of


def test_a_line_cut_short_is_dropped_and_trained_again(tmp_path):
    append_rows(tmp_path, "0/1", ["a", "b"], lambda name: {"arch": name, "x": 1})
    path = tmp_path / "rows-0of1.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert list(done_rows(path)) == ["a"]
    assert path.read_bytes().endswith(b"}\n")
    append_rows(tmp_path, "0/1", ["b"], lambda name: {"arch": name, "x": 2})
    assert [json.loads(line)["x"] for line in path.read_text().splitlines()] == [1, 2]


def test_rows_of_all_parts(tmp_path):
    assert rows_of(tmp_path / "none") == {}
    for part, name in (("0/2", "a"), ("1/2", "b")):
        append_rows(tmp_path, part, [name], lambda name: {"arch": name})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows-0of2.jsonl", "rows-1of2.jsonl"]
    assert sorted(rows_of(tmp_path)) == ["a", "b"]


def test_every_row_is_on_the_disk_before_the_next_is_trained(tmp_path, capsys):
    seen = []

    def train(name):
        seen.append(len(rows_of(tmp_path)))
        if name == "c":
            raise KeyboardInterrupt
        return {"arch": name}

    with pytest.raises(KeyboardInterrupt):
        append_rows(tmp_path, "0/1", ["a", "b", "c"], train, every=2)
    assert seen == [0, 1, 2]
    assert capsys.readouterr().out.startswith("2/3, ")
