"""Tables that this project trained on digits: damage is named."""

import pytest

from zcbench.datasets import _digits_table
from zcbench.datasets._digits_table import digits_table, digits_targets
from zcbench.errors import DataCorruptError


def test_a_damaged_table_is_said_to_be_one(monkeypatch, tmp_path):
    monkeypatch.setattr(_digits_table, "files", lambda _: tmp_path)
    tmp_path.joinpath("data").mkdir()
    for content in (None, b"", b"PK\3\4 not really", b"text"):
        if content is not None:
            tmp_path.joinpath("data", "some.npz").write_bytes(content)
        with pytest.raises(DataCorruptError, match="install zcbench again"):
            digits_table("some.npz", digits_targets(12), "tools/some.py")


def test_targets_say_what_they_are():
    targets = digits_targets(20)
    assert [one.name for one in targets] == ["test_nll", "test_accuracy", "valid_nll", "valid_accuracy"]
    assert all("20 epochs" in one.description for one in targets)
    assert [one.higher_is_better for one in targets] == [False, True, False, True]
