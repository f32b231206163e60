"""Predictors of packages that are not installed."""

import pytest

import zcbench
from zcbench.errors import MissingDependencyError
from zcbench.testing import easy_table


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "lightgbm", None)
    table = easy_table()
    with pytest.raises(MissingDependencyError, match=r"lightgbm.*pip install"):
        zcbench.get_predictor("lightgbm").fit(table.known, table.targets)
