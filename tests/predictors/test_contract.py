"""The contract: every registered predictor keeps it."""

import numpy as np
import pytest
from matrices import columns

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.testing import check_predictor, easy_table


@pytest.mark.parametrize("name", zcbench.list_predictors())
def test_every_registered_predictor_keeps_the_contract(name):
    report = check_predictor(name)
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["gcn:loss=hinge", "gates:loss=mse:encoding=graph", "parzc:loss=mse"])
def test_other_settings_keep_it_too(name):
    report = check_predictor(f"{name}:epochs=60")
    assert report.ok, str(report)


@pytest.mark.parametrize("name", ["gp", "bayesian_ridge", "lcsvr", "mean", "random_forest"])
def test_networks_that_look_alike(name):
    architectures, encoding = columns(np.ones((6, 2)))
    settings = {} if name == "mean" else {"encoding": encoding}
    predictor = zcbench.get_predictor(name if name != "mean" else "mean:members=gp", **settings)
    if name == "mean":
        predictor.with_encodings(lambda _: encoding)
    predictor.fit(architectures[:4], [1.0, 2.0, 3.0, 6.0])
    assert np.ptp(predictor.predict(architectures)) < 1e-9
    if name in ("gp", "bayesian_ridge"):
        assert predictor.predict(architectures)[0] == 3.0
    one = zcbench.get_predictor("gp").fit(architectures[:1] * 3, [1.0, 2.0, 6.0])
    assert one.predict(architectures[:2]).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("gp:seed=-1", "-1 is too small"),
        ("gcn:batch_size=0", "is too small; choose 1 or more"),
        ("gennape:clusters=0", "is too small; choose 1 or more"),
        ("graph_transformer:hidden=98", "a multiple of 4"),
    ],
)
def test_settings_out_of_range(label, message):
    table = easy_table()
    with pytest.raises(InvalidInputError, match=message):
        zcbench.get_predictor(label).fit(table.known[:8], table.targets[:8])
