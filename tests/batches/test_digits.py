"""Digits come with scikit-learn."""

import numpy as np

from zcbench.batches import get_batch
from zcbench.datasets._digits import load_digits


def test_digits_need_no_folder(monkeypatch):
    monkeypatch.delenv("ZCBENCH_DATA", raising=False)
    batch, train = get_batch("digits", 500), load_digits()["train"]
    order = np.random.RandomState(0).permutation(500)
    np.testing.assert_array_equal(batch.inputs.numpy(), train.inputs[order])
    np.testing.assert_array_equal(batch.targets.numpy(), train.targets[order])
