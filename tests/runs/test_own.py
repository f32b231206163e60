"""Tables of one's own: columns, networks, and what predictors see of them."""

import itertools

import numpy as np
import pytest

import zcbench
from zcbench._kinds import isolated
from zcbench.errors import InvalidInputError
from zcbench.records import Store
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
    assert [*Store("runs").benchmarks(), *Store("runs").tables()] == ["own-my"]  # how it is read, and no records
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


def test_curves_of_ones_own_table(place):
    """Predictors that see curves work, one that does not apply is a note, and the others are not stopped."""
    rng = np.random.default_rng(0)
    ends = rng.uniform(0.2, 1, 40)
    loss = ends[:, None] + np.exp(-np.arange(1, 6)) * rng.uniform(0.5, 1.5, (40, 1))
    rows = [",".join([f"n{k}", f"{100 - end}", *map(str, row[::-1])]) for k, (end, row) in enumerate(zip(ends, loss))]  # noqa: B905
    head = "arch,acc," + ",".join(f"valid_loss_{e}" for e in range(5, 0, -1))
    (place / "my.csv").write_text("\n".join([head, *rows]) + "\n")
    labels = ["sotl", "sotl_e", "sotl_ema", "lcsvr:draws=5", "sotl:encoding=curve(valid_loss/9)", "bayesian_ridge"]
    settings = {"target": "acc", "train_sizes": [20], "seeds": 1, "store": str(place / "runs")}
    found = zcbench.run(str(place / "my.csv"), predictors=labels, curves=["valid_loss_*"], **settings)
    tau = {point.predictor: point.metrics["tau"].value for point in found.points}
    assert set(tau) == {
        "sotl:encoding=curve(valid_loss/3)",
        "sotl_e:encoding=curve(valid_loss/3)",
        "sotl_ema:encoding=curve(valid_loss/3)",
        "lcsvr:draws=5:encoding=curve(valid_loss/3)",
        "bayesian_ridge:encoding=curve(valid_loss/3)",  # there are no other columns
    }
    assert tau["sotl_e:encoding=curve(valid_loss/3)"] > 0.5
    assert any("curve(valid_loss/9)" in note and "only 5 epochs" in note for note in found.notes)
    again = zcbench.run(str(place / "my.csv"), predictors="sotl", curves={"vl": "valid_loss_*"}.values(), **settings)
    assert again.points


def test_curves_of_ones_own_table_are_forecast_without_a_target(place):
    """They are judged by themselves; what is wanted of a loss is said in the command's own words."""
    rng = np.random.default_rng(0)
    loss = rng.uniform(1.2, 2, (20, 1)) + 2 / np.arange(1, 9) + 0.01 * rng.normal(size=(20, 8))
    head = "arch," + ",".join(f"loss_{e}" for e in range(1, 9))
    rows = [",".join([f"n{k}", *map(str, row)]) for k, row in enumerate(loss)]
    (place / "my.csv").write_text("\n".join([head, *rows]) + "\n")
    settings = {"curve_predictors": "last_value", "curves": "loss_*", "seeds": 2, "store": str(place / "runs")}
    found = zcbench.run(str(place / "my.csv"), lower="loss_*", **settings)
    assert {point.label for point in found.points} == {"last_value"}
    with pytest.raises(InvalidInputError, match="give --bounds, 0,100 for percent, or name it with --lower"):
        zcbench.run(str(place / "my.csv"), **settings)
    with pytest.raises(InvalidInputError, match="--target COLUMN"):
        zcbench.run(str(place / "my.csv"), predictors="sotl", curves="loss_*", store=str(place / "runs"))


MINE = """
from zcbench.spaces import ChoiceSpace, register_space

class Mine(ChoiceSpace):
    def read(self, text):
        return tuple(text.split("-"))

    def write(self, choices):
        return "-".join(choices)

register_space(Mine("minimal", [["a", "b", "c"]] * 3), override=True)
"""


def test_the_least_search_space_of_ones_own(place):
    """Choices that are read and written: default predictors work, and what needs networks has a reason."""
    (place / "mine.py").write_text(MINE)
    every = enumerate(itertools.product("abc", repeat=3))
    rows = [f"{a}-{b}-{c},{2 * (a == 'b') + (c == 'a') + 0.1 * (b == 'c')},{k}" for k, (a, b, c) in every]
    (place / "my.csv").write_text("arch,acc,size\n" + "\n".join(rows) + "\n")
    table = {"target": "acc", "space": "minimal", "imports": "mine.py"}
    with isolated():
        columns = run("my.csv", **table)  # it builds no networks
        assert [entry.proxy for entry in columns.entries] == ["size"]
        labels = ["bayesian_ridge", "gp", "random_forest", "brp_nas:epochs=2", "gennape", "sotl"]
        found = run("my.csv", **table, predictors=labels, train_sizes=12, seeds=1)
        reached = {point.predictor: point for point in found.points}
        assert {*labels[:4]} <= {label for label, point in reached.items() if "tau" in point.metrics}
        assert reached["bayesian_ridge"].metrics["tau"].value > 0.6
        assert "minimal has no build, which the encoding computation needs" in str(reached["gennape"].failures)
        assert any(note.startswith("sotl is excluded because it does not apply") for note in found.notes)
        architectures = zcbench.own_benchmark("my.csv", "acc", space="minimal").architectures
        fitted = zcbench.get_predictor("gp").fit(architectures[:12], range(12))
        assert len(fitted.rank(architectures)) == 27
