"""What the story keeps: nothing is computed twice, half lines are dropped, other settings are refused."""

import math

import pytest

from zcbench.errors import DataCorruptError, InvalidInputError, StoreError
from zcbench.supernets._story_folder import StoryFolder

PLAN = {"version": 1, "rule": "sandwich"}


def test_results_stay(tmp_path):
    StoryFolder(tmp_path / "new", PLAN).keep("train", {"seconds": 1.5})
    assert StoryFolder(tmp_path / "new", PLAN).results == {"train": {"seconds": 1.5}}
    with pytest.raises(InvalidInputError, match="rule was 'sandwich'"):
        StoryFolder(tmp_path / "new", {**PLAN, "rule": "single_path"})


def test_lines_are_computed_once_and_a_half_one_again(tmp_path):
    folder, asked, told = StoryFolder(tmp_path, PLAN), [], []

    def line(key):
        asked.append(key)
        if key == "c" and len(asked) < 4:
            raise KeyboardInterrupt
        return {"value": ord(key)}

    with pytest.raises(KeyboardInterrupt):
        folder.lines("x.jsonl", "abcd", line, told.append)
    with (tmp_path / "x.jsonl").open("a") as file:
        file.write('["c", {"val')
    found = folder.lines("x.jsonl", "abcd", line, told.append)
    assert asked == ["a", "b", "c", "c", "d"] and told == [1, 2, 3, 4]
    assert found == {key: {"value": ord(key)} for key in "abcd"}
    assert folder.lines("x.jsonl", "db", line, told.append) == {"d": {"value": 100}, "b": {"value": 98}}
    assert len(asked) == 5


def test_what_is_damaged_is_named(tmp_path):
    folder = StoryFolder(tmp_path, PLAN)
    (tmp_path / "x.jsonl").write_text('["a", {}]\nnothing\n')
    with pytest.raises(DataCorruptError, match=r"line 2 of .*x\.jsonl is damaged"):
        folder.lines("x.jsonl", "a", dict, print)
    for content in ("{", "[]"):
        (tmp_path / "results.json").write_text(content)
        with pytest.raises(DataCorruptError, match=r"results\.json"):
            StoryFolder(tmp_path, PLAN)


def test_one_process_at_a_time(tmp_path):
    with StoryFolder.held(tmp_path, PLAN):
        with pytest.raises(StoreError, match="another process"):
            with StoryFolder.held(tmp_path, PLAN):
                raise AssertionError


def test_parts_are_added_to_lines(tmp_path):
    folder, asked, told = StoryFolder(tmp_path, PLAN), [], []

    def line(key, missing):
        asked.append((key, tuple(missing)))
        return {part: key + part for part in missing}

    folder.parts("y.jsonl", "ab", ["1", "2"], line, told.append)
    found = folder.parts("y.jsonl", "abc", ["2", "3"], line, told.append)
    assert asked == [("a", ("1", "2")), ("b", ("1", "2")), ("a", ("3",)), ("b", ("3",)), ("c", ("2", "3"))]
    assert found["a"] == {"1": "a1", "2": "a2", "3": "a3"} and told == [1, 2, 1, 2, 3]
    before = (tmp_path / "y.jsonl").read_bytes()
    again = StoryFolder(tmp_path, PLAN).parts("y.jsonl", "cab", ["3"], lambda *_: pytest.fail(), told.append)
    assert again["c"] == {"2": "c2", "3": "c3"} and (tmp_path / "y.jsonl").read_bytes() == before


def test_half_of_the_very_first_line_is_dropped(tmp_path):
    (tmp_path / "x.jsonl").write_text('["a", {"val')
    for _ in range(2):
        found = StoryFolder(tmp_path, PLAN).lines("x.jsonl", "ab", lambda key: {"value": key}, lambda _: None)
        assert found == {"a": {"value": "a"}, "b": {"value": "b"}}


def test_a_bit_that_was_changed_is_found(tmp_path):
    """Digits stay digits, so that no reader of JSON would notice."""
    folder = StoryFolder(tmp_path, PLAN)
    folder.keep("train", {"loss": 1.25, "subnets": ["a"], "none": math.nan})
    folder.lines("x.jsonl", "ab", lambda key: {"value": 1.25, 3: key}, lambda _: None)
    assert StoryFolder(tmp_path, PLAN).results["train"]["loss"] == 1.25
    for name, said in (
        ("results.json", r"results\.json is damaged: remove it"),
        ("x.jsonl", "line 1 of .* is damaged"),
    ):
        whole = (tmp_path / name).read_text()
        (tmp_path / name).write_text(whole.replace("1.25", "1.35", 1))
        with pytest.raises(DataCorruptError, match=said):
            StoryFolder(tmp_path, PLAN).lines("x.jsonl", "ab", dict, print)
        (tmp_path / name).write_text(whole)
    assert StoryFolder(tmp_path, PLAN).lines("x.jsonl", "ab", dict, print)["b"] == {"value": 1.25, "3": "b"}


def test_folders_of_earlier_versions_are_read(tmp_path):
    folder = StoryFolder(tmp_path, PLAN)
    (tmp_path / "results.json").write_text('{"train": {"loss": 1}}')
    (tmp_path / "x.jsonl").write_text('["a", {"value": 1}]\n')
    assert StoryFolder(tmp_path, PLAN).results == {"train": {"loss": 1}}
    assert folder.lines("x.jsonl", "a", dict, print) == {"a": {"value": 1}}
