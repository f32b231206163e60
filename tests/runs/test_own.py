"""Tables of one's own: columns, networks, and what predictors see of them."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.runs import run

OWN = "arch,acc,score,size\na,1,1,9\nb,2,3,8\nc,3,2,7\nd,4,4,6\n"
FACTORY = """
import torch
def build(name):
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1 + ord(name) - 96), torch.nn.ReLU(),
                               torch.nn.Linear(1 + ord(name) - 96, 10))
"""


pytestmark = pytest.mark.usefixtures("place")


def test_ones_own_table(place):
    place.joinpath("my.csv").write_text(OWN)
    place.joinpath("nets.py").write_text(FACTORY)
    columns = run("my.csv", target="acc", lower="size")
    assert {e.proxy: round(e.tau.value, 3) for e in columns.entries} == {"size": 1.0, "score": 0.667}
    assert [e.proxy for e in run("my.csv", target="acc", proxies="sc*").entries] == ["score"]
    assert not place.joinpath("runs").exists()
    built = run("my.csv", target="acc", factory="nets.py:build", data="digits", proxies="params")
    assert built["params"].tau.value == pytest.approx(1)
    table = zcbench.own_benchmark("my.csv", "acc")
    assert {e.proxy for e in run(table, lower=["size"]).entries} == {"size", "score"}
    with pytest.raises(InvalidInputError, match=r"ensembles need networks, and my\.csv has none"):
        run("my.csv", target="acc", ensembles="mean_rank(score+size)")


def test_ones_own_table_of_numbers_for_predictors(place):
    x = np.random.default_rng(0).normal(size=(30, 2))
    rows = [f"net{i},{a},{b},{a + b * b}" for i, (a, b) in enumerate(x)]
    place.joinpath("my.csv").write_text("\n".join(["arch,a,b,acc", *rows]) + "\n")
    for what in ("my.csv", zcbench.own_benchmark("my.csv", "acc")):
        found = run(what, target="acc", predictors="bayesian_ridge", train_sizes=8, seeds=1)
        assert found.predictors == ["bayesian_ridge:encoding=columns"]
