"""Tables that this project trained on digits: they are whole, and damage is named."""

import numpy as np
import pytest

import zcbench
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


@pytest.mark.parametrize(("name", "epochs"), [("elastic-mobilenet", 20), ("elastic-transformer", 40)])
def test_all_columns_are_whole(name, epochs):
    table = zcbench.get_benchmark(name)
    for column, target in table.targets.items():
        curve = table.curves[column]
        assert table.seeds[column] == (0, 1, 2, 3)
        assert curve.shape == (len(table), 4, epochs)
        assert np.isfinite(curve).all()
        np.testing.assert_array_equal(curve[:, :, -1], table.values[column])
        if target.higher_is_better:
            images = 1000 if column.startswith("test") else 297
            np.testing.assert_allclose(curve * images, np.round(curve * images), atol=1e-6)
    assert (table.facts["train_seconds"] > 0).all()


@pytest.mark.parametrize("name", ["elastic-mobilenet", "elastic-transformer"])
def test_seeds_are_not_copies_and_networks_learn(name):
    table = zcbench.get_benchmark(name)
    nll = table.curves["test_nll"]
    assert all((nll[:, a] != nll[:, b]).any(1).all() for a in range(4) for b in range(a))
    assert (nll[:, :, -1] < nll[:, :, 0]).mean() > 0.99
    assert np.median(table.truth("test_accuracy")) > 0.75
    assert np.corrcoef(table.truth("test_nll"), table.truth("valid_nll"))[0, 1] > 0.9
