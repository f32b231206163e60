"""The contract: every registered predictor keeps it."""

import pytest

import zcbench
from zcbench.testing import check_predictor


@pytest.mark.parametrize("name", zcbench.list_predictors())
def test_every_registered_predictor_keeps_the_contract(name):
    report = check_predictor(name)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["gcn:loss=hinge", "gates:loss=mse:encoding=graph", "parzc:loss=mse"])
def test_other_settings_keep_it_too(name):
    report = check_predictor(f"{name}:epochs=60")
    assert report.ok, str(report)
