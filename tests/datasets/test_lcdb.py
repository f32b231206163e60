"""LCDB 1.1: the authors' arrays as curves of learners on data sets."""

import json

import numpy as np
import pytest

import zcbench
from zcbench.datasets.lcdb import ANCHORS, LEARNERS
from zcbench.errors import DataCorruptError
from zcbench.runs._curve_set import curve_set


def errors(seed, anchors=20):
    """What a file of the authors holds: learner, mean and error, anchor, part."""
    found = np.full((len(LEARNERS), 2, ANCHORS, 3), np.nan)
    found[:, :, :anchors] = np.random.default_rng(seed).uniform(0, 1, (len(LEARNERS), 2, anchors, 3)).round(4)
    found[3] = np.nan  # a learner that never ended
    return found


def written(folder, number, content):
    path = folder / f"{number}.json"
    path.write_text(json.dumps(np.where(np.isnan(content), None, content).tolist()))
    return path


def test_files_of_the_authors(tmp_path):
    first, second = errors(1), errors(2, 30)
    for number, content in ((11, second), (3, first)):
        written(tmp_path, number, content)
    table = zcbench.get_benchmark("lcdb11", tmp_path)
    assert len(table) == 2 * (len(LEARNERS) - 1)
    assert [one.key for one in table.architectures[:2]] == ["3 SVM_Linear", "3 SVM_Poly"]
    row = table.architectures.index(table.space.parse("11 KNN"))
    place = LEARNERS.index("KNN")
    for name, part in (("valid_error", 1), ("test_error", 2)):
        np.testing.assert_array_equal(table.curves[name][row, 0], second[place, 0, :, part])
        assert table.values[name][row, 0] == second[place, 0, 29, part]
    curves = curve_set(table)
    assert (curves.curve, curves.bounds, curves.units) == ("valid_error", (0, 1), 2)
    assert sorted(set(curves.horizon)) == [20, 30] and curves.unit.tolist() == curves.task.tolist()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("3", lambda content: content[:5], r"the errors have the shape \(5, 2, 137, 3\)"),
        ("3", lambda content: content * 100, "is not a fraction"),
        ("three", lambda content: content, "keep the authors' names"),
    ],
)
def test_other_files_are_refused(tmp_path, name, change, message):
    path = written(tmp_path, name, change(errors(1)))
    with pytest.raises(DataCorruptError, match=message):
        zcbench.get_benchmark("lcdb11", path)


def test_the_whole_table(data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    if not (data_folder / "lcdb11").is_dir():
        pytest.skip("LCDB 1.1 is not in ZCBENCH_DATA")
    table = zcbench.get_benchmark("lcdb11")
    assert len(table) == 7204 and len(set(table.facts["openml_id"])) == 265
    curves = curve_set(table)
    assert len(curves) == 7204 and (curves.horizon.min(), curves.horizon.max()) == (11, 133)
