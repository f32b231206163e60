"""TabPFN with weights that somebody brings."""

import sys
import types

import numpy as np
import pytest

import zcbench
from zcbench.errors import DataMissingError, MissingDependencyError
from zcbench.testing import easy_table


def test_tabpfn_reads_the_weights_that_it_is_given(tmp_path, monkeypatch):
    table = easy_table()
    weights = tmp_path / "regressor.ckpt"
    monkeypatch.setitem(sys.modules, "tabpfn", None)
    with pytest.raises(MissingDependencyError, match="tabpfn"):
        zcbench.get_predictor(f"tabpfn:weights={weights}").fit(table.known, table.targets)
    monkeypatch.setitem(sys.modules, "tabpfn", types.SimpleNamespace(TabPFNRegressor=None))
    with pytest.raises(DataMissingError, match=r"none was named: .* tabpfn:weights=PATH"):
        zcbench.get_predictor("tabpfn").fit(table.known, table.targets)
    with pytest.raises(DataMissingError, match="there is none at"):
        zcbench.get_predictor(f"tabpfn:weights={weights}").fit(table.known, table.targets)
    weights.write_bytes(b"weights")
    seen = {}

    class TabPFNRegressor:  # the package's interface
        def __init__(self, **settings):
            seen.update(settings)

        def fit(self, x, y):
            seen["shape"] = x.shape
            self.weights = np.linalg.lstsq(x, y, rcond=None)[0]
            return self

        def predict(self, x):
            return x @ self.weights

    monkeypatch.setitem(sys.modules, "tabpfn", types.SimpleNamespace(TabPFNRegressor=TabPFNRegressor))
    predictor = zcbench.get_predictor(f"tabpfn:weights={weights}:seed=3").fit(table.known, table.targets)
    assert seen["model_path"] == str(weights)
    assert (seen["device"], seen["random_state"], seen["shape"][0]) == ("cpu", 3, len(table.known))
    assert np.corrcoef(predictor.predict(table.unseen), table.truth)[0, 1] > 0.5
