"""The images of scikit-learn's digits and their split."""

import builtins

import numpy as np
import pytest

from zcbench.datasets._digits import load_digits
from zcbench.errors import MissingDependencyError


def test_the_split_of_the_digits():
    from sklearn.datasets import load_digits as raw

    digits = load_digits()
    sizes = {part: len(images.targets) for part, images in digits.items()}
    assert sizes == {"train": 500, "valid": 297, "test": 1000}
    rows = np.concatenate([images.inputs for images in digits.values()])
    assert len(np.unique(rows.reshape(1797, -1), axis=0)) == len(np.unique(raw().images.reshape(1797, -1), axis=0))
    train = digits["train"].inputs
    assert (train.mean(), train.std()) == pytest.approx((0, 1), abs=1e-5)
    assert train.dtype == np.float32
    grey = np.sort(np.unique(rows))
    assert len(grey) == 17  # one scale for all parts
    labels = np.concatenate([images.targets for images in digits.values()])
    assert np.bincount(labels).tolist() == np.bincount(raw().target).tolist()


def test_digits_need_scikit_learn(monkeypatch):
    load_digits.cache_clear()
    before = builtins.__import__

    def without(name, *rest):
        if name.startswith("sklearn"):
            raise ImportError(name)
        return before(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match="run  pip install scikit-learn"):
        load_digits()
